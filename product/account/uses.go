package account

import (
	"context"
	"maps"
	"sync"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
)

// useEvery is how often Run writes down the uses that came meanwhile.
const useEvery = time.Second

// uses are sessions and API keys that were used since their last use was written. While Run runs they are written together, outside of
// requests: a reader must not wait for a place among the writers. Otherwise each is written at once.
type uses struct {
	mu       sync.Mutex
	together bool
	sessions map[string]use    // by ID
	keys     map[[2]string]use // by account and ID
}

type use struct {
	at      int64
	address string
}

// Run gives entries of the audit log their places, and writes down when sessions and API keys were last used, both once a second, until
// ctx ends. What a crash loses of a last use is a second of a time that is exact to a minute; of the log it loses nothing.
func (r *Room) Run(ctx context.Context) {
	r.uses.mu.Lock()
	r.uses.together = true
	r.uses.mu.Unlock()
	var placing sync.WaitGroup
	placing.Go(func() { r.placeLoop(ctx) })
	defer placing.Wait()
	tick := time.NewTicker(useEvery)
	defer tick.Stop()
	for open := true; open; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			r.uses.mu.Lock()
			r.uses.together, open = false, false
			r.uses.mu.Unlock()
		}
		if err := r.writeUses(context.WithoutCancel(ctx)); err != nil {
			r.Log.Warn("last uses of sessions and keys were not written", "error", err)
		}
	}
}

func (r *Room) useSession(ctx context.Context, id, address string, now int64) error {
	return r.noteUse(ctx, func() { r.uses.sessions[id] = use{now, address} })
}

func (r *Room) useKey(ctx context.Context, accountID, id string, now int64) error {
	return r.noteUse(ctx, func() { r.uses.keys[[2]string{accountID, id}] = use{at: now} })
}

func (r *Room) noteUse(ctx context.Context, note func()) error {
	r.uses.mu.Lock()
	if r.uses.sessions == nil {
		r.uses.sessions, r.uses.keys = map[string]use{}, map[[2]string]use{}
	}
	note()
	later := r.uses.together
	r.uses.mu.Unlock()
	if later {
		return nil
	}
	return r.writeUses(ctx)
}

// writeUses writes what was noted in one transaction; what could not be written stays for the next time.
func (r *Room) writeUses(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "account.writeUses")
	r.uses.mu.Lock()
	sessions, keys := r.uses.sessions, r.uses.keys
	r.uses.sessions, r.uses.keys = map[string]use{}, map[[2]string]use{}
	r.uses.mu.Unlock()
	if len(sessions)+len(keys) == 0 {
		return nil
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		for id, u := range sessions {
			if _, err := q.ExecContext(ctx, `UPDATE sessions SET seen_at = $2, address = $3 WHERE id = $1 AND seen_at < $2`, id, u.at, u.address); err != nil {
				return err
			}
		}
		for key, u := range keys {
			if _, err := q.ExecContext(ctx, `UPDATE api_keys SET last_used_at = $3 WHERE account_id = $1 AND id = $2 AND last_used_at < $3`, key[0], key[1], u.at); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.uses.mu.Lock()
		maps.Copy(sessions, r.uses.sessions)
		maps.Copy(keys, r.uses.keys)
		r.uses.sessions, r.uses.keys = sessions, keys
		r.uses.mu.Unlock()
	}
	return err
}
