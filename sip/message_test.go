package sip

import (
	"net/netip"
	"strings"
	"testing"
)

func TestHeadersByAnyName(t *testing.T) {
	t.Parallel()
	m := parsed(t, lines("OPTIONS sip:a SIP/2.0", "v: SIP/2.0/UDP h;branch=z9hG4bKx", "i: 1@h", "CSEQ:1 OPTIONS", "X-Own : one", "x-own:two", "l:0"))
	equal(t, "Via", m.Get("VIA"), "SIP/2.0/UDP h;branch=z9hG4bKx")
	equal(t, "Call-ID", m.CallID(), "1@h")
	equal(t, "X-Own", strings.Join(m.All("X-OWN"), "|"), "one|two")
	m.Set("x-OWN", "three")
	equal(t, "set", strings.Join(m.All("X-Own"), "|"), "three")
	m.Prepend("Via", "SIP/2.0/TCP first;branch=z9hG4bKy")
	m.Add("v", "SIP/2.0/TCP last")
	equal(t, "Vias", len(m.All("Via")), 3)
	equal(t, "topmost", m.Branch(), "z9hG4bKy")
	m.Del("via")
	equal(t, "after Del", len(m.All("v")), 0)
	m.Set("Subject", "lunch")
	text := m.String()
	if !strings.HasPrefix(text, "OPTIONS sip:a SIP/2.0\r\nCall-ID: 1@h\r\nCSeq: 1 OPTIONS\r\n") || !strings.HasSuffix(text, "Subject: lunch\r\nContent-Length: 0\r\n\r\n") {
		t.Errorf("written as\n%s", text)
	}
}

func TestEveryKnownNameIsFound(t *testing.T) {
	t.Parallel()
	for id := hVia; id < nameCount; id++ {
		equal(t, names[id], nameOf(names[id]), id)
		equal(t, names[id]+" in capitals", nameOf(strings.ToUpper(names[id])), id)
	}
	for c, id := range compact {
		equal(t, "compact", nameOf(string(rune('A'+c))), id)
	}
	equal(t, "unknown", nameOf("X-Unknown"), hOther)
	equal(t, "empty", nameOf(""), hOther)
}

func TestACopyIsItsOwn(t *testing.T) {
	t.Parallel()
	m := parsed(t, inviteText)
	c := m.Clone()
	c.Set("Subject", "changed")
	c.Set("From", "<sip:x@y>")
	c.StampVia(netip.MustParseAddrPort("198.51.100.1:9"))
	if m.Get("Subject") != "" || m.From().URI.User != "d7f3k2m9" || m.Via().Received != "" {
		t.Error("the original changed with its copy")
	}
}

func TestTheDatagramMayBeUsedAgain(t *testing.T) {
	t.Parallel()
	buffer := append([]byte(nil), inviteText...)
	m := parsed(t, buffer)
	clear(buffer)
	equal(t, "user", m.Target.User, "0255500142")
	equal(t, "tag", m.FromTag(), "a73kszlfl")
	equal(t, "body", string(m.Body), someSDP)
}

func TestResponses(t *testing.T) {
	t.Parallel()
	m := parsed(t, lines("INVITE sip:bob@example.com SIP/2.0", "Via: SIP/2.0/UDP a;branch=z9hG4bK1", "Via: SIP/2.0/UDP b;branch=z9hG4bK2",
		"Record-Route: <sip:p;lr>", "From: <sip:a@x>;tag=1", "To: sip:b@x", "Call-ID: c", "CSeq: 9 INVITE", "Timestamp: 54", "Subject: no", "Max-Forwards: 9"))
	tests := []struct {
		status int
		want   string
	}{
		{100, "Via Via From To Call-ID CSeq Timestamp"},
		{180, "Via Via Record-Route From To Call-ID CSeq"},
		{200, "Via Via Record-Route From To Call-ID CSeq"},
		{486, "Via Via From To Call-ID CSeq"},
	}
	for _, tt := range tests {
		r := m.Respond(tt.status, "")
		var got []string
		for i := range r.headers {
			got = append(got, names[r.headers[i].id])
		}
		equal(t, StatusText(tt.status), strings.Join(got, " "), tt.want)
		equal(t, "reason", r.Reason, StatusText(tt.status))
	}
	r := m.Respond(404, "")
	r.SetToTag("zz")
	equal(t, "To", r.Get("To"), "<sip:b@x>;tag=zz")
	r.SetToTag("again")
	equal(t, "a tag stays", r.ToTag(), "zz")
	r.SetToTag("bad\r\nX: y")
	equal(t, "From tag", r.FromTag(), "1")
	back := parsed(t, r.AppendTo(nil))
	equal(t, "status", back.Status, 404)
	status, reason := Admit(back)
	equal(t, reason+" two Vias are not for us", status, drop)
}

func TestStampedVia(t *testing.T) {
	t.Parallel()
	tests := []struct{ via, source, want string }{
		{"SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1", "192.0.2.7:5060", "SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1"},
		{"SIP/2.0/UDP 10.0.0.7;branch=z9hG4bK1", "192.0.2.7:5060", "SIP/2.0/UDP 10.0.0.7;branch=z9hG4bK1;received=192.0.2.7"},
		{"SIP/2.0/UDP 192.0.2.7;rport;branch=z9hG4bK1", "192.0.2.7:777", "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1;received=192.0.2.7;rport=777"},
		{"SIP/2.0/UDP h;received=1.1.1.1;rport=5;x=\"a;rport,b\"", "[2001:db8::1]:9", "SIP/2.0/UDP h;x=\"a;rport,b\";received=2001:db8::1;rport=9"},
		{"SIP/2.0/TCP a ; branch = z9hG4bK1 , SIP/2.0/UDP b;rport", "[::ffff:192.0.2.7]:9", "SIP/2.0/TCP a; branch = z9hG4bK1;received=192.0.2.7, SIP/2.0/UDP b;rport"},
		{"nonsense", "192.0.2.7:1", "nonsense"},
	}
	for _, tt := range tests {
		m := NewRequest("OPTIONS", URI{})
		m.Set("Via", tt.via)
		m.StampVia(netip.MustParseAddrPort(tt.source))
		equal(t, tt.via, m.Get("Via"), tt.want)
	}
	m := NewRequest("OPTIONS", URI{})
	m.Set("v", "SIP/2.0/WSS df7jal23ls0d.invalid;rport=44;received=192.0.2.9;branch=z9hG4bK77")
	equal(t, "Via", m.Via(), Via{"WSS", "df7jal23ls0d.invalid", 0, "z9hG4bK77", "192.0.2.9", 44, true})
}

func TestURIs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"sip:alice@atlanta.com":                                     "",
		"sip:alice:secretword@atlanta.com;transport=tcp":            "",
		"sips:1212@gateway.com:5061;user=phone;lr?subject=a&to=b":   "",
		"sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com":    "",
		"sip:alice;day=tuesday@atlanta.com":                         "",
		"sip:[2001:db8::10]:5070":                                   "",
		"tel:+61255500142;phone-context=example.com":                "",
		"urn:service:sos":                                           "",
		"SIP:Alice@Atlanta.COM":                                     "sip:Alice@Atlanta.COM",
		"sip:%61lice@x":                                             "sip:alice@x",
		"sip:a%40b@x":                                               "",
		"sip:+61255500142@carrier.example;user=phone;transport=UDP": "",
	} {
		u, err := ParseURI(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if want == "" {
			want = text
		}
		equal(t, text, u.String(), want)
	}
	for _, text := range []string{
		"", "sip:", "alice", "sip:@x", "sip:a@", "sip:a@b@c", "sip:a b@x", "sip:x:0", "sip:x:65536", "sip:x:1x", "sip:[::1", "sip:[::1]x",
		"sip:2001:db8::10", "sip:[192.0.2.1]", "sip:%4@x", "sip:%zz@x", "<sip:x>", "sip:x;", "sip:x;=1", "sip:x\r\n", "sip:a\"@x", "sip:é@x", "1a:x", ":x", "tel:",
		"sip:x" + strings.Repeat(";a=b", maxParams+1),
	} {
		if u, err := ParseURI(text); err == nil {
			t.Errorf("%q is accepted as %+v", text, u)
		}
	}
	u, _ := ParseURI("sips:a@[2001:db8::1]")
	addr, ok := u.Addr()
	equal(t, "address", addr.String(), "[2001:db8::1]:5061")
	equal(t, "numeric", ok, true)
	equal(t, "HostPort", u.HostPort(), "[2001:db8::1]")
	u.Params = u.Params.With("transport", "tcp").With("LR", "").With("Transport", "ws")
	equal(t, "params", u.String(), "sips:a@[2001:db8::1];transport=ws;LR")
	equal(t, "without", len(u.Params.Without("lr")), 1)
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"A. G. Bell" <sip:agb@bell-telephone.com> ;tag=a48s`: `"A. G. Bell" <sip:agb@bell-telephone.com>;tag=a48s`,
		`sip:+12125551212@server.phone2net.com;tag=887s`:      `<sip:+12125551212@server.phone2net.com>;tag=887s`,
		`Anonymous <sip:c8oqz84zk7z@privacy.org>;tag=hyh8`:    `"Anonymous" <sip:c8oqz84zk7z@privacy.org>;tag=hyh8`,
		`"a\"b\\c" <sip:x>`: `"a\"b\\c" <sip:x>`,
		`<sip:x;lr>;q=0.7;+sip.instance="<urn:uuid:1;2,3>"`: `<sip:x;lr>;q=0.7;+sip.instance="<urn:uuid:1;2,3>"`,
		`Jürgen <sip:x>`:                     `"Jürgen" <sip:x>`,
		`<tel:+61255500142;phone-context=x>`: `<tel:+61255500142;phone-context=x>`,
		`"" <sip:x>`:                         `<sip:x>`,
		`<sip:x>;a = "b c" ; d`:              `<sip:x>;a="b c";d`,
	} {
		a, err := ParseAddress(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		equal(t, text, a.String(), want)
		equal(t, "tag of "+text, addressTag(text), a.Tag())
	}
	for _, text := range []string{
		"", "x", "<sip:x", `"x <sip:x>`, `"x" sip:x`, "a, b <sip:x>", "<sip:x>, <sip:y>", "<sip:x>;", "<sip:x>;;a", `<sip:x>;a="`, "<sip:x> y", "< sip:x>", "sip:x?a=b", "a@b <sip:x>",
		"<sip:x>;a=b c",
	} {
		if a, err := ParseAddress(text); err == nil {
			t.Errorf("%q is accepted as %s", text, a)
		}
	}
	list, err := ParseAddresses(`"a, b" <sip:x?h=1,2>;q=1,sip:y;expires=5 , <sip:z>`)
	if err != nil || len(list) != 3 || list[0].Name != "a, b" || list[1].URI.Host != "y" || list[2].URI.Host != "z" {
		t.Errorf("%v, %v", list, err)
	}
	if _, err = ParseAddresses(strings.Repeat("<sip:x>,", maxListed) + "<sip:x>"); err == nil {
		t.Error("an endless list is accepted")
	}
	star, err := ParseAddresses("*")
	if err != nil || len(star) != 1 || star[0].URI.Host != "*" || star[0].String() != "*" {
		t.Errorf("* is %v, %v", star, err)
	}
}

func TestNumbersOfHeaders(t *testing.T) {
	t.Parallel()
	m := NewRequest("REGISTER", URI{})
	_, ok := m.Expires()
	equal(t, "no Expires", ok, false)
	equal(t, "no Max-Forwards", m.MaxForwards(), 70)
	for text, want := range map[string]int{"0": 0, "3600": 3600, "4294967295": 1<<32 - 1, "99999999999999999999999": 1<<32 - 1} {
		m.Set("Expires", text)
		n, ok := m.Expires()
		equal(t, text, n, want)
		equal(t, text, ok, true)
	}
	for _, text := range []string{"", "-1", "1 2", "1.5", "soon"} {
		m.Set("Expires", text)
		_, ok := m.Expires()
		equal(t, text, ok, false)
	}
	for text, want := range map[string]uint32{"0 A": 0, "2147483647 A": 1<<31 - 1, "00012\tA": 12, "2147483648 A": 0, "1": 0, "1A": 0, "A 1": 0, "1 A B": 0, "-1 A": 0} {
		m.Set("CSeq", text)
		n, _ := m.CSeq()
		equal(t, text, n, want)
	}
}
