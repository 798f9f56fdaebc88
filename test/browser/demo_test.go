// Package browser drives the real binary with a real browser, as people do: pages, dialogs, the whole thread from sign-in to a changed
// right, by mouse and by keyboard. It knows the product only from outside: addresses, words on the screen, mails.
package browser

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubline/test/node"
)

func TestMain(m *testing.M) {
	code := m.Run()
	node.Remove()
	os.Exit(code)
}

// demo is one running `hubline demo` with what its demo.json says.
type demo struct {
	Portal  string `json:"portal"`
	API     string `json:"api"`
	Mailbox string `json:"mailbox"`
	SIP     string `json:"sip"`
	Staff   login  `json:"staff"`

	Accounts []struct {
		Slug     string  `json:"slug"`
		Name     string  `json:"name"`
		APIKey   string  `json:"api_key"`
		HubUsers []login `json:"hub_users"`

		PhoneUsers []struct {
			Extension string `json:"extension"`
			SIP       struct {
				Username  string `json:"username"`
				Password  string `json:"password"`
				Domain    string `json:"domain"`
				Algorithm string `json:"algorithm"`
			} `json:"sip"`
		} `json:"phone_users"`
	} `json:"accounts"`
}

type login struct {
	Email    string   `json:"email"`
	Password string   `json:"password"`
	Name     string   `json:"name"`
	Roles    []string `json:"roles"`
}

// startDemo runs a demo of its own for the test, on free ports and in a fresh folder.
func startDemo(t *testing.T) *demo {
	t.Helper()
	return startDemoAt(t, "127.0.0.1:0")
}

func startDemoAt(t *testing.T, address string) *demo {
	t.Helper()
	path, err := node.Build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, path, "demo", "--data", dir, "--http", address, "--sip", "127.0.0.1:0")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("demo said:\n%s", log.String())
		}
	})
	d := &demo{}
	until(t, "demo.json", func() bool {
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("demo ended: %v\n%s", err, log.String())
		default:
		}
		text, err := os.ReadFile(filepath.Join(dir, "demo.json"))
		return err == nil && json.Unmarshal(text, d) == nil && d.Portal != ""
	})
	return d
}

// until waits for a condition, at most half a minute.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited 30 s for %s", what)
		}
		wait := time.NewTimer(20 * time.Millisecond)
		<-wait.C
	}
}

// who returns the hub user of the account whose roles are exactly those words ("admin,billing", "admin", "", "billing").
func (d *demo) who(t *testing.T, slug, roles string) login {
	t.Helper()
	for _, a := range d.Accounts {
		for _, u := range a.HubUsers {
			if a.Slug == slug && strings.Join(u.Roles, ",") == roles {
				return u
			}
		}
	}
	t.Fatalf("demo.json has nobody with roles %q in %s", roles, slug)
	return login{}
}

type letter struct {
	ID      string   `json:"id"`
	To      string   `json:"to"`
	Subject string   `json:"subject"`
	Text    string   `json:"text"`
	Links   []string `json:"links"`
}

// mail waits for a mail to the address whose subject holds the words, and returns the newest.
func (d *demo) mail(t *testing.T, to, subject string) letter {
	t.Helper()
	var found letter
	until(t, "a mail to "+to+" about "+subject, func() bool {
		r, err := http.Get(d.Mailbox + ".json")
		if err != nil {
			return false
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		var all []letter
		if json.Unmarshal(body, &all) != nil {
			return false
		}
		for _, m := range all {
			if strings.Contains(m.To, to) && strings.Contains(m.Subject, subject) {
				found = m
			}
		}
		return found.ID != ""
	})
	return found
}

// link returns the mail's first link whose path begins with that part.
func (l letter) link(t *testing.T, part string) string {
	t.Helper()
	for _, link := range l.Links {
		if strings.Contains(link, part) {
			return link
		}
	}
	t.Fatalf("mail %q has no link with %s: %q", l.Subject, part, l.Links)
	return ""
}

// clearMail empties the mailbox.
func (d *demo) clearMail(t *testing.T) {
	t.Helper()
	r, _ := http.NewRequest("DELETE", d.Mailbox+".json", nil)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
}
