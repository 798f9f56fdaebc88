package media

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"hubline/media/mediatest"
	"hubline/media/rtp"
)

// tray is a socket that keeps the last packet sent.
type tray struct {
	sent []byte
	to   netip.AddrPort
	n    int
}

func (s *tray) port() int                 { return 4000 }
func (s *tray) close()                    {}
func (s *tray) settle(netip.AddrPort) int { return none }
func (s *tray) unsettle()                 {}
func (s *tray) send(packet []byte, to netip.AddrPort) bool {
	s.sent, s.to, s.n = append(s.sent[:0], packet...), to, s.n+1
	return true
}

var phone = netip.MustParseAddrPort("192.0.2.1:5000")

// onTrays makes an endpoint that has trays for sockets; packets are handed to it directly.
func onTrays(s *Server) (e *Endpoint, rtp, rtcp *tray) {
	e, rtp, rtcp = newEndpoint(s), &tray{}, &tray{}
	e.rtp, e.rtcp = rtp, rtcp
	e.SetCodecs(PCMA)
	e.SetPeer(phone, phone.Addr())
	return e, rtp, rtcp
}

func (e *Endpoint) hand(packet []byte, from netip.AddrPort, control bool) {
	e.mu.Lock()
	e.receive(packet, from, control, e.server.since())
}

func next(p netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(p.Addr(), p.Port()+1) }

func TestReportsTellWhatWasSentAndReceived(t *testing.T) {
	t.Parallel()
	now := time.UnixMilli(1_700_000_000_000)
	s := New(Config{Now: func() time.Time { return now }})
	e, out, control := onTrays(s)
	defer e.Close()
	Bridge(e, e)
	for _, n := range []uint16{1, 2, 4} {
		e.hand(rtp.Header{Payload: 8, Sequence: n, Timestamp: uint32(n) * 160, SSRC: 77}.Append(nil, make([]byte, 160)), phone, false)
	}
	e.hand(rtp.Report{SSRC: 77, Sender: &rtp.Sender{NTP: 0x1111_2222_3333_4444}}.Append(nil), next(phone), true)
	now = now.Add(500 * time.Millisecond)
	e.mu.Lock()
	e.sendReport(false)
	e.mu.Unlock()
	r, ok := rtp.ParseReport(control.sent)
	if !ok || control.to != next(phone) || r.Sender == nil || len(r.Blocks) != 1 {
		t.Fatalf("sent to %v: %+v", control.to, r)
	}
	h, _, _ := rtp.Parse(out.sent)
	if r.SSRC != h.SSRC || r.Sender.Packets != 3 || r.Sender.Bytes != 480 || r.Sender.Timestamp != h.Timestamp+4000 || r.Sender.NTP != rtp.NTP(now) {
		t.Errorf("sender %+v, last packet %+v", r.Sender, h)
	}
	if b := r.Blocks[0]; b.SSRC != 77 || b.Lost != 1 || b.Last != 0x2222_3333 || b.Delay != 1<<15 {
		t.Errorf("block %+v", b)
	}

	// The peer's answer gives the loss and the round trip: it came 300 ms after ours, 100 ms of which the peer waited.
	last := uint32(rtp.NTP(now) >> 16)
	now = now.Add(300 * time.Millisecond)
	e.hand(rtp.Report{SSRC: 77, Blocks: []rtp.Block{{SSRC: h.SSRC, Lost: 9, Last: last, Delay: 6554}}}.Append(nil), next(phone), true)
	if st := e.Stats(); st.PeerLost != 9 || st.RoundTrip < 199*time.Millisecond || st.RoundTrip > 201*time.Millisecond {
		t.Errorf("%d lost, round trip %v", st.PeerLost, st.RoundTrip)
	}
	e.Close()
	if r, ok := rtp.ParseReport(control.sent); !ok || !r.Bye {
		t.Errorf("the last report is %+v", r)
	}
}

// Both ends of a call report of themselves, again and again, while they are open; the last report of each is its goodbye.
func TestReportsComeByThemselves(t *testing.T) {
	t.Parallel()
	var passed atomic.Int64 // on the server's clock
	began := time.Now()
	s := New(Config{Now: func() time.Time { return began.Add(time.Duration(passed.Load())) }})
	defer s.Close()
	var ends []*Endpoint
	for range 2 {
		e, err := s.Endpoint()
		if err != nil {
			t.Fatal(err)
		}
		e.mu.Lock()
		e.rtcp.close()
		e.rtcp = &tray{}
		e.mu.Unlock()
		e.SetPeer(phone, phone.Addr())
		e.hand(rtp.Header{Payload: 8, SSRC: 77}.Append(nil, make([]byte, 160)), phone, false)
		ends = append(ends, e)
	}
	for n := range 3 {
		passed.Add(int64(2 * reportEvery))
		for _, e := range ends {
			mediatest.Until(t, func() bool {
				e.mu.Lock()
				defer e.mu.Unlock()
				return e.rtcp.(*tray).n > n
			})
		}
	}
	s.Close()
	for _, e := range ends {
		if r, ok := rtp.ParseReport(e.rtcp.(*tray).sent); !ok || !r.Bye {
			t.Errorf("the last report is %+v", r)
		}
	}
}

func TestReportsGoWhereThePeerWantsThem(t *testing.T) {
	t.Parallel()
	elsewhere := netip.MustParseAddrPort("192.0.2.1:7001")
	report := rtp.Report{SSRC: 1}.Append(nil)
	for _, c := range []struct {
		name string
		told func(e *Endpoint)
		mux  bool
		want netip.AddrPort
	}{
		{"nothing said", func(*Endpoint) {}, false, next(phone)},
		{"attribute rtcp", func(e *Endpoint) { e.SetControl(elsewhere) }, false, elsewhere},
		{"multiplexed", func(e *Endpoint) { e.SetControl(phone) }, true, phone},
		{"heard on the RTP port", func(e *Endpoint) { e.hand(report, phone, false) }, true, phone},
		{"heard from another port", func(e *Endpoint) { e.hand(report, elsewhere, true) }, false, elsewhere},
		{"learned once", func(e *Endpoint) { e.hand(report, elsewhere, true); e.hand(report, next(phone), true) }, false, elsewhere},
		{"a stranger", func(e *Endpoint) { e.hand(report, netip.MustParseAddrPort("198.51.100.1:5001"), true) }, false, next(phone)},
	} {
		e, out, control := onTrays(New(Config{}))
		e.hand(rtp.Header{Payload: 8, SSRC: 1}.Append(nil, make([]byte, 160)), phone, false)
		c.told(e)
		e.mu.Lock()
		e.sendReport(false)
		e.mu.Unlock()
		used := control
		if c.mux {
			used = out
		}
		if used.n != 1 || used.to != c.want {
			t.Errorf("%s: %d reports, to %v, want %v", c.name, used.n, used.to, c.want)
		}
		e.Close()
	}
}

func TestPacketsAreRelayedWithoutAllocating(t *testing.T) {
	s := New(Config{})
	a, _, _ := onTrays(s)
	b, out, _ := onTrays(s)
	Bridge(a, b)
	defer a.Close()
	defer b.Close()
	h := rtp.Header{Payload: 8, SSRC: 1}
	packet := h.Append(nil, make([]byte, 160))
	if n := testing.AllocsPerRun(1000, func() {
		h.Sequence++
		h.Put(packet)
		a.hand(packet, phone, false)
	}); n != 0 {
		t.Errorf("%v allocations for a packet", n)
	}
	if out.n != 1001 {
		t.Errorf("%d packets were sent", out.n)
	}
}

// BenchmarkRelay is our own work for a packet; the kernel's is measured by bench/media.
func BenchmarkRelay(b *testing.B) {
	s := New(Config{})
	left, _, _ := onTrays(s)
	right, _, _ := onTrays(s)
	Bridge(left, right)
	h := rtp.Header{Payload: 8, SSRC: 1}
	packet := h.Append(nil, make([]byte, 160))
	b.ReportAllocs()
	for b.Loop() {
		h.Sequence++
		h.Put(packet)
		left.hand(packet, phone, false)
	}
}
