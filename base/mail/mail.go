// Package mail writes Hubline's mails from one description, as text and as HTML, and hands them to an SMTP server. It
// knows neither who may write to whom nor when; a queue decides that.
package mail

import (
	"context"
	"crypto/tls"
	"time"
)

// Message is one mail to one address. To and ReplyTo are in the form that ParseAddress returns.
type Message struct {
	ID      string // the left part of Message-ID, so that a repeat can be told from a second mail; random when empty
	To      string
	Subject string
	Text    string
	HTML    string
	ReplyTo string
}

// SMTP says how to reach the server that takes our mails.
type SMTP struct {
	Addr      string // host:port
	Username  string
	Password  string
	From      string        // "Name <address>"
	TLS       string        // "starttls", "tls" or, on loopback only, "none"
	Timeout   time.Duration // of one whole delivery; 30 seconds when 0
	Hello     string        // name given in EHLO; the domain of From when empty
	TLSConfig *tls.Config
	Now       func() time.Time
}

// Send delivers one mail. After nil the server has taken it.
func (s *SMTP) Send(ctx context.Context, m Message) error { return nil }

// Check signs in to the server and leaves without sending anything.
func (s *SMTP) Check(ctx context.Context) error { return nil }

// Refused tells whether err means that this mail will never be taken, and the reason for people.
func Refused(err error) (reason string, yes bool) { return "", false }

// ParseAddress returns the canonical form of exactly one email address.
func ParseAddress(text string) (string, error) { return text, nil }
