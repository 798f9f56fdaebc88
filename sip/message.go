// Package sip is Hubline's SIP: messages and what may come in, digest, and the engine with its transports, transactions and calls
// (RFC 3261 and the others in docs/rfc.md). It knows no account, no extension and no store; whoever uses it is asked.
package sip

import (
	"slices"
	"strings"
)

// A Message is one request or response. Header values are held as text and read when they are asked for; what came from a datagram are
// parts of one copy of it, so a Message may be kept but a small text taken from it keeps the whole alive (strings.Clone what is stored).
// A Message is not safe for use by several goroutines while one of them changes it, and is copied with Clone only.
type Message struct {
	Method string // "" for a response
	Target URI    // the Request-URI
	Status int    // of a response, 100 to 699
	Reason string
	Body   []byte
	Flow   *Flow // where it came from or goes to; set by the engine

	headers []header
	others  []string              // the names of headers that have no number
	inline  [inlineHeaders]header // holds the headers of most messages, so that a message is one allocation
	fault   fault                 // what the parser saw and Admit answers
}

const (
	inlineHeaders = 16      // enough for the usual REGISTER and INVITE of a phone
	maxOthers     = 1 << 15 // far above what comes in; what header.other can count
)

type header struct {
	id    nameID
	other uint16 // where the name is in others, when id is hOther
	value string // no control characters, no white space around it
}

// NewRequest returns a request without any header.
func NewRequest(method string, target URI) *Message {
	m := &Message{Method: method, Target: target}
	m.headers = m.inline[:0]
	return m
}

// newResponse returns a response without any header.
func newResponse(status int, reason string) *Message {
	m := &Message{Status: status, Reason: reason}
	m.headers = m.inline[:0]
	return m
}

// Respond makes the response to a request (RFC 3261 8.2.6): Via, From, To, Call-ID and CSeq are copied as they are, Timestamp for a 100,
// and Record-Route for what can make a dialog (12.1.1). An empty reason becomes the usual one. The To tag is the engine's business.
func (m *Message) Respond(status int, reason string) *Message {
	if reason == "" {
		reason = StatusText(status)
	}
	r := newResponse(status, reason)
	r.Flow = m.Flow
	dialog := status > 100 && status < 300 && (m.Method == "INVITE" || m.Method == "SUBSCRIBE" || m.Method == "REFER")
	for i := range m.headers {
		switch h := &m.headers[i]; h.id {
		case hVia, hFrom, hTo, hCallID, hCSeq:
			r.headers = append(r.headers, *h)
		case hRecordRoute:
			if dialog {
				r.headers = append(r.headers, *h)
			}
		case hTimestamp:
			if status == 100 {
				r.headers = append(r.headers, *h)
			}
		}
	}
	return r
}

// Clone returns a copy whose headers can be changed without changing m; the body is shared.
func (m *Message) Clone() *Message {
	c := *m
	c.headers = append(c.inline[:0], m.headers...)
	c.others = slices.Clone(m.others)
	c.Target.Params = slices.Clone(m.Target.Params)
	return &c
}

// IsResponse tells a response from a request.
func (m *Message) IsResponse() bool { return m.Method == "" }

// Get returns the first value of a header, "" when there is none. Names match without regard to case, and compact forms are the same name.
func (m *Message) Get(name string) string {
	id := nameOf(name)
	for i := range m.headers {
		if h := &m.headers[i]; m.is(h, id, name) {
			return h.value
		}
	}
	return ""
}

func (m *Message) get(id nameID) string {
	if h := m.find(id); h != nil {
		return h.value
	}
	return ""
}

func (m *Message) find(id nameID) *header {
	for i := range m.headers {
		if m.headers[i].id == id {
			return &m.headers[i]
		}
	}
	return nil
}

// All returns every line of a header in order; a line that lists several values stays one text.
func (m *Message) All(name string) []string {
	id := nameOf(name)
	var all []string
	for i := range m.headers {
		if h := &m.headers[i]; m.is(h, id, name) {
			all = append(all, h.value)
		}
	}
	return all
}

func (m *Message) is(h *header, id nameID, name string) bool {
	return h.id == id && (id != hOther || equalFold(m.others[h.other], name))
}

// Set makes this the only value of the header, where its first line stood or at the end. Control characters in the value are dropped, and
// a name that is no token makes Set, Add and Prepend do nothing: no text can begin another header.
func (m *Message) Set(name, value string) {
	h, ok := m.newHeader(name, value)
	if !ok {
		return
	}
	for i := range m.headers {
		if !m.is(&m.headers[i], h.id, name) {
			continue
		}
		m.headers[i] = h
		rest := slices.DeleteFunc(m.headers[i+1:], func(old header) bool { return m.is(&old, h.id, name) })
		m.headers = m.headers[:i+1+len(rest)]
		return
	}
	m.headers = append(m.headers, h)
}

// set is Set for a known name and a value that is known to be clean.
func (m *Message) set(id nameID, value string) {
	if h := m.find(id); h != nil {
		h.value = value
		return
	}
	m.headers = append(m.headers, header{id: id, value: value})
}

// Add adds a line behind the others.
func (m *Message) Add(name, value string) {
	if h, ok := m.newHeader(name, value); ok {
		m.headers = append(m.headers, h)
	}
}

// Prepend adds a line in front of all others: a Via, a Record-Route.
func (m *Message) Prepend(name, value string) {
	if h, ok := m.newHeader(name, value); ok {
		m.headers = slices.Insert(m.headers, 0, h)
	}
}

// Del removes every line of the header.
func (m *Message) Del(name string) {
	id := nameOf(name)
	m.headers = slices.DeleteFunc(m.headers, func(h header) bool { return m.is(&h, id, name) })
}

func (m *Message) newHeader(name, value string) (h header, ok bool) {
	h = header{id: nameOf(name), value: clean(value)}
	if h.id == hOther {
		if !isToken(name) || len(m.others) > maxOthers {
			return header{}, false
		}
		h.other = uint16(len(m.others))
		m.others = append(m.others, name)
	}
	return h, true
}

// From returns the From header taken apart, the zero Address when it cannot be.
func (m *Message) From() Address { return m.address(hFrom) }

// To returns the To header taken apart, the zero Address when it cannot be.
func (m *Message) To() Address { return m.address(hTo) }

func (m *Message) address(id nameID) Address {
	a, err := ParseAddress(m.get(id))
	if err != nil {
		return Address{}
	}
	return a
}

// FromTag returns the From tag without taking the rest apart; "" when there is none.
func (m *Message) FromTag() string { return addressTag(m.get(hFrom)) }

// ToTag returns the To tag in the same way.
func (m *Message) ToTag() string { return addressTag(m.get(hTo)) }

// SetToTag adds a tag to a To that has none; the engine does so for every response but 100 (RFC 3261 8.2.6.2).
func (m *Message) SetToTag(tag string) {
	if h := m.find(hTo); h != nil && addressTag(h.value) == "" && isToken(tag) {
		to := h.value
		if strings.IndexByte(to, '<') < 0 && strings.IndexByte(to, ';') < 0 {
			to = "<" + to + ">"
		}
		h.value = to + ";tag=" + tag
	}
}

// CallID returns the Call-ID.
func (m *Message) CallID() string { return m.get(hCallID) }

// CSeq returns the sequence number and the method of the CSeq header; 0 and "" when it is malformed.
func (m *Message) CSeq() (uint32, string) {
	n, method, _ := splitCSeq(m.get(hCSeq))
	return n, method
}

// splitCSeq reads "314159 INVITE"; the number is below 2**31 (RFC 3261 8.1.1.5).
func splitCSeq(s string) (uint32, string, bool) {
	i := 0
	for i < len(s) && charSets[s[i]]&setDigit != 0 {
		i++
	}
	n, ok := number(s[:i], 1<<31-1)
	method := trimLeft(s[i:])
	if !ok || len(method) == len(s)-i || !isToken(method) {
		return 0, "", false
	}
	return uint32(n), method, true
}

// Contacts returns every contact of every Contact line; a contact that cannot be read ends the list, and "*" is an Address whose URI has
// the host "*" and nothing else.
func (m *Message) Contacts() []Address {
	var all []Address
	for i := range m.headers {
		if m.headers[i].id != hContact {
			continue
		}
		list, err := ParseAddresses(m.headers[i].value)
		if err != nil {
			return all
		}
		all = append(all, list...)
	}
	return all
}

// Expires returns the Expires header in seconds; a value too large for 32 bits counts as the largest (RFC 3261 20.19).
func (m *Message) Expires() (seconds int, ok bool) { return seconds32(m.get(hExpires)) }

// MaxForwards returns the Max-Forwards header, 70 when it is missing or malformed.
func (m *Message) MaxForwards() int {
	if n, ok := number(m.get(hMaxForwards), 255); ok {
		return int(n)
	}
	return 70
}

// Via returns the topmost Via, the zero Via when it is malformed.
func (m *Message) Via() Via {
	v, _, _ := splitVia(m.get(hVia))
	return v
}

// Branch returns the branch of the topmost Via.
func (m *Message) Branch() string { return m.Via().Branch }
