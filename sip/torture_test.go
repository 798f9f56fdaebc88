package sip

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// drop is the answer to what must not be answered; the parser and Admit may both be the one to say so.
const drop = -1

// torture are the messages of RFC 4475, one file each, with the answer that a user agent server at the address gives before it looks at
// anything but the message. 0 lets it in; what the RFC leaves to an application (501, 401, 404) comes after that.
var torture = []struct {
	name, section string
	want          int
	look          func(t *testing.T, m *Message) // what the RFC says about its parts
}{
	{"wsinv", "3.1.1.1", 0, lookTortuous},
	{"intmeth", "3.1.1.2", 0, lookUnusualCharacters},
	{"esc01", "3.1.1.3", 0, func(t *testing.T, m *Message) {
		equal(t, "request user", m.Target.User, "sips:user@example.com")
		equal(t, "To user", m.To().URI.User, "user")
		equal(t, "From user", m.From().URI.User, "I have spaces")
		equal(t, "Contact user", m.Contacts()[0].URI.User, "caller")
	}},
	{"escnull", "3.1.1.4", 0, func(t *testing.T, m *Message) {
		equal(t, "To user", m.To().URI.User, "null-\x00-null")
		equal(t, "contacts", len(m.Contacts()), 2)
		equal(t, "second contact", m.Contacts()[1].URI.User, "\x00\x00")
		equal(t, "and back", m.Contacts()[1].URI.String(), "sip:%00%00@host5.example.com")
	}},
	{"esc02", "3.1.1.5", 0, func(t *testing.T, m *Message) {
		equal(t, "method", m.Method, "RE%47IST%45R")
		equal(t, "To name", m.To().Name, "%Z%45")
		equal(t, "contacts", len(m.Contacts()), 2)
	}},
	{"lwsdisp", "3.1.1.6", 0, func(t *testing.T, m *Message) {
		equal(t, "From name", m.From().Name, "caller")
		equal(t, "From user", m.From().URI.User, "caller")
	}},
	{"longreq", "3.1.1.7", 0, func(t *testing.T, m *Message) {
		equal(t, "Vias", len(m.All("v")), 34)
		equal(t, "To name", m.To().Name, "I have a user name of "+strings.Repeat("extreme", 10)+" proportion")
		equal(t, "tag", m.FromTag(), "12"+strings.Repeat("982", 50)+"424")
		v, _ := m.To().URI.Params.Get("longparam" + strings.Repeat("name", 25))
		equal(t, "parameter", v, "shortvalue")
	}},
	{"dblreq", "3.1.1.8", 0, func(t *testing.T, m *Message) {
		equal(t, "method", m.Method, "REGISTER")
		equal(t, "body", len(m.Body), 0)
	}},
	{"semiuri", "3.1.1.9", 0, func(t *testing.T, m *Message) {
		equal(t, "user", m.Target.User, "user;par=u@example.net")
		equal(t, "host", m.Target.Host, "example.com")
	}},
	{"transports", "3.1.1.10", 0, func(t *testing.T, m *Message) {
		equal(t, "transport", m.Via().Transport, "UDP")
	}},
	{"mpart01", "3.1.1.11", 0, func(t *testing.T, m *Message) {
		equal(t, "body", len(m.Body), 553)
		equal(t, "SDP", m.SDP() == nil, true)
	}},
	{"unreason", "3.1.1.12", 0, func(t *testing.T, m *Message) {
		equal(t, "reason", m.Reason, "= 2**3 * 5**2 но сто девяносто девять - простое")
	}},
	{"noreason", "3.1.1.13", 0, func(t *testing.T, m *Message) {
		equal(t, "status", m.Status, 100)
		equal(t, "reason", m.Reason, "")
	}},

	{"badinv01", "3.1.2.1", 400, nil},
	{"clerr", "3.1.2.2", 400, nil},
	{"ncl", "3.1.2.3", 400, nil},
	{"scalar02", "3.1.2.4", 400, nil},
	{"scalarlg", "3.1.2.5", drop, nil},
	{"quotbal", "3.1.2.6", 400, nil},
	{"ltgtruri", "3.1.2.7", 400, nil},
	{"lwsruri", "3.1.2.8", 400, nil},
	{"lwsstart", "3.1.2.9", 400, nil},
	{"trws", "3.1.2.10", 400, nil},
	{"escruri", "3.1.2.11", 400, nil},
	{"baddate", "3.1.2.12", 400, nil},
	{"regbadct", "3.1.2.13", 400, nil},
	{"badaspec", "3.1.2.14", 400, nil},
	{"baddn", "3.1.2.15", 400, nil},
	{"badvers", "3.1.2.16", 505, nil},
	{"mismatch01", "3.1.2.17", 400, nil},
	{"mismatch02", "3.1.2.18", 400, nil},
	{"bigcode", "3.1.2.19", drop, nil},

	{"badbranch", "3.2.1", 0, func(t *testing.T, m *Message) {
		equal(t, "branch", m.Branch(), "z9hG4bK")
	}},

	{"insuf", "3.3.1", 400, nil},
	{"unkscm", "3.3.2", 416, nil},
	{"novelsc", "3.3.3", 416, nil},
	{"unksm2", "3.3.4", 400, nil},
	{"bext01", "3.3.5", 420, func(t *testing.T, m *Message) {
		equal(t, "Unsupported", m.Answer(420, "").Get("Unsupported"), "nothingSupportsThis, nothingSupportsThisEither")
	}},
	{"invut", "3.3.6", 415, func(t *testing.T, m *Message) {
		equal(t, "Accept", m.Answer(415, "").Get("Accept"), "application/sdp")
	}},
	{"regaut01", "3.3.7", 0, func(t *testing.T, m *Message) {
		_, err := ParseCredentials(m.Get("Authorization"))
		equal(t, "credentials refused", err != nil, true)
	}},
	{"multi01", "3.3.8", 400, nil},
	{"mcl01", "3.3.9", 400, nil},
	{"bcast", "3.3.10", drop, nil},
	{"zeromf", "3.3.11", 0, func(t *testing.T, m *Message) {
		equal(t, "Max-Forwards", m.MaxForwards(), 0)
	}},
	{"cparam01", "3.3.12", 0, func(t *testing.T, m *Message) {
		_, ok := m.Contacts()[0].Params.Get("unknownparam")
		equal(t, "a parameter of the header", ok, true)
	}},
	{"cparam02", "3.3.13", 0, func(t *testing.T, m *Message) {
		_, ok := m.Contacts()[0].URI.Params.Get("unknownparam")
		equal(t, "a parameter of the URI", ok, true)
	}},
	{"regescrt", "3.3.14", 0, func(t *testing.T, m *Message) {
		equal(t, "embedded Route", m.Contacts()[0].URI.Headers, "Route=%3Csip:sip.example.com%3E")
	}},
	{"sdp01", "3.3.15", 406, nil},
	{"inv2543", "3.4.1", 0, func(t *testing.T, m *Message) {
		equal(t, "body", len(m.Body) > 0, true)
		equal(t, "From tag", m.FromTag(), "")
		equal(t, "Max-Forwards", m.MaxForwards(), 70)
	}},
}

func TestEveryTortureMessageGetsTheAnswerTheRFCExpects(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/torture/*.dat")
	if err != nil || len(files) != 49 || len(torture) != 49 {
		t.Fatalf("%d files, %d rows, %v; RFC 4475 has 49 messages", len(files), len(torture), err)
	}
	right := 0
	for _, row := range torture {
		if t.Run(row.section+" "+row.name, func(t *testing.T) {
			m, got := receive(t, tortureFile(t, row.name))
			if got != row.want {
				reason := ""
				if m != nil {
					_, reason = Admit(m)
				}
				t.Fatalf("answered %d %s, want %d", got, reason, row.want)
			}
			if m != nil {
				checkOutgoing(t, m)
			}
			if row.look != nil {
				row.look(t, m)
			}
		}) {
			right++
		}
	}
	t.Logf("%d of 49 messages", right)
}

func lookTortuous(t *testing.T, m *Message) {
	equal(t, "To tag", m.ToTag(), "1918181833n")
	equal(t, "From name", m.From().Name, `J Rosenberg \"`)
	equal(t, "From tag", m.From().Tag(), "98asjd8")
	equal(t, "Max-Forwards", m.MaxForwards(), 68)
	n, method := m.CSeq()
	equal(t, "CSeq", n, 9)
	equal(t, "CSeq method", method, "INVITE")
	equal(t, "branch", m.Branch(), "390skdjuw")
	equal(t, "host", m.Via().Host, "192.0.2.2")
	equal(t, "Vias", len(m.All("Via")), 2)
	equal(t, "Subject", m.Get("Subject"), "")
	equal(t, "unknown", m.Get("unknownheaderWITHunusualvalue"), ";;,,;;,;")
	equal(t, "Contact name", m.Contacts()[0].Name, `Quoted string ""`)
	v, _ := m.Contacts()[0].Params.Get("newparam")
	equal(t, "newparam", v, "newvalue")
	q, _ := m.Contacts()[0].Params.Get("q")
	equal(t, "q", q, "0.33")
	equal(t, "body", len(m.Body), 150)
	equal(t, "SDP", len(m.SDP()), 150)
}

func lookUnusualCharacters(t *testing.T, m *Message) {
	equal(t, "method", m.Method, "!interesting-Method0123456789_*+`.%indeed'~")
	equal(t, "user", m.Target.User, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*")
	equal(t, "password", m.Target.Password, "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
	equal(t, "From name", m.From().Name, "token1~` token2'+_ token3*%!.-")
	equal(t, "From tag", m.FromTag(), "_token~1'+`*%!-.")
	equal(t, "extension", m.Get("extensionHeader-!.%*+_`'~"), "\uFEFF大停電")
}

func tortureFile(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/torture/" + name + ".dat")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// receive does what the engine does with a datagram.
func receive(t testing.TB, datagram []byte) (*Message, int) {
	t.Helper()
	m, err := Parse(datagram)
	if err != nil {
		return nil, drop
	}
	status, _ := Admit(m)
	return m, status
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %#v, want %#v", what, got, want)
	}
}
