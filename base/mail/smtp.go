package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// The values of SMTP.TLS.
const (
	STARTTLS    = "starttls" // begins in clear and must turn to TLS; port 587
	ImplicitTLS = "tls"      // TLS from the first byte; port 465
	NoTLS       = "none"     // for a server on this machine only
)

// defaultTimeout bounds one whole delivery.
const defaultTimeout = 30 * time.Second

// SMTP is the server that takes our mails. Its methods may be used at the same time; each makes its own connection.
type SMTP struct {
	Addr      string // host:port
	Username  string // empty for a server that does not ask
	Password  string
	From      string        // "Name <address>"
	TLS       string        // STARTTLS when empty
	Timeout   time.Duration // of one whole delivery; half a minute when 0
	Hello     string        // our name in EHLO; the domain of From when empty
	TLSConfig *tls.Config   // roots other than the system's
	Now       func() time.Time
}

// Send hands over one mail. After nil the server has it and answers for it. Any error means that it may not have
// arrived; if the connection broke between the end of the mail and the reply it has, and sending it again makes a
// second one with the same Message-ID. Refused tells errors that no repetition mends.
func (s *SMTP) Send(ctx context.Context, m Message) error {
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	e, err := compose(m, s.From, now())
	if err != nil {
		return err
	}
	return s.session(ctx, func(c *smtp.Client) error { return deliver(c, e) })
}

// Check signs in to the server and leaves again without sending anything.
func (s *SMTP) Check(ctx context.Context) error {
	return s.session(ctx, func(c *smtp.Client) error { return operation("NOOP", c.Noop()) })
}

// session connects, secures and signs in, and runs fn.
func (s *SMTP) session(ctx context.Context, fn func(*smtp.Client) error) error {
	host, err := s.host()
	if err != nil {
		return err
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := s.dial(ctx, host)
	if err != nil {
		return operation("connect to "+s.Addr, err)
	}
	// Closing the connection, rather than the client, never completes a mail that was only half written.
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	err = s.talk(conn, host, fn)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	return err
}

func (s *SMTP) talk(conn net.Conn, host string, fn func(*smtp.Client) error) error {
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return operation("greeting", err)
	}
	c.SkipSMTPUTF8(true) // our addresses are ASCII
	if err := s.begin(c, host); err != nil {
		return err
	}
	if err := fn(c); err != nil {
		return err
	}
	_ = c.Quit() // the mail is handed over already, whatever comes now
	return nil
}

func (s *SMTP) host() (string, error) {
	host, _, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return "", fmt.Errorf("mail: the server %q is not in the form host:port", s.Addr)
	}
	switch s.TLS {
	case "", STARTTLS, ImplicitTLS:
		return host, nil
	case NoTLS:
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return "", fmt.Errorf("mail: %s is not this machine, so TLS has to be %q or %q", host, STARTTLS, ImplicitTLS)
		}
		return host, nil
	}
	return "", fmt.Errorf("mail: TLS is %q and has to be %q, %q or %q", s.TLS, STARTTLS, ImplicitTLS, NoTLS)
}

func (s *SMTP) dial(ctx context.Context, host string) (net.Conn, error) {
	if s.TLS == ImplicitTLS {
		return (&tls.Dialer{Config: s.tlsConfig(host)}).DialContext(ctx, "tcp", s.Addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", s.Addr)
}

func (s *SMTP) tlsConfig(host string) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.TLSConfig != nil {
		config = s.TLSConfig.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	return config
}

// begin says hello, turns to TLS and signs in.
func (s *SMTP) begin(c *smtp.Client, host string) error {
	if err := c.Hello(s.hello()); err != nil {
		return operation("EHLO", err)
	}
	if s.TLS == "" || s.TLS == STARTTLS {
		if ok, _ := c.Extension("STARTTLS"); !ok {
			return errors.New("mail: the server does not offer STARTTLS, and without it nothing is sent")
		}
		if err := c.StartTLS(s.tlsConfig(host)); err != nil {
			return operation("STARTTLS", err)
		}
	}
	if s.Username == "" {
		return nil
	}
	auth, err := s.auth(c, host)
	if err != nil {
		return err
	}
	return operation("AUTH", c.Auth(auth))
}

func (s *SMTP) hello() string {
	if s.Hello != "" {
		return s.Hello
	}
	if from, err := parseFrom(s.From); err == nil {
		return domainOf(from.Address)
	}
	return "localhost"
}

// auth picks a mechanism that the server offers: under TLS the plain ones, which every server really supports, else
// the one that does not show the password.
func (s *SMTP) auth(c *smtp.Client, host string) (smtp.Auth, error) {
	_, offered := c.Extension("AUTH")
	order := []string{"PLAIN", "LOGIN", "CRAM-MD5"}
	if s.TLS == NoTLS {
		order = []string{"CRAM-MD5", "PLAIN", "LOGIN"}
	}
	has := make(map[string]bool)
	for _, name := range strings.Fields(strings.ToUpper(offered)) {
		has[name] = true
	}
	// TLS or loopback holds here, so the library need not check again.
	const unencrypted = true
	for _, name := range order {
		switch {
		case !has[name]:
		case name == "PLAIN":
			return smtp.PlainAuth("", s.Username, s.Password, host, unencrypted), nil
		case name == "LOGIN":
			return smtp.LoginAuth(s.Username, s.Password, host, unencrypted), nil
		default:
			return smtp.CRAMMD5Auth(s.Username, s.Password), nil
		}
	}
	return nil, fmt.Errorf("mail: the server offers no way to sign in that we know (it offers %q)", offered)
}

// deliver is one mail transaction (RFC 5321 section 3.3).
func deliver(c *smtp.Client, e envelope) error {
	if err := c.Mail("<" + e.from + ">"); err != nil {
		return operation("MAIL FROM", err) // about us, not about the mail, so it may pass
	}
	if err := c.Rcpt("<" + e.to + ">"); err != nil {
		return answered("RCPT TO", err)
	}
	w, err := c.Data()
	if err != nil {
		return answered("DATA", err)
	}
	if _, err := w.Write(e.data); err != nil {
		return operation("send the mail", err)
	}
	return answered("end of DATA", w.Close())
}

func operation(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("mail: %s: %w", what, err)
}

// answered turns a permanent answer about this mail into a refusal. 530 asks us to sign in and is no such answer.
func answered(what string, err error) error {
	err = operation(what, err)
	if e, ok := errors.AsType[*textproto.Error](err); ok && e.Code/100 == 5 && e.Code != 530 {
		return &refusal{reason: reasonOf(e), err: err}
	}
	return err
}

// A refusal is the last word about a mail.
type refusal struct {
	reason string
	err    error
}

func (r *refusal) Error() string {
	if r.err != nil {
		return r.err.Error()
	}
	return "mail: " + r.reason
}

func (r *refusal) Unwrap() error { return r.err }

// Refused reports whether err says that this mail will never be taken, and the short reason that people may read. The
// reason can be the words of a foreign server: show it as text.
func Refused(err error) (reason string, yes bool) {
	r, ok := errors.AsType[*refusal](err)
	if !ok {
		return "", false
	}
	return r.reason, true
}

// maxReason bounds a reason, in characters.
const maxReason = 160

// reasonOf is a server's answer as one short line without the enhanced code that begins each of its lines (RFC 2034
// section 4).
func reasonOf(e *textproto.Error) string {
	var words []string
	for line := range strings.SplitSeq(e.Msg, "\n") {
		if code, rest, _ := strings.Cut(line, " "); strings.HasPrefix(code, "5.") {
			line = rest
		}
		words = append(words, line)
	}
	reason := oneLine(strings.Join(words, " "))
	if reason == "" {
		return fmt.Sprintf("refused with code %d", e.Code)
	}
	if r := []rune(reason); len(r) > maxReason {
		reason = string(r[:maxReason]) + "…"
	}
	return reason
}
