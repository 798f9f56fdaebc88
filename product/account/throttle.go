package account

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
)

// limit says how one counter slows its key: the first free tries cost nothing, each further one doubles the wait up to most, and
// after forget without a try the count begins anew.
type limit struct {
	key    string
	free   int64
	most   time.Duration
	forget time.Duration
	pause  time.Duration // not 0: the one wait after the free tries, instead of one that doubles
	shared bool          // many people behind it: success gives back one try, not all
}

// Guessing is slowed where it comes from, never where it aims: wrong passwords from elsewhere can't keep the owner out, because a
// browser that signed in before has a counter of its own, and a new one may always prove the mailbox instead.
func (r *Room) signInLimits(email, network, deviceID string) []limit {
	if deviceID != "" {
		return []limit{{key: "device:" + deviceID, free: 10, most: 15 * time.Minute, forget: 24 * time.Hour}}
	}
	who := r.nameless(email)
	return []limit{
		{key: "pair:" + who + ":" + network, free: 10, most: 15 * time.Minute, forget: 24 * time.Hour},
		{key: "network:" + network, free: 100, most: 30 * time.Second, forget: 15 * time.Minute, shared: true},
		r.tries(email),
	}
}

// tries counts wrong passwords for one address from all browsers that were not used with it before.
func (r *Room) tries(email string) limit {
	return limit{key: "person:" + r.nameless(email), free: 100, most: time.Hour, forget: 24 * time.Hour}
}

// nameless turns an address into a key that tells nobody reading the store which addresses were tried.
func (r *Room) nameless(email string) string {
	return base64.RawURLEncoding.EncodeToString(r.Keys.MAC("throttle", []byte(email))[:16])
}

// spend counts one try against every limit before the try is made, so that a thousand at once can't all slip through. Success gives
// the tries back with refund. The counts are committed on their own: nothing that fails later undoes them.
func (r *Room) spend(ctx context.Context, limits ...limit) error {
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		now := r.now()
		for _, l := range limits {
			var failures, until, changed int64
			err := q.QueryRowContext(ctx, `SELECT failures, until_at, changed_at FROM throttles WHERE key = $1`, l.key).Scan(&failures, &until, &changed)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			if wait := left(changed, time.Duration(until-changed)*time.Millisecond, now); wait > 0 {
				return tooMany(wait)
			}
			if now-changed > l.forget.Milliseconds() {
				failures = 0
			}
			failures++
			wait := l.wait(failures)
			_, err = q.ExecContext(ctx, `
				INSERT INTO throttles (key, failures, until_at, changed_at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (key) DO UPDATE SET failures = excluded.failures, until_at = excluded.until_at, changed_at = excluded.changed_at`,
				l.key, failures, now+wait.Milliseconds(), now)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (l limit) wait(failures int64) time.Duration {
	if failures < l.free {
		return 0
	}
	if l.pause > 0 {
		return l.pause
	}
	return min(l.most, time.Second<<min(failures-l.free, 30))
}

func (r *Room) refund(ctx context.Context, q db.Q, limits ...limit) error {
	for _, l := range limits {
		query := `DELETE FROM throttles WHERE key = $1`
		if l.shared {
			query = `UPDATE throttles SET failures = failures - 1 WHERE key = $1 AND failures > 0`
		}
		if _, err := q.ExecContext(ctx, query, l.key); err != nil {
			return err
		}
	}
	return nil
}

func tooMany(wait time.Duration) error {
	return &fault.Fault{Kind: fault.TooMany, Code: "too-many-tries", RetryAfter: wait,
		Message: "Too many tries. Wait " + inWords(wait) + ", or reset your password by email"}
}

// left is how much of a pause is left since a moment in milliseconds. One in the future, which a clock set back leaves behind, has none.
func left(since int64, pause time.Duration, now int64) time.Duration {
	passed := now - since
	if passed < 0 {
		return 0
	}
	return max(0, pause-time.Duration(passed)*time.Millisecond)
}

// inWords tells a wait, rounded up: "1 second", "40 seconds", "2 minutes".
func inWords(wait time.Duration) string {
	count, unit := (wait+time.Second-1)/time.Second, "second"
	if count > 90 {
		count, unit = (count+59)/60, "minute"
	}
	if count != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", count, unit)
}

// Guess counts one try at something short that another room checks, such as a support PIN, before the try is made, and slows down whoever makes
// too many. who names the trier. GuessedRight gives the tries back.
func (r *Room) Guess(ctx context.Context, who string) error {
	err := r.spend(ctx, guesses(who))
	if f, ok := fault.Of(err); ok && f.Kind == fault.TooMany {
		return &fault.Fault{Kind: fault.TooMany, Code: f.Code, RetryAfter: f.RetryAfter, Message: "Too many tries. Wait " + inWords(f.RetryAfter)}
	}
	return err
}

// GuessedRight gives the tries back, in the transaction that used what was guessed.
func (r *Room) GuessedRight(ctx context.Context, q db.Q, who string) error {
	return r.refund(ctx, q, guesses(who))
}

func guesses(who string) limit {
	return limit{key: "guess:" + who, free: 5, most: 15 * time.Minute, forget: 24 * time.Hour}
}
