// Package mailbox is the demo's mail server: SMTP on loopback that keeps every mail in a folder and shows it on a page.
// It delivers nothing and is no part of production.
package mailbox

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
)

// Mail is one delivered mail, in the form of /_mail.json.
type Mail struct {
	ID      string    `json:"id"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	Links   []string  `json:"links"` // every web address in text and HTML, each once
	SentAt  time.Time `json:"sent_at"`
}

// Options says where the mailbox listens and keeps its mails.
type Options struct {
	Dir        string                 // folder of mails.jsonl; made when absent
	Addr       string                 // a loopback address; a free port of 127.0.0.1 when empty
	Refuse     func(addr string) bool // recipients answered with 550; nil takes all
	Stylesheet string                 // path of a stylesheet that comes before the page's own; none when empty
	Log        *slog.Logger           // slog.Default when nil
	Now        func() time.Time
}

// Box is a running mailbox.
type Box struct {
	o        Options
	listener net.Listener
	server   *smtp.Server
	served   sync.WaitGroup

	mu    sync.Mutex
	file  *os.File
	mails []Mail
}

// maxMail bounds a mail, in bytes.
const maxMail = 10 << 20

// Start reads the mails kept in the folder and begins to listen.
func Start(o Options) (*Box, error) {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	b := &Box{o: o}
	if err := b.load(); err != nil {
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	var err error
	if b.listener, err = listen(o.Addr); err != nil {
		b.file.Close()
		return nil, fmt.Errorf("mailbox: %w", err)
	}
	b.server = smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &session{box: b}, nil }))
	b.server.Domain = "mailbox.hubline.test"
	b.server.MaxMessageBytes = maxMail
	b.server.MaxRecipients = 100
	b.server.ReadTimeout = time.Minute
	b.server.WriteTimeout = time.Minute
	b.server.ErrorLog = slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug) // what clients do wrong
	b.served.Go(func() {
		if err := b.server.Serve(b.listener); err != nil {
			o.Log.Error("the mailbox stopped", "error", err)
		}
	})
	return b, nil
}

func listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("%s is not a loopback address; the mailbox takes mail from anybody who reaches it", host)
	}
	return net.Listen("tcp", addr)
}

// Addr is the host and port of the SMTP server.
func (b *Box) Addr() string { return b.listener.Addr().String() }

// Close stops the server; the mails stay in the folder.
func (b *Box) Close() error {
	err := b.server.Close()
	b.listener.Close() // which the server does not know before it serves
	b.served.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Join(err, b.file.Close())
}

// Mails returns the mails in delivery order.
func (b *Box) Mails() []Mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.mails)
}

// Clear deletes all mails.
func (b *Box) Clear() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.file.Truncate(0); err != nil {
		return fmt.Errorf("mailbox: %w", err)
	}
	b.mails = nil
	return nil
}

// load opens the file, one mail a line. A last line without its end is what a killed process left; its mail was never
// acknowledged and is cut off.
func (b *Box) load() (err error) {
	if err := os.MkdirAll(b.o.Dir, 0o700); err != nil {
		return err
	}
	b.file, err = os.OpenFile(filepath.Join(b.o.Dir, "mails.jsonl"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	good := int64(0)
	for r := bufio.NewReader(b.file); ; {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return b.file.Truncate(good)
		}
		var m Mail
		if err == nil {
			err = json.Unmarshal(line, &m)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("%s: %w", b.file.Name(), err), b.file.Close())
		}
		b.mails = append(b.mails, m)
		good += int64(len(line))
	}
}

// keep stores one mail for each recipient, on disk first.
func (b *Box) keep(recipients []string, data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	parsed, err := parse(data)
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	var mails []Mail
	for _, to := range recipients {
		m := parsed
		m.ID, m.To, m.SentAt = strings.ToLower(rand.Text()), to, b.o.Now().UTC().Truncate(time.Millisecond)
		line, err := json.Marshal(m)
		if err != nil {
			return err
		}
		lines.Write(append(line, '\n'))
		mails = append(mails, m)
	}
	end, err := b.file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if _, err := b.file.Write(lines.Bytes()); err != nil {
		return errors.Join(err, b.file.Truncate(end))
	}
	b.mails = append(b.mails, mails...)
	return nil
}

// A session is one SMTP connection.
type session struct {
	box *Box
	to  []string
}

func (s *session) Reset()                               { s.to = nil }
func (s *session) Logout() error                        { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error { return nil }

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if refuse := s.box.o.Refuse; refuse != nil && refuse(to) {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such mailbox here"}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := s.box.keep(s.to, data); err != nil {
		s.box.o.Log.Error("a mail could not be kept", "error", err)
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "The mail could not be kept"}
	}
	return nil
}
