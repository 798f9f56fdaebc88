// Package phonecrash kills the real server while phones register and talk, and proves that every registration that was confirmed can be
// called after the next start, that every call that was answered has a closed record, and that settings which were confirmed are kept.
package phonecrash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubline/base/db/dbtest"
	"hubline/sip"
	"hubline/test/handset"
	"hubline/test/node"
)

var (
	cycles        = flag.Int("cycles", 2, "how often the server is killed, per store")
	registrations = flag.Int("registrations", 1000, "how many phones are registered")
	calls         = flag.Int("calls", 50, "how many calls go on when the server is killed")
)

const (
	devicesOfSeat = 4
	racks         = 10 // addresses that phones come from
	registering   = 8  // phones that register again at the same time
	checking      = 16 // calls at the same time that look for registrations
	writing       = 2
)

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		*cycles, *registrations, *calls = min(*cycles, 1), min(*registrations, 200), min(*calls, 10)
	}
	code := m.Run()
	node.Remove()
	os.Exit(code)
}

func TestKillLosesNoPhoneAndNoCall(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			store := "sqlite:"
			if engine == "postgres" {
				store = dbtest.PostgresURL(t)
			}
			l := newLab(t, store)
			for range *cycles {
				server := l.start(t)
				l.check(t)
				l.load(t, server)
			}
			server := l.start(t)
			defer server.Kill()
			l.check(t)
			l.report(t)
		})
	}
}

// lab is a system with phones on it, and what they know for certain.
type lab struct {
	system *node.System
	phones *node.Phones
	at     netip.AddrPort
	desks  []*desk
	ready  []time.Duration
	look   atomic.Bool // calls that come in are only counted
	alive  atomic.Pointer[context.Context]

	mu                            sync.Mutex
	pairs                         map[pair]tries
	confirmed, found              int // registrations: answered with 200, and called after a start
	held, answered, closed, saved int
	late                          int // answers that the store took too long for: the call went on, and the log says so
}

// pair is who called whom.
type pair struct{ from, to string }

type tries struct{ attempts, answered int }

// desk is a phone user with phones.
type desk struct {
	node.Seat
	phones []*phone
	name   string // the display name that was confirmed
	unsure string // one that was sent and may hold as well
	names  int
}

// phone knows which generation of its contact was sent, which was confirmed, and which was called.
type phone struct {
	*handset.Phone
	sent, bound int
	rang        atomic.Int64
}

func newLab(t *testing.T, store string) *lab {
	l := &lab{system: node.New(t, store), at: node.Free(t), pairs: map[pair]tries{}}
	seats := max(*registrations/devicesOfSeat, 2**calls+writing)
	l.phones = l.system.Phones(t, seats)
	var list []*handset.Rack
	for i := range racks {
		list = append(list, handset.Open(t, fmt.Sprintf("127.0.0.%d", 11+i), l.at))
	}
	for i, s := range l.phones.Seats(t, seats, devicesOfSeat) {
		d := &desk{Seat: s, name: s.DisplayName}
		for j, as := range s.Devices {
			rack := list[(i*devicesOfSeat+j)%racks]
			p := &phone{Phone: rack.Phone(as)}
			p.OnRing(func(leg *sip.Leg, generation int) { l.ring(p, leg, generation, j == 0, rack) })
			d.phones = append(d.phones, p)
		}
		l.desks = append(l.desks, d)
	}
	return l
}

// ring is what a phone does with a call: the first of a desk answers, the others ring on. While registrations are looked at all are busy.
func (l *lab) ring(p *phone, leg *sip.Leg, generation int, first bool, rack *handset.Rack) {
	if l.look.Load() {
		p.rang.Store(int64(generation))
		handset.Busy(leg, generation)
		return
	}
	if first {
		_ = leg.Answer(rack.SDP())
	} else {
		_ = leg.Ring(180, nil)
	}
	ctx := *l.alive.Load()
	go follow(ctx, leg)
}

// follow keeps a leg until the peer or the context ends it.
func follow(ctx context.Context, leg *sip.Leg) {
	for {
		select {
		case _, ok := <-leg.Events():
			if !ok {
				return
			}
		case <-ctx.Done():
			leg.Hangup()
			return
		}
	}
}

func (l *lab) start(t *testing.T) *node.Node {
	_, err := node.Build()
	must(t, err)
	began := time.Now()
	server := l.system.Start(t, node.PhoneFlags("one", l.at)...)
	l.ready = append(l.ready, time.Since(began))
	return server
}

// load lets phones register and talk and people change settings, and kills the server in the middle of it.
func (l *lab) load(t *testing.T, server *node.Node) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	l.alive.Store(&ctx)
	l.each(registering, func(d *desk) {
		for _, p := range d.phones {
			if p.sent == 0 {
				l.register(ctx, t, p)
			}
		}
	})
	var work sync.WaitGroup
	kept := *calls * 4 / 5 // the others come and go
	var up sync.WaitGroup
	for i := range *calls {
		caller, callee := l.desks[i], l.desks[*calls+i]
		if i < kept {
			up.Add(1)
		}
		work.Go(func() {
			leg := l.call(ctx, t, caller, callee)
			if i < kept {
				up.Done()
				if leg != nil {
					follow(ctx, leg)
				}
				return
			}
			for ctx.Err() == nil && leg != nil {
				wait(ctx, time.Duration(rand.IntN(100))*time.Millisecond)
				leg.Hangup()
				leg = l.call(ctx, t, caller, callee)
			}
			if leg != nil {
				leg.Hangup()
			}
		})
	}
	up.Wait()
	l.mu.Lock()
	l.held += *calls
	l.mu.Unlock()
	next := atomic.Int64{}
	next.Store(int64(rand.IntN(len(l.desks))))
	for range registering {
		work.Go(func() {
			for ctx.Err() == nil {
				for _, p := range l.desks[int(next.Add(1))%len(l.desks)].phones {
					l.register(ctx, t, p)
				}
			}
		})
	}
	for i := range writing {
		work.Go(func() { l.rename(ctx, server.URL, l.desks[2**calls+i]) })
	}
	wait(ctx, time.Duration(50+rand.IntN(800))*time.Millisecond)
	server.Kill()
	stop()
	work.Wait()
	l.late += strings.Count(server.Said(), "an answer was not recorded")
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// each runs fn for every desk, some at a time.
func (l *lab) each(at int, fn func(*desk)) {
	queue := make(chan *desk)
	var work sync.WaitGroup
	for range at {
		work.Go(func() {
			for d := range queue {
				fn(d)
			}
		})
	}
	for _, d := range l.desks {
		queue <- d
	}
	close(queue)
	work.Wait()
}

// register brings a phone's contact to the next generation.
func (l *lab) register(ctx context.Context, t *testing.T, p *phone) {
	p.sent++
	generation := p.sent
	status, err := p.Register(ctx, generation)
	switch {
	case err == nil && status == 200:
		p.bound = generation
		l.mu.Lock()
		l.confirmed++
		l.mu.Unlock()
	case err == nil:
		t.Errorf("a REGISTER was answered with %d", status)
	case ctx.Err() == nil && !errors.Is(err, handset.ErrUnanswered):
		t.Errorf("REGISTER: %v", err)
	}
}

// call is a call between two desks; nil when it was cut off.
func (l *lab) call(ctx context.Context, t *testing.T, caller, callee *desk) *sip.Leg {
	between := pair{caller.ID, callee.ID}
	l.count(between, 1, 0)
	leg, err := caller.phones[0].Call(ctx, callee.Extension)
	if err == nil {
		l.count(between, 0, 1)
		return leg
	}
	if ctx.Err() == nil && !errors.Is(err, handset.ErrUnanswered) {
		t.Errorf("%s calls %s: %v", caller.Extension, callee.Extension, err)
	}
	return nil
}

func (l *lab) count(between pair, attempts, answered int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.pairs[between]
	n.attempts += attempts
	n.answered += answered
	l.answered += answered
	l.pairs[between] = n
}

// rename changes a phone user's name through the API again and again.
func (l *lab) rename(ctx context.Context, url string, d *desk) {
	for ctx.Err() == nil {
		d.names++
		name := fmt.Sprintf("Desk %s, name %d", d.Extension, d.names)
		status, err := l.system.Call(ctx, "PATCH", url+"/api/v1/accounts/"+node.Slug+"/phone-users/"+d.ID, map[string]any{"display_name": name})
		switch {
		case err != nil:
			d.unsure = name
			return
		case status < 300:
			d.name = name
			l.mu.Lock()
			l.saved++
			l.mu.Unlock()
		}
	}
}

// check compares what the phones know with the system after a start.
func (l *lab) check(t *testing.T) {
	t.Helper()
	l.checkRecords(t)
	l.checkNames(t)
	l.checkPhones(t)
}

// checkPhones calls every desk and sees that every phone whose registration was confirmed rings.
func (l *lab) checkPhones(t *testing.T) {
	l.look.Store(true)
	defer l.look.Store(false)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, d := range l.desks {
		for _, p := range d.phones {
			p.rang.Store(0)
		}
	}
	var turn atomic.Int64
	l.each(checking, func(d *desk) {
		if !slices.ContainsFunc(d.phones, func(p *phone) bool { return p.bound > 0 }) {
			return
		}
		caller := l.desks[int(turn.Add(1))%len(l.desks)] // each once, so that nobody has too many calls
		if caller == d {
			caller = l.desks[int(turn.Add(1))%len(l.desks)]
		}
		_, err := caller.phones[0].Call(ctx, d.Extension)
		if busy := handset.Refusal(486); err != busy {
			t.Errorf("a call to %s: %v, want its phones busy", d.Extension, err)
		}
	})
	lost, found := 0, 0
	for _, d := range l.desks {
		for _, p := range d.phones {
			switch {
			case int(p.rang.Load()) < p.bound:
				if lost++; lost <= 5 {
					t.Logf("%s, device %s: generation %d was confirmed, %d was called; stored: %s", d.Extension, p.DeviceID(), p.bound, p.rang.Load(), l.stored(t, p, d))
				}
			case p.bound > 0:
				found++
			}
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d registrations that were confirmed cannot be called", lost, lost+found)
	}
	l.found += found
}

// stored tells what the store knows of a phone and of the last call to its phone user, for failures.
func (l *lab) stored(t *testing.T, p *phone, d *desk) string {
	var contact, call string
	account := l.system.Admin.Actor.Account.ID
	err := l.system.DB.QueryRowContext(t.Context(), `SELECT contact FROM locations WHERE account_id = $1 AND device_id = $2`, account, p.DeviceID()).Scan(&contact)
	if err == nil {
		err = l.system.DB.QueryRowContext(t.Context(), `SELECT cause || ' ' || steps FROM calls WHERE account_id = $1 AND to_user_id = $2 ORDER BY id DESC LIMIT 1`, account, d.ID).Scan(&call)
	}
	return fmt.Sprintf("%s, last call: %s (%v)", contact, call, err)
}

// checkRecords sees that no call is open, and that those which were answered are written down.
func (l *lab) checkRecords(t *testing.T) {
	var open int
	account := l.system.Admin.Actor.Account.ID
	must(t, l.system.DB.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM calls WHERE account_id = $1 AND ended_at = 0`, account).Scan(&open))
	if open > 0 {
		t.Errorf("%d calls of the process that was killed are still open", open)
	}
	rows, err := l.system.DB.QueryContext(t.Context(), `SELECT from_user_id, to_user_id, COUNT(*) FROM calls WHERE account_id = $1 AND status = 'answered' AND answered_at > 0 AND ended_at >= answered_at GROUP BY from_user_id, to_user_id`, account)
	must(t, err)
	defer rows.Close()
	closed := map[pair]int{}
	l.closed = 0
	for rows.Next() {
		var of pair
		var n int
		must(t, rows.Scan(&of.from, &of.to, &n))
		closed[of] = n
		l.closed += n
	}
	must(t, rows.Err())
	missing := 0
	for of, n := range l.pairs {
		missing += max(0, n.answered-closed[of])
		if closed[of] > n.attempts {
			t.Errorf("%d calls were made between two phones; %d have a record", n.attempts, closed[of])
		}
	}
	if missing > l.late {
		t.Errorf("%d calls that were answered have no closed record, %d of them for a slow store", missing, l.late)
	}
}

func (l *lab) checkNames(t *testing.T) {
	for _, d := range l.desks[2**calls:] {
		var name string
		must(t, l.system.DB.QueryRowContext(t.Context(), `SELECT display_name FROM phone_users WHERE account_id = $1 AND id = $2`, d.AccountID, d.ID).Scan(&name))
		if name != d.name && (name != d.unsure || name == "") {
			t.Errorf("%s is called %q; confirmed was %q", d.Extension, name, d.name)
		}
		d.name, d.unsure = name, ""
	}
}

func (l *lab) report(t *testing.T) {
	slices.Sort(l.ready)
	t.Logf("%d kills with %d calls in progress on average: %d registrations confirmed, %d of %d callable after a start; %d calls answered, %d records closed, %d answers that the store took over 2 s for; %d settings confirmed; ready again after %v, at most %v",
		*cycles, l.held / *cycles, l.confirmed, l.found, *cycles*len(l.desks)*devicesOfSeat, l.answered, l.closed, l.late, l.saved,
		l.ready[len(l.ready)/2].Round(time.Millisecond), l.ready[len(l.ready)-1].Round(time.Millisecond))
	if l.answered < *cycles**calls || l.confirmed < *cycles*10 || l.saved < *cycles {
		t.Error("too little was confirmed; the test proves nothing")
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
