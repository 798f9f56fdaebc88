package sip

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
	"unsafe"
)

// budgetSlots is the size of each of the two rows of a budget: 1 MiB together, however many sources there are.
const budgetSlots = 1 << 16

// budget holds a token bucket per source in memory that does not grow. A source has one slot in each of two rows, placed by a
// hash that strangers cannot know, and may send while either slot has tokens: it suffers only if both are emptied by others. A
// slot is the time at which its bucket will be full again (the generic cell rate algorithm), so refilling costs nothing.
type budget struct {
	interval, burst int64 // ns
	exempt          func(netip.Addr) bool
	now             func() time.Time
	start           time.Time
	seeds           [2]maphash.Seed
	rows            [2][]atomic.Int64
}

func newBudget(cfg Budget, now func() time.Time) *budget {
	b := &budget{exempt: cfg.Exempt, now: now, start: now()}
	if cfg.PerSecond < 0 {
		return b
	}
	b.interval = int64(time.Second) / int64(cfg.PerSecond)
	b.burst = b.interval * int64(max(cfg.Burst, 1))
	for i := range b.rows {
		b.seeds[i] = maphash.MakeSeed()
		b.rows[i] = make([]atomic.Int64, budgetSlots)
	}
	return b
}

// take spends one token of the source and reports whether it had one.
func (b *budget) take(source netip.Addr) bool {
	if b.interval == 0 {
		return true
	}
	source = sourceOf(source)
	now := int64(b.now().Sub(b.start))
	first, second := b.slot(0, source), b.slot(1, source)
	if spend(first, now, b.interval, b.burst) {
		spend(second, now, b.interval, b.burst)
		return true
	}
	return spend(second, now, b.interval, b.burst) || b.exempt != nil && b.exempt(source)
}

func (b *budget) slot(row int, source netip.Addr) *atomic.Int64 {
	bytes := source.As16()
	return &b.rows[row][maphash.Bytes(b.seeds[row], bytes[:])%budgetSlots]
}

// spend moves the moment at which the bucket is full by one token, unless that is more than a burst away.
func spend(slot *atomic.Int64, now, interval, burst int64) bool {
	for {
		full := slot.Load()
		next := max(full, now) + interval
		if next-now > burst {
			return false
		}
		if slot.CompareAndSwap(full, next) {
			return true
		}
	}
}

func (b *budget) bytes() int64 {
	return int64(len(b.rows[0])+len(b.rows[1])) * int64(unsafe.Sizeof(atomic.Int64{}))
}

// sourceOf is what limits count by: an IPv4 address, or the /64 that an IPv6 host can choose its addresses from.
func sourceOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	prefix, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return prefix.Addr()
}
