package web

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"hubline/base/change"
	"hubline/base/db/dbtest"
	"hubline/product/account"
)

// heard is one event of a stream, or the end of it when both are empty.
type heard struct{ event, data string }

// listen opens the event stream of an account and returns what it tells; the channel closes with the stream.
func (v *visitor) listen(path string) (<-chan heard, int) {
	t := v.world.t
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.world.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := v.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		return nil, resp.StatusCode
	}
	all, beats := make(chan heard, 100), make(chan bool, 1)
	go func() {
		defer close(all)
		event := ""
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			line := lines.Text()
			if name, ok := strings.CutPrefix(line, "event: "); ok {
				event = name
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				all <- heard{event, data}
			}
			if line == ":" {
				select {
				case beats <- true:
				default:
				}
			}
		}
	}()
	select {
	case <-beats: // the stream follows changes from here on
	case <-all:
	case <-time.After(10 * time.Second):
		t.Fatal("the stream does not begin")
	}
	return all, 200
}

// post tells the change feed about topics.
func (w *world) post(topics ...string) {
	w.t.Helper()
	if err := change.Post(w.t.Context(), w.DB, w.Clock.Now(), topics...); err != nil {
		w.t.Fatal(err)
	}
}

// hears waits for an event.
func hears(t *testing.T, from <-chan heard, want heard) {
	t.Helper()
	start := time.Now()
	for {
		select {
		case got, open := <-from:
			if got == want {
				if took := time.Since(start); took > time.Second {
					t.Errorf("%v came after %v", want, took)
				}
				return
			}
			if !open {
				t.Fatalf("the stream ended without %v", want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no %v", want)
		}
	}
}

func ends(t *testing.T, from <-chan heard) {
	t.Helper()
	select {
	case got, open := <-from:
		if open {
			t.Fatalf("%v after the end", got)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the stream goes on")
	}
}

func TestEventsFollowTheAccount(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		other := w.Rig.Open("northside")
		stream, _ := w.as(admin).listen("/harbour/events")
		w.Rig.Invite(other, "lee@northside.example")
		w.Rig.Invite(admin, "jo@harbour.example")
		changed := heard{"changed", "hub-users"}
		hears(t, stream, changed)
		w.portal.Close()
		for deadline, open := time.After(10*time.Second), true; open; { // what was committed before the stream began may be told late
			select {
			case got, more := <-stream:
				if open = more; more && got != changed {
					t.Fatalf("%v after the end", got)
				}
			case <-deadline:
				t.Fatal("the stream goes on")
			}
		}
	})
}

func TestEventsEndWithTheRight(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		open := func(email string, roles ...account.Role) (*visitor, *visitor, string, <-chan heard) {
			u := w.Join(admin, email, roles...)
			v, second := w.as(u), w.as(u)
			stream, _ := v.listen("/harbour/events")
			return v, second, u.ID(), stream
		}
		removed, _, id, stream := open("removed@harbour.example")
		if _, err := w.RemoveHubUser(t.Context(), admin.Actor(), id, 0); err != nil {
			t.Fatal(err)
		}
		hears(t, stream, heard{"ended", "access"})
		ends(t, stream)
		removed.open("/harbour/").shows(404, "/harbour/")
		if _, status := removed.listen("/harbour/events"); status != 404 {
			t.Errorf("a removed person opens a stream: %d", status)
		}

		_, _, id, stream = open("paused@harbour.example")
		paused := account.Deactivated
		if _, err := w.ChangeHubUser(t.Context(), admin.Actor(), id, account.Change{State: &paused}, 0); err != nil {
			t.Fatal(err)
		}
		hears(t, stream, heard{"ended", "access"})

		_, _, id, stream = open("demoted@harbour.example", account.Admin)
		if _, err := w.ChangeHubUser(t.Context(), admin.Actor(), id, account.Change{Roles: &account.Roles{}}, 0); err != nil {
			t.Fatal(err)
		}
		hears(t, stream, heard{"ended", "access"})

		_, second, _, stream := open("leaving@harbour.example")
		second.open("/accounts").press("Sign out")
		hears(t, stream, heard{"ended", "signed-out"})
		ends(t, stream)
	})
}

func TestEventsGoOnOverACheck(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		stream, _ := w.as(admin).listen("/harbour/events")
		admin.Check() // gives the session a new token
		w.Rig.Invite(admin, "jo@harbour.example")
		hears(t, stream, heard{"changed", "hub-users"})
	})
}

func TestEventsAreNoUseOfTheSession(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		stream, _ := w.as(admin).listen("/harbour/events")
		for range 2 { // an open page hears of changes, which must not keep an idle session alive
			w.Clock.Advance(40 * time.Minute)
			w.post(account.AccountTopic(admin.Account.ID))
		}
		hears(t, stream, heard{"ended", "signed-out"})
	})
}

func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	admin := w.Rig.Open("harbour")
	v := w.as(admin)
	for range streamsPerSession {
		if _, status := v.listen("/harbour/events"); status != 200 {
			t.Fatalf("a stream is refused with %d", status)
		}
	}
	if _, status := v.listen("/harbour/events"); status != http.StatusTooManyRequests {
		t.Errorf("stream %d is answered with %d", streamsPerSession+1, status)
	}
	other := w.as(w.Join(admin, "jo@harbour.example"))
	if _, status := other.listen("/harbour/events"); status != 200 {
		t.Errorf("somebody else's stream is refused with %d", status)
	}
}

func TestA41EventsNeedAMember(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		w.Rig.Open("harbour")
		stranger := w.as(w.Rig.Open("northside"))
		if _, status := stranger.listen("/harbour/events"); status != 404 {
			t.Errorf("a stranger's stream is answered with %d", status)
		}
	})
}
