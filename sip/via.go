package sip

import (
	"net/netip"
	"strconv"
	"strings"
)

// A Via says who sent a message on one hop (RFC 3261 20.42, RFC 3581). Its texts are parts of the header.
type Via struct {
	Transport string // as written: UDP, TCP, TLS, WS, WSS
	Host      string // of sent-by, as written
	Port      int    // of sent-by, 0 = none written
	Branch    string
	Received  string
	RPort     int  // 0 = none, or asked for and not filled in
	AsksRPort bool // an rport parameter is there
}

// splitVia takes the first Via of a line apart without allocating; rest is empty or begins with the comma behind it.
func splitVia(s string) (v Via, rest string, ok bool) {
	protocol, s, ok1 := viaPart(s)
	version, s, ok2 := viaPart(s)
	if !ok1 || !ok2 || !equalFold(protocol, "SIP") || version != "2.0" {
		return Via{}, "", false
	}
	i := until(s, setSpace)
	v.Transport, s = s[:i], trimLeft(s[i:])
	end := until(s, setSentByEnd)
	sentBy, s := s[:end], s[end:]
	if !isToken(v.Transport) || !v.splitSentBy(trimRight(sentBy)) {
		return Via{}, "", false
	}
	for s != "" && s[0] == ';' {
		var name, value string
		end := paramEnd(s)
		if end == 0 {
			return Via{}, "", false
		}
		if name, value, _, ok = nextParam(trimRight(s[:end])); !ok || !v.take(name, value) {
			return Via{}, "", false
		}
		s = s[end:]
	}
	return v, s, true
}

// paramEnd returns where the parameter that s begins with ends: at the next ; or , outside quotation marks. 0 if a mark is never closed.
func paramEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			n := quotedLen(s[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		case ';', ',':
			return i
		}
	}
	return len(s)
}

// viaPart takes "SIP / " off: slashes may have white space around them.
func viaPart(s string) (part, rest string, ok bool) {
	part, rest = cutBefore(s, '/')
	if rest == "" {
		return "", "", false
	}
	return trim(part), trimLeft(rest[1:]), true
}

// splitSentBy reads host[:port]; white space around the colon is legal (RFC 4475 3.1.1.1).
func (v *Via) splitSentBy(s string) (ok bool) {
	if until(s, setSpace) < len(s) {
		colon := strings.LastIndexByte(s, ':')
		if colon < 0 {
			return false
		}
		var port uint64
		port, ok = number(trim(s[colon+1:]), 65535)
		v.Host, _, _ = splitHostPort(trimRight(s[:colon]))
		v.Port = int(port)
		return ok && v.Host != "" && v.Port > 0
	}
	v.Host, v.Port, ok = splitHostPort(s)
	return ok
}

// take keeps a parameter; ok is false for one that is malformed.
func (v *Via) take(name, value string) (ok bool) {
	switch {
	case equalFold(name, "branch"):
		v.Branch = value
		return isToken(value)
	case equalFold(name, "received"):
		v.Received = value
	case equalFold(name, "rport"):
		v.AsksRPort = true
		if value != "" {
			n, ok := number(value, 65535)
			v.RPort = int(n)
			return ok
		}
	}
	return true
}

// StampVia notes on the topmost Via where a request really came from (RFC 3261 18.2.1, RFC 3581 4): received when sent-by says otherwise or
// rport was asked for, and rport when it was. What the sender claimed there itself is dropped.
func (m *Message) StampVia(source netip.AddrPort) {
	h := m.find(hVia)
	if h == nil {
		return
	}
	v, rest, ok := splitVia(h.value)
	if !ok {
		return
	}
	var room [192]byte
	b := room[:0]
	value := h.value[:len(h.value)-len(rest)]
	value, params := cutBefore(value, ';')
	b = append(b, trimRight(value)...)
	for params != "" {
		end := paramEnd(params)
		name, _, _, _ := nextParam(trimRight(params[:end]))
		if !equalFold(name, "received") && !equalFold(name, "rport") {
			b = append(b, trimRight(params[:end])...)
		}
		params = params[end:]
	}
	ip := source.Addr().Unmap().WithZone("")
	if host, err := netip.ParseAddr(strings.Trim(v.Host, "[]")); v.AsksRPort || err != nil || host.Unmap() != ip {
		b = append(b, ";received="...)
		b = ip.AppendTo(b)
	}
	if v.AsksRPort {
		b = append(b, ";rport="...)
		b = strconv.AppendUint(b, uint64(source.Port()), 10)
	}
	b = append(b, rest...)
	h.value = string(b)
}
