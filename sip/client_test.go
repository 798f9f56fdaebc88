package sip

import (
	"context"
	"net/netip"
	"testing"
	"time"
)

// outgoing makes a request to the peer.
func outgoing(p *peer, method string) *Message {
	req := NewRequest(method, URI{Scheme: "sip", User: "bob", Host: "example.com"})
	req.Set("From", "<sip:ann@example.com>;tag=ann"+p.tag)
	req.Set("To", "<sip:bob@example.com>")
	req.Set("Call-ID", p.callID)
	req.Set("CSeq", "7 "+method)
	return req
}

// statuses reads every response of a transaction.
func statuses(t *testing.T, o *Outgoing) (all []int, last *Message) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case m, ok := <-o.Responses():
			if !ok {
				return all, last
			}
			all, last = append(all, m.Status), m
		case <-deadline:
			t.Fatalf("the transaction does not end after %v", all)
		}
	}
}

func same(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func send(t *testing.T, e *Engine, p *peer, method string) *Outgoing {
	t.Helper()
	o, err := e.Send(t.Context(), p.flow(e), outgoing(p, method))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestRequestsAreRepeatedUntilAnswered(t *testing.T) {
	t.Parallel()
	e, addr := engine(t, Config{})
	for _, method := range []string{"OPTIONS", "INVITE"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			p := newPeer(t, addr)
			o := send(t, e, p, method)
			first := p.want(method)
			for range 2 {
				if again := p.want(method); again.String() != first.String() {
					t.Errorf("the repetition differs:\n%s\n%s", first, again)
				}
			}
			if first.Get("Max-Forwards") != "70" || !first.Via().AsksRPort {
				t.Errorf("no Max-Forwards or rport:\n%s", first)
			}
			p.answer(first, 100)
			p.answer(first, 404)
			if got, _ := statuses(t, o); !same(got, []int{100, 404}) {
				t.Errorf("responses %v, want 100 and 404", got)
			}
			if method == "INVITE" {
				ack := p.want("ACK")
				if ack.Branch() != first.Branch() || ack.ToTag() != p.tag {
					t.Errorf("the ACK is not the transaction's:\n%s", ack)
				}
				p.answer(first, 404) // our ACK was lost
				p.want("ACK")
			}
		})
	}
}

func TestSilenceBecomes408(t *testing.T) {
	t.Parallel()
	e, addr := engine(t, Config{})
	p := newPeer(t, addr)
	for _, method := range []string{"MESSAGE", "INVITE"} {
		o := send(t, e, p, method)
		if got, last := statuses(t, o); !same(got, []int{408}) || last.Flow != nil {
			t.Errorf("%s: responses %v, want a made-up 408", method, got)
		}
		times := 0
		for m := p.next(50 * time.Millisecond); m != nil; m = p.next(50 * time.Millisecond) {
			times++
		}
		if times < 4 {
			t.Errorf("%s was sent %d times only", method, times)
		}
	}
	o := send(t, e, p, "OPTIONS")
	p.answer(p.want("OPTIONS"), 183) // a provisional answer alone does not help: timer F
	if got, _ := statuses(t, o); !same(got, []int{183, 408}) {
		t.Errorf("responses %v, want 183 and 408", got)
	}
	if s := e.Stats(); s.Timeouts != 3 || s.Transactions != 0 {
		t.Errorf("%d time-outs and %d transactions, want 3 and 0", s.Timeouts, s.Transactions)
	}
}

func TestCancelWaitsForASignOfLife(t *testing.T) {
	t.Parallel()
	e, addr := engine(t, Config{})
	p := newPeer(t, addr)
	o := send(t, e, p, "INVITE")
	invite := p.want("INVITE")
	o.Cancel()
	p.want("INVITE") // still repeated, and no CANCEL
	p.answer(invite, 180)
	cancel := p.want("CANCEL")
	if cancel.Branch() != invite.Branch() || cancel.Get("CSeq") != "7 CANCEL" || cancel.ToTag() != "" {
		t.Errorf("the CANCEL does not match its INVITE:\n%s", cancel)
	}
	p.want("CANCEL") // repeated until answered
	p.answer(cancel, 200)
	p.answer(invite, 487)
	p.want("ACK")
	if got, _ := statuses(t, o); !same(got, []int{180, 487}) {
		t.Errorf("responses %v, want 180 and 487", got)
	}
}

func TestCancelWithoutAFinalAnswerEnds(t *testing.T) {
	t.Parallel()
	e, addr := engine(t, Config{})
	p := newPeer(t, addr)
	ctx, cancel := context.WithCancel(t.Context())
	o, err := e.Send(ctx, p.flow(e), outgoing(p, "INVITE"))
	if err != nil {
		t.Fatal(err)
	}
	p.answer(p.want("INVITE"), 180)
	cancel()
	p.answer(p.want("CANCEL"), 200)
	if got, _ := statuses(t, o); !same(got, []int{180, 408}) {
		t.Errorf("responses %v, want 180 and a made-up 408", got)
	}
}

func TestRingingForEverIsCancelled(t *testing.T) {
	t.Parallel()
	e, addr := engine(t, Config{RingTimeout: 100 * time.Millisecond})
	p := newPeer(t, addr)
	o := send(t, e, p, "INVITE")
	invite := p.want("INVITE")
	p.answer(invite, 180)
	p.answer(p.want("CANCEL"), 200)
	p.answer(invite, 487)
	if got, _ := statuses(t, o); !same(got, []int{180, 487}) {
		t.Errorf("responses %v, want 180 and 487", got)
	}
}

func TestUnreachablePeerIs503(t *testing.T) {
	t.Parallel()
	e, addr := engine(t, Config{})
	p := newPeer(t, addr)
	flow := p.flow(e)
	flow.remote = netip.MustParseAddrPort("[2001:db8::1]:5060") // no way from an IPv4 socket
	o, err := e.Send(t.Context(), flow, outgoing(p, "OPTIONS"))
	if err != nil {
		t.Fatal(err)
	}
	if got, last := statuses(t, o); !same(got, []int{503}) || last.Flow != nil {
		t.Errorf("responses %v, want a made-up 503", got)
	}
}

func TestFlowTokensSurviveARestart(t *testing.T) {
	t.Parallel()
	first, addr := engine(t, Config{})
	p := newPeer(t, addr)
	token := p.flow(first).Token()
	first.Close(expired)
	second, _ := engine(t, Config{})
	flow, ok := second.FlowByToken(token)
	if !ok || flow.Remote() != p.addr() || !flow.Alive() {
		t.Fatalf("the token %q leads to %v, %v", token, flow, ok)
	}
	o, err := second.Send(t.Context(), flow, outgoing(p, "OPTIONS"))
	if err != nil {
		t.Fatal(err)
	}
	p.to = flow.Local()
	p.answer(p.want("OPTIONS"), 200)
	if got, _ := statuses(t, o); !same(got, []int{200}) {
		t.Errorf("responses %v, want 200", got)
	}
	for _, bad := range []string{"", "udp;", "udp;x;y", "udp;127.0.0.1:1;", "tcp-nothing", "udp;127.0.0.1:1;[::1]:5"} {
		if _, ok := second.FlowByToken(bad); ok {
			t.Errorf("the token %q leads somewhere", bad)
		}
	}
}
