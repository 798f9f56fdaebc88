package sip

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// A URI is a SIP, SIPS or tel URI taken apart (RFC 3261 19.1, RFC 3966). Every text is a part of what was parsed, not a copy, except a
// user part with escapes, which is held decoded. A scheme that is none of the three keeps all after the colon in Host.
type URI struct {
	Scheme   string // lower case
	User     string // decoded; for tel: the number as written
	Password string // as written
	Host     string // as written; an IPv6 address keeps its brackets
	Port     int    // 0 = none written
	Params   Params // as written
	Headers  string // what follows "?", as written
}

// Params are the ;name=value pairs of a URI or a header, in their order. Names are compared without regard to case.
type Params []Param

// A Param is one of them; Value is "" for a bare name and keeps the quotation marks it came with.
type Param struct{ Name, Value string }

var (
	errURI    = errors.New("sip: malformed URI")
	errParams = errors.New("sip: malformed parameters")
)

// ParseURI reads a URI that stands alone, without angle brackets and without white space around it.
func ParseURI(s string) (URI, error) {
	p, ok := splitURI(s)
	if !ok {
		return URI{}, errURI
	}
	u := URI{Scheme: p.scheme, Host: p.host, Port: p.port, Headers: p.headers}
	if u.User, ok = unescape(p.user); !ok {
		return URI{}, errURI
	}
	u.Password = p.password
	if p.params != "" {
		u.Params, ok = parseParams(p.params)
		if !ok {
			return URI{}, errURI
		}
	}
	return u, nil
}

// uriParts is a URI split, nothing decoded and nothing allocated.
type uriParts struct {
	scheme, user, password, host string
	port                         int
	params, headers              string // params from the first ";" on
}

// splitURI checks and splits; it is what admission uses, because it allocates nothing.
func splitURI(s string) (p uriParts, ok bool) {
	colon := strings.IndexByte(s, ':')
	if colon <= 0 || !isScheme(s[:colon]) {
		return p, false
	}
	p.scheme = lower(s[:colon])
	rest := s[colon+1:]
	if !allURIChars(rest) {
		return p, false
	}
	switch p.scheme {
	case "sip", "sips":
		return splitSIP(p, rest)
	case "tel":
		p.user, p.params = cutBefore(rest, ';')
		return p, p.user != ""
	}
	p.host = rest
	return p, rest != ""
}

func splitSIP(p uriParts, rest string) (uriParts, bool) {
	// The user part may hold ; ? and / but never an @ (RFC 3261 25.1), and the host part holds no @ at all.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		p.user, p.password = cutBefore(rest[:at], ':')
		p.password = strings.TrimPrefix(p.password, ":")
		if at == 0 || strings.IndexByte(p.user, '@') >= 0 || p.user == "" {
			return p, false
		}
		rest = rest[at+1:]
	}
	rest, p.headers = cutBefore(rest, '?')
	p.headers = strings.TrimPrefix(p.headers, "?")
	rest, p.params = cutBefore(rest, ';')
	var ok bool
	p.host, p.port, ok = splitHostPort(rest)
	return p, ok
}

// splitHostPort takes host[:port] apart; the port is 0 when there is none.
func splitHostPort(s string) (host string, port int, ok bool) {
	host = s
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, false
		}
		host, s = s[:end+1], s[end+1:]
		if s != "" && s[0] != ':' {
			return "", 0, false
		}
		addr, err := netip.ParseAddr(host[1:end])
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", 0, false
		}
	} else {
		host, s = cutBefore(s, ':')
		if !isHost(host) {
			return "", 0, false
		}
	}
	if s == "" {
		return host, 0, true
	}
	n, ok := number(s[1:], 65535)
	return host, int(n), ok && n > 0
}

// String writes the URI; what must be escaped is.
func (u URI) String() string {
	var room [192]byte
	return string(u.AppendTo(room[:0]))
}

// AppendTo writes the URI behind b. A byte that cannot stand where it stands is written as %XX, so that no text can end the URI early.
func (u URI) AppendTo(b []byte) []byte {
	b = appendEscaped(b, u.Scheme, setScheme)
	b = append(b, ':')
	if u.User != "" {
		b = appendUser(b, u.User)
		if u.Password != "" {
			b = append(b, ':')
			b = appendEscaped(b, u.Password, setURI&^setDelimiter|setPercent)
		}
		if u.Scheme != "tel" {
			b = append(b, '@')
		}
	}
	if u.Scheme == "sip" || u.Scheme == "sips" {
		b = appendEscaped(b, u.Host, setHost)
	} else {
		b = appendEscaped(b, u.Host, setURI|setDelimiter|setPercent)
	}
	if u.Port != 0 {
		b = append(b, ':')
		b = strconv.AppendInt(b, int64(u.Port), 10)
	}
	for _, p := range u.Params {
		b = append(b, ';')
		b = appendEscaped(b, p.Name, setParam|setPercent)
		if p.Value != "" {
			b = append(b, '=')
			b = appendEscaped(b, p.Value, setParam|setPercent)
		}
	}
	if u.Headers != "" {
		b = append(b, '?')
		b = appendEscaped(b, u.Headers, setURI|setDelimiter|setPercent)
	}
	return b
}

// HostPort is where the URI points: the host as written, and the port only if one is written.
func (u URI) HostPort() string {
	if u.Port == 0 {
		return u.Host
	}
	return u.Host + ":" + strconv.Itoa(u.Port)
}

// Addr returns the numeric address of the host and the port (5060, or 5061 for sips, when none is written); ok is false for a name.
func (u URI) Addr() (addr netip.AddrPort, ok bool) {
	ip, err := netip.ParseAddr(strings.Trim(u.Host, "[]"))
	if err != nil {
		return addr, false
	}
	port := u.Port
	if port == 0 {
		port = defaultPort(u.Scheme == "sips")
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), true
}

func defaultPort(secure bool) int {
	if secure {
		return 5061
	}
	return 5060
}

// Get returns the value of the first parameter of that name.
func (p Params) Get(name string) (string, bool) {
	for i := range p {
		if equalFold(p[i].Name, name) {
			return p[i].Value, true
		}
	}
	return "", false
}

// With returns the parameters with this one set: replaced where it stands, or added at the end. p itself is not changed.
func (p Params) With(name, value string) Params {
	out := make(Params, 0, len(p)+1)
	found := false
	for _, q := range p {
		if equalFold(q.Name, name) {
			if found {
				continue
			}
			q.Value, found = value, true
		}
		out = append(out, q)
	}
	if !found {
		out = append(out, Param{name, value})
	}
	return out
}

// Without returns the parameters without those of that name.
func (p Params) Without(name string) Params {
	out := make(Params, 0, len(p))
	for _, q := range p {
		if !equalFold(q.Name, name) {
			out = append(out, q)
		}
	}
	return out
}

// parseParams reads ";a=b;c" as it stands behind a URI or a header value, white space allowed around each part.
func parseParams(s string) (Params, bool) {
	n := strings.Count(s, ";")
	if n > maxParams {
		return nil, false
	}
	out := make(Params, 0, n)
	for s = trim(s); s != ""; {
		name, value, rest, ok := nextParam(s)
		if !ok {
			return nil, false
		}
		out = append(out, Param{name, value})
		s = rest
	}
	return out, true
}

// nextParam takes the first parameter of ";a=b;c" off; quoted values keep their quotation marks.
func nextParam(s string) (name, value, rest string, ok bool) {
	if s == "" || s[0] != ';' {
		return "", "", "", false
	}
	s = trimLeft(s[1:])
	i := until(s, setParamEnd)
	name, s = trimRight(s[:i]), s[i:]
	if name == "" || !allIn(name, setParam|setPercent) {
		return "", "", "", false
	}
	if s == "" || s[0] == ';' {
		return name, "", s, true
	}
	s = trimLeft(s[1:])
	if strings.HasPrefix(s, `"`) {
		n := quotedLen(s)
		if n == 0 {
			return "", "", "", false
		}
		value, rest = s[:n], trimLeft(s[n:])
		return name, value, rest, rest == "" || rest[0] == ';'
	}
	value, rest = cutBefore(s, ';')
	value = trimRight(value)
	return name, value, rest, value != "" && allIn(value, setParam|setPercent)
}

// param finds one parameter in text that begins at or before its first ";", without taking the rest apart.
func param(s, name string) (value string, ok bool) {
	_, s = cutBefore(s, ';')
	for s != "" {
		n, v, rest, fine := nextParam(s)
		if !fine {
			return "", false
		}
		if equalFold(n, name) {
			return v, true
		}
		s = rest
	}
	return "", false
}
