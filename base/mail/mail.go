// Package mail writes Hubline's mails from one description, as text and as HTML, and hands them to an SMTP server. It
// knows neither who may write to whom nor when; a queue decides that.
package mail

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"
)

// Message is one mail to one address.
type Message struct {
	// ID becomes the left part of Message-ID, so that a mail which had to be sent twice can be recognised. A random one
	// is made when it is empty.
	ID      string
	From    string // "Name <address>"; that of the SMTP server's settings when empty
	To      string // in the form that ParseAddress returns
	ReplyTo string // an address or empty
	Subject string
	Text    string
	HTML    string // a second part with the same words; none when empty
}

// envelope is a message ready for the wire.
type envelope struct {
	from, to string
	data     []byte
}

// compose checks every value that ends up in the header or in the SMTP dialogue. What fails here fails at every try,
// so it counts as refused.
func compose(m Message, defaultFrom string, now time.Time) (envelope, error) {
	from, err := parseFrom(m.From, defaultFrom)
	if err != nil {
		return envelope{}, err
	}
	if to, err := ParseAddress(m.To); err != nil || to != m.To {
		return envelope{}, &refusal{reason: "the address is not exactly one email address"}
	}
	if m.ID == "" {
		m.ID = strings.ToLower(rand.Text())
	}
	if !isLocal(m.ID) {
		return envelope{}, &refusal{reason: "the ID cannot stand in Message-ID"}
	}
	if !isHeaderText(m.Subject) {
		return envelope{}, &refusal{reason: "the subject has a line break or another control character"}
	}
	g := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithEncoding(gomail.EncodingQP))
	g.FromMailAddress(from)
	g.ToMailAddress(&netmail.Address{Address: m.To})
	if m.ReplyTo != "" {
		reply, err := ParseAddress(m.ReplyTo)
		if err != nil {
			return envelope{}, &refusal{reason: "the reply address is not exactly one email address", err: err}
		}
		g.ReplyToMailAddress(&netmail.Address{Address: reply})
	}
	g.Subject(m.Subject)
	g.SetDateWithValue(now)
	g.SetMessageIDWithValue(m.ID + "@" + domainOf(from.Address))
	g.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 section 5: no out-of-office notes
	g.SetBodyString(gomail.TypeTextPlain, m.Text)
	if m.HTML != "" {
		g.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	var b bytes.Buffer
	if _, err := g.WriteTo(&b); err != nil {
		return envelope{}, fmt.Errorf("compose mail: %w", err)
	}
	return envelope{from: from.Address, to: m.To, data: b.Bytes()}, nil
}

// parseFrom reads "Name <address>" from settings, which are our operator's and not the public's.
func parseFrom(texts ...string) (*netmail.Address, error) {
	for _, text := range texts {
		if text == "" {
			continue
		}
		a, err := netmail.ParseAddress(text)
		if err == nil && isHeaderText(a.Name) {
			if address, wrong := ParseAddress(a.Address); wrong == nil {
				return &netmail.Address{Name: a.Name, Address: address}, nil
			}
		}
		return nil, fmt.Errorf(`mail: the sender %q is not in the form "Name <name@example.com>"`, text)
	}
	return nil, errors.New("mail: no sender address is set")
}

func domainOf(address string) string {
	return address[strings.LastIndexByte(address, '@')+1:]
}

// isHeaderText reports whether s stays one header line.
func isHeaderText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(c rune) bool {
		return unicode.IsControl(c) || c == '\u2028' || c == '\u2029'
	})
}
