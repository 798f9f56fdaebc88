package sdp

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// A Codec is one format of an RTP section with what its attributes say about it.
type Codec struct {
	Payload  int
	Name     string // as written; compare without regard to case
	Rate     int    // of the RTP clock
	Channels int    // at least 1
	Fmtp     string
}

// static are the payload types that need no rtpmap (RFC 3551 6).
var static = map[int]Codec{
	0: {0, "PCMU", 8000, 1, ""}, 3: {3, "GSM", 8000, 1, ""}, 4: {4, "G723", 8000, 1, ""}, 8: {8, "PCMA", 8000, 1, ""},
	9: {9, "G722", 8000, 1, ""}, 13: {13, "CN", 8000, 1, ""}, 15: {15, "G728", 8000, 1, ""}, 18: {18, "G729", 8000, 1, ""},
}

// Codecs lists the formats of an RTP section in the order of preference. A format that nothing describes is left out.
func (m *Media) Codecs() []Codec {
	var maps, fmtps [128]string // by payload type, so that a hostile list costs one pass
	for _, a := range m.Attributes {
		if a.Name != "rtpmap" && a.Name != "fmtp" {
			continue
		}
		format, value, _ := strings.Cut(a.Value, " ")
		payload, err := strconv.ParseUint(format, 10, 7)
		switch {
		case err != nil:
		case a.Name == "rtpmap":
			maps[payload] = value
		default:
			fmtps[payload] = strings.TrimSpace(value)
		}
	}
	list := make([]Codec, 0, len(m.Formats))
	for _, f := range m.Formats {
		payload, err := strconv.ParseUint(f, 10, 7)
		if err != nil {
			continue
		}
		c, ok := static[int(payload)]
		if maps[payload] != "" {
			c, ok = parseRTPMap(int(payload), maps[payload])
		}
		if c.Fmtp = fmtps[payload]; ok {
			list = append(list, c)
		}
	}
	return list
}

// parseRTPMap reads "opus/48000/2".
func parseRTPMap(payload int, value string) (Codec, bool) {
	name, rest, _ := strings.Cut(strings.TrimSpace(value), "/")
	rate, channels, _ := strings.Cut(rest, "/")
	hz, err := strconv.ParseUint(rate, 10, 31)
	if err != nil || name == "" {
		return Codec{}, false
	}
	c := Codec{payload, name, int(hz), 1, ""}
	if n, err := strconv.ParseUint(channels, 10, 8); err == nil && n > 0 {
		c.Channels = int(n)
	}
	return c, true
}

// Same tells whether both are the same encoding, whatever their payload numbers and parameters.
func (c Codec) Same(d Codec) bool {
	return strings.EqualFold(c.Name, d.Name) && c.Rate == d.Rate && c.Channels == d.Channels
}

// SetCodecs makes these the formats of the section: m= line, rtpmap and fmtp. What other attributes say about formats that are gone
// (rtcp-fb) goes too; the rest stays.
func (m *Media) SetCodecs(codecs []Codec) {
	m.Formats = m.Formats[:0:0]
	for _, c := range codecs {
		m.Formats = append(m.Formats, strconv.Itoa(c.Payload))
	}
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a Attribute) bool {
		return a.Name == "rtpmap" || a.Name == "fmtp" || a.Name == "rtcp-fb" && !m.hasFormat(a.Value)
	})
	for _, c := range codecs {
		payload := strconv.Itoa(c.Payload)
		value := payload + " " + c.Name + "/" + strconv.Itoa(c.Rate)
		if c.Channels > 1 {
			value += "/" + strconv.Itoa(c.Channels)
		}
		m.Attributes = append(m.Attributes, Attribute{Name: "rtpmap", Value: value})
		if c.Fmtp != "" {
			m.Attributes = append(m.Attributes, Attribute{Name: "fmtp", Value: payload + " " + c.Fmtp})
		}
	}
}

func (m *Media) hasFormat(value string) bool {
	format, _, _ := strings.Cut(value, " ")
	return format == "*" || slices.Contains(m.Formats, format)
}

// Common returns the codecs of an offer that we have too, in the offer's order and with its payload numbers (RFC 3264 6.1).
func Common(offered, ours []Codec) []Codec {
	var both []Codec
	for _, c := range offered {
		if slices.ContainsFunc(ours, c.Same) {
			both = append(both, c)
		}
	}
	return both
}

// Get returns the value of the first attribute of that name in the section; ok tells a flag from nothing.
func (m *Media) Get(name string) (value string, ok bool) { return find(m.Attributes, name) }

// Get returns the value of the first attribute of that name on session level.
func (s *Session) Get(name string) (value string, ok bool) { return find(s.Attributes, name) }

func find(list []Attribute, name string) (string, bool) {
	for _, a := range list {
		if a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

// Set makes this the only attribute of its name in the section; with value "" it is a flag.
func (m *Media) Set(name, value string) {
	a := Attribute{Name: name, Value: value}
	i := slices.IndexFunc(m.Attributes, func(b Attribute) bool { return b.Name == name })
	if i < 0 {
		m.Attributes = append(m.Attributes, a)
		return
	}
	m.Attributes[i] = a
	rest := slices.DeleteFunc(m.Attributes[i+1:], func(b Attribute) bool { return b.Name == name })
	m.Attributes = m.Attributes[:i+1+len(rest)]
}

// Del removes every attribute of these names from the section.
func (m *Media) Del(names ...string) {
	m.Attributes = slices.DeleteFunc(m.Attributes, func(a Attribute) bool { return slices.Contains(names, a.Name) })
}

// The directions of a section as its sender means them.
const (
	SendRecv = "sendrecv"
	SendOnly = "sendonly"
	RecvOnly = "recvonly"
	Inactive = "inactive"
)

var directions = []string{SendRecv, SendOnly, RecvOnly, Inactive}

// Direction returns the section's direction, else the session's, else sendrecv.
func (m *Media) Direction() string {
	if d := direction(m.Attributes); d != "" {
		return d
	}
	if m.session != nil {
		if d := direction(m.session.Attributes); d != "" {
			return d
		}
	}
	return SendRecv
}

func direction(list []Attribute) string {
	for _, a := range list {
		if slices.Contains(directions, a.Name) {
			return a.Name
		}
	}
	return ""
}

// SetDirection writes the section's direction.
func (m *Media) SetDirection(d string) {
	m.Del(directions...)
	m.Attributes = append(m.Attributes, Attribute{Name: d})
}

// Reverse returns the direction that answers d (RFC 3264 6.1).
func Reverse(d string) string {
	switch d {
	case SendOnly:
		return RecvOnly
	case RecvOnly:
		return SendOnly
	}
	return d
}

// Held tells whether the sender put the section on hold: it does not want to hear (RFC 3264 8.4), or gave the address 0.0.0.0 as
// RFC 2543 had it.
func (m *Media) Held() bool {
	if d := m.Direction(); d == SendOnly || d == Inactive {
		return true
	}
	addr, ok := Address(m.connection())
	return ok && addr.IsUnspecified()
}

func (m *Media) connection() string {
	if m.Connection == "" && m.session != nil {
		return m.session.Connection
	}
	return m.Connection
}

// Addr returns where the sender wants the section's packets; ok is false for a name, for a section without connection and for port 0.
func (m *Media) Addr() (addr netip.AddrPort, ok bool) {
	ip, ok := Address(m.connection())
	return netip.AddrPortFrom(ip, uint16(m.Port)), ok && m.Port > 0
}

// SetAddr makes the section's packets come to addr: its port, and a connection of its own unless the session's says the same. Attributes
// that name other ports and addresses (rtcp, candidate) go.
func (m *Media) SetAddr(addr netip.AddrPort) {
	m.Port, m.ports = int(addr.Port()), ""
	m.Connection = Connection(addr.Addr())
	if m.session != nil && m.session.Connection == m.Connection {
		m.Connection = ""
	}
	m.Del("rtcp", "candidate", "remote-candidates", "end-of-candidates")
}

// Refuse switches the section off (RFC 3264 6).
func (m *Media) Refuse() { m.Port, m.ports = 0, "" }

// PTime returns the packet time in milliseconds, 0 if none is said.
func (m *Media) PTime() int {
	value, _ := m.Get("ptime")
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16)
	if err != nil {
		return 0
	}
	return int(n)
}
