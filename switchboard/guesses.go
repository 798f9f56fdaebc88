package switchboard

import (
	"net/netip"
	"sync"
	"time"
)

// Wrong credentials that are answered before silence falls (security rules S2 and T4). A source is silent for the passwords of everybody but
// those who signed in from it before, so that one broken phone does not shut an office out.
const (
	sourceWindow  = 10 * time.Minute
	sourceGuesses = 20
	nameWindow    = 24 * time.Hour
	nameGuesses   = 100
	mostCounted   = 1 << 16 // sources, and names, counted in one window
)

// guesses counts wrong credentials by source and by name.
type guesses struct {
	mu      sync.RWMutex
	now     func() time.Time
	sources tally[netip.Prefix]
	names   tally[string]
	good    map[string]netip.Prefix // where a device signed in from last
}

// tally counts in a window and remembers the one before it, so that it never grows and forgets without work.
type tally[K comparable] struct {
	window    time.Duration
	until     time.Time
	this, old map[K]int
}

func newGuesses(now func() time.Time) *guesses {
	return &guesses{now: now, sources: tally[netip.Prefix]{window: sourceWindow / 2}, names: tally[string]{window: nameWindow / 2},
		good: make(map[string]netip.Prefix)}
}

func (t *tally[K]) add(k K, now time.Time) {
	if now.After(t.until) {
		t.old = t.this
		if now.After(t.until.Add(t.window)) {
			t.old = nil
		}
		t.this, t.until = make(map[K]int), now.Add(t.window)
	}
	if _, known := t.this[k]; known || len(t.this) < mostCounted {
		t.this[k]++
	}
}

func (t *tally[K]) count(k K, now time.Time) int {
	switch {
	case now.After(t.until.Add(t.window)):
		return 0
	case now.After(t.until):
		return t.this[k]
	}
	return t.this[k] + t.old[k]
}

// wrong counts wrong credentials.
func (g *guesses) wrong(from netip.Addr, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.sources.add(network(from), now)
	if g.good[name] != network(from) {
		g.names.add(name, now)
	}
}

// right remembers where a device signs in from.
func (g *guesses) right(from netip.Addr, name string) {
	g.mu.RLock()
	known := g.good[name] == network(from)
	g.mu.RUnlock()
	if known {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.good[name] = network(from)
}

// blocked tells whether credentials from there are not even looked at.
func (g *guesses) blocked(from netip.Addr, name string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	now := g.now()
	if g.sources.count(network(from), now) < sourceGuesses && g.names.count(name, now) < nameGuesses {
		return false
	}
	return g.good[name] != network(from)
}

// network is what one attacker is likely to hold: an IPv4 address, or the /64 of an IPv6 one.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap()
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.WithZone("").Prefix(bits)
	return p
}
