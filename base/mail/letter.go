package mail

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"unicode"
)

// Provider is who writes: the company whose name and contact stand in every mail. Empty fields are left out.
type Provider struct {
	Name    string
	Phone   string
	Address string // postal
	Support string // an email address or the address of a page
	From    string // "Name <address>"
}

// Letter describes one mail; Render makes its text and its HTML part.
type Letter struct {
	ID        string // see Message
	To        string
	ReplyTo   string // the provider's support address when empty
	Subject   string
	Preheader string // what an inbox shows beside the subject
	Title     string // the heading
	Blocks    []Block
	Footer    []string // why it was sent and what to do if that was a mistake; the provider's line is added
}

// Block is one element of a letter, made by Paragraph, Code, Quote, Facts, Button or Small.
type Block struct{ e element }

type element struct {
	Kind  string
	Spans []Span
	Lines []string
	Facts []Fact
	Text  string
	URL   string
}

// Span is a run of words inside a paragraph.
type Span struct {
	Text   string
	Strong bool
}

// Text is plain words after others in a paragraph.
func Text(s string) Span { return Span{Text: s} }

// Strong is words in bold.
func Strong(s string) Span { return Span{Text: s, Strong: true} }

// Paragraph is running text. Spaces between spans are the caller's.
func Paragraph(text string, more ...Span) Block {
	return Block{element{Kind: "paragraph", Spans: append([]Span{Text(text)}, more...)}}
}

// Code is a one-time code in large figures.
func Code(code string) Block { return Block{element{Kind: "code", Text: code}} }

// Quote is what a person wrote, shown as text with its line breaks and marked as a quotation.
func Quote(text string) Block {
	return Block{element{Kind: "quote", Lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")}}
}

// Fact is one row of a Facts table.
type Fact struct{ Label, Value string }

// Facts is a small table of labels and values.
func Facts(facts ...Fact) Block { return Block{element{Kind: "facts", Facts: facts}} }

// Button is the one link of a letter. The HTML part ends with its address to copy.
func Button(text, address string) Block {
	return Block{element{Kind: "button", Text: text, URL: address}}
}

// Small is small print.
func Small(text string) Block { return Block{element{Kind: "small", Text: text}} }

//go:embed letter.html
var letterHTML string

var letterTemplate = template.Must(template.New("letter").Parse(letterHTML))

type view struct {
	Provider, Contact, Subject, Preheader, Title string
	Blocks                                       []element
	Footer                                       []string
	Link                                         string // the button's address
}

// Render makes the mail. Every value is shown as text: markup, line breaks and direction marks in a name have no effect.
func Render(p Provider, l Letter) (Message, error) {
	v := view{
		Provider: oneLine(p.Name), Contact: contact(p),
		Subject: oneLine(l.Subject), Preheader: oneLine(l.Preheader), Title: oneLine(l.Title),
	}
	for _, b := range l.Blocks {
		e, err := cleaned(b.e)
		if err != nil {
			return Message{}, fmt.Errorf("mail: letter %q: %w", v.Subject, err)
		}
		if e.Kind == "button" {
			if v.Link != "" {
				return Message{}, fmt.Errorf("mail: letter %q has two buttons", v.Subject)
			}
			v.Link = e.URL
		}
		v.Blocks = append(v.Blocks, e)
	}
	for _, line := range l.Footer {
		v.Footer = append(v.Footer, oneLine(line))
	}
	var html bytes.Buffer
	if err := letterTemplate.Execute(&html, v); err != nil {
		return Message{}, fmt.Errorf("mail: letter %q: %w", v.Subject, err)
	}
	m := Message{ID: l.ID, From: p.From, To: l.To, ReplyTo: l.ReplyTo, Subject: v.Subject, Text: plain(v), HTML: html.String()}
	if m.ReplyTo == "" {
		if support, err := ParseAddress(p.Support); err == nil {
			m.ReplyTo = support
		}
	}
	return m, nil
}

func contact(p Provider) string {
	var parts []string
	for _, part := range []string{p.Name, p.Address, p.Phone, p.Support} {
		if part = oneLine(part); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " · ")
}

func cleaned(e element) (element, error) {
	c := element{Kind: e.Kind, Text: oneLine(e.Text)}
	switch e.Kind {
	case "button":
		if !isWebAddress(e.URL) {
			return c, errors.New("the button's address is not a web address")
		}
		c.URL = e.URL
	case "":
		return c, errors.New("an empty block")
	}
	for _, s := range e.Spans {
		c.Spans = append(c.Spans, Span{Text: clean(s.Text), Strong: s.Strong})
	}
	for _, line := range e.Lines {
		c.Lines = append(c.Lines, oneLine(line))
	}
	for _, f := range e.Facts {
		c.Facts = append(c.Facts, Fact{Label: oneLine(f.Label), Value: oneLine(f.Value)})
	}
	return c, nil
}

// isWebAddress accepts what is a link, the same link, in both parts.
func isWebAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.String() == s
}

// oneLine is clean without surplus spaces; those that must not break stay.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(clean(s), func(c rune) bool { return c == ' ' }), " ")
}

// clean makes every line break and control character a space and drops the marks that turn the direction of text,
// with which a name could rewrite the words around it.
func clean(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case unicode.IsControl(c), c == '\u2028', c == '\u2029':
			return ' '
		case unicode.Is(unicode.Bidi_Control, c), c == '\ufeff':
			return -1
		}
		return c
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// plain writes the text part: the words of the HTML part in the same order.
func plain(v view) string {
	parts := []string{v.Title}
	for _, e := range v.Blocks {
		switch e.Kind {
		case "paragraph":
			var b strings.Builder
			for _, s := range e.Spans {
				b.WriteString(s.Text)
			}
			parts = append(parts, strings.TrimSpace(b.String()))
		case "quote":
			parts = append(parts, "> "+strings.Join(e.Lines, "\n> "))
		case "facts":
			var lines []string
			for _, f := range e.Facts {
				lines = append(lines, f.Label+": "+f.Value)
			}
			parts = append(parts, strings.Join(lines, "\n"))
		case "button":
			parts = append(parts, e.Text+":\n"+e.URL)
		default:
			parts = append(parts, e.Text)
		}
	}
	parts = append(parts, v.Footer...)
	if v.Contact != "" {
		parts = append(parts, v.Contact)
	}
	return strings.Join(parts, "\n\n") + "\n"
}
