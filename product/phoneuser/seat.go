package phoneuser

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"time"

	"hubline/base/change"
	"hubline/base/fault"
	"hubline/product/account"
)

// seats keeps phone users whom calls needed lately, so that a call asks no store. A notice drops who changed; the credentials' rules hold.
type seats struct {
	known *change.Memory[User] // by ID

	mu sync.RWMutex
	// ids leads from an extension to the phone user who had it last. An extension is fixed while its phone user lives, so that whoever is
	// found living by it has it still.
	ids map[extensionKey]string
}

type extensionKey struct{ account, extension string }

func newSeats(now func() time.Time) *seats {
	return &seats{known: change.NewMemory[User](cacheMost, now), ids: map[extensionKey]string{}}
}

// drop forgets the phone users that the topics name.
func (s *seats) drop(topics []string) {
	ids := make([]string, 0, len(topics))
	for _, topic := range topics {
		if id, ok := strings.CutPrefix(topic, userPrefix); ok {
			ids = append(ids, id)
		}
	}
	s.known.Drop(ids...)
}

// byID returns who is kept under the ID, for whom wants them as part of an account.
func (s *seats) byID(accountID, id string) (u User, ok bool, mark uint64) {
	u, ok, mark = s.known.Get(id)
	return u, ok && u.AccountID == accountID, mark
}

func (s *seats) byExtension(accountID, extension string) (u User, ok bool, mark uint64) {
	s.mu.RLock()
	id := s.ids[extensionKey{accountID, extension}]
	s.mu.RUnlock()
	return s.byID(accountID, id)
}

func (s *seats) keep(u User, mark uint64) {
	s.known.Put(u.ID, u, mark)
	k := extensionKey{u.AccountID, u.Extension}
	s.mu.RLock()
	known := s.ids[k] == u.ID
	s.mu.RUnlock()
	if known {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	makeRoom(s.ids, cacheMost)
	s.ids[k] = u.ID
}

const seatColumns = `p.id, p.account_id, p.extension, p.display_name, p.email, p.local_prefix, p.caller_id, p.hide_caller_id, p.sms_number, p.app_enabled, p.version`

// ByExtension finds the living phone user with that extension, for phones that dial it. Their app may be off. Only ID, account, settings and
// version are set. What this process changes counts at once, what others change within a second.
func (r *Room) ByExtension(ctx context.Context, accountID, extension string) (u User, err error) {
	defer fault.Wrap(&err, "phoneuser.ByExtension")
	u, ok, mark := r.seats.byExtension(accountID, extension)
	if ok {
		return u, nil
	}
	return r.readSeat(ctx, mark, `p.account_id = $1 AND p.extension = $2`, accountID, extension)
}

// Seat returns a phone user whose phones may call and be called: one who lives and has the app on. Others are not found. Only ID, account,
// settings, version and whether the account stopped are set. What this process changes counts at once, what others change within a second.
func (r *Room) Seat(ctx context.Context, accountID, phoneUserID string) (u User, err error) {
	defer fault.Wrap(&err, "phoneuser.Seat")
	u, ok, mark := r.seats.byID(accountID, phoneUserID)
	if !ok {
		u, err = r.readSeat(ctx, mark, `p.account_id = $1 AND p.id = $2`, accountID, phoneUserID)
	}
	if err == nil && !u.AppEnabled {
		err = notFound()
	}
	if err == nil {
		var works bool
		works, err = r.Works(ctx, accountID)
		u.Stopped = !works
	}
	return u, err
}

// Works tells whether an account's phones may be used for more than calling help. What this process or another changes counts within a second.
func (r *Room) Works(ctx context.Context, accountID string) (works bool, err error) {
	works, ok, mark := r.working.Get(accountID)
	if ok {
		return works, nil
	}
	if works, err = r.worksNow(ctx, accountID); err == nil {
		r.working.Put(accountID, works, mark)
	}
	return works, err
}

// worksNow is Works from the store.
func (r *Room) worksNow(ctx context.Context, accountID string) (works bool, err error) {
	defer fault.Wrap(&err, "phoneuser.Works")
	var state account.State
	err = r.DB.QueryRowContext(ctx, `SELECT state FROM accounts WHERE id = $1`, accountID).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return state == account.Working, err
}

func (r *Room) readSeat(ctx context.Context, mark uint64, where string, args ...any) (u User, err error) {
	err = r.DB.QueryRowContext(ctx, `SELECT `+seatColumns+` FROM phone_users p WHERE `+where+` AND p.deleted_at = 0`, args...).
		Scan(&u.ID, &u.AccountID, &u.Extension, &u.DisplayName, &u.Email, &u.LocalPrefix, &u.CallerID, (*flag)(&u.HideCallerID), &u.SMSNumber,
			(*flag)(&u.AppEnabled), &u.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, notFound() // and not kept: whoever gets the extension can be called at once
	}
	if err != nil {
		return User{}, err
	}
	r.seats.keep(u, mark)
	return u, nil
}
