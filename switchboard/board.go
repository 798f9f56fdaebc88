// Package switchboard is the door for phones and carriers: it lets devices sign in, decides who may call whom, joins the two sides of a
// call and writes down what became of it. It alone knows both SIP and the product; how messages, dialogs and packets work it leaves to
// sip and media, and what an account may do to the rooms.
package switchboard

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"hubline/base/change"
	"hubline/base/tel"
	"hubline/media"
	"hubline/product/call"
	"hubline/product/number"
	"hubline/product/phoneuser"
	"hubline/sip"
)

// Config is what a Board needs from the outside.
type Config struct {
	SIP      sip.Config // timers and limits; Handler, Before and exemptions are set by New
	Media    *media.Server
	Phones   *phoneuser.Room
	Numbers  *number.Room
	Calls    *call.Room
	Feed     *change.Feed // nil: nothing that ends elsewhere ends here
	Carriers []Carrier    // the preferred first
	Plan     tel.Plan
	Domain   string     // SIP domain and digest realm
	Address  netip.Addr // under which phones and carriers reach us, where sockets are open on every address
	Node     string     // name of this process among those that share the store; the same at its next start
	Roaming  bool       // devices may call from where they are not signed in
	Limits   Limits
	Times    Times
	Log      *slog.Logger     // nil: discarded
	Now      func() time.Time // nil: time.Now
}

// Limits bound calls that go on at once. Emergency calls pass all of them.
type Limits struct {
	PerUser    int // of one phone user; 0 is 4
	PerAccount int // 0 is 200
	Total      int // 0 is 5,000
}

// Times are how long things take; zero values are those of the product.
type Times struct {
	Ring    time.Duration // a phone user's devices, 30 s
	Outside time.Duration // a number outside, until it answers, 3 min
	Host    time.Duration // a carrier's host, until it says anything, while there is another to try; 5 s
	Silence time.Duration // a call without a packet from either side, 60 s
	Nonce   time.Duration // of a challenge, 60 s
	Commit  time.Duration // an answer waits for its record, 20 s; an emergency call 2 s
	Message time.Duration // a spoken message at most, 20 s
}

// Board is the switchboard. Its methods may be called from many goroutines.
type Board struct {
	engine    *sip.Engine
	media     *media.Server
	phones    *phoneuser.Room
	numbers   *number.Room
	calls     *call.Room
	feed      *change.Feed
	plan      tel.Plan
	domain    string
	address   netip.Addr
	node      string
	times     Times
	log       *slog.Logger
	now       func() time.Time
	nonces    *sip.Nonces
	nobody    string // HA1 of nobody
	guesses   *guesses
	strangers *strangers // nil: devices may call from anywhere
	carriers  *trunks
	saver     *saver
	registrar *registrar
	live      *liveCalls
	ended     *ended

	draining atomic.Bool
	work     context.Context // of calls; ends when the board is closed
	stopWork context.CancelFunc
}

// New makes a switchboard and its SIP engine, without sockets: open them on Engine once Load has read the bindings.
func New(c Config) *Board {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	or(&c.Limits.PerUser, 4)
	or(&c.Limits.PerAccount, 200)
	or(&c.Limits.Total, 5000)
	or(&c.Times.Ring, 30*time.Second)
	or(&c.Times.Outside, 3*time.Minute)
	or(&c.Times.Host, 5*time.Second)
	or(&c.Times.Silence, time.Minute)
	or(&c.Times.Commit, 20*time.Second)
	or(&c.Times.Message, 20*time.Second)
	var secret [32]byte
	rand.Read(secret[:])
	b := &Board{
		media: c.Media, phones: c.Phones, numbers: c.Numbers, calls: c.Calls, feed: c.Feed, plan: c.Plan, domain: c.Domain, address: c.Address.Unmap(),
		node: c.Node, times: c.Times, log: c.Log, now: c.Now,
		nonces: sip.NewNonces(secret[:], c.Times.Nonce, c.Now), nobody: sip.HA1("SHA-256", "", c.Domain, rand.Text()),
		guesses: newGuesses(c.Now), carriers: newTrunks(c.Carriers, c.Address, c.Log), saver: newSaver(c.Phones, c.Log), live: newLiveCalls(c.Limits), ended: newEnded(),
	}
	b.registrar = newRegistrar(b.saver)
	if !c.Roaming {
		b.strangers = newStrangers(c.Now)
	}
	b.work, b.stopWork = context.WithCancel(context.Background())
	c.SIP.Handler, c.SIP.Before = b.handle, b.before
	c.SIP.Budget.Exempt = func(a netip.Addr) bool { return b.carriers.of(netip.AddrPortFrom(a, 0)) != nil }
	if c.SIP.Log == nil {
		c.SIP.Log = c.Log
	}
	if !c.SIP.Advertise.IsValid() {
		c.SIP.Advertise = c.Address
	}
	b.engine = sip.New(c.SIP)
	return b
}

func or[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Engine is the SIP engine, for the sockets that cmd opens.
func (b *Board) Engine() *sip.Engine { return b.engine }

// Load reads what the last process of this node left: bindings, which can be called again at once, and open records, which are closed.
// Call it before the first socket is open.
func (b *Board) Load(ctx context.Context) error {
	if err := b.calls.CloseAbandoned(ctx, b.node); err != nil {
		return fmt.Errorf("switchboard: close what a crash left open: %w", err)
	}
	locations, err := b.phones.LocationsOfNode(ctx, b.node)
	if err != nil {
		return fmt.Errorf("switchboard: read the bindings: %w", err)
	}
	b.registrar.load(locations)
	return nil
}

// sweepEvery is how often expired bindings are forgotten.
const sweepEvery = 10 * time.Second

// Run does the work behind the calls until ctx ends: it writes bindings, hears of what ended elsewhere, and watches carriers.
func (b *Board) Run(ctx context.Context) {
	var wait sync.WaitGroup
	wait.Go(func() { b.saver.run(ctx) })
	wait.Go(func() { b.carriers.run(ctx, b.engine) })
	if b.feed != nil {
		wait.Go(func() { b.watch(ctx) })
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			wait.Wait()
			return
		case <-tick.C:
			b.registrar.sweep(b.now())
		}
	}
}

// Drain ends the calls in peace: new ones are refused with 503, those that go on may until ctx ends, and are hung up then. Every record is
// written when it returns, and no socket is open.
func (b *Board) Drain(ctx context.Context) error {
	b.draining.Store(true)
	err := b.live.wait(ctx)
	b.live.stopAll(causeStopped)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if e := b.live.wait(last); e != nil {
		b.log.Error("calls did not end", "error", e)
	}
	b.stopWork()
	if e := b.engine.Close(last); err == nil && e != nil {
		err = e
	}
	if e := b.calls.Flush(last); err == nil && e != nil {
		err = e
	}
	b.saver.flush(last)
	return err
}

// handle answers every request that before let through.
func (b *Board) handle(t *sip.Incoming) {
	m := t.Request
	if t.Leg != nil {
		b.inDialog(t)
		return
	}
	if _, found := b.credentials(m); !found && m.Method == "INVITE" {
		if carrier := b.carriers.of(m.Flow.Remote()); carrier != nil {
			b.inbound(t, carrier)
			return
		}
	}
	ctx, cancel := context.WithTimeout(b.work, handleLimit)
	who, refuse := b.authenticate(ctx, m)
	cancel()
	if refuse != nil {
		t.Stateless()
		t.Reply(refuse)
		return
	}
	switch m.Method {
	case "REGISTER":
		ctx, cancel := context.WithTimeout(b.work, handleLimit)
		defer cancel()
		b.register(ctx, t, who)
	case "INVITE":
		b.outbound(t, who)
	default:
		b.unsupported(t)
	}
}

// handleLimit bounds what the store may take for one request.
const handleLimit = 10 * time.Second

// unsupported answers what a device may not ask for, once it is known who asks.
func (b *Board) unsupported(t *sip.Incoming) {
	switch t.Request.Method {
	case "SUBSCRIBE", "PUBLISH":
		t.Refuse(489, "") // no event package is offered (RFC 6665 4.1.2)
	case "NOTIFY", "BYE", "INFO", "UPDATE", "PRACK":
		t.Refuse(481, "")
	case "MESSAGE", "REFER":
		t.Refuse(405, "", "Allow", allowed)
	default:
		t.Refuse(501, "", "Allow", allowed)
	}
}

// inDialog answers what a leg does not do by itself.
func (b *Board) inDialog(t *sip.Incoming) {
	switch t.Request.Method {
	case "SUBSCRIBE":
		t.Refuse(489, "")
	case "NOTIFY":
		t.Refuse(481, "")
	case "MESSAGE", "REFER", "PUBLISH", "REGISTER":
		t.Refuse(405, "", "Allow", allowed)
	default:
		t.Refuse(501, "", "Allow", allowed)
	}
}

// State tells what a phone user's phones do right now: "on-a-call", "available", or "" when none is signed in.
func (b *Board) State(accountID, phoneUserID string) string {
	at := seat{accountID, phoneUserID}
	if b.live.busy(at) {
		return "on-a-call"
	}
	for _, bd := range b.registrar.live(at, b.now()) {
		if b.reachable(bd) {
			return "available"
		}
	}
	return ""
}

// Hangup ends a call of the account and tells whether it was going on here.
func (b *Board) Hangup(accountID, callID string) bool {
	return b.live.stop(accountID, callID, causePortal)
}
