package media

import "time"

// waits are the callers of Silent.
type waits struct {
	held   bool
	from   time.Duration // silence counts from here at the earliest: the end of the last hold
	timers []*time.Timer
}

func (w *waits) hold(on bool, at time.Duration) {
	if w.held && !on {
		w.from = at
	}
	w.held = on
}

func (w *waits) stop() {
	for _, t := range w.timers {
		t.Stop()
	}
	w.timers = nil
}

// Silent returns a channel that is closed once nothing was received from the peer for d while media was expected. The time counts from
// the call at the earliest, and anew when a hold ends. The channel of an endpoint that is closed before stays open.
func (e *Endpoint) Silent(d time.Duration) <-chan struct{} {
	silent := make(chan struct{})
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return silent
	}
	from := e.server.since()
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.closed {
			return
		}
		wait := d
		if !e.waits.held {
			wait = max(from, e.waits.from, e.in.last) + d - e.server.since()
		}
		if wait <= 0 {
			close(silent)
			return
		}
		timer.Reset(wait)
	})
	e.waits.timers = append(e.waits.timers, timer)
	return silent
}
