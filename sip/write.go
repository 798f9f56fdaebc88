package sip

import "strconv"

// AppendTo writes the message behind b as it goes on the wire. Content-Length is the length of Body whatever was set; everything that is
// written was freed of control characters when it came in, and is freed of them here where it could not be.
func (m *Message) AppendTo(b []byte) []byte {
	if m.IsResponse() {
		b = append(b, "SIP/2.0 "...)
		b = strconv.AppendInt(b, int64(m.Status), 10)
		b = append(b, ' ')
		b = append(b, clean(m.Reason)...)
	} else {
		b = appendToken(b, m.Method)
		b = append(b, ' ')
		b = m.Target.AppendTo(b)
		b = append(b, " SIP/2.0"...)
	}
	b = append(b, "\r\n"...)
	for i := range m.headers {
		h := &m.headers[i]
		if h.id == hContentLength {
			continue
		}
		if h.id != hOther {
			b = append(b, names[h.id]...)
		} else {
			b = append(b, m.others[h.other]...)
		}
		b = append(b, ": "...)
		b = append(b, h.value...)
		b = append(b, "\r\n"...)
	}
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(m.Body)), 10)
	b = append(b, "\r\n\r\n"...)
	return append(b, m.Body...)
}

// appendToken writes a token; other bytes are left out.
func appendToken(b []byte, s string) []byte {
	if allIn(s, setToken) {
		return append(b, s...)
	}
	for i := range len(s) {
		if charSets[s[i]]&setToken != 0 {
			b = append(b, s[i])
		}
	}
	return b
}

// String returns the message as it goes on the wire.
func (m *Message) String() string { return string(m.AppendTo(nil)) }
