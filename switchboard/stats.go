package switchboard

import (
	"sync"

	"hubline/media"
	"hubline/product/call"
)

// Stats is a moment of a Board. Counters begin when it was made; calls count there once they are over.
type Stats struct {
	Calls    int                   // now
	Bindings int                   // contacts that are registered now
	Outcomes map[call.Status]int64 // calls that were recorded, by how they ended
	Media    MediaStats
}

// MediaStats are packets of sound of calls that are over.
type MediaStats struct {
	Received, Sent uint64
	Lost           uint64 // expected and not received
	Strangers      uint64 // dropped for where they came from
	Invalid        uint64 // dropped for what they were
}

// ended adds up the calls that are over.
type ended struct {
	mu       sync.Mutex
	outcomes map[call.Status]int64
	media    MediaStats
}

func newEnded() *ended { return &ended{outcomes: make(map[call.Status]int64)} }

func (e *ended) call(outcome call.Status) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.outcomes[outcome]++
}

func (e *ended) sound(s media.Stats) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.media.Received += s.Packets
	e.media.Sent += s.Sent
	e.media.Lost += s.Lost
	e.media.Strangers += s.Strangers
	e.media.Invalid += s.Invalid
}

// Stats returns what goes on and what there was. Every outcome is in it from the start.
func (b *Board) Stats() Stats {
	s := Stats{Calls: b.live.count(), Bindings: b.registrar.count(b.now()), Outcomes: make(map[call.Status]int64)}
	b.ended.mu.Lock()
	defer b.ended.mu.Unlock()
	for _, outcome := range []call.Status{call.Answered, call.Unanswered, call.Cancelled, call.Busy, call.Unavailable} {
		s.Outcomes[outcome] = b.ended.outcomes[outcome]
	}
	s.Media = b.ended.media
	return s
}
