package mailbox

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// parse reads subject, text and HTML of a mail.
func parse(data []byte) (Mail, error) {
	message, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return Mail{}, fmt.Errorf("read mail: %w", err)
	}
	var m Mail
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(message.Header.Get("Subject")); err != nil {
		m.Subject = message.Header.Get("Subject")
	}
	if err := m.read(textproto.MIMEHeader(message.Header), message.Body, 0); err != nil {
		return Mail{}, fmt.Errorf("read mail: %w", err)
	}
	m.Links = links(m.Text, m.HTML)
	return m, nil
}

// read takes the first text and the first HTML part at any depth; attachments are passed over.
func (m *Mail) read(header textproto.MIMEHeader, body io.Reader, depth int) error {
	const deepest = 5
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		kind = "text/plain" // RFC 2045 section 5.2
	}
	if strings.HasPrefix(kind, "multipart/") && depth < deepest {
		for parts := multipart.NewReader(body, params["boundary"]); ; {
			part, err := parts.NextRawPart()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if err := m.read(part.Header, part, depth+1); err != nil {
				return err
			}
		}
	}
	if kind != "text/plain" && kind != "text/html" {
		return nil
	}
	text, err := io.ReadAll(decoded(header.Get("Content-Transfer-Encoding"), body))
	if err != nil {
		return err
	}
	words := strings.ToValidUTF8(strings.ReplaceAll(string(text), "\r\n", "\n"), "\ufffd")
	switch {
	case kind == "text/plain" && m.Text == "":
		m.Text = words
	case kind == "text/html" && m.HTML == "":
		m.HTML = words
	}
	return nil
}

func decoded(encoding string, r io.Reader) io.Reader {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		return quotedprintable.NewReader(r)
	case "base64":
		return base64.NewDecoder(base64.StdEncoding, r)
	}
	return r
}

var webAddress = regexp.MustCompile("https?://[^\\s<>\"'`]+")

// links lists web addresses in the order of text and HTML, each once.
func links(text, markup string) []string {
	all := []string{}
	add := func(s string) {
		for _, link := range webAddress.FindAllString(s, -1) {
			link = strings.TrimRight(link, ".,;:!?)]}…")
			if !slices.Contains(all, link) {
				all = append(all, link)
			}
		}
	}
	add(text)
	for z := html.NewTokenizer(strings.NewReader(markup)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return all
		case html.TextToken:
			add(string(z.Text()))
		case html.StartTagToken:
			for _, a := range z.Token().Attr {
				if a.Key == "href" {
					add(a.Val)
				}
			}
		}
	}
}

// htmlText is the words of an HTML part, one line for each block.
func htmlText(markup string) string {
	var b strings.Builder
	hidden := 0
	for z := html.NewTokenizer(strings.NewReader(markup)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		t := z.Token()
		switch {
		case t.Data == "style" || t.Data == "script" || t.Data == "title":
			if kind == html.StartTagToken {
				hidden++
			} else if kind == html.EndTagToken {
				hidden--
			}
		case kind == html.TextToken && hidden == 0:
			b.WriteString(t.Data)
		case slices.Contains([]string{"p", "div", "br", "tr", "h1", "h2", "blockquote", "li"}, t.Data):
			b.WriteByte('\n')
		}
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
