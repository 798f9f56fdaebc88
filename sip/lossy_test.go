package sip

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// badNetwork stands between two engines: each has an address there that leads to the other. It loses, doubles and delays datagrams.
type badNetwork struct {
	toA, toB *net.UDPConn // engines send to these
	mu       sync.Mutex
	random   *rand.Rand
	loss     int // in a hundred; as many are doubled and delayed
	lost     atomic.Int64
}

func newBadNetwork(t *testing.T, loss int) *badNetwork {
	t.Helper()
	n := &badNetwork{random: rand.New(rand.NewPCG(1, 2)), loss: loss}
	for _, pc := range []**net.UDPConn{&n.toA, &n.toB} {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		*pc = c
	}
	return n
}

// carry passes on what arrives at in, from out, to the address.
func (n *badNetwork) carry(in, out *net.UDPConn, to netip.AddrPort) {
	buf := make([]byte, 65536)
	for {
		size, _, err := in.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		b := append([]byte(nil), buf[:size]...)
		n.mu.Lock()
		fate, late := n.random.IntN(100), time.Duration(n.random.IntN(15))*time.Millisecond
		n.mu.Unlock()
		switch {
		case fate < n.loss:
			n.lost.Add(1)
		case fate < 2*n.loss:
			time.AfterFunc(late, func() { out.WriteToUDPAddrPort(b, to) })
		case fate < 3*n.loss:
			out.WriteToUDPAddrPort(b, to)
			out.WriteToUDPAddrPort(b, to)
		default:
			out.WriteToUDPAddrPort(b, to)
		}
	}
}

// Calls over a network that loses, doubles and reorders a fifth of everything each are set up, changed by both sides at once and
// ended, and nothing is left behind.
func TestCallsOverABadNetwork(t *testing.T) {
	t.Parallel()
	var callee *Engine
	ready := make(chan struct{})
	cfg := Config{Budget: Budget{PerSecond: -1}, TransactionTimeout: 4 * time.Second, Handler: func(t *Incoming) {
		<-ready
		go answerAndEcho(callee.Answering(t))
	}}
	callee, addrB := engine(t, cfg)
	close(ready)
	caller, addrA := engine(t, cfg)
	network := newBadNetwork(t, 20)
	go network.carry(network.toB, network.toA, addrB)
	go network.carry(network.toA, network.toB, addrA)
	flow, err := caller.Dial(t.Context(), "udp", network.toB.LocalAddr().(*net.UDPAddr).AddrPort(), nil)
	if err != nil {
		t.Fatal(err)
	}
	const calls = 60
	results := make(chan error, calls)
	for range calls {
		go func() { results <- oneCall(caller, flow) }()
	}
	for range calls {
		select {
		case err := <-results:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Fatal("a call hangs")
		}
	}
	if network.lost.Load() < calls {
		t.Errorf("the network lost %d packets only", network.lost.Load())
	}
	noneLeft(t, caller)
	noneLeft(t, callee)
}

// oneCall calls, changes the session, and hangs up.
func oneCall(e *Engine, flow *Flow) error {
	l, err := e.Call(context.Background(), flow, invitation("", sdpA))
	if err != nil {
		return err
	}
	changed := make(chan error, 1)
	for ev := range l.Events() {
		switch ev.Kind {
		case Ringing:
		case Answered:
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				_, err := l.Reoffer(ctx, []byte(sdpB))
				changed <- err
			}()
		case Offered:
			l.AnswerOffer(ev, []byte(sdpA))
		case Info: // the callee's own change is through
			if err := <-changed; err != nil {
				return fmt.Errorf("change by the caller: %w", err)
			}
			l.Hangup()
			return nil
		default:
			return fmt.Errorf("the caller saw %v %v", ev.Kind, ev.Message)
		}
	}
	return errors.New("the call ended early")
}

// answerAndEcho plays the callee, who changes the session as soon as the call stands.
func answerAndEcho(l *Leg) {
	l.Ring(180, nil)
	l.Answer([]byte(sdpB))
	for ev := range l.Events() {
		switch ev.Kind {
		case Confirmed:
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				defer cancel()
				if _, err := l.Reoffer(ctx, []byte(sdpC)); err == nil {
					l.Info(ctx, "text/plain", []byte("changed"))
				}
			}()
		case Offered:
			l.AnswerOffer(ev, []byte(sdpC))
		}
	}
}
