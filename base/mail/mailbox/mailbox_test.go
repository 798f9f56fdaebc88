package mailbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"hubline/base/mail"
	"hubline/base/mail/mailbox"
)

func start(t *testing.T, o mailbox.Options) *mailbox.Box {
	t.Helper()
	o.Log = slog.New(slog.DiscardHandler)
	b, err := mailbox.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceValue(b.Close)
	t.Cleanup(func() { _ = stop() })
	return b
}

func send(t *testing.T, b *mailbox.Box, m mail.Message) {
	t.Helper()
	s := mail.SMTP{Addr: b.Addr(), TLS: mail.NoTLS, From: "Provider <no-reply@provider.example>"}
	if m.To == "" {
		m.To = "jo@harbour.example"
	}
	if err := s.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func ask(t *testing.T, b *mailbox.Box, method, path string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Result()
}

func TestJSONIsTheContract(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 14, 0, 0, time.FixedZone("AEDT", 11*3600))
	b := start(t, mailbox.Options{Dir: t.TempDir(), Now: func() time.Time { return now }})
	if body, _ := io.ReadAll(ask(t, b, "GET", "/_mail.json").Body); strings.TrimSpace(string(body)) != "[]" {
		t.Errorf("an empty mailbox is %s", body)
	}
	send(t, b, mail.Message{
		Subject: "Grüße & <b>", Text: "See https://a.example/x?y=1&z=2.\nand (http://b.example/) or https://a.example/x?y=1&z=2\n",
		HTML: `<p>Go <a href="https://c.example/?q=1&amp;r=2">there</a>, https://b.example/ or <a href="mailto:x@y.example">write</a></p>`,
	})
	send(t, b, mail.Message{Subject: "second", Text: "no link\n"})
	answer := ask(t, b, "GET", "/_mail.json")
	if kind := answer.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("Content-Type %s", kind)
	}
	var got []map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0]["id"] == got[1]["id"] || got[0]["id"] == "" {
		t.Fatalf("%v", got)
	}
	for _, m := range got {
		delete(m, "id")
	}
	want := []map[string]any{
		{
			"to": "jo@harbour.example", "subject": "Grüße & <b>", "sent_at": "2026-11-21T22:14:00Z",
			"text":  "See https://a.example/x?y=1&z=2.\nand (http://b.example/) or https://a.example/x?y=1&z=2\n",
			"html":  `<p>Go <a href="https://c.example/?q=1&amp;r=2">there</a>, https://b.example/ or <a href="mailto:x@y.example">write</a></p>`,
			"links": []any{"https://a.example/x?y=1&z=2", "http://b.example/", "https://c.example/?q=1&r=2", "https://b.example/"},
		},
		{"to": "jo@harbour.example", "subject": "second", "sent_at": "2026-11-21T22:14:00Z", "text": "no link\n", "html": "", "links": []any{}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
	if answer := ask(t, b, "DELETE", "/_mail.json"); answer.StatusCode != http.StatusNoContent {
		t.Errorf("DELETE answers %s", answer.Status)
	}
	if n := len(b.Mails()); n != 0 {
		t.Errorf("%d mails after DELETE", n)
	}
}

func TestMailsStayInOrderAcrossStarts(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mail")
	var want []string
	for round := range 3 {
		b := start(t, mailbox.Options{Dir: dir})
		for n := range 5 {
			subject := fmt.Sprint(round, ".", n)
			send(t, b, mail.Message{Subject: subject, Text: "x"})
			want = append(want, subject)
		}
		before := b.Mails()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		after := start(t, mailbox.Options{Dir: dir}).Mails()
		var got []string
		for _, m := range after {
			got = append(got, m.Subject)
		}
		if !slices.Equal(got, want) || !reflect.DeepEqual(before, after) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

func TestWhatAKilledProcessLeftIsCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, mailbox.Options{Dir: dir})
	send(t, b, mail.Message{Subject: "whole", Text: "x"})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "mails.jsonl")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(data, `{"id":"half","to":"j`...), 0o600); err != nil {
		t.Fatal(err)
	}
	b = start(t, mailbox.Options{Dir: dir})
	send(t, b, mail.Message{Subject: "next", Text: "x"})
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	mails := start(t, mailbox.Options{Dir: dir}).Mails()
	if len(mails) != 2 || mails[0].Subject != "whole" || mails[1].Subject != "next" {
		t.Errorf("%+v", mails)
	}
	// A damaged line in the middle is no such thing.
	if err := os.WriteFile(path, []byte("{\n"+string(data)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := mailbox.Start(mailbox.Options{Dir: dir}); err == nil {
		t.Error("a damaged file was taken")
	}
}

func TestThePageShowsMailsAsTextUnderAStrictPolicy(t *testing.T) {
	t.Parallel()
	b := start(t, mailbox.Options{Dir: t.TempDir(), Stylesheet: "/assets/app.1234.css"})
	send(t, b, mail.Message{Subject: "older", Text: "x"})
	send(t, b, mail.Message{
		Subject: "<script>alert(1)</script>", Text: "Hello <img src=x onerror=alert(2)>\nhttps://portal.example/invitations/abc\n",
		HTML: `<style>p{color:red}</style><p style="x">Words <b>in</b> HTML</p><script>alert(3)</script><p>more</p>`,
	})
	answer := ask(t, b, "GET", "/_mail")
	if policy := answer.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'self';") {
		t.Errorf("policy %q", policy)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	page := string(body)
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var sheets, links []string
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s %s>", n.Data, a.Key)
			}
			if a.Key == "href" && n.Data == "link" {
				sheets = append(sheets, a.Val)
			}
			if a.Key == "href" && n.Data == "a" && strings.HasPrefix(a.Val, "http") {
				links = append(links, a.Val)
			}
		}
		if n.Type == html.ElementNode && slices.Contains([]string{"script", "style", "img", "iframe"}, n.Data) {
			t.Errorf("the page has <%s>", n.Data)
		}
	}
	if !slices.Equal(sheets, []string{"/assets/app.1234.css", "/_mail.css"}) || !slices.Equal(links, []string{"https://portal.example/invitations/abc"}) {
		t.Errorf("sheets %v, links %v", sheets, links)
	}
	if strings.Index(page, "&lt;script&gt;") > strings.Index(page, "older") || !strings.Contains(page, "Words in HTML\nmore") || strings.Contains(page, "alert(3)") {
		t.Errorf("page\n%s", page)
	}
	css := ask(t, b, "GET", "/_mail.css")
	if body, _ := io.ReadAll(css.Body); css.Header.Get("Content-Type") != "text/css; charset=utf-8" || !regexp.MustCompile(`\.mailbox`).Match(body) {
		t.Errorf("stylesheet %v", css.Header)
	}
	if answer := ask(t, b, "POST", "/_mail.json"); answer.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST answers %s", answer.Status)
	}
}

func TestManyAtOnceEachInItsOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b := start(t, mailbox.Options{Dir: dir})
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 10 {
				send(t, b, mail.Message{To: fmt.Sprintf("jo%d@harbour.example", n), Subject: fmt.Sprint(i), Text: "x"})
			}
		})
	}
	all.Wait()
	next := make(map[string]int)
	for _, m := range b.Mails() {
		if m.Subject != fmt.Sprint(next[m.To]) {
			t.Fatalf("%s got %s instead of %d", m.To, m.Subject, next[m.To])
		}
		next[m.To]++
	}
	if len(next) != 8 || len(b.Mails()) != 80 {
		t.Errorf("%v", next)
	}
}

func TestOnlyThisMachineIsHeard(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "nonsense"} {
		if b, err := mailbox.Start(mailbox.Options{Dir: t.TempDir(), Addr: addr}); err == nil {
			b.Close()
			t.Errorf("listens on %s", addr)
		}
	}
}
