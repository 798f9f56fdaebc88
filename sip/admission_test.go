package sip

import (
	"bytes"
	"strings"
	"testing"
)

// request is a right request as lines, which each test spoils.
func request(method string, more ...string) []string {
	return append([]string{
		method + " sip:bob@example.com SIP/2.0", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "From: <sip:a@example.com>;tag=1",
		"To: <sip:b@example.com>", "Call-ID: 1", "CSeq: 1 " + method, "Max-Forwards: 70", "Content-Length: 0",
	}, more...)
}

// without drops the lines of a header.
func without(l []string, name string) []string {
	var out []string
	for _, s := range l {
		if !strings.HasPrefix(s, name+":") {
			out = append(out, s)
		}
	}
	return out
}

func TestAdmission(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		text []byte
		want int
	}{
		{"an INVITE", lines(request("INVITE")...), 0},
		{"a phone's REGISTER", registerText, 0},
		{"a phone's INVITE", inviteText, 0},
		{"an unknown method", lines(request("DANCE")...), 0},
		{"no Via", lines(without(request("INVITE"), "Via")...), 400},
		{"no From", lines(without(request("INVITE"), "From")...), 400},
		{"no To", lines(without(request("INVITE"), "To")...), 400},
		{"no Call-ID", lines(without(request("INVITE"), "Call-ID")...), 400},
		{"no CSeq", lines(without(request("INVITE"), "CSeq")...), 400},
		{"no Max-Forwards", lines(without(request("INVITE"), "Max-Forwards")...), 0},
		{"no Content-Length in a datagram", lines(without(request("INVITE"), "Content-Length")...), 0},
		{"a bad ACK", lines(without(request("ACK"), "To")...), drop},
		{"two From", lines(request("INVITE", "f: <sip:x@y>;tag=2")...), 400},
		{"two From with a space", lines(request("INVITE", "From : <sip:x@y>;tag=2")...), 400},
		{"two addresses in To", lines(append(without(request("INVITE"), "To"), "To: <sip:a@b>, <sip:c@d>")...), 400},
		{"the same length twice", lines(request("INVITE", "l: 0")...), 400},
		{"two Contact", lines(request("INVITE", "m: <sip:x@y>", "Contact: <sip:z@y>")...), 0},
		{"* in an INVITE", lines(request("INVITE", "Contact: *")...), 400},
		{"* with expiry 0", lines(request("REGISTER", "Contact: *", "Expires: 0")...), 0},
		{"* without expiry", lines(request("REGISTER", "Contact: *")...), 400},
		{"* with another expiry", lines(request("REGISTER", "Contact: *", "Expires: 5")...), 400},
		{"* with another contact", lines(request("REGISTER", "Contact: *", "Contact: <sip:a@b>", "Expires: 0")...), 400},
		{"no hops left for an INVITE", lines(append(without(request("INVITE"), "Max-Forwards"), "Max-Forwards: 0")...), 483},
		{"no hops left for a REGISTER", lines(append(without(request("REGISTER"), "Max-Forwards"), "Max-Forwards: 0")...), 0},
		{"256 hops", lines(append(without(request("INVITE"), "Max-Forwards"), "Max-Forwards: 256")...), 400},
		{"what we support", lines(request("INVITE", "Require: timer", "Require: TIMER ,timer")...), 0},
		{"what we do not", lines(request("INVITE", "Require: timer, magic")...), 420},
		{"Require in a CANCEL", lines(request("CANCEL", "Require: magic")...), 0},
		{"Require in an ACK", lines(request("ACK", "Require: magic")...), 0},
		{"a folded header", lines(request("INVITE", "Subject: a", " b")...), 0},
		{"a fold behind the start line", lines(append([]string{"INVITE sip:b SIP/2.0", " x: y"}, request("INVITE")[1:]...)...), 400},
		{"a line without a colon", lines(request("INVITE", "nonsense")...), 400},
		{"a name with a space", lines(request("INVITE", "Sub ject: x")...), 400},
		{"an empty name", lines(request("INVITE", ": x")...), 400},
		{"a NUL", lines(request("INVITE", "Subject: a\x00b")...), 400},
		{"a lone LF", lines(request("INVITE", "Subject: a\nFrom: <sip:evil@x>;tag=9")...), 400},
		{"a lone LF before a new header", lines(request("INVITE", "Subject: a\nX-Evil: 1")...), 400},
		{"a head that ends with a lone LF", append(bytes.TrimSuffix(lines(request("INVITE")...), []byte("\r\n")), "\nv=0"...), 400},
		{"a lone CR", lines(request("INVITE", "Subject: a\rX: y")...), 400},
		{"a backslash and CR", lines(request("INVITE", "Subject: \"a\\\rX: y\"")...), 400},
		{"a Call-ID with a space", lines(append(without(request("INVITE"), "Call-ID"), "Call-ID: a b")...), 400},
		{"an endless Call-ID", lines(append(without(request("INVITE"), "Call-ID"), "Call-ID: "+strings.Repeat("a", maxToken+1))...), 400},
		{"an endless tag", lines(append(without(request("INVITE"), "From"), "From: <sip:a@b>;tag="+strings.Repeat("a", maxToken+1))...), 400},
		{"an endless branch", lines(request("INVITE", "Via: SIP/2.0/UDP h;branch="+strings.Repeat("a", maxToken+1))...), 400},
		{"too many Vias", lines(request("INVITE", "Via: SIP/2.0/UDP h"+strings.Repeat(", SIP/2.0/UDP h", maxVias))...), 400},
		{"too many contacts", lines(request("REGISTER", "Contact: <sip:x>"+strings.Repeat(",<sip:x>", maxListed))...), 400},
		{"too many headers", lines(request("INVITE", strings.Split(strings.Repeat("X: y\n", maxHeaders)+"X: y", "\n")...)...), drop},
		{"too many parameters", lines(request("INVITE", "Contact: <sip:x>"+strings.Repeat(";a", 40000))...), drop},
		{"SIP/3.0", lines(append([]string{"INVITE sip:b@x SIP/3.0"}, request("INVITE")[1:]...)...), 505},
		{"HTTP", lines("GET / HTTP/1.1", "Host: x"), drop},
		{"nothing", nil, drop},
		{"a keep-alive", []byte("\r\n\r\n"), drop},
		{"half a start line", []byte("INVITE sip:b"), drop},
		{"empty lines in front", append([]byte("\r\n\r\n"), lines(request("INVITE")...)...), 0},
		{"cut in its head", bytes.TrimSuffix(lines(request("INVITE")...), []byte("\r\n")), 400},
		{"no words before the colon", lines("INVITE sip:b SIP/2.0", ""), 400},
		{"a scheme nobody knows", lines(append([]string{"INVITE foo:bar SIP/2.0"}, request("INVITE")[1:]...)...), 416},
		{"tel", lines(append([]string{"INVITE tel:+61255500142 SIP/2.0"}, request("INVITE")[1:]...)...), 0},
		{"a body that is not SDP", withBody("text/plain", ""), 415},
		{"an optional body that is not SDP", withBody("text/plain", "Content-Disposition: render;handling=optional"), 0},
		{"a zipped body", withBody("application/sdp", "Content-Encoding: gzip"), 415},
		{"SDP with a parameter", withBody("APPLICATION/SDP; charset=utf-8", ""), 0},
		{"SDP is accepted", withBody("application/sdp", "Accept: text/plain, application/sdp;level=1"), 0},
		{"anything is accepted", withBody("application/sdp", "Accept: */*"), 0},
		{"only text is accepted", withBody("application/sdp", "Accept: text/plain"), 406},
	}
	for _, tt := range tests {
		m, got := receive(t, tt.text)
		reason := ""
		if m != nil {
			checkOutgoing(t, m)
			_, reason = Admit(m)
		}
		if got != tt.want {
			t.Errorf("%s: %d %s, want %d", tt.name, got, reason, tt.want)
		}
	}
}

func withBody(kind, more string) []byte {
	l := append(without(request("INVITE"), "Content-Length"), "Content-Type: "+kind, "Content-Length: 3")
	if more != "" {
		l = append(l, more)
	}
	return append(lines(l...), "abc"...)
}

func TestResponsesAreDroppedOrLetIn(t *testing.T) {
	t.Parallel()
	good := append([]string{"SIP/2.0 200 OK"}, request("INVITE")[1:]...)
	for name, tt := range map[string]struct {
		text []byte
		want int
	}{
		"good":             {lines(good...), 0},
		"no Call-ID":       {lines(without(good, "Call-ID")...), drop},
		"two CSeq":         {lines(append(good, "CSeq: 1 INVITE")...), drop},
		"status 99":        {lines(append([]string{"SIP/2.0 99 x"}, good[1:]...)...), drop},
		"status 700":       {lines(append([]string{"SIP/2.0 700 x"}, good[1:]...)...), drop},
		"status 0200":      {lines(append([]string{"SIP/2.0 0200 x"}, good[1:]...)...), drop},
		"another version":  {lines(append([]string{"SIP/3.0 200 x"}, good[1:]...)...), drop},
		"without a phrase": {lines(append([]string{"SIP/2.0 200"}, good[1:]...)...), 0},
	} {
		if _, got := receive(t, tt.text); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

func TestSDPInsideAMultipartBody(t *testing.T) {
	t.Parallel()
	m := NewRequest("INVITE", URI{Scheme: "sip", Host: "x"})
	m.Set("Content-Type", `multipart/mixed;boundary="b 1"`)
	m.Body = []byte("--b 1\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b 1\r\ncontent-type : application/SDP\r\n\r\nv=0\r\n\r\n--b 1--\r\n")
	equal(t, "SDP", string(m.SDP()), "v=0\r\n")
	m.Set("Content-Type", "application/sdp")
	equal(t, "whole body", len(m.SDP()), len(m.Body))
	m.Set("Content-Type", "text/plain")
	equal(t, "none", m.SDP() == nil, true)
}

// RFC 5118: SIP and IPv6.
func TestIPv6MessagesOfRFC5118(t *testing.T) {
	t.Parallel()
	with := func(start, via string) []byte {
		l := request("REGISTER", "Contact: <sip:b@[2001:db8::1]>")
		l[0], l[1] = start, via
		return lines(l...)
	}
	const via = "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111"
	tests := []struct {
		section string
		text    []byte
		want    int
		host    string
		port    int
	}{
		{"4.1", with("REGISTER sip:[2001:db8::10] SIP/2.0", via), 0, "[2001:db8::10]", 0},
		{"4.2", with("REGISTER sip:2001:db8::10 SIP/2.0", via), 400, "", 0},
		{"4.3", with("REGISTER sip:[2001:db8::10:5070] SIP/2.0", via), 0, "[2001:db8::10:5070]", 0},
		{"4.4", with("REGISTER sip:[2001:db8::10]:5070 SIP/2.0", via), 0, "[2001:db8::10]", 5070},
		{"4.5 with brackets", with("REGISTER sip:[2001:db8::10] SIP/2.0", "Via: SIP/2.0/UDP [2001:db8::9:1]:5060;received=[2001:db8::9:255];branch=z9hG4bKas3"), 0, "[2001:db8::10]", 0},
		{"4.5 without", with("REGISTER sip:[2001:db8::10] SIP/2.0", "Via: SIP/2.0/UDP [2001:db8::9:1]:5060;received=2001:db8::9:255;branch=z9hG4bKas3"), 0, "[2001:db8::10]", 0},
		{"4.9 mapped", with("REGISTER sip:[::ffff:192.0.2.10] SIP/2.0", via), 0, "[::ffff:192.0.2.10]", 0},
		{"no address", with("REGISTER sip:[2001:db8:::10] SIP/2.0", via), 400, "", 0},
		{"a Via without brackets", with("REGISTER sip:[2001:db8::10] SIP/2.0", "Via: SIP/2.0/UDP 2001:db8::9:1;branch=z9hG4bK1"), 400, "", 0},
	}
	for _, tt := range tests {
		m, got := receive(t, tt.text)
		if got != tt.want {
			_, reason := Admit(m)
			t.Errorf("%s: %d %s, want %d", tt.section, got, reason, tt.want)
			continue
		}
		if got == 0 && (m.Target.Host != tt.host || m.Target.Port != tt.port || m.Contacts()[0].URI.Host != "[2001:db8::1]") {
			t.Errorf("%s: %+v", tt.section, m.Target)
		}
	}
}
