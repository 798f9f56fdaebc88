package rtp

import "time"

// Limits of RFC 3550 appendix A.1: a larger jump forward, or an older packet, means that the source began anew.
const (
	maxDropout  = 3000
	maxMisorder = 100
)

// Stream counts what arrives of one source: RFC 3550 appendices A.1, A.3 and A.8. The zero value is ready.
type Stream struct {
	Clock uint32 // units of the RTP timestamp in a second; 0 means 8000

	begun    bool
	highest  uint32 // extended sequence number
	base     uint32 // of the first packet since the last restart, extended
	received uint64 // since the last restart
	transit  int64  // of the last packet, in units of the clock
	jitter   int64  // 16 times the jitter, in units of the clock
	earlier  struct{ expected, received uint64 }
	report   struct{ expected, received uint64 }
}

// Add counts a packet that arrived at that moment; only differences of moments matter.
func (s *Stream) Add(h Header, at time.Duration) {
	if !s.begun {
		s.restart(h.Sequence)
	}
	switch delta := h.Sequence - uint16(s.highest); {
	case delta < maxDropout:
		s.highest += uint32(delta)
	case delta <= 1<<16-1-maxMisorder:
		s.restart(h.Sequence)
	}
	s.received++
	arrived := at.Microseconds() * int64(s.clock()) / 1_000_000
	transit := arrived - int64(h.Timestamp)
	if s.received > 1 {
		// The timestamp wraps at 32 bits, so the difference counts modulo 2³².
		d := int64(int32(uint32(transit) - uint32(s.transit)))
		s.jitter += max(d, -d) - (s.jitter+8)>>4
	}
	s.transit = transit
}

// Restart is called when another source takes over: counts go on, sequence numbers and jitter begin anew.
func (s *Stream) Restart() { s.begun = false }

func (s *Stream) restart(sequence uint16) {
	s.earlier.expected += s.span()
	s.earlier.received += s.received
	// One cycle up, so that a late packet from before the first does not go below zero.
	s.begun, s.base, s.highest, s.received, s.jitter = true, 1<<16|uint32(sequence), 1<<16|uint32(sequence), 0, 0
}

func (s *Stream) span() uint64 {
	if s.received == 0 {
		return 0
	}
	return uint64(s.highest-s.base) + 1
}

func (s *Stream) clock() uint32 {
	if s.Clock == 0 {
		return 8000
	}
	return s.Clock
}

// Received is how many packets came, also late and doubled ones.
func (s *Stream) Received() uint64 { return s.earlier.received + s.received }

// Lost is how many packets were expected and did not come; doubled ones make up for lost ones, never below zero.
func (s *Stream) Lost() uint64 {
	expected, received := s.earlier.expected+s.span(), s.Received()
	if received >= expected {
		return 0
	}
	return expected - received
}

// Jitter is the mean deviation of the spacing of packets.
func (s *Stream) Jitter() time.Duration {
	return time.Duration(s.jitter>>4) * time.Second / time.Duration(s.clock())
}

// Block is a report about the stream for its source, SSRC and round trip left out. Each call covers the time since the last.
func (s *Stream) Block() Block {
	expected, received := s.earlier.expected+s.span(), s.Received()
	newly, came := expected-s.report.expected, received-s.report.received
	s.report.expected, s.report.received = expected, received
	b := Block{Lost: uint32(min(s.Lost(), 1<<23-1)), Highest: s.highest - 1<<16, Jitter: uint32(s.jitter >> 4)}
	if newly > came {
		b.Fraction = uint8(min((newly-came)<<8/newly, 255))
	}
	return b
}
