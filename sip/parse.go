package sip

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"strings"
	"unsafe"
)

// What one message may have; more is refused before it costs anything.
const (
	maxMessage = 65535 // bytes, with its body
	maxHead    = 32768 // bytes up to the empty line
	maxHeaders = 128   // lines
	maxParams  = 64    // of one URI or header value
	maxListed  = 64    // values of one line
)

// ErrNotSIP means that there is nothing that could be answered: no start line of SIP, or more than a message may have.
var ErrNotSIP = errors.New("sip: not a SIP message")

// fault is what was wrong with a message that can still be answered; the first one stays.
type fault struct {
	status int
	reason string
}

func (m *Message) blame(status int, reason string) {
	if m.fault.status == 0 {
		m.fault = fault{status, reason}
	}
}

// Parse reads one datagram: one message, and what may follow its Content-Length is dropped (RFC 3261 18.3). The slice may be used again when
// it returns. An error means that no answer is possible; everything else that is wrong is kept with the message for Admit to answer.
func Parse(datagram []byte) (*Message, error) {
	if len(datagram) > maxMessage {
		return nil, ErrNotSIP
	}
	datagram = bytes.TrimLeft(datagram, "\r\n")
	m, used, err := parseHead(bytes.Clone(datagram))
	if err != nil {
		return nil, err
	}
	n, given := m.contentLength()
	switch {
	case !given:
		m.Body = m.Body[used:]
	case n > len(m.Body)-used:
		m.blame(400, "Content-Length Too Large")
		m.Body = nil
	default:
		m.Body = m.Body[used : used+n]
	}
	if len(m.Body) == 0 {
		m.Body = nil
	}
	return m, nil
}

// parseHead reads start line and headers from text, which the message keeps as its own: folded lines are joined and stray control
// characters blanked inside it before any part of it is handed out. Body is set to the whole of text, and used is where the body begins.
func parseHead(text []byte) (m *Message, used int, err error) {
	m = new(Message)
	m.headers = m.inline[:0]
	end, next, fine := lineEnd(text, 0)
	if next < 0 || !m.startLine(view(text[:end])) {
		return nil, 0, ErrNotSIP
	}
	for {
		if !fine {
			m.blame(400, "Control Character in Header")
		}
		pos := next
		if end, next, fine = lineEnd(text, pos); next < 0 || next > maxHead {
			return m.cut(text, next)
		}
		if end == pos {
			if !fine {
				m.blame(400, "Control Character in Header")
			}
			m.Body = text
			return m, next, nil
		}
		for next < len(text) && (text[next] == ' ' || text[next] == '\t') {
			for i := end; i < next; i++ {
				text[i] = ' '
			}
			was := fine
			if end, next, fine = lineEnd(text, next); next < 0 {
				return m.cut(text, next)
			}
			fine = fine && was
		}
		if len(m.headers) == maxHeaders {
			return nil, 0, ErrNotSIP
		}
		m.headerLine(view(text[pos:end]))
	}
}

// cut ends a message whose empty line is missing, or too far away.
func (m *Message) cut(text []byte, next int) (*Message, int, error) {
	if next > maxHead || len(text) > maxHead {
		return nil, 0, ErrNotSIP
	}
	m.blame(400, "Message Cut Short")
	m.Body = text
	return m, len(text), nil
}

// view shows bytes as a string. They are the message's own and never change after its head is read.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// lineEnd finds the end of the line that starts at pos: end is where its text ends, next where the next line starts, -1 if it never ends.
// Control characters other than a tab are blanked. fine tells that there were none but quoted pairs (RFC 3261 25.1: a backslash and
// anything but CR and LF), and that the line ended with CR LF as it must.
func lineEnd(text []byte, pos int) (end, next int, fine bool) {
	fine = true
	for i := pos; ; i++ {
		i += untilControl(text[i:])
		if i >= len(text) {
			return len(text), -1, fine
		}
		switch c := text[i]; {
		case c == '\t':
		case c == '\r' && i+1 < len(text) && text[i+1] == '\n':
			return i, i + 2, fine
		case c == '\n':
			return i, i + 1, false
		default:
			fine = fine && c != '\r' && i > pos && text[i-1] == '\\'
			text[i] = ' '
		}
	}
}

// untilControl counts the bytes in front of the first one below a blank, eight at a time.
func untilControl(b []byte) int {
	const low, high = 0x0101010101010101, 0x8080808080808080
	n := 0
	for len(b)-n >= 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		if found := (w - low*' ') & ^w & high; found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
		n += 8
	}
	for n < len(b) && b[n] >= ' ' {
		n++
	}
	return n
}

// startLine reads a request line or a status line (RFC 3261 7.1, 7.2); false if it is neither.
func (m *Message) startLine(s string) bool {
	if len(s) >= 4 && equalFold(s[:4], "SIP/") {
		return m.statusLine(s)
	}
	method, rest, ok := strings.Cut(s, " ")
	last := strings.LastIndexByte(rest, ' ')
	for last == len(rest)-1 && last >= 0 {
		m.blame(400, "White Space in Request-Line")
		rest = rest[:last]
		last = strings.LastIndexByte(rest, ' ')
	}
	if !ok || !isToken(method) || last < 0 {
		return false
	}
	target, version := rest[:last], rest[last+1:]
	m.Method = method
	if !equalFold(version, "SIP/2.0") {
		if len(version) < 4 || !equalFold(version[:4], "SIP/") {
			return false
		}
		m.blame(505, "")
	}
	m.requestURI(target)
	return true
}

func (m *Message) requestURI(target string) {
	if u, err := ParseURI(target); err == nil {
		m.Target = u
		return
	}
	m.Target = URI{Scheme: "sip", Host: "invalid.invalid"}
	if strings.ContainsAny(target, " \t") {
		m.blame(400, "White Space in Request-Line")
	}
	if colon := strings.IndexByte(target, ':'); colon < 0 && target != "" && isToken(target) {
		m.blame(416, "")
	}
	m.blame(400, "Malformed Request-URI")
}

func (m *Message) statusLine(s string) bool {
	version, rest, ok := strings.Cut(s, " ")
	code, reason, _ := strings.Cut(rest, " ")
	status, fine := number(code, 699)
	if !ok || !fine || status < 100 || len(code) != 3 || !equalFold(version, "SIP/2.0") {
		return false
	}
	m.Status, m.Reason = int(status), reason
	return true
}

// headerLine keeps one header. White space in front of the colon is legal and not part of the name (RFC 3261 25.1 HCOLON).
func (m *Message) headerLine(s string) {
	colon := strings.IndexByte(s, ':')
	if colon < 0 {
		m.blame(400, "Malformed Header")
		return
	}
	name := trimRight(s[:colon])
	h := header{id: nameOf(name), value: trim(s[colon+1:])}
	if h.id == hOther {
		if !isToken(name) {
			m.blame(400, "Malformed Header")
			return
		}
		h.other = uint16(len(m.others))
		m.others = append(m.others, name)
	}
	m.headers = append(m.headers, h)
}

// contentLength reads Content-Length; given is false when there is none, or none that could be believed.
func (m *Message) contentLength() (n int, given bool) {
	for i := range m.headers {
		if m.headers[i].id != hContentLength {
			continue
		}
		v, ok := number(m.headers[i].value, maxMessage)
		switch {
		case !ok:
			m.blame(400, "Malformed Content-Length")
			return 0, false
		case given:
			m.blame(400, "Repeated Content-Length")
			return 0, false
		}
		n, given = int(v), true
	}
	return n, given
}

// seconds32 reads delta-seconds; what exceeds 32 bits counts as the largest.
func seconds32(s string) (int, bool) {
	if s == "" || !allIn(s, setDigit) {
		return 0, false
	}
	n, ok := number(s, 1<<32-1)
	if !ok {
		return 1<<32 - 1, true
	}
	return int(n), true
}
