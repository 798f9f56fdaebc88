package sip

import (
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// Datagrams of many peers that come together are each answered once, to whom they came from, over both families of one socket.
func TestDatagramsThatComeTogether(t *testing.T) {
	t.Parallel()
	const peers, each = 8, 24 // more than one batch, less than the buffers of sockets
	held := make(chan struct{})
	e, _ := engine(t, Config{Before: func(m *Message, _ *Flow) (*Message, bool) {
		<-held
		return m.Respond(401, ""), true
	}})
	both, err := e.ListenUDP(t.Context(), ":0")
	if err != nil {
		t.Fatal(err)
	}
	port := uint16(both.(*net.UDPAddr).Port)
	var all []*peer
	for i := range peers {
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
		if i%2 == 1 {
			to = netip.AddrPortFrom(netip.IPv6Loopback(), port)
		}
		p := newPeer(t, to)
		all = append(all, p)
		for n := range each {
			p.send("OPTIONS", string(rune('a'+n)), 1+n, "")
		}
	}
	close(held) // the first was being looked at, the others wait
	for _, p := range all {
		seen := map[uint32]bool{}
		for range each {
			m := p.next(patience)
			if m == nil {
				t.Fatalf("%d answers of %d came to %s", len(seen), each, p.addr())
			}
			n, _ := m.CSeq()
			if m.Status != 401 || m.CallID() != p.callID || seen[n] {
				t.Fatalf("answered to %s:\n%s", p.addr(), m)
			}
			seen[n] = true
		}
	}
}

// The 200 to a CANCEL comes before the 487 that it brings about: some phones take nothing else.
func TestCancelIsAnsweredBeforeItsInvite(t *testing.T) {
	t.Parallel()
	_, addr := engine(t, Config{Handler: func(in *Incoming) { <-in.Cancelled() }})
	p := newPeer(t, addr)
	p.send("INVITE", "1", 1, "")
	p.want("100 INVITE")
	p.send("CANCEL", "1", 1, "")
	if m := p.next(patience); m == nil || m.Status != 200 {
		t.Fatalf("the CANCEL brought first\n%s", m)
	}
	if m := p.next(patience); m == nil || m.Status != 487 {
		t.Fatalf("and then\n%s", m)
	}
}

// The log of a server that is stopped is read for what went wrong.
func TestClosingIsNoFault(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	e, _ := engine(t, Config{Log: slog.New(slog.NewTextHandler(&said, nil))})
	e.Close(expired)
	if said.Len() > 0 {
		t.Errorf("closing says %s", &said)
	}
}
