package switchboard_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/tel"
	"hubline/media"
	"hubline/media/mediatest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/call"
	"hubline/product/number"
	"hubline/product/phoneuser"
	"hubline/product/phoneuser/phoneusertest"
	"hubline/sip"
	"hubline/switchboard"
)

const (
	domain   = phoneusertest.Domain
	mainLine = "+61255500142"
	mobile   = "+61491570156"
	sales    = "+611300975707"
	fast     = 20 * time.Millisecond // T1
)

// clock runs with the machine's and can be moved ahead.
type clock struct{ ahead atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) Advance(d time.Duration) { c.ahead.Add(int64(d)) }

// rig is a switchboard at work on real sockets, with an account harbour that has Mary (101) and Tom (102), and northside with its own 101.
type rig struct {
	*phoneusertest.Rig
	t        testing.TB
	clock    *clock
	numbers  *number.Room
	calls    *call.Room
	feed     *change.Feed
	media    *media.Server
	board    *switchboard.Board
	config   switchboard.Config
	sip      netip.AddrPort // UDP and TCP
	network  *network       // the carrier
	staff    account.Actor
	admin    *accounttest.User
	north    *accounttest.User
	mary     phoneuser.User
	tom      phoneuser.User
	stranger phoneuser.User // 101 of northside

	stop, halt func()
}

type adjust func(*switchboard.Config)

// on runs a test on SQLite.
func on(t *testing.T, fn func(t *testing.T, r *rig), adjusts ...adjust) {
	t.Helper()
	t.Parallel()
	fn(t, newRig(t, dbtest.SQLite(t), adjusts...))
}

// onEach runs a test on both engines.
func onEach(t *testing.T, fn func(t *testing.T, r *rig), adjusts ...adjust) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, newRig(t, d, adjusts...)) })
}

func newRig(t testing.TB, d *db.DB, adjusts ...adjust) *rig {
	t.Helper()
	r := &rig{t: t, clock: &clock{}}
	now := r.clock.Now
	accounts := accounttest.New(t, d)
	accounts.Clock.Set(time.Now())
	r.feed = change.NewFeed(d, slog.New(slog.DiscardHandler))
	r.feed.Poll = 20 * time.Millisecond
	r.Rig = phoneusertest.With(t, accounts, func(c *phoneuser.Config) { c.Now, c.Feed = now, r.feed })
	r.numbers = number.New(number.Config{DB: d, Keys: r.Keys, Account: r.Room, Phones: r.Phones, Feed: r.feed, Now: now})
	r.Phones.Owns, r.Phones.LeadsTo = r.numbers.Owns, r.numbers.LeadsTo
	r.people()
	r.network = newNetwork(t)
	r.media = media.New(media.Config{})
	t.Cleanup(r.media.Close)
	r.config = switchboard.Config{
		SIP:   sip.Config{T1: fast, T2: 8 * fast, T4: 4 * fast, TransactionTimeout: 2 * time.Second, Budget: sip.Budget{PerSecond: -1}},
		Media: r.media, Phones: r.Phones, Numbers: r.numbers, Feed: r.feed, Plan: tel.For("AU"), Domain: domain, Node: "one", Now: now,
		Log:      slog.New(slog.DiscardHandler),
		Carriers: []switchboard.Carrier{{Name: "Network", Hosts: []string{r.network.addr.String()}, Transport: "udp", Numbers: "e164", Identity: "pai"}},
		Times:    switchboard.Times{Ring: 600 * time.Millisecond, Outside: 2 * time.Second, Message: 300 * time.Millisecond},
	}
	if os.Getenv("HUBLINE_TEST_LOG") != "" {
		r.config.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	for _, a := range adjusts {
		a(&r.config)
	}
	r.start()
	return r
}

// people fills the two accounts.
func (r *rig) people() {
	r.staff = r.Staff("alex@provider.example")
	r.admin, r.north = r.Open("harbour"), r.Open("northside")
	for _, n := range [][2]string{{mainLine, "Main line"}, {mobile, "Mary's mobile"}, {sales, "Sales"}} {
		_, err := r.numbers.Assign(r.t.Context(), r.staff.Inside(r.admin.Account), n[0], n[1])
		must(r.t, err)
	}
	r.mary, r.tom = r.Add(r.admin, "101", "Mary Chen"), r.Add(r.admin, "102", "Tom Baker")
	r.stranger = r.Add(r.north, "101", "Nadia North")
	line := mainLine
	_, err := r.Phones.Change(r.t.Context(), r.admin.Actor(), r.mary.ID, phoneuser.Change{CallerID: &line}, 0)
	must(r.t, err)
	r.lead(mainLine, r.mary)
}

// lead makes a number ring a phone user.
func (r *rig) lead(e164 string, u phoneuser.User) {
	r.t.Helper()
	n, err := r.numbers.ByNumber(r.t.Context(), r.admin.Actor(), e164)
	must(r.t, err)
	_, err = r.numbers.Lead(r.t.Context(), r.admin.Actor(), e164, u.ID, n.Version)
	must(r.t, err)
}

// start makes a board, as a process does.
func (r *rig) start() {
	r.t.Helper()
	r.calls = call.New(call.Config{DB: r.DB, Keys: r.Keys, Account: r.Room, Plan: tel.For("AU"), Now: r.clock.Now, Node: "one", Gather: time.Millisecond})
	r.config.Calls = r.calls
	r.board = switchboard.New(r.config)
	must(r.t, r.board.Load(r.t.Context()))
	ctx, stop := context.WithCancel(context.Background())
	address := "127.0.0.1:0"
	if r.sip.IsValid() {
		address = r.sip.String() // as after a restart
	}
	var err error
	r.sip, err = r.board.Engine().Listen(ctx, address)
	must(r.t, err)
	var running sync.WaitGroup
	running.Go(func() { r.feed.Run(ctx) })
	running.Go(func() { r.Phones.Run(ctx) })
	running.Go(func() { r.numbers.Run(ctx) })
	calls, stopCalls := context.WithCancel(context.Background())
	records, board := r.calls, r.board
	running.Go(func() { records.Run(calls) })
	running.Go(func() { board.Run(ctx) })
	r.stop = sync.OnceFunc(func() {
		drain, cancel := context.WithCancel(context.Background())
		cancel()
		board.Drain(drain)
		stop()
		stopCalls()
		running.Wait()
	})
	r.halt = sync.OnceFunc(func() { // as a crash: nothing is written any more
		stop()
		stopCalls()
		running.Wait()
		drain, cancel := context.WithCancel(context.Background())
		cancel()
		board.Engine().Close(drain)
	})
	r.t.Cleanup(r.stop)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// records returns the closed records of an account, the oldest first, once there are as many.
func (r *rig) records(u *accounttest.User, count int) []call.Record {
	r.t.Helper()
	var list []call.Record
	mediatest.Until(r.t, func() bool {
		page, err := r.calls.List(r.t.Context(), u.Actor(), call.Filter{Oldest: true})
		must(r.t, err)
		list = page.Calls
		return len(list) >= count
	})
	if len(list) != count {
		r.t.Fatalf("%d records, want %d: %+v", len(list), count, list)
	}
	return list
}

// record returns the only record of harbour.
func (r *rig) record() call.Record {
	r.t.Helper()
	return r.records(r.admin, 1)[0]
}

func sentence(c call.Record) string {
	return fmt.Sprintf("%s %s: %s (%s) to %s (%s), answered by %q, service %s %q, %s by %s, %d", c.Direction, c.Status, c.FromNumber, c.FromName,
		c.ToNumber, c.ToName, c.AnsweringPoint, c.ServiceNumber, c.ServiceName, c.Cause, c.EndedBy, c.SIPStatus)
}
