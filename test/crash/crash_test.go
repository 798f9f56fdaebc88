// Package crash kills the real server at random moments while programs write through it, and proves that nothing acknowledged is lost,
// nothing is half-done, and every mail goes out with the link that works.
package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/db/dbtest"
	"hubline/test/node"
)

var cycles = flag.Int("cycles", 5, "how often the server is killed, per store")

func TestMain(m *testing.M) {
	code := m.Run()
	node.Remove()
	os.Exit(code)
}

func TestKillLosesNothing(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			store := "sqlite:"
			if engine == "postgres" {
				store = dbtest.PostgresURL(t)
			}
			s := node.New(t, store)
			book := &ledger{}
			for range *cycles {
				server := s.Start(t)
				ctx, stop := context.WithCancel(t.Context())
				var writers sync.WaitGroup
				for range 4 {
					writers.Go(func() { book.write(ctx, server.URL, s.Key) })
				}
				moment := time.NewTimer(time.Duration(20+rand.IntN(400)) * time.Millisecond)
				<-moment.C
				server.Kill()
				stop()
				writers.Wait()
			}
			server := s.Start(t)
			defer server.Kill()
			book.check(t, s)
			t.Logf("%s: %d kills, %d writes acknowledged, %d unanswered, 0 lost", engine, *cycles, book.acknowledged, book.unanswered)
		})
	}
}

// ledger is what the server acknowledged, written down only after the answer arrived.
type ledger struct {
	mu           sync.Mutex
	next         int
	acknowledged int
	unanswered   int
	invitations  map[string]*invited // by ID
}

type invited struct {
	ID    string   `json:"id"`
	Email string   `json:"email"`
	Roles []string `json:"roles"`
	State string   `json:"state"`
	// unsure: a change was sent and its answer never came, so both outcomes are right.
	unsureRoles, unsureState bool
}

// write invites people, and changes and cancels some of the invitations, until the server dies.
func (l *ledger) write(ctx context.Context, url, key string) {
	base := url + "/api/v1/accounts/" + node.Slug + "/invitations"
	for ctx.Err() == nil {
		l.mu.Lock()
		l.next++
		n := l.next
		l.mu.Unlock()
		var made invited
		status, err := call(ctx, "POST", base, key, map[string]any{"email": fmt.Sprintf("person%05d@harbour.example", n), "roles": []string{}}, &made)
		if !l.note(err, func() {
			if status == http.StatusCreated {
				if l.invitations == nil {
					l.invitations = map[string]*invited{}
				}
				l.invitations[made.ID] = &made
				l.acknowledged++
			}
		}) {
			return
		}
		if status != http.StatusCreated {
			continue
		}
		switch n % 3 {
		case 1:
			status, err = call(ctx, "PATCH", base+"/"+made.ID, key, map[string]any{"roles": []string{"billing"}}, nil)
			l.settle(status, err, made.ID, func(i *invited) { i.Roles = []string{"billing"} }, func(i *invited) { i.unsureRoles = true })
		case 2:
			status, err = call(ctx, "DELETE", base+"/"+made.ID, key, nil, nil)
			l.settle(status, err, made.ID, func(i *invited) { i.State = "cancelled" }, func(i *invited) { i.unsureState = true })
		}
		if err != nil {
			return
		}
	}
}

func (l *ledger) note(err error, acknowledged func()) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.unanswered++
		return false
	}
	acknowledged()
	return true
}

// settle notes a change that was answered, or whose answer never came. One refused for now (429) changed nothing.
func (l *ledger) settle(status int, err error, id string, done, unsure func(*invited)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.unanswered++
		unsure(l.invitations[id])
		return
	}
	if status < 300 {
		l.acknowledged++
		done(l.invitations[id])
	}
}

func call(ctx context.Context, method, url, key string, body, into any) (status int, err error) {
	text, _ := json.Marshal(body)
	if body == nil {
		text = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	if answer.StatusCode >= 300 && answer.StatusCode != http.StatusTooManyRequests {
		return answer.StatusCode, fmt.Errorf("%s %s: %s %s", method, url, answer.Status, got)
	}
	if into != nil && answer.StatusCode < 300 {
		err = json.Unmarshal(got, into)
	}
	return answer.StatusCode, err
}

// check compares the ledger with the store, the record and the mailbox.
func (l *ledger) check(t *testing.T, s *node.System) {
	ctx := t.Context()
	if l.acknowledged < *cycles {
		t.Fatalf("only %d writes were acknowledged in %d cycles; the test proves nothing", l.acknowledged, *cycles)
	}
	for id, want := range l.invitations {
		var roles, state string
		var sent, changed, cancelled int
		err := s.DB.QueryRowContext(ctx, `
			SELECT i.roles, i.state,
			       (SELECT COUNT(*) FROM audit_entries e WHERE e.account_id = i.account_id AND e.subject_id = i.id AND e.action = 'invitation.sent'),
			       (SELECT COUNT(*) FROM audit_entries e WHERE e.account_id = i.account_id AND e.subject_id = i.id AND e.action = 'invitation.access-changed'),
			       (SELECT COUNT(*) FROM audit_entries e WHERE e.account_id = i.account_id AND e.subject_id = i.id AND e.action = 'invitation.cancelled')
			FROM invitations i WHERE i.id = $1`, id).Scan(&roles, &state, &sent, &changed, &cancelled)
		if err != nil {
			t.Fatalf("acknowledged invitation %s to %s: %v", id, want.Email, err)
		}
		if got := strings.Join(want.Roles, ","); roles != got && !want.unsureRoles {
			t.Errorf("%s: roles %q, acknowledged %q", want.Email, roles, got)
		}
		if state != want.State && !want.unsureState {
			t.Errorf("%s: state %q, acknowledged %q", want.Email, state, want.State)
		}
		// Each change and its entry in the record stand or fall together.
		if sent != 1 || (changed == 1) != (roles == "billing") || (cancelled == 1) != (state == "cancelled") {
			t.Errorf("%s: half-done: roles %q, state %q, record has %d sent, %d changed, %d cancelled", want.Email, roles, state, sent, changed, cancelled)
		}
	}
	l.checkMails(t, s)
}

// checkMails waits until every invitation that still stands was mailed, and sees that repeated mails carry the same link.
func (l *ledger) checkMails(t *testing.T, s *node.System) {
	links := map[string]map[string]bool{} // address: links
	node.Until(t, "every mail", func() bool {
		var queued int
		if err := s.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM invitations WHERE state = 'pending' AND delivery <> 'sent'`).Scan(&queued); err != nil {
			t.Fatal(err)
		}
		return queued == 0
	})
	for _, m := range s.Mails.Mails() {
		if _, after, ok := strings.Cut(m.Text, "/invitations/"); ok {
			if links[m.To] == nil {
				links[m.To] = map[string]bool{}
			}
			links[m.To][strings.Fields(after)[0]] = true
		}
	}
	for _, want := range l.invitations {
		if want.State == "pending" && !want.unsureState && len(links[want.Email]) != 1 {
			t.Errorf("%s: %d different links mailed, want 1", want.Email, len(links[want.Email]))
		}
	}
}
