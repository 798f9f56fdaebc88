package switchboard

import (
	"context"
	"sync"
	"time"

	"hubline/product/phoneuser"
	"hubline/sip"
)

const (
	strangerEvery = 10 * time.Minute // how often a device's stranger is noted
	mostStrangers = 10_000           // devices of which that is remembered
)

// strangers remembers when it was last noted that a device's credential came from elsewhere (security rule S3), so that a thief who goes on
// trying fills no log.
type strangers struct {
	mu    sync.Mutex
	now   func() time.Time
	noted map[string]time.Time // by device
}

func newStrangers(now func() time.Time) *strangers {
	return &strangers{now: now, noted: map[string]time.Time{}}
}

// first tells whether the device's stranger is to be noted now.
func (s *strangers) first(device string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if last, known := s.noted[device]; known && now.Sub(last) < strangerEvery {
		return false
	}
	if len(s.noted) >= mostStrangers {
		clear(s.noted)
	}
	s.noted[device] = now
	return true
}

// signedIn tells whether a device is signed in where a request of it came from: over the same flow, or, for connections, which come and go
// and which large requests of UDP phones move to (RFC 3261 18.1.1), from the same address.
func (b *Board) signedIn(flow *sip.Flow, who phoneuser.Credential) bool {
	token, address := flow.Token(), ""
	if flow.Transport() != "udp" {
		address = sourceOf(flow)
	}
	return b.registrar.holds(seat{who.AccountID, who.PhoneUserID}, who.DeviceID, b.now(), func(bd *binding) bool {
		return bd.Flow == token || address != "" && bd.Address == address
	})
}

// strange refuses a call that comes from where its device is not signed in, and notes it where the account's admins look.
func (b *Board) strange(ctx context.Context, t *sip.Incoming, who phoneuser.Credential) {
	t.Refuse(403, "Sign in from here first")
	if !b.strangers.first(who.DeviceID) {
		return
	}
	address := sourceOf(t.Flow())
	b.log.Warn("a call was refused that came from where its device is not signed in", "account", who.AccountID, "device", who.DeviceID, "address", address)
	if err := b.phones.NoteElsewhere(ctx, who, address); err != nil {
		b.log.Error("a refused call was not noted", "error", err, "account", who.AccountID)
	}
}
