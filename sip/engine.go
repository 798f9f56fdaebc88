package sip

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Errors of the engine. What a peer answered is never an error but a message.
var (
	ErrClosed   = errors.New("sip: the engine is closed")
	ErrFlow     = errors.New("sip: the flow is gone")
	ErrState    = errors.New("sip: the state of the dialog or transaction does not allow this")
	ErrTooLarge = errors.New("sip: the message is too large for its transport")
	ErrBusy     = errors.New("sip: another offer is under way")
	ErrRefused  = errors.New("sip: the peer refused")
)

// Config says how an Engine behaves. The zero value of every field but Handler works.
type Config struct {
	// Handler is called for every new request outside the dialogs of legs, and for the requests inside them that a leg does
	// not handle itself (Incoming.Leg is set then). It runs in a goroutine of its own; a panic in it is answered with 500.
	// A request that has no final answer when it returns is answered with 500, unless it became a leg.
	Handler func(*Incoming)

	// Before sees every new request outside a leg's dialog first, on the goroutine that reads from the network, before any
	// memory is kept for it. When handled is true, the reply (nil for silence) is sent and the request forgotten; a
	// retransmission comes here again. It must not block. ACK and CANCEL do not come here.
	Before func(m *Message, flow *Flow) (reply *Message, handled bool)

	Log       *slog.Logger // nil is slog.Default
	UserAgent string       // the Server and User-Agent header; empty for none

	T1, T2, T4         time.Duration // RFC 3261 17.1.1.1; 0 is 500 ms, 4 s, 5 s
	TransactionTimeout time.Duration // timers B, D, F, H, J, L, M and the wait for an ACK; 0 is 64*T1
	RingTimeout        time.Duration // how long an INVITE of ours may go without a further provisional answer (timer C); 0 is 3 min
	SessionExpires     time.Duration // offered by legs, RFC 4028; 0 is 30 min, negative for none
	MinSessionExpires  time.Duration // shorter intervals are refused with 422; 0 is 90 s, the least that the RFC allows

	Budget  Budget
	Limits  Limits
	Origins []string // hosts whose pages may open a WebSocket besides the host of the server itself; "*" for all

	// Follow names peers that are certainly not behind NAT: carriers, whose dialogs may move from one of their machines to
	// another. Over UDP, requests inside their dialogs go to the IP address in Record-Route or Contact instead of where the last
	// message came from. It must not block.
	Follow func(netip.Addr) bool

	// Client tells who sent a WebSocket's request when a proxy stands in front; nil takes the connection's own address.
	Client func(*http.Request) netip.AddrPort

	// Advertise is the address written into Via and Contact where a socket is bound to every address. Without it the
	// kernel's routing table is asked which address a peer sees.
	Advertise netip.Addr

	Now func() time.Time // nil is time.Now; timers of transactions do not go by it
}

// Budget is what one source address (IPv6: its /64) may send: requests other than ACK, BYE and CANCEL. More is dropped
// unread on UDP and slows a connection down.
type Budget struct {
	PerSecond int // 0 is 500; negative for no limit
	Burst     int // 0 is 2 seconds' worth

	// Exempt names sources without a limit: carriers and edge proxies. It must not block.
	Exempt func(netip.Addr) bool
}

// Limits bound what strangers can make the engine hold.
type Limits struct {
	MessageBytes int // largest message on a connection; 0 is 64 KiB. A datagram is bounded by UDP
	Connections  int // open at once, all transports; 0 is 20,000
	PerSource    int // open at once from one address (IPv6: its /64); 0 is 500
	Transactions int // requests under work at once; beyond, requests are answered 503; 0 is 100,000
	QueueBytes   int // waiting to be written to one connection; beyond, it is closed; 0 is 256 KiB

	Greeting  time.Duration // a new connection must send a whole message within; 0 is 10 s
	Message   time.Duration // from the first byte of a message to its last; 0 is 10 s
	Idle      time.Duration // a connection without a byte; 0 is 15 min
	Write     time.Duration // one write to a connection; 0 is 10 s
	PingEvery time.Duration // WebSocket pings, whose pong must come before the next; 0 is 25 s
}

// Stats counts since the engine was made, except for the fields that say "now".
type Stats struct {
	Requests, Responses int64 // received and admitted
	Malformed           int64 // not parsed or not admitted
	OverBudget          int64 // dropped for the budget of their source
	Retransmitted       int64 // requests absorbed because they were known
	Sent                int64 // messages
	Timeouts            int64 // client transactions without a final answer
	Panics              int64
	Refused             int64 // connections over a limit
	Transactions        int64 // now, server and client
	Legs                int64 // now
	Connections         int64 // now
	KeepAlives          int64
	Overload            int64 // requests answered 503 by the engine
	BudgetBytes         int64 // memory of the budget table; it never grows
}

// Engine holds the sockets, transactions and dialogs. Its methods may be called from many goroutines.
type Engine struct {
	cfg    Config
	log    *slog.Logger
	now    func() time.Time
	wheel  *wheel
	budget *budget
	keys   keyer

	servers  table[txKey, *serverTx]
	clients  table[txKey, *Outgoing]
	merged   table[txKey, txKey] // RFC 3261 8.2.2.2: From tag, Call-ID and CSeq to the transaction that has them
	answered *answered
	legs     table[string, *Leg] // by our tag

	conns    connections
	udp      atomic.Pointer[[]*udpSocket]
	routes   routes
	workers  chan *Incoming
	count    counters
	idle     atomic.Int64 // workers that wait
	draining atomic.Bool
	closed   chan struct{}
	closing  sync.Once
	readers  sync.WaitGroup
	mu       sync.Mutex // the lists of sockets
	closers  []func() error
	legEnded chan struct{}
}

type counters struct {
	requests, responses, malformed, overBudget, retransmitted, sent, timeouts, panics, refused, keepAlives, overload atomic.Int64
	serverTxs, clientTxs, legs                                                                                       atomic.Int64
}

// New makes an engine without sockets.
func New(cfg Config) *Engine {
	cfg = cfg.withDefaults()
	e := &Engine{
		cfg: cfg, log: cfg.Log, now: cfg.Now,
		wheel:    newWheel(min(max(cfg.T1/50, time.Millisecond), 10*time.Millisecond)),
		budget:   newBudget(cfg.Budget, cfg.Now),
		keys:     newKeyer(),
		answered: newAnswered(),
		workers:  make(chan *Incoming),
		closed:   make(chan struct{}),
		legEnded: make(chan struct{}, 1),
	}
	e.wheel.onPanic = e.panicked
	e.servers.init()
	e.clients.init()
	e.merged.init()
	e.legs.init()
	e.conns.init(cfg.Limits)
	e.udp.Store(new([]*udpSocket))
	return e
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	or(&c.T1, 500*time.Millisecond)
	or(&c.T2, 4*time.Second)
	or(&c.T4, 5*time.Second)
	or(&c.TransactionTimeout, 64*c.T1)
	or(&c.RingTimeout, 3*time.Minute)
	or(&c.SessionExpires, 30*time.Minute)
	or(&c.MinSessionExpires, 90*time.Second)
	or(&c.Budget.PerSecond, 500)
	or(&c.Budget.Burst, 2*c.Budget.PerSecond)
	l := &c.Limits
	or(&l.MessageBytes, 64<<10)
	or(&l.Connections, 20_000)
	or(&l.PerSource, 500)
	or(&l.Transactions, 100_000)
	or(&l.QueueBytes, 256<<10)
	or(&l.Greeting, 10*time.Second)
	or(&l.Message, 10*time.Second)
	or(&l.Idle, 15*time.Minute)
	or(&l.Write, 10*time.Second)
	or(&l.PingEvery, 25*time.Second)
	return c
}

func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Close lets running calls go on until ctx is done, answering new requests with 503, then hangs up what is left and closes
// every socket. It returns ctx's error when calls had to be ended.
func (e *Engine) Close(ctx context.Context) error {
	e.draining.Store(true)
	err := e.drain(ctx)
	e.closing.Do(func() {
		e.legs.each(func(l *Leg) { l.Hangup() })
		e.mu.Lock()
		close(e.closed)
		closers := e.closers
		e.closers = nil
		e.mu.Unlock()
		for _, c := range closers {
			if cerr := c(); cerr != nil && err == nil {
				err = cerr
			}
		}
		e.conns.closeAll()
		e.wheel.stop()
	})
	e.readers.Wait()
	return err
}

// drain waits until no leg is left.
func (e *Engine) drain(ctx context.Context) error {
	for e.count.legs.Load() > 0 {
		select {
		case <-e.legEnded:
		case <-ctx.Done():
			return ctx.Err()
		case <-e.closed:
			return nil
		}
	}
	return nil
}

func (e *Engine) isClosed() bool {
	select {
	case <-e.closed:
		return true
	default:
		return false
	}
}

// Stats returns the counters.
func (e *Engine) Stats() Stats {
	c := &e.count
	return Stats{
		Requests: c.requests.Load(), Responses: c.responses.Load(), Malformed: c.malformed.Load(), OverBudget: c.overBudget.Load(),
		Retransmitted: c.retransmitted.Load(), Sent: c.sent.Load(), Timeouts: c.timeouts.Load(), Panics: c.panics.Load(),
		Refused: c.refused.Load(), KeepAlives: c.keepAlives.Load(), Overload: c.overload.Load(),
		Transactions: c.serverTxs.Load() + c.clientTxs.Load(), Legs: c.legs.Load(), Connections: int64(e.conns.len()),
		BudgetBytes: e.budget.bytes(),
	}
}

// panicked logs a panic that was caught, with its stack.
func (e *Engine) panicked(where string, p any) {
	e.count.panics.Add(1)
	e.log.Error("sip: panic", "where", where, "panic", p, "stack", string(debug.Stack()))
}
