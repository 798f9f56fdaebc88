package revoke

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubline/base/db/dbtest"
	"hubline/product/phoneuser"
	"hubline/sip"
	"hubline/test/handset"
	"hubline/test/node"
)

var phoneChanges = flag.Int("phone-changes", len(takings), "how many phones and numbers are taken away, per set-up")

// after is how long phones go on trying when something was taken away: longer than they may succeed.
const after = most + most/4

// TestLostPhoneEndsAtOnce takes away what phones live on while they register and call on every node: at the latest a second later nobody is
// signed in and nobody is called, and what they talked of is cut off.
func TestLostPhoneEndsAtOnce(t *testing.T) {
	t.Run("one node, SQLite", func(t *testing.T) { losePhones(t, "sqlite:", "one") })
	t.Run("two nodes, PostgreSQL", func(t *testing.T) { losePhones(t, dbtest.PostgresURL(t), "one", "two") })
}

// takings are the ways to lose a phone or a number. Each is asked of one node, or done by the provider.
var takings = []struct {
	name       string
	numberOnly bool // phones stay
	take       func(t *testing.T, o *office, v *victim)
}{
	{"reset", false, func(t *testing.T, o *office, v *victim) {
		o.ask(t, "POST", "/phone-users/"+v.seat.ID+"/reset-password", nil)
	}},
	{"device ended", false, func(t *testing.T, o *office, v *victim) {
		o.ask(t, "DELETE", "/phone-users/"+v.seat.ID+"/devices/"+v.seat.Devices[0].DeviceID, nil)
	}},
	{"app off", false, func(t *testing.T, o *office, v *victim) {
		o.ask(t, "PATCH", "/phone-users/"+v.seat.ID, map[string]any{"app_enabled": false})
	}},
	{"phone user deleted", false, func(t *testing.T, o *office, v *victim) { o.ask(t, "DELETE", "/phone-users/"+v.seat.ID, nil) }},
	{"number withdrawn", true, func(t *testing.T, o *office, v *victim) {
		if err := o.phones.Numbers.Withdraw(t.Context(), o.phones.Operator(), line); err != nil {
			t.Fatal(err)
		}
	}},
}

const line = "+61255500142"

// office is a system with nodes that serve phones, and on each a carrier and somebody to talk to.
type office struct {
	system *node.System
	phones *node.Phones
	other  node.Seat
	nodes  []*served
	turn   int
}

type served struct {
	*node.Node
	at      netip.AddrPort
	carrier *handset.Rack
	other   *handset.Phone
}

// victim is who loses something, with the same device on every node.
type victim struct {
	seat  node.Seat
	parts []*part
}

// part is the victim on one node, and what was last possible there.
type part struct {
	on                              *served
	phone                           *handset.Phone
	talk                            *sip.Leg
	registered, called, rang, ended atomic.Int64 // Unix ns
}

func losePhones(t *testing.T, store string, names ...string) {
	o := &office{system: node.New(t, store)}
	o.phones = o.system.Phones(t, *phoneChanges+1)
	o.other = o.seat(t, 0)
	for i, name := range names {
		s := &served{at: node.Free(t)}
		s.carrier = handset.Open(t, fmt.Sprintf("127.0.0.%d", 100+i), s.at)
		s.Node = o.system.Start(t, node.PhoneFlags(name, s.at, "--carrier", "name=Network;host="+s.carrier.Addr().String()+";source="+s.carrier.Addr().Addr().String())...)
		rack := handset.Open(t, fmt.Sprintf("127.0.0.%d", 120+i), s.at)
		s.other = rack.Phone(o.other.Devices[0])
		s.other.OnRing(answer(rack, nil))
		o.nodes = append(o.nodes, s)
		signIn(t, s.other)
	}
	latest, enough := map[string]time.Duration{}, *phoneChanges
	if testing.Short() {
		enough = min(enough, 2)
	}
	for o.turn < enough {
		taking := takings[o.turn%len(takings)]
		o.turn++
		v := o.victim(t)
		for what, late := range o.lose(t, v, taking.numberOnly, func() { taking.take(t, o, v) }) {
			latest[what] = max(latest[what], late)
			if late > most {
				t.Errorf("%s: %s %v after it, at most %v", taking.name, what, late, most)
			}
		}
	}
	t.Logf("%d phones and numbers taken away on %d nodes; latest: %v", enough, len(names), latest)
}

func (o *office) seat(t *testing.T, n int) node.Seat {
	s, err := o.phones.Seat(t.Context(), fmt.Sprint(2000+n), 1)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (o *office) ask(t *testing.T, method, path string, body any) {
	status, err := o.system.Call(t.Context(), method, o.nodes[0].URL+"/api/v1/accounts/"+node.Slug+path, body)
	if err != nil || status >= 300 {
		t.Fatalf("%s %s: %d %v", method, path, status, err)
	}
}

// victim is a new phone user whose phone is signed in on every node, from addresses that nobody had before.
func (o *office) victim(t *testing.T) *victim {
	v := &victim{seat: o.seat(t, o.turn)}
	if _, err := o.phones.Numbers.ByNumber(t.Context(), o.system.Admin.Actor, line); err != nil {
		if _, err := o.phones.Numbers.Assign(t.Context(), o.phones.Operator(), line, "Main line"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := o.phones.Numbers.Lead(t.Context(), o.system.Admin.Actor, line, v.seat.ID, 0); err != nil {
		t.Fatal(err)
	}
	for i, s := range o.nodes {
		p := &part{on: s}
		rack := handset.Open(t, fmt.Sprintf("127.%d.%d.%d", 1+i, o.turn/200, 1+o.turn%200), s.at)
		p.phone = rack.Phone(v.seat.Devices[0])
		p.phone.OnRing(answer(rack, &p.rang))
		signIn(t, p.phone)
		v.parts = append(v.parts, p)
	}
	return v
}

func signIn(t *testing.T, p *handset.Phone) {
	t.Helper()
	if status, err := p.Register(t.Context(), 1); status != 200 {
		t.Fatalf("REGISTER: %d %v", status, err)
	}
}

// answer takes a call, notes when, and stays until the caller hangs up.
func answer(rack *handset.Rack, at *atomic.Int64) func(*sip.Leg, int) {
	return func(leg *sip.Leg, _ int) {
		if at != nil {
			at.Store(time.Now().UnixNano())
		}
		_ = leg.Answer(rack.SDP())
		go func() {
			for range leg.Events() {
			}
		}()
	}
}

// lose lets the victim register, call and be called on every node, takes something away, and returns how long each was still possible.
func (o *office) lose(t *testing.T, v *victim, numberOnly bool, take func()) map[string]time.Duration {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var probes sync.WaitGroup
	for _, p := range v.parts {
		leg, err := p.phone.Call(ctx, o.other.Extension)
		if err != nil {
			t.Fatalf("a call before anything was taken away: %v", err)
		}
		p.talk = leg
		probes.Go(func() {
			for range leg.Events() {
			}
			p.ended.CompareAndSwap(0, time.Now().UnixNano())
		})
		probes.Go(func() {
			again(ctx, func() {
				if status, _ := p.phone.Register(ctx, 1); status == 200 {
					p.registered.Store(time.Now().UnixNano())
				}
			})
		})
		probes.Go(func() {
			again(ctx, func() {
				p.try(ctx, &p.called, func() (*sip.Leg, error) { return p.phone.Call(ctx, o.other.Extension) })
			})
		})
		probes.Go(func() {
			again(ctx, func() {
				p.try(ctx, nil, func() (*sip.Leg, error) {
					if numberOnly {
						return p.on.carrier.CallIn(ctx, line)
					}
					return p.on.other.Call(ctx, v.seat.Extension)
				})
			})
		})
	}
	node.Until(t, "everything to work", func() bool {
		for _, p := range v.parts {
			if p.registered.Load() == 0 || p.called.Load() == 0 || p.rang.Load() == 0 {
				return false
			}
		}
		return true
	})
	take()
	at := time.Now().UnixNano()
	rest := time.NewTimer(after)
	<-rest.C
	latest := map[string]time.Duration{}
	late := func(what string, last int64) {
		latest[what] = max(latest[what], time.Duration(last-at), 0)
	}
	for _, p := range v.parts {
		late("rang", p.rang.Load())
		if numberOnly {
			continue
		}
		late("registered", p.registered.Load())
		late("called", p.called.Load())
		if end := p.ended.Load(); end == 0 {
			t.Errorf("a call in progress went on")
		} else {
			late("call in progress ended", end)
		}
	}
	stop()
	for _, p := range v.parts {
		p.talk.Hangup()
	}
	probes.Wait()
	if !numberOnly {
		o.gone(t, v.seat)
	}
	return latest
}

// gone sees that no registration is left in the store.
func (o *office) gone(t *testing.T, s node.Seat) {
	list, err := o.phones.LocationsOf(t.Context(), s.AccountID, s.ID)
	if err != nil || len(list) > 0 {
		t.Errorf("%d registrations are left (%v)", len(list), err)
	}
	if c, err := o.phones.Credential(t.Context(), s.Devices[0].Username); err == nil && c.Enabled && c != (phoneuser.Credential{}) {
		t.Error("the credential still works")
	}
}

// try makes a call and hangs up; at is when it was last answered.
func (p *part) try(ctx context.Context, at *atomic.Int64, call func() (*sip.Leg, error)) {
	leg, err := call()
	if err != nil {
		return
	}
	if at != nil {
		at.Store(time.Now().UnixNano())
	}
	leg.Hangup()
}

// again does something every few milliseconds until ctx ends.
func again(ctx context.Context, do func()) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		do()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
