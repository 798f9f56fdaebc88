package media_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"hubline/media"
	"hubline/media/mediatest"
	"hubline/media/rtp"
)

func TestPortsAreEvenWithTheNextForRTCP(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		e := open(t, s)
		if e.Port()%2 != 0 || e.Addr() != netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(e.Port())) {
			t.Errorf("port %d, address %v", e.Port(), e.Addr())
		}
		for _, port := range []int{e.Port(), e.Port() + 1} {
			if conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}); err == nil {
				conn.Close()
				t.Errorf("port %d is still free", port)
			}
		}
	})
}

func TestPortsComeFromTheRangeInNoOrder(t *testing.T) {
	t.Parallel()
	// A free pair, then a range around it: other tests take ports meanwhile, so not all of the range need be free.
	probe := media.New(media.Config{})
	t.Cleanup(probe.Close)
	base := open(t, probe).Port()
	low := min(max(base-200, 1025), 65000)
	s := media.New(media.Config{IP: netip.MustParseAddr("192.0.2.7"), PortMin: low, PortMax: low + 400})
	t.Cleanup(s.Close)
	rises, last, seen := 0, 0, map[int]bool{}
	for range 40 {
		e := open(t, s)
		if p := e.Port(); p%2 != 0 || p < low || p+1 > low+400 || seen[p] {
			t.Errorf("port %d of %d to %d", p, low, low+400)
		}
		if e.Port() > last {
			rises++
		}
		seen[e.Port()], last = true, e.Port()
		if e.Addr().Addr().String() != "192.0.2.7" {
			t.Errorf("SDP address %v", e.Addr())
		}
	}
	if rises > 35 {
		t.Errorf("the ports rose %d of 40 times", rises)
	}
	var err error
	for range 200 {
		if _, err = s.Endpoint(); err != nil {
			break
		}
	}
	if !errors.Is(err, media.ErrNoPorts) {
		t.Errorf("after the last pair: %v", err)
	}
}

func TestEmptyRangesAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []media.Config{{PortMin: 5001, PortMax: 5002}, {PortMin: 6000, PortMax: 5000}} {
		s := media.New(c)
		if _, err := s.Endpoint(); err == nil {
			t.Errorf("%d to %d has a pair", c.PortMin, c.PortMax)
		}
		s.Close()
	}
}

// Not parallel: it counts the process's goroutines and open files.
func TestNothingIsLeftAfterClose(t *testing.T) {
	goroutines, files := runtime.NumGoroutine(), openFiles()
	for _, s := range []*media.Server{media.New(media.Config{Threads: 2}), media.NewPortable(media.Config{})} {
		for range 10 {
			a, b := open(t, s), open(t, s)
			for _, e := range []*media.Endpoint{a, b} {
				e.SetPeer(netip.MustParseAddrPort("127.0.0.1:9"), netip.MustParseAddr("127.0.0.1"))
				e.Silent(time.Hour)
				go e.Play(t.Context(), media.Ringback, media.PCMA)
				go e.Echo(t.Context())
			}
			stop := media.Bridge(a, b)
			a.Close()
			a.Close()
			stop()
		}
		if n := s.Open(); n != 10 {
			t.Errorf("%d are open, want 10", n)
		}
		s.Close()
		s.Close()
		if _, err := s.Endpoint(); !errors.Is(err, media.ErrClosed) {
			t.Error(err)
		}
	}
	mediatest.Until(t, func() bool { return runtime.NumGoroutine() <= goroutines && openFiles() <= files })
}

func openFiles() int {
	list, _ := os.ReadDir("/proc/self/fd")
	return len(list)
}

func TestSilenceIsToldWhileMediaIsExpected(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		held, quiet := connect(t, s), connect(t, s)
		held.Hold(true)
		onHold := held.Silent(10 * time.Millisecond)
		<-quiet.Silent(100 * time.Millisecond)
		select {
		case <-onHold:
			t.Error("an endpoint on hold was told silent")
		default:
		}
		held.Hold(false)
		<-onHold
	})
}

func TestSilenceCountsFromTheLastPacket(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := media.New(media.Config{Now: clock.now})
	t.Cleanup(s.Close)
	a, other := connect(t, s), connect(t, s)
	silent := a.Silent(40 * time.Millisecond)
	clock.advance(30 * time.Millisecond)
	a.say("x")
	mediatest.Until(t, func() bool { return a.Stats().Packets == 1 })
	if at := a.LastPacket(); !at.Equal(clock.now()) {
		t.Errorf("last packet at %v, it is %v", at, clock.now())
	}
	early := other.Silent(20 * time.Millisecond)
	clock.advance(20 * time.Millisecond) // 50 ms since the call, 20 ms since the packet
	<-early
	select {
	case <-silent:
		t.Error("told silent 20 ms after a packet")
	default:
	}
	clock.advance(20 * time.Millisecond)
	<-silent
}

func TestStatsCountWhatCameAndWhatDidNot(t *testing.T) {
	each(t, func(t *testing.T, s *media.Server) {
		a, b := connect(t, s), connect(t, s)
		media.Bridge(a.Endpoint, b.Endpoint)
		for _, n := range []uint16{10, 11, 13, 14} {
			a.phone.Send(a.Addr(), rtp.Header{Payload: 8, Sequence: n, Timestamp: uint32(n) * 160, SSRC: 1}.Append(nil, make([]byte, 160)))
		}
		b.phone.Wait(4)
		st := a.Stats()
		if st.Packets != 4 || st.Bytes != 4*172 || st.Lost != 1 || st.Jitter <= 0 || st.Peer != a.phone.Addr() {
			t.Errorf("received: %+v", st)
		}
		if st := b.Stats(); st.Sent != 4 || st.SentBytes != 4*172 || st.Packets != 0 || !b.LastPacket().IsZero() {
			t.Errorf("sent: %+v", st)
		}
	})
}

func TestIPv6(t *testing.T) {
	t.Parallel()
	loopback := netip.MustParseAddr("::1")
	for name, make := range map[string]func(media.Config) *media.Server{"own engine": media.New, "portable engine": media.NewPortable} {
		s := make(media.Config{Listen: netip.IPv6Unspecified(), IP: loopback})
		t.Cleanup(s.Close)
		six, four := mediatest.NewPhone(t, "::1"), mediatest.NewPhone(t, "127.0.0.1")
		a, b := side{open(t, s), six}, side{open(t, s), four}
		a.SetPeer(six.Addr(), loopback)
		b.SetPeer(four.Addr(), four.Addr().Addr())
		media.Bridge(a.Endpoint, b.Endpoint)
		a.say("from six")
		if got := b.heard(1); got != "from six" {
			t.Errorf("%s: IPv4 heard %q", name, got)
		}
		four.Say(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(b.Port())), 8, []byte("from four"))
		if got := a.heard(1); got != "from four" {
			t.Errorf("%s: IPv6 heard %q", name, got)
		}
		only := make(media.Config{Listen: netip.MustParseAddr("127.0.0.1")})
		t.Cleanup(only.Close)
		for _, peer := range []netip.Addr{loopback, netip.MustParseAddr("192.0.2.1")} {
			if !s.Takes(peer) || only.Takes(peer) != peer.Is4() {
				t.Errorf("%s: packets of %v: %v on every address, %v on one of IPv4", name, peer, s.Takes(peer), only.Takes(peer))
			}
		}
	}
}
