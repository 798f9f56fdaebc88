package account

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
)

const (
	halfScope    = "account half sign-in"
	halfLife     = 10 * time.Minute
	rememberLife = 30 * 24 * time.Hour
)

// half is a sign-in that lacks the second factor. It travels sealed through the browser and is worth nothing without one.
type half struct {
	ID     string
	Person string
	Epoch  int64
	Shown  string // proofs, as the store keeps them
	Until  int64
	Inside string // ID of the only account that the session may enter; "" for all
}

func (r *Room) sealHalf(p Person, shown Proofs, inside string) (string, error) {
	plain, err := json.Marshal(half{ID: ident.New(), Person: p.ID, Epoch: p.epoch, Shown: shown.column(), Until: r.now() + halfLife.Milliseconds(), Inside: inside})
	return r.Keys.Seal(halfScope, plain), err
}

// openHalf returns the half sign-in and its person, if neither the time nor the person's secrets have moved on.
func (r *Room) openHalf(ctx context.Context, q db.Q, sealed string) (h half, p Person, err error) {
	gone := fault.New(fault.SignedOut, "half-ended", "That took too long. Sign in again")
	plain, err := r.Keys.Open(halfScope, sealed)
	if err != nil || json.Unmarshal(plain, &h) != nil || r.now() >= h.Until || h.Until-r.now() > (halfLife+clockSlack).Milliseconds() {
		return h, p, gone
	}
	p, err = r.personByID(ctx, q, h.Person)
	if fault.Is(err, fault.NotFound) || err == nil && p.epoch != h.Epoch {
		return h, p, gone
	}
	return h, p, err
}

// SecondStep is what a half sign-in waits for.
type SecondStep struct {
	Email    string
	TOTP     bool // the person has an authenticator app
	Passkey  bool
	Remember bool // the browser may be remembered, so that it is not asked for 30 days

	Recovers bool   // a recovery is open, and can be completed instead
	Recovery string // a recovery is open, and this is why it can't be completed yet
}

// SecondStep says with what a half sign-in can be completed.
func (r *Room) SecondStep(ctx context.Context, sealed string) (s SecondStep, err error) {
	defer fault.Wrap(&err, "account.SecondStep")
	h, p, err := r.openHalf(ctx, r.DB, sealed)
	if err != nil {
		return s, err
	}
	s = SecondStep{Email: p.Email, TOTP: p.ways.has(ByTOTP), Passkey: p.ways.has(ByPasskey)}
	if s.Remember, err = r.mayRemember(ctx, r.DB, p); err != nil {
		return s, err
	}
	err = r.mayRecover(ctx, r.DB, h, p)
	if f, no := fault.Of(err); no && f.Kind == fault.Conflict {
		if f.Code != "recovery-none" {
			s.Recovery = f.Message
		}
		return s, nil
	}
	s.Recovers = err == nil
	return s, err
}

// FinishSignIn completes a half sign-in with a code of the person's authenticator app, or with one of their recovery codes.
func (r *Room) FinishSignIn(ctx context.Context, sealed, typed string, remember bool, b Browser) (in Entrance, err error) {
	defer fault.Wrap(&err, "account.FinishSignIn")
	_, p, err := r.openHalf(ctx, r.DB, sealed)
	if err != nil {
		return in, err
	}
	by := ByTOTP
	defer func() { r.logSignIn(ctx, by, "", p.ID, b, &in, &err) }()
	code, err := r.tryCode(ctx, p.ID, typed)
	if err != nil {
		return in, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		used, err := r.useCode(ctx, q, p.ID, code, b)
		if err != nil {
			return err
		}
		by = used
		in, err = r.finish(ctx, q, sealed, by, remember && by == ByTOTP, b)
		return err
	})
	return in, err
}

// finish makes a session of a half sign-in, which then is used up.
func (r *Room) finish(ctx context.Context, q db.Q, sealed string, by Method, remember bool, b Browser) (in Entrance, err error) {
	h, p, err := r.openHalf(ctx, q, sealed)
	if err != nil {
		return in, err
	}
	if err := r.spendOnce(ctx, q, "half "+h.ID, h.Until); err != nil {
		return in, err
	}
	if in, err = r.startSession(ctx, q, p, b, proofsFromColumn(h.Shown).with(by, r.now()), h.Inside); err != nil {
		return in, err
	}
	if !remember {
		return in, nil
	}
	may, err := r.mayRemember(ctx, q, p)
	if err != nil || !may {
		return in, err
	}
	_, err = q.ExecContext(ctx, `UPDATE known_devices SET second_until = $3 WHERE person_id = $1 AND token_hash = $2`,
		p.ID, ident.Hash(tokenDevice, in.Device), r.now()+rememberLife.Milliseconds())
	return in, err
}

// spendOnce uses up something that may count once.
func (r *Room) spendOnce(ctx context.Context, q db.Q, what string, until int64) error {
	sum := sha256.Sum256([]byte(what))
	result, err := q.ExecContext(ctx, `INSERT INTO spent_challenges (hash, expires_at) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING`, hex.EncodeToString(sum[:]), until)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return fault.New(fault.SignedOut, "half-ended", "That was used already. Sign in again")
}

// mayRemember reports whether a browser may stand for the person's second factor: never for provider staff, and only if none of their
// accounts forbids it.
func (r *Room) mayRemember(ctx context.Context, q db.Q, p Person) (bool, error) {
	if p.Staff {
		return false, nil
	}
	forbidden, err := exists(ctx, q, `SELECT 1 FROM memberships m JOIN accounts a ON a.id = m.account_id
		WHERE m.person_id = $1 AND m.state = 'active' AND a.remember_devices = 0 LIMIT 1`, p.ID)
	return !forbidden && err == nil, err
}

// remembered reports whether the browser stands for the person's second factor at this moment.
func (r *Room) remembered(ctx context.Context, q db.Q, p Person, b Browser) (bool, error) {
	var until int64
	err := q.QueryRowContext(ctx, `SELECT second_until FROM known_devices WHERE person_id = $1 AND token_hash = $2`, p.ID, ident.Hash(tokenDevice, b.Device)).Scan(&until)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if now := r.now(); err != nil || until <= now || until-now > (rememberLife+clockSlack).Milliseconds() {
		return false, err
	}
	return r.mayRemember(ctx, q, p)
}

// forgetBrowsers lets no browser stand for the person's second factor any more.
func (r *Room) forgetBrowsers(ctx context.Context, q db.Q, personID string) error {
	_, err := q.ExecContext(ctx, `UPDATE known_devices SET second_until = 0 WHERE person_id = $1 AND second_until > 0`, personID)
	return err
}
