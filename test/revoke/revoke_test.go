// Package revoke takes rights away from people who are using them, on one server and on two, and measures how long a lost right still
// works: on pages, with API keys, on open event streams.
package revoke

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/test/node"
)

var changes = flag.Int("changes", 24, "how many rights are taken away, per set-up")

func TestMain(m *testing.M) {
	code := m.Run()
	node.Remove()
	os.Exit(code)
}

// most is how late a lost right may still be used.
const most = time.Second

func TestLostRightEndsAtOnce(t *testing.T) {
	t.Run("one node, SQLite", func(t *testing.T) {
		s := node.New(t, "sqlite:")
		measure(t, s, s.Start(t))
	})
	t.Run("two nodes, PostgreSQL", func(t *testing.T) {
		s := node.New(t, dbtest.PostgresURL(t))
		measure(t, s, s.Start(t), s.Start(t))
	})
}

// measure demotes, deactivates and removes people through the first node while they use every node.
func measure(t *testing.T, s *node.System, nodes ...*node.Node) {
	const people = 8
	var load atomic.Bool
	ctx, stop := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	defer func() { stop(); busy.Wait() }()
	for range 2 { // somebody else works too
		busy.Go(func() {
			for ctx.Err() == nil {
				status(ctx, nodes[0].URL+"/"+node.Slug+"/hub-users", s.Admin.Session)
				load.Store(true)
			}
		})
	}
	var members []node.Member
	for i := range people {
		members = append(members, s.Join(t, fmt.Sprintf("member%d@harbour.example", i), account.Roles{account.Admin}))
	}
	var latest, latestStream time.Duration
	done, enough := 0, *changes
	if testing.Short() {
		enough = min(enough, 8)
	}
	for done < enough {
		for i := range members {
			late, stream := takeAway(t, s, nodes, &members[i], done)
			latest, latestStream = max(latest, late), max(latestStream, stream)
			if done++; done == enough {
				break
			}
		}
	}
	if !load.Load() {
		t.Fatal("there was no load")
	}
	t.Logf("%d rights taken away on %d nodes: latest use of a lost right %v, latest end of an open stream %v", done, len(nodes), latest, latestStream)
	if latest > most || latestStream > most {
		t.Errorf("a lost right was used for %v, a stream stayed open for %v; the most is %v", latest, latestStream, most)
	}
}

// takeAway demotes, deactivates or removes one person, in turn, measures, and gives the access back.
func takeAway(t *testing.T, s *node.System, nodes []*node.Node, m *node.Member, turn int) (late, stream time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var watch sync.WaitGroup
	var mu sync.Mutex
	var lastUse, streamEnd time.Time
	stopProbe := make(chan struct{})
	ready := make(chan struct{}, 2*len(nodes))
	for _, n := range nodes {
		watch.Go(func() { // pages
			first := true
			for {
				if status(ctx, n.URL+"/"+node.Slug+"/hub-users", m.Session) == http.StatusOK {
					mu.Lock()
					lastUse = time.Now()
					mu.Unlock()
				}
				if first {
					ready <- struct{}{}
					first = false
				}
				select {
				case <-stopProbe:
					return
				default:
				}
			}
		})
		watch.Go(func() { // an open event stream
			opened := func() { ready <- struct{}{} }
			if err := listen(ctx, n.URL+"/"+node.Slug+"/events", m.Session, opened); err != nil {
				t.Errorf("event stream: %v", err)
			}
			mu.Lock()
			streamEnd = time.Now()
			mu.Unlock()
		})
	}
	for range cap(ready) {
		select {
		case <-ready:
		case <-ctx.Done():
			t.Fatal("pages or streams did not open")
		}
	}
	url := nodes[0].URL + "/api/v1/accounts/" + node.Slug + "/hub-users/"
	switch turn % 3 {
	case 0:
		send(t, "PATCH", url+m.ID, s.Key, map[string]any{"roles": []string{}})
	case 1:
		send(t, "PATCH", url+m.ID, s.Key, map[string]any{"state": "deactivated"})
	case 2:
		send(t, "DELETE", url+m.ID, s.Key, nil)
	}
	at := time.Now()
	node.Until(t, "the streams to end", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return !streamEnd.IsZero()
	})
	close(stopProbe)
	watch.Wait()
	if turn%3 == 2 {
		s.Rejoin(t, m, account.Roles{account.Admin})
	} else {
		send(t, "PATCH", url+m.ID, s.Key, map[string]any{"roles": []string{"admin"}, "state": "active"})
	}
	return max(0, lastUse.Sub(at)), streamEnd.Sub(at)
}

func status(ctx context.Context, url, session string) int {
	r, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
	r.AddCookie(&http.Cookie{Name: "hubline", Value: session})
	answer, err := client.Do(r)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}

// client shows redirects as they are: one to the sign-in page is no use of a right.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// listen holds an event stream open until the server ends it with the event "ended".
func listen(ctx context.Context, url, session string, opened func()) error {
	r, _ := http.NewRequestWithContext(ctx, "GET", url, nil)
	r.AddCookie(&http.Cookie{Name: "hubline", Value: session})
	r.Header.Set("Accept", "text/event-stream")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, answer.Status)
	}
	opened()
	told := false
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		told = told || strings.HasPrefix(lines.Text(), "event: ended")
	}
	if !told {
		return fmt.Errorf("the stream ended without saying so: %w", lines.Err())
	}
	return nil
}

// send changes somebody through the API, again while the API says that it was too much at once.
func send(t *testing.T, method, url, key string, body any) {
	t.Helper()
	var text []byte
	if body != nil {
		text, _ = json.Marshal(body)
	}
	for {
		r, _ := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(text))
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		said, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode < 300 {
			return
		}
		if answer.StatusCode != http.StatusTooManyRequests {
			t.Fatalf("%s %s: %s %s", method, url, answer.Status, said)
		}
	}
}
