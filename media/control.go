package media

import (
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"time"

	"hubline/media/rtp"
)

// reportEvery is the mean time between two reports, RFC 3550 section 6.2; each is put off by a random half up or down.
const reportEvery = 5 * time.Second

// reportLook is the time between two looks for reports that are due.
const reportLook = reportEvery / 20

// control is what RTCP said and where ours goes. RTCP ends here: a bridge does not pass it on, since each peer sees numbers of ours.
type control struct {
	to        netip.AddrPort // as signalled or learned; empty: the port after the peer's
	mux       bool           // on the RTP port
	lastNTP   uint32         // middle bits of the peer's last sender report
	lastAt    time.Duration
	lost      uint32
	roundTrip time.Duration
	heard     time.Duration
}

// cname names our end in reports, without saying anything about us (RFC 7022).
func cname() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// report sends what is due and comes again while endpoints are open: one timer for all of them, because a thousand calls with a timer for
// each endpoint wake the scheduler as often as their reports cost.
func (s *Server) report() {
	now := s.since()
	var due []*Endpoint
	s.mu.Lock()
	for e := range s.endpoints {
		if at := e.reportAt.Load(); at > 0 && at <= int64(now) {
			due = append(due, e)
		}
	}
	s.mu.Unlock()
	for _, e := range due {
		e.mu.Lock()
		if !e.closed {
			e.sendReport(false)
			e.reportAt.Store(int64(now + reportPause()))
		}
		e.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.endpoints) == 0 {
		s.reports = nil
		return
	}
	s.reports.Reset(reportLook)
}

func reportPause() time.Duration {
	return reportEvery/2 + time.Duration(randomBelow(int(reportEvery/time.Millisecond)))*time.Millisecond
}

// sendReport tells the peer what we sent and what arrived; the endpoint is locked.
func (e *Endpoint) sendReport(bye bool) {
	to, out := e.control.to, e.rtcp
	if !to.IsValid() && e.peer.to.IsValid() {
		to = netip.AddrPortFrom(e.peer.to.Addr(), e.peer.to.Port()+1)
	}
	if e.control.mux {
		to, out = e.peer.to, e.rtp
	}
	if to.Port() == 0 || e.muted || e.in.packets+e.out.packets == 0 {
		return
	}
	now := e.server.since()
	r := rtp.Report{SSRC: e.out.ssrc, Name: e.name, Bye: bye}
	if e.out.packets > 0 {
		clock := int64(max(e.codecs.clock, 8000))
		r.Sender = &rtp.Sender{
			NTP: rtp.NTP(e.server.config.Now()), Timestamp: e.out.timestamp + uint32((now-e.out.at).Microseconds()*clock/1_000_000),
			Packets: uint32(e.out.packets), Bytes: uint32(e.out.bytes - rtp.HeaderSize*e.out.packets),
		}
	}
	if e.in.packets > 0 {
		b := e.in.stream.Block()
		b.SSRC = e.in.ssrc
		if e.control.lastNTP != 0 {
			b.Last, b.Delay = e.control.lastNTP, uint32((now-e.control.lastAt)<<16/time.Second)
		}
		r.Blocks = []rtp.Block{b}
	}
	out.send(r.Append(nil), to)
}

// receiveControl reads a report of the peer. On the RTP port it must come from where RTP comes from, on the other from the peer's address
// or the signalling's; the port is learned once.
func (e *Endpoint) receiveControl(packet []byte, from netip.AddrPort, apart bool, at time.Duration) {
	if known := from == e.peer.to || apart && e.fromControl(from); !known {
		e.dropped.strangers++
		return
	}
	r, ok := rtp.ParseReport(packet)
	if !ok {
		e.dropped.invalid++
		return
	}
	if !apart && !e.control.mux {
		e.control.mux = true // it sends RTCP here, so it takes it from here
	}
	if apart && e.control.heard == 0 {
		e.control.to, e.control.heard = from, at
	}
	if r.Sender != nil && r.SSRC == e.in.ssrc {
		e.control.lastNTP, e.control.lastAt = uint32(r.Sender.NTP>>16), at
	}
	for _, b := range r.Blocks {
		if b.SSRC != e.out.ssrc {
			continue
		}
		e.control.lost = b.Lost
		if b.Last != 0 {
			passed := uint32(rtp.NTP(e.server.config.Now())>>16) - b.Last - b.Delay
			if trip := time.Duration(passed) * time.Second >> 16; trip < time.Minute {
				e.control.roundTrip = trip
			}
		}
	}
}

// fromControl says whether reports may come from there.
func (e *Endpoint) fromControl(from netip.AddrPort) bool {
	if !e.peer.signalledAddr.IsValid() {
		return false
	}
	if e.control.heard > 0 {
		return from == e.control.to
	}
	return from.Addr() == e.peer.to.Addr() || from.Addr() == e.peer.signalledAddr.Addr() || from.Addr() == e.peer.signalling
}
