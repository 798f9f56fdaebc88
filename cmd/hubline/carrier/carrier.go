// Package carrier is the telephone network of a demo: a SIP endpoint that takes calls to any number, answers most of them, and brings
// calls to numbers of the installation back to it. It knows SIP and media and nothing of the product: the demo tells it whose a number is.
//
// Every number rings for a second, answers, plays a tone for a second and then sends back what it hears, but these, whose last three
// digits are the SIP status that the call ends with or passes through:
//
//	02 7010 0183   early media: ringing tone inside a 183, then answers as any other
//	02 7010 0404   404, not in service
//	02 7010 0408   rings and never answers
//	02 7010 0486   rings and is busy
//	02 7010 0500   fails at once
//	02 7010 0503   fails at once: no way there
//	02 7010 0603   rings and refuses
package carrier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"hubline/media"
	"hubline/sip"
)

// The agreed numbers. All are among those that Australia sets aside for fiction.
const (
	EarlyMedia   = "+61270100183"
	NotInService = "+61270100404"
	NeverAnswers = "+61270100408"
	Busy         = "+61270100486"
	Fails        = "+61270100500"
	NoWay        = "+61270100503"
	Refuses      = "+61270100603"
)

// Options say how the network behaves; the zero value works.
type Options struct {
	Ring time.Duration // before an answer; 0 is a second
	Log  *slog.Logger  // nil: discarded
	Now  func() time.Time
}

// Network is the demo's telephone network.
type Network struct {
	o      Options
	engine *sip.Engine
	media  *media.Server
	addr   netip.AddrPort
	calls  calls
	work   context.Context // of calls
	stop   context.CancelFunc

	mu     sync.Mutex
	system netip.AddrPort
	owned  func(ctx context.Context, number string) bool
}

// Start opens the network's port for UDP and TCP. With port 0 a free one is taken.
func Start(address string, o Options) (*Network, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("carrier: %w", err)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return nil, fmt.Errorf("carrier: %w", err)
	}
	if o.Ring == 0 {
		o.Ring = time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	n := open(o, ip)
	if n.addr, err = n.engine.Listen(n.work, address); err != nil {
		_ = n.Close()
		return nil, fmt.Errorf("carrier: %w", err)
	}
	return n, nil
}

func open(o Options, ip netip.Addr) *Network {
	n := &Network{o: o, media: media.New(media.Config{Listen: ip, Log: o.Log, Now: o.Now})}
	n.work, n.stop = context.WithCancel(context.Background())
	n.engine = sip.New(sip.Config{Handler: n.handle, Log: o.Log, UserAgent: "Demo network", Budget: sip.Budget{PerSecond: -1}})
	return n
}

// Addr is where the network takes calls.
func (n *Network) Addr() netip.AddrPort { return n.addr }

// Connect tells the network where the system is that it brings calls to, and which numbers lead there. Before that it brings none.
func (n *Network) Connect(system netip.AddrPort, owned func(ctx context.Context, number string) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.system, n.owned = system, owned
}

// leadsBack tells whether a call to the number goes to the system, and where that is.
func (n *Network) leadsBack(ctx context.Context, number string) (netip.AddrPort, bool) {
	n.mu.Lock()
	system, owned := n.system, n.owned
	n.mu.Unlock()
	return system, owned != nil && system.IsValid() && owned(ctx, number)
}

// Close hangs up and frees the port.
func (n *Network) Close() error {
	n.stop()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	err := n.engine.Close(now)
	n.media.Close()
	if errors.Is(err, context.Canceled) { // calls were ended, as was meant
		return nil
	}
	return err
}

// handle answers every request outside a call.
func (n *Network) handle(t *sip.Incoming) {
	switch {
	case t.Leg != nil:
		t.Refuse(405, "")
	case t.Request.Method == "INVITE":
		n.take(t)
	case t.Request.Method == "OPTIONS":
		t.Stateless()
		res := t.Request.Respond(200, "")
		res.Set("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE")
		t.Reply(res)
	default:
		t.Refuse(405, "", "Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE")
	}
}

// take decides what becomes of a call from the system.
func (n *Network) take(t *sip.Incoming) {
	number := t.Request.Target.User
	call := &call{n: n, noted: n.calls.add(seen(t.Request, n.o.Now())), leg: n.engine.Answering(t)}
	if system, ok := n.leadsBack(n.work, number); ok {
		call.passOn(system, number)
		return
	}
	switch number {
	case NotInService, Fails, NoWay:
		call.refuse(status(number))
	case NeverAnswers:
		call.ring(0)
	case Busy, Refuses:
		if call.ring(n.o.Ring) {
			call.refuse(status(number))
		}
	default:
		call.answer(number == EarlyMedia)
	}
}

// status is the SIP status in the last three digits of an agreed number.
func status(number string) int {
	code, _ := strconv.Atoi(number[len(number)-3:])
	return code
}
