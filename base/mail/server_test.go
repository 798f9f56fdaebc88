package mail_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	netmail "net/mail"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"hubline/base/mail/mailbox"
)

// A server is a real SMTP server that answers as it is told.
type server struct {
	Addr      string
	MAIL      error // the answers; nil is yes
	RCPT      error
	DATA      error
	Mechanism string // offered for signing in; none when empty

	mu    sync.Mutex
	mails [][]byte
	user  string // who signed in last
	tls   bool   // whether the last mail came over TLS
}

const user, password = "relay", "a password"

// serve starts s; config makes it offer STARTTLS, or speak TLS from the first byte when implicit.
func (s *server) serve(t *testing.T, config *tls.Config, implicit bool) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Addr = l.Addr().String()
	if implicit {
		l = tls.NewListener(l, config)
	}
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &visit{s, c}, nil }))
	srv.Domain = "server.example"
	srv.TLSConfig = config
	srv.AllowInsecureAuth = true
	srv.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	var served sync.WaitGroup
	served.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() { srv.Close(); l.Close(); served.Wait() })
	return s
}

// certificate is one that the config for clients trusts and no other.
func certificate(t *testing.T) (forServer, forClient *tls.Config) {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	t.Cleanup(web.Close)
	return &tls.Config{Certificates: web.TLS.Certificates, MinVersion: tls.VersionTLS12},
		&tls.Config{RootCAs: web.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12}
}

// received returns the only mail.
func (s *server) received(t *testing.T) *netmail.Message {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mails) != 1 {
		t.Fatalf("%d mails came", len(s.mails))
	}
	m, err := netmail.ReadMessage(bytes.NewReader(s.mails[0]))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

type visit struct {
	s    *server
	conn *smtp.Conn
}

func (v *visit) Reset()                               {}
func (v *visit) Logout() error                        { return nil }
func (v *visit) Mail(string, *smtp.MailOptions) error { return v.s.MAIL }
func (v *visit) Rcpt(string, *smtp.RcptOptions) error { return v.s.RCPT }
func (v *visit) AuthMechanisms() []string {
	if v.s.Mechanism == "" {
		return nil
	}
	return []string{"GSSAPI", v.s.Mechanism}
}

func (v *visit) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if v.s.DATA != nil {
		return v.s.DATA
	}
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	v.s.mails = append(v.s.mails, data)
	_, v.s.tls = v.conn.TLSConnectionState()
	return nil
}

func (v *visit) Auth(mechanism string) (sasl.Server, error) {
	check := func(name, secret string) error {
		if name != user || secret != password {
			return smtp.ErrAuthFailed
		}
		v.s.mu.Lock()
		defer v.s.mu.Unlock()
		v.s.user = name
		return nil
	}
	switch mechanism {
	case "PLAIN":
		return sasl.NewPlainServer(func(_, name, secret string) error { return check(name, secret) }), nil
	case "LOGIN":
		return &login{check: check}, nil
	case "CRAM-MD5":
		return &cramMD5{check: check}, nil
	}
	return nil, smtp.ErrAuthUnknownMechanism
}

// login asks for name and password in turn.
type login struct {
	check func(name, secret string) error
	asked int
	name  string
}

func (l *login) Next(response []byte) ([]byte, bool, error) {
	l.asked++
	switch l.asked {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.name = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.name, string(response))
}

// cramMD5 is RFC 2195.
type cramMD5 struct {
	check func(name, secret string) error
	asked bool
}

func (c *cramMD5) Next(response []byte) ([]byte, bool, error) {
	const challenge = "<1896.697170952@server.example>"
	if !c.asked {
		c.asked = true
		return []byte(challenge), false, nil
	}
	mac := hmac.New(md5.New, []byte(password))
	mac.Write([]byte(challenge))
	name, digest, _ := bytes.Cut(response, []byte(" "))
	if string(digest) != hex.EncodeToString(mac.Sum(nil)) {
		return nil, false, errors.Join(smtp.ErrAuthFailed, c.check(string(name), "wrong"))
	}
	return nil, true, c.check(string(name), password)
}

// startMailbox starts the demo's mailbox.
func startMailbox(t *testing.T, refuse func(string) bool) *mailbox.Box {
	t.Helper()
	b, err := mailbox.Start(mailbox.Options{Dir: t.TempDir(), Refuse: refuse, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}
