package sip

import (
	"sync"
	"time"
)

// wheelSlots is the number of slots of a wheel: with ticks of 10 ms one turn covers timer B of RFC 3261, so that hardly any
// timer is looked at twice.
const wheelSlots = 4096

// expirer is told that one of its timers is due. It is called on the wheel's goroutine: it must not block.
type expirer interface{ expire(which uint8) }

// timer is a place in a wheel. It lives inside its owner, so that starting one costs no memory.
type timer struct {
	next, prev *timer
	due        int64 // tick; 0 when not running
	owner      expirer
	which      uint8
}

// wheel runs the timers of all transactions and dialogs on one goroutine. A stopped timer may still fire if it was due at
// that moment; owners check their state under their own lock.
type wheel struct {
	tick    time.Duration
	start   time.Time
	onPanic func(where string, p any)

	mu      sync.Mutex
	slots   [wheelSlots]timer // sentinels of rings
	now     int64             // last tick that was run
	running int               // timers in the wheel
	idle    bool              // the goroutine sleeps until wake
	wake    chan struct{}
	done    chan struct{}
	due     []dueTimer // reused by run
}

type dueTimer struct {
	owner expirer
	which uint8
}

func newWheel(tick time.Duration) *wheel {
	w := &wheel{tick: tick, start: time.Now(), wake: make(chan struct{}, 1), done: make(chan struct{})}
	for i := range w.slots {
		s := &w.slots[i]
		s.next, s.prev = s, s
	}
	go w.run()
	return w
}

// set starts t, or starts it anew: owner.expire(which) is called once, d from now or up to a tick later.
func (w *wheel) set(t *timer, d time.Duration, owner expirer, which uint8) {
	w.mu.Lock()
	if t.due != 0 {
		w.unlink(t)
	}
	due := int64((time.Since(w.start)+d)/w.tick) + 1
	if due <= w.now {
		due = w.now + 1
	}
	t.due, t.owner, t.which = due, owner, which
	s := &w.slots[due%wheelSlots]
	t.prev, t.next = s.prev, s
	t.prev.next, s.prev = t, t
	w.running++
	idle := w.idle
	w.idle = false
	w.mu.Unlock()
	if idle {
		w.wake <- struct{}{}
	}
}

// clear stops t if it runs.
func (w *wheel) clear(t *timer) {
	w.mu.Lock()
	if t.due != 0 {
		w.unlink(t)
	}
	w.mu.Unlock()
}

func (w *wheel) unlink(t *timer) {
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev, t.due, t.owner = nil, nil, 0, nil
	w.running--
}

func (w *wheel) stop() { close(w.done) }

// run turns the wheel while there are timers and sleeps while there are none.
func (w *wheel) run() {
	ticker := time.NewTicker(w.tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-w.done:
			return
		}
		if w.advance() {
			continue
		}
		ticker.Stop()
		select {
		case <-w.wake:
			ticker.Reset(w.tick)
		case <-w.done:
			return
		}
	}
}

// advance runs every timer that is due and reports whether any is left; if not, set wakes the goroutine.
func (w *wheel) advance() bool {
	target := int64(time.Since(w.start) / w.tick)
	w.mu.Lock()
	if target-w.now > wheelSlots {
		w.now = target - wheelSlots // a full turn sees every slot
	}
	w.due = w.due[:0]
	for w.now < target {
		w.now++
		s := &w.slots[w.now%wheelSlots]
		for t := s.next; t != s; {
			next := t.next
			if t.due <= target {
				w.due = append(w.due, dueTimer{t.owner, t.which})
				w.unlink(t)
			}
			t = next
		}
	}
	w.mu.Unlock()
	for i, d := range w.due {
		w.fire(d)
		w.due[i] = dueTimer{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle = w.running == 0
	return !w.idle
}

func (w *wheel) fire(d dueTimer) {
	defer func() {
		if p := recover(); p != nil {
			w.onPanic("timer", p)
		}
	}()
	d.owner.expire(d.which)
}
