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
	srv := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return withAuth(smtp.AuthSession.Auth, &visit{s, c}), nil }))
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

// signer is a visit that signs people in. S is the server's own interface for one mechanism, which is taken from its method below.
type signer[S any] struct{ *visit }

func withAuth[S any](_ func(smtp.AuthSession, string) (S, error), v *visit) smtp.Session {
	return signer[S]{v}
}

func (v signer[S]) Auth(mechanism string) (exchange S, err error) {
	check := func(name, secret string) error {
		if name != user || secret != password {
			return smtp.ErrAuthFailed
		}
		v.s.mu.Lock()
		defer v.s.mu.Unlock()
		v.s.user = name
		return nil
	}
	mechanisms := map[string]any{"PLAIN": &plain{check: check}, "LOGIN": &login{check: check}, "CRAM-MD5": &cramMD5{check: check}}
	exchange, known := mechanisms[mechanism].(S)
	if !known {
		return exchange, smtp.ErrAuthUnknownMechanism
	}
	return exchange, nil
}

// plain is RFC 4616: who to act as, the name and the password, with NULs between them.
type plain struct {
	check func(name, secret string) error
}

func (p *plain) Next(response []byte) ([]byte, bool, error) {
	if response == nil { // not sent along with the command
		return nil, false, nil
	}
	parts := bytes.Split(response, []byte{0})
	if len(parts) != 3 {
		return nil, false, smtp.ErrAuthFailed
	}
	return nil, true, p.check(string(parts[1]), string(parts[2]))
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
