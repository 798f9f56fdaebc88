// Package mailbox is the demo's mail server: SMTP on loopback that keeps every mail in a folder and shows it on a page.
// It delivers nothing and is no part of production.
package mailbox

import (
	"log/slog"
	"net/http"
	"time"
)

// Mail is one delivered mail, in the form of /_mail.json.
type Mail struct {
	ID      string    `json:"id"`
	To      string    `json:"to"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	HTML    string    `json:"html"`
	Links   []string  `json:"links"`
	SentAt  time.Time `json:"sent_at"`
}

// Options says where the mailbox listens and keeps its mails.
type Options struct {
	Dir        string                 // folder of mails.jsonl; made when absent
	Addr       string                 // "127.0.0.1:0" when empty
	Refuse     func(addr string) bool // addresses answered with 550
	Stylesheet string                 // path of the portal's stylesheet, linked before the page's own
	Log        *slog.Logger
	Now        func() time.Time
}

// Box is a running mailbox.
type Box struct{}

// Start reads the mails kept in the folder and begins to listen.
func Start(o Options) (*Box, error) { return &Box{}, nil }

// Addr is the host and port of the SMTP server.
func (b *Box) Addr() string { return "" }

// Mails returns the mails in delivery order.
func (b *Box) Mails() []Mail { return nil }

// Clear deletes all mails.
func (b *Box) Clear() error { return nil }

// Handler serves /_mail, /_mail.json and /_mail.css.
func (b *Box) Handler() http.Handler { return http.NotFoundHandler() }

// Close stops the server; the mails stay in the folder.
func (b *Box) Close() error { return nil }
