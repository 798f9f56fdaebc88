// Package sdp reads, changes and writes session descriptions (RFC 4566, RFC 8866) as offers and answers need them (RFC 3264). It keeps what
// it does not understand, line by line and in order, and knows neither SIP nor packets.
package sdp

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// What a description may have; more is refused before it costs anything.
const (
	maxBytes   = 65535
	maxLines   = 1024
	maxMedia   = 32
	maxFormats = 128 // of one medium
)

// ErrMalformed means that the text is no session description, or a larger one than is read.
var ErrMalformed = errors.New("sdp: malformed session description")

// A Session is a whole description. Origin and Connection are the values of their lines ("IN IP4 192.0.2.7"), Connection "" when there is
// no such line on session level.
type Session struct {
	Origin     string
	Connection string
	Attributes []Attribute
	Media      []*Media

	lines []line // v, s, t and all others in their order; o and c only as marks of where theirs stood
}

// Media is one m= section.
type Media struct {
	Kind       string // audio, video, application, …
	Port       int    // 0 = refused or switched off
	Proto      string // RTP/AVP, UDP/TLS/RTP/SAVPF, …
	Formats    []string
	Connection string // "" = the session's
	Attributes []Attribute

	ports   string // "/2" where more than one port is asked for
	lines   []line // i, b, k and all others; c only as a mark
	session *Session
}

// An Attribute is an a= line; a flag such as sendrecv has no value and no colon.
type Attribute struct {
	Name, Value string
	colon       bool // read with a colon and nothing behind it
}

type line struct {
	kind  byte
	value string
}

// Parse reads a description. Line ends may be CR LF or LF (RFC 8866 5); the text may be used again when it returns.
func Parse(text []byte) (*Session, error) {
	if len(text) > maxBytes {
		return nil, ErrMalformed
	}
	s := &Session{}
	var m *Media
	count := 0
	for l := range strings.SplitSeq(string(text), "\n") {
		l = strings.TrimSuffix(l, "\r")
		if count++; l == "" {
			continue
		}
		if count > maxLines || len(l) < 2 || l[1] != '=' || hasControl(l) || len(s.lines) == 0 && l != "v=0" {
			return nil, ErrMalformed
		}
		kind, value := l[0], l[2:]
		var ok bool
		switch {
		case kind == 'm':
			if m, ok = parseMedia(value); !ok || len(s.Media) == maxMedia {
				return nil, ErrMalformed
			}
			m.session = s
			s.Media = append(s.Media, m)
		case m == nil:
			s.take(kind, value)
		default:
			m.take(kind, value)
		}
	}
	if s.Origin == "" {
		return nil, ErrMalformed
	}
	return s, nil
}

func hasControl(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' {
			return true
		}
	}
	return false
}

func (s *Session) take(kind byte, value string) {
	switch {
	case kind == 'a':
		s.Attributes = append(s.Attributes, parseAttribute(value))
		return
	case kind == 'o' && s.Origin == "":
		s.Origin, value = value, ""
	case kind == 'c' && s.Connection == "":
		s.Connection, value = value, ""
	}
	s.lines = append(s.lines, line{kind, value})
}

func (m *Media) take(kind byte, value string) {
	switch {
	case kind == 'a':
		m.Attributes = append(m.Attributes, parseAttribute(value))
		return
	case kind == 'c' && m.Connection == "":
		m.Connection, value = value, ""
	}
	m.lines = append(m.lines, line{kind, value})
}

// parseMedia reads "audio 49170/2 RTP/AVP 0 8".
func parseMedia(value string) (*Media, bool) {
	fields := strings.Fields(value)
	if len(fields) < 4 || len(fields) > 3+maxFormats {
		return nil, false
	}
	port, more, several := strings.Cut(fields[1], "/")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, false
	}
	m := &Media{Kind: fields[0], Port: int(n), Proto: fields[2], Formats: fields[3:]}
	if several {
		if _, err = strconv.ParseUint(more, 10, 16); err != nil {
			return nil, false
		}
		m.ports = "/" + more
	}
	return m, true
}

func parseAttribute(value string) Attribute {
	name, v, ok := strings.Cut(value, ":")
	return Attribute{name, v, ok && v == ""}
}

// String writes the description.
func (s *Session) String() string { return string(s.Bytes()) }

// Bytes writes the description with CR LF line ends. Control characters in what was set are left out, so that no text can add a line.
func (s *Session) Bytes() []byte {
	b := appendLines(make([]byte, 0, 1024), s.lines, s.Origin, s.Connection)
	b = appendAttributes(b, s.Attributes)
	for _, m := range s.Media {
		b = append(b, "m="...)
		b = appendText(b, m.Kind)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(m.Port), 10)
		b = append(b, m.ports...)
		b = append(b, ' ')
		b = appendText(b, m.Proto)
		for _, f := range m.Formats {
			b = append(b, ' ')
			b = appendText(b, f)
		}
		b = append(b, "\r\n"...)
		b = appendLines(b, m.lines, "", m.Connection)
		b = appendAttributes(b, m.Attributes)
	}
	return b
}

// appendLines writes the lines in front of the attributes. A connection that had no line before is written where the grammar wants it:
// behind i, u, e and p, in front of b, t and what follows (RFC 8866 9).
func appendLines(b []byte, lines []line, origin, connection string) []byte {
	written := connection == ""
	for _, l := range lines {
		value := l.value
		switch {
		case l.kind == 'o' && value == "":
			value = origin
		case l.kind == 'c' && value == "":
			if written {
				continue
			}
			value, written = connection, true
		case !written && strings.IndexByte("vosiuep", l.kind) < 0 && !hasConnection(lines):
			b, written = appendLine(b, 'c', connection), true
		}
		b = appendLine(b, l.kind, value)
	}
	if !written {
		b = appendLine(b, 'c', connection)
	}
	return b
}

func hasConnection(lines []line) bool {
	for _, l := range lines {
		if l.kind == 'c' && l.value == "" {
			return true
		}
	}
	return false
}

func appendLine(b []byte, kind byte, value string) []byte {
	b = append(b, kind, '=')
	b = appendText(b, value)
	return append(b, "\r\n"...)
}

func appendAttributes(b []byte, list []Attribute) []byte {
	for _, a := range list {
		b = append(b, "a="...)
		b = appendText(b, a.Name)
		if a.Value != "" || a.colon {
			b = append(b, ':')
			b = appendText(b, a.Value)
		}
		b = append(b, "\r\n"...)
	}
	return b
}

func appendText(b []byte, s string) []byte {
	if !hasControl(s) {
		return append(b, s...)
	}
	for i := range len(s) {
		if s[i] >= ' ' || s[i] == '\t' {
			b = append(b, s[i])
		}
	}
	return b
}

// New returns a description of ours without media: one origin, one connection, time unbounded. The version must rise with every change
// within a session (RFC 3264 8).
func New(addr netip.Addr, id, version uint64) *Session {
	s := &Session{lines: []line{{'v', "0"}, {'o', ""}, {'s', "-"}, {'c', ""}, {'t', "0 0"}}}
	s.Connection = Connection(addr)
	s.SetOrigin(addr, id, version)
	return s
}

// SetOrigin writes an origin of ours, so that nothing of another party's network is passed on.
func (s *Session) SetOrigin(addr netip.Addr, id, version uint64) {
	s.Origin = "- " + strconv.FormatUint(id, 10) + " " + strconv.FormatUint(version, 10) + " " + Connection(addr)
}

// Connection returns the value of a c= line for an address.
func Connection(addr netip.Addr) string {
	if addr = addr.Unmap(); addr.Is4() {
		return "IN IP4 " + addr.String()
	}
	return "IN IP6 " + addr.WithZone("").String()
}

// Address returns the address of a c= or o= value; ok is false for a name.
func Address(connection string) (addr netip.Addr, ok bool) {
	fields := strings.Fields(connection)
	if len(fields) < 3 {
		return addr, false
	}
	text, _, _ := strings.Cut(fields[len(fields)-1], "/") // a multicast address has its TTL behind a slash
	addr, err := netip.ParseAddr(text)
	return addr.Unmap(), err == nil
}

// Audio returns the first audio section that is not refused, else the first audio section, nil if there is none.
func (s *Session) Audio() *Media {
	var found *Media
	for _, m := range s.Media {
		if m.Kind == "audio" && (found == nil || found.Port == 0 && m.Port != 0) {
			found = m
		}
	}
	return found
}

// Add adds a section and returns it.
func (s *Session) Add(kind string, port int, proto string) *Media {
	m := &Media{Kind: kind, Port: port, Proto: proto, session: s}
	s.Media = append(s.Media, m)
	return m
}
