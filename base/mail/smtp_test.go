package mail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"hubline/base/mail"
)

var hello = mail.Message{
	ID: "abc123", To: "jo@harbour.example", ReplyTo: "support@provider.example",
	Subject: "Grüße aus Köln – your invitation to the phone system of Harbour Dental Group, 牙科",
	Text:    "Grüße\n.\n..\nFrom here\n" + strings.Repeat("long ", 300) + "\n",
	HTML:    "<p>Grüße</p>\n",
}

func client(addr string) *mail.SMTP {
	return &mail.SMTP{Addr: addr, TLS: mail.NoTLS, From: "Your Pröviders <no-reply@provider.example>", Timeout: 20 * time.Second}
}

func TestAMailArrivesAsItWasWritten(t *testing.T) {
	t.Parallel()
	box := startMailbox(t, nil)
	if err := client(box.Addr()).Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	got := box.Mails()
	if len(got) != 1 || got[0].To != hello.To || got[0].Subject != hello.Subject || got[0].Text != hello.Text || strings.TrimRight(got[0].HTML, "\n") != strings.TrimRight(hello.HTML, "\n") {
		t.Errorf("got %+v", got)
	}
}

func TestTheHeaderSaysWhatItMust(t *testing.T) {
	t.Parallel()
	s := new(server).serve(t, nil, false)
	c := client(s.Addr)
	now := time.Date(2026, 11, 22, 9, 14, 0, 0, time.FixedZone("", 11*3600))
	c.Now = func() time.Time { return now }
	if err := c.Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	h := s.received(t).Header
	for name, want := range map[string]string{
		"Message-Id":     "<abc123@provider.example>",
		"To":             "<jo@harbour.example>",
		"Reply-To":       "<support@provider.example>",
		"Auto-Submitted": "auto-generated",
		"Mime-Version":   "1.0",
		"User-Agent":     "",
		"X-Mailer":       "",
		"Date":           "Sun, 22 Nov 2026 09:14:00 +1100",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	from, err := h.AddressList("From")
	if err != nil || len(from) != 1 || from[0].Name != "Your Pröviders" || from[0].Address != "no-reply@provider.example" {
		t.Errorf("From %v, %v", from, err)
	}
	if kind, _, err := mime.ParseMediaType(h.Get("Content-Type")); err != nil || kind != "multipart/alternative" {
		t.Errorf("Content-Type %q, %v", kind, err)
	}
	if len(h) != 9 {
		t.Errorf("%d header fields: %v", len(h), h)
	}
}

func TestRefusedTellsRefusalsFromPassingErrors(t *testing.T) {
	t.Parallel()
	answer := func(code int, message string) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: message}
	}
	for name, test := range map[string]struct {
		server *server
		reason string // empty for an error that may pass
	}{
		"no such mailbox":  {&server{RCPT: answer(550, "No such mailbox")}, "No such mailbox"},
		"several lines":    {&server{RCPT: answer(553, "Not\nhere\tor there")}, "Not here or there"},
		"long":             {&server{DATA: answer(554, strings.Repeat("ä", 400))}, strings.Repeat("ä", 160) + "…"},
		"content refused":  {&server{DATA: answer(554, "Looks like spam")}, "Looks like spam"},
		"try later":        {&server{RCPT: answer(451, "Try later")}, ""},
		"full at the end":  {&server{DATA: answer(452, "No space")}, ""},
		"we are refused":   {&server{MAIL: answer(550, "Who are you")}, ""},
		"sign in first":    {&server{RCPT: answer(530, "Authentication required")}, ""},
		"sender try later": {&server{MAIL: answer(421, "Too many")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := test.server.serve(t, nil, false)
			err := client(s.Addr).Send(t.Context(), hello)
			reason, refused := mail.Refused(err)
			if err == nil || reason != test.reason || refused != (test.reason != "") {
				t.Errorf("%v is refused %v: %q", err, refused, reason)
			}
			if len(s.mails) != 0 {
				t.Error("a mail came through")
			}
		})
	}
	if _, refused := mail.Refused(nil); refused {
		t.Error("nil is refused")
	}
}

func TestTheMailboxRefusesAsItIsTold(t *testing.T) {
	t.Parallel()
	box := startMailbox(t, func(addr string) bool { return strings.HasPrefix(addr, "bounce") })
	m := hello
	m.To = "bounce.me@harbour.example"
	if reason, yes := mail.Refused(client(box.Addr()).Send(t.Context(), m)); !yes || reason == "" {
		t.Errorf("refused %v: %q", yes, reason)
	}
	if n := len(box.Mails()); n != 0 {
		t.Errorf("%d mails", n)
	}
}

func TestA5WhatCannotBeAHeaderIsRefusedBeforeAnyServerHearsOfIt(t *testing.T) {
	t.Parallel()
	s := new(server).serve(t, nil, false)
	bad := map[string]func(*mail.Message){
		"to with a header":         func(m *mail.Message) { m.To = "jo@harbour.example\r\nBcc: eve@evil.example" },
		"to with a parameter":      func(m *mail.Message) { m.To = "jo@harbour.example> NOTIFY=NEVER <x@y.example" },
		"two addresses":            func(m *mail.Message) { m.To = "jo@harbour.example,eve@evil.example" },
		"a name and an address":    func(m *mail.Message) { m.To = "Jo <jo@harbour.example>" },
		"a quoted local part":      func(m *mail.Message) { m.To = `"jo@evil.example> x"@harbour.example` },
		"not canonical":            func(m *mail.Message) { m.To = "Jo@Harbour.example" },
		"no address":               func(m *mail.Message) { m.To = "" },
		"subject with a header":    func(m *mail.Message) { m.Subject = "x\r\nBcc: eve@evil.example" },
		"subject with a newline":   func(m *mail.Message) { m.Subject = "x\n.\n" },
		"subject with a NUL":       func(m *mail.Message) { m.Subject = "x\x00" },
		"subject with U+2028":      func(m *mail.Message) { m.Subject = "x\u2028y" },
		"subject not UTF-8":        func(m *mail.Message) { m.Subject = "x\xff" },
		"reply-to with a header":   func(m *mail.Message) { m.ReplyTo = "jo@harbour.example\r\nX: y" },
		"reply-to a group":         func(m *mail.Message) { m.ReplyTo = "all:jo@harbour.example;" },
		"ID that leaves its field": func(m *mail.Message) { m.ID = "x>\r\nBcc: eve@evil.example" },
		"ID with an at":            func(m *mail.Message) { m.ID = "x@y" },
	}
	for name, spoil := range bad {
		m := hello
		spoil(&m)
		if reason, yes := mail.Refused(client(s.Addr).Send(t.Context(), m)); !yes || reason == "" {
			t.Errorf("%s: refused %v, %q", name, yes, reason)
		}
	}
	m := hello
	m.From = "Provider\r\nBcc: eve@evil.example <x@y.example>"
	if err := client(s.Addr).Send(t.Context(), m); err == nil {
		t.Error("a sender with a header was taken")
	}
	if len(s.mails) != 0 {
		t.Errorf("%d mails came through", len(s.mails))
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	forServer, forClient := certificate(t)
	for name, test := range map[string]struct {
		server   *tls.Config
		implicit bool
		mode     string
		client   *tls.Config
		want     string // part of the error
	}{
		"STARTTLS":                              {forServer, false, mail.STARTTLS, forClient, ""},
		"STARTTLS is what an empty value means": {forServer, false, "", forClient, ""},
		"implicit TLS":                          {forServer, true, mail.ImplicitTLS, forClient, ""},
		"STARTTLS is not offered":               {nil, false, mail.STARTTLS, forClient, "does not offer STARTTLS"},
		"STARTTLS with an unknown issuer":       {forServer, false, mail.STARTTLS, nil, "certificate"},
		"TLS with an unknown issuer":            {forServer, true, mail.ImplicitTLS, nil, "certificate"},
		"no such mode":                          {forServer, false, "maybe", forClient, "maybe"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&server{Mechanism: "PLAIN"}).serve(t, test.server, test.implicit)
			c := client(s.Addr)
			c.TLS, c.TLSConfig, c.Username, c.Password = test.mode, test.client, user, password
			err := c.Send(t.Context(), hello)
			if _, refused := mail.Refused(err); refused {
				t.Errorf("counts as refused: %v", err)
			}
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) || len(s.mails) != 0 || s.user != "" {
					t.Errorf("%v; %d mails, signed in as %q", err, len(s.mails), s.user)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s.received(t); !s.tls {
				t.Error("the mail came in clear")
			}
		})
	}
	c := client("mail.provider.example:25")
	if err := c.Send(t.Context(), hello); err == nil || !strings.Contains(err.Error(), "not this machine") {
		t.Errorf("without TLS to another machine: %v", err)
	}
}

func TestSigningIn(t *testing.T) {
	t.Parallel()
	forServer, forClient := certificate(t)
	for _, mechanism := range []string{"PLAIN", "LOGIN", "CRAM-MD5"} {
		for _, mode := range []string{mail.STARTTLS, mail.NoTLS} {
			t.Run(mechanism+" "+mode, func(t *testing.T) {
				t.Parallel()
				s := (&server{Mechanism: mechanism}).serve(t, forServer, false)
				c := client(s.Addr)
				c.TLS, c.TLSConfig, c.Username, c.Password = mode, forClient, user, password
				if err := c.Check(t.Context()); err != nil || s.user != user {
					t.Errorf("Check: %v, signed in as %q", err, s.user)
				}
				if err := c.Send(t.Context(), hello); err != nil {
					t.Error(err)
				}
				c.Password = "wrong"
				err := c.Send(t.Context(), hello)
				if _, refused := mail.Refused(err); err == nil || refused || strings.Contains(err.Error(), "wrong") {
					t.Errorf("a wrong password: %v", err)
				}
				s.received(t)
			})
		}
	}
	s := (&server{Mechanism: "SPNEGO"}).serve(t, nil, false)
	c := client(s.Addr)
	c.Username = user
	if err := c.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "GSSAPI SPNEGO") {
		t.Errorf("nothing in common: %v", err)
	}
}

func TestASilentServerCostsNoMoreThanTheTimeout(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			go func() { _, _ = io.Copy(io.Discard, conn) }()
		}
	}()
	c := client(l.Addr().String())
	c.Timeout = 50 * time.Millisecond
	if err := c.Send(t.Context(), hello); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	c.Timeout = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := c.Send(ctx, hello); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
