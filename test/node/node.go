// Package node runs the real server for tests that kill it, double it and restart it: one store, one mailbox that outlives every
// node, one account with an admin and an API key. It knows the product's commands, not its insides.
package node

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/job"
	"hubline/base/mail"
	"hubline/base/mail/mailbox"
	"hubline/base/seal"
	"hubline/product/account"
)

// Build compiles the binary once for the test process and returns its path. Remove takes it away again.
var Build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hubline-node-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "hubline")
	build := exec.Command("go", "build", "-o", path, "hubline/cmd/hubline")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// Remove deletes what Build made; call it at the end of TestMain.
func Remove() {
	if path, err := Build(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
}

// System is what the nodes share.
type System struct {
	DB    *db.DB
	Room  *account.Room // the test's own way into the same store
	Mails *mailbox.Box
	Admin Member
	Key   string // an API key with every scope, made for the admin

	dir, store string
}

// Member is a hub user with a session.
type Member struct {
	account.HubUser
	Person   account.Person
	Password string
	Session  string
	Actor    account.Actor
}

// Slug is the account's.
const Slug = "harbour"

// New prepares a migrated store at the address ("sqlite:" for one in a folder of the test) with an account in it.
func New(t *testing.T, store string) *System {
	t.Helper()
	dir := t.TempDir()
	if store == "sqlite:" {
		store += filepath.Join(dir, "hubline.db")
	}
	ctx := t.Context()
	d, err := db.Open(ctx, store)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	must(t, db.Migrate(ctx, d))
	keys, err := seal.Load(filepath.Join(dir, "hubline.key"))
	must(t, err)
	box, err := mailbox.Start(mailbox.Options{Dir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { box.Close() })
	s := &System{DB: d, Mails: box, dir: dir, store: store}
	s.Room = account.New(account.Config{DB: d, Jobs: job.New(d, keys, slog.New(slog.NewTextHandler(t.Output(), nil))), Keys: keys, BaseURL: "http://localhost",
		Mail: &mail.SMTP{Addr: box.Addr(), From: "portal@provider.example", TLS: "none"}, DailyInvitations: 1_000_000, RecipientWeekly: 1_000_000})
	opened, invitation, err := s.Room.Open(ctx, account.Operate(), account.NewAccount{Name: "Harbour Dental Group", Slug: Slug, AdminEmail: "priya@harbour.example"})
	must(t, err)
	s.Admin = s.accept(t, invitation, "Priya Nair")
	_, s.Key, err = s.Room.MakeKey(ctx, account.Operate().Inside(opened), s.Admin.ID, "tests", account.Scopes(), 0)
	must(t, err)
	return s
}

// Join adds a hub user with a session. The admin's step-up check is passed by an API key's rights.
func (s *System) Join(t *testing.T, email string, roles account.Roles) Member {
	t.Helper()
	actor, err := s.Room.UseKey(t.Context(), s.Key, Slug, "192.0.2.1")
	must(t, err)
	sent, err := s.Room.Invite(t.Context(), actor, account.Invite{Offers: []account.Offer{{Email: email}}, Roles: roles})
	must(t, err)
	return s.accept(t, sent[0], strings.Split(email, "@")[0])
}

// Rejoin invites somebody who was removed, and they accept in the session they have. They get a membership with a new ID.
func (s *System) Rejoin(t *testing.T, m *Member, roles account.Roles) {
	t.Helper()
	actor, err := s.Room.UseKey(t.Context(), s.Key, Slug, "192.0.2.1")
	must(t, err)
	sent, err := s.Room.Invite(t.Context(), actor, account.Invite{Offers: []account.Offer{{Email: m.Email}}, Roles: roles})
	must(t, err)
	token := s.link(t, sent[0])
	w, err := s.Room.Welcome(t.Context(), token)
	must(t, err)
	person, err := s.Room.SignedIn(t.Context(), m.Session, "192.0.2.1")
	must(t, err)
	_, err = s.Room.AcceptAs(t.Context(), person, token, w.Shown)
	must(t, err)
	inside, err := s.Room.Enter(t.Context(), m.Session, Slug, "192.0.2.1")
	must(t, err)
	m.ID = inside.MembershipID
}

// link waits for the invitation's link. It is in the mail only, so a job queue of the test's own helps to send it.
func (s *System) link(t *testing.T, i account.Invitation) (token string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go s.Room.Jobs.Run(ctx)
	Until(t, "the invitation's mail", func() bool {
		for _, m := range s.Mails.Mails() {
			if _, after, ok := strings.Cut(m.Text, "/invitations/"); ok && strings.Contains(m.To, i.Email) {
				if w, err := s.Room.Welcome(t.Context(), strings.Fields(after)[0]); err == nil && w.Invitation.ID == i.ID {
					token = strings.Fields(after)[0]
				}
			}
		}
		return token != ""
	})
	return token
}

func (s *System) accept(t *testing.T, i account.Invitation, name string) Member {
	t.Helper()
	token := s.link(t, i)
	w, err := s.Room.Welcome(t.Context(), token)
	must(t, err)
	password := "tangerine otter lantern " + i.ID[:6]
	in, w, err := s.Room.AcceptNew(t.Context(), token, w.Shown, name, password, account.Browser{Address: "192.0.2.1", UserAgent: "test"})
	must(t, err)
	actor, err := s.Room.Enter(t.Context(), in.Session, Slug, "192.0.2.1")
	must(t, err)
	return Member{HubUser: account.HubUser{ID: actor.MembershipID, Email: i.Email, Name: actor.Name, Roles: actor.Roles, PersonID: in.Person.ID}, Person: in.Person, Password: password, Session: in.Session, Actor: actor}
}

// Node is one running server.
type Node struct {
	URL  string
	cmd  *exec.Cmd
	done chan struct{}
	log  *strings.Builder
}

// Start runs a server on the system's store, with further flags if given, and waits until it is ready.
func (s *System) Start(t *testing.T, flags ...string) *Node {
	t.Helper()
	path, err := Build()
	must(t, err)
	addr := Free(t).String()
	n := &Node{URL: "http://" + addr, done: make(chan struct{}), log: &strings.Builder{}}
	n.cmd = exec.Command(path, "serve", "--data", s.dir, "--store", s.store, "--http", addr, "--base-url", n.URL,
		"--smtp-addr", s.Mails.Addr(), "--smtp-tls", "none", "--mail-from", "portal@provider.example", "--log-level", "warn")
	n.cmd.Args = append(n.cmd.Args, flags...)
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	must(t, n.cmd.Start())
	go func() { n.cmd.Wait(); close(n.done) }()
	t.Cleanup(func() {
		n.Kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", n.URL, n.log)
		}
	})
	Until(t, "the server to be ready", func() bool {
		select {
		case <-n.done:
			t.Fatalf("the server ended:\n%s", n.log)
		default:
		}
		answer, err := http.Get(n.URL + "/readyz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return n
}

// PID is the server's process.
func (n *Node) PID() int { return n.cmd.Process.Pid }

// Kill ends the server as kill -9 does and waits until it is gone.
func (n *Node) Kill() {
	n.cmd.Process.Kill()
	<-n.done
}

// Said returns the server's log. Call it after Kill.
func (n *Node) Said() string { return n.log.String() }

// Until waits for a condition, at most a minute.
func Until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !is(); {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute for %s", what)
		}
		pause := time.NewTimer(5 * time.Millisecond)
		<-pause.C
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
