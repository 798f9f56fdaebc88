package switchboard

import (
	"context"
	"sync"
)

// Why a call was ended by neither of its sides. The words are stored with its record.
const (
	causePortal  = "ended-in-portal"
	causeStopped = "system-stopped"
	causeEnded   = "device-ended" // the device, its phone user or its app
)

// liveCalls are the calls that go on here, and what they count towards.
type liveCalls struct {
	limits Limits

	mu       sync.Mutex
	calls    map[*conversation]*liveCall
	users    map[seat]int
	accounts map[string]int
	ended    chan struct{} // holds one when a call ended
}

// liveCall is what others need to find a call by.
type liveCall struct {
	account, id string
	parties     []party
}

// party is a device that takes part in a call.
type party struct {
	seat
	device string
}

func newLiveCalls(limits Limits) *liveCalls {
	return &liveCalls{limits: limits, calls: make(map[*conversation]*liveCall), users: make(map[seat]int), accounts: make(map[string]int),
		ended: make(chan struct{}, 1)}
}

// admit counts a call towards its account, and towards the phone user who makes it; the zero caller is somebody outside. Emergency calls
// are counted and never refused.
func (l *liveCalls) admit(c *conversation, account string, caller party, emergency bool) (why refusal, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case emergency:
	case len(l.calls) >= l.limits.Total:
		return refusedNodeLimit, false
	case l.accounts[account] >= l.limits.PerAccount:
		return refusedAccountLimit, false
	case caller.device != "" && l.users[caller.seat] >= l.limits.PerUser:
		return refusedUserLimit, false
	}
	l.calls[c] = &liveCall{account: account}
	l.accounts[account]++
	if caller.device != "" {
		l.add(c, caller)
	}
	return refusal{}, true
}

func (l *liveCalls) add(c *conversation, p party) {
	l.users[p.seat]++
	l.calls[c].parties = append(l.calls[c].parties, p)
}

// name gives a call the ID of its record, by which it can be ended.
func (l *liveCalls) name(c *conversation, id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.calls[c]; known != nil {
		known.id = id
	}
}

// joins counts a call towards the device that answered it.
func (l *liveCalls) joins(c *conversation, p party) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.calls[c] != nil {
		l.add(c, p)
	}
}

// room tells whether a phone user may be rung for a further call.
func (l *liveCalls) room(at seat) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.users[at] < l.limits.PerUser
}

func (l *liveCalls) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.calls)
}

func (l *liveCalls) busy(at seat) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.users[at] > 0
}

// remove takes a call off the counts.
func (l *liveCalls) remove(c *conversation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.calls[c]
	if known == nil {
		return
	}
	delete(l.calls, c)
	decrease(l.accounts, known.account)
	for _, p := range known.parties {
		decrease(l.users, p.seat)
	}
	select {
	case l.ended <- struct{}{}:
	default:
	}
}

func decrease[K comparable](counts map[K]int, k K) {
	if counts[k]--; counts[k] <= 0 {
		delete(counts, k)
	}
}

// stop tells a call to end, and whether there is one.
func (l *liveCalls) stop(account, id, cause string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, known := range l.calls {
		if known.account == account && known.id == id {
			c.end(cause)
			return true
		}
	}
	return false
}

// stopAll tells every call to end.
func (l *liveCalls) stopAll(cause string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.calls {
		c.end(cause)
	}
}

// stopDevice tells the calls of a device to end.
func (l *liveCalls) stopDevice(device string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, known := range l.calls {
		for _, p := range known.parties {
			if p.device == device {
				c.end(causeEnded)
			}
		}
	}
}

// devices lists the devices that take part in calls.
func (l *liveCalls) devices() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []string
	for _, known := range l.calls {
		for _, p := range known.parties {
			all = append(all, p.device)
		}
	}
	return all
}

// wait returns when no call is left.
func (l *liveCalls) wait(ctx context.Context) error {
	for {
		l.mu.Lock()
		left := len(l.calls)
		l.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-l.ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
