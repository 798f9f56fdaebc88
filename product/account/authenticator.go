package account

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
)

// Wrong codes: five in five minutes, and a hundred in a row, then an authenticator app is of no use until its owner comes in another way
// (NIST SP 800-63B-4 section 3.2.2).
const (
	secondTries  = 5
	secondPause  = 5 * time.Minute
	secondInARow = 100
)

// NewAuthenticator is what a person needs to set up an authenticator app.
type NewAuthenticator struct {
	Secret string // base32, for typing in
	URI    string // for the QR code
}

func (r *Room) totpContext(personID, id, sessionID string) string {
	return "authenticator " + personID + " " + id + " " + sessionID
}

// StartAuthenticator begins to set up an authenticator app for the actor's person. It needs a fresh step-up check. Until a code of the
// app is confirmed in the same session it proves nothing.
func (r *Room) StartAuthenticator(ctx context.Context, actor Actor) (err error) {
	defer fault.Wrap(&err, "account.StartAuthenticator")
	if err := actor.ownsWays(); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.requireCheck(ctx, q, actor, ownCheck); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM authenticators WHERE person_id = $1 AND confirmed_at = 0`, actor.PersonID); err != nil {
			return err
		}
		id := ident.New()
		_, err := q.ExecContext(ctx, `INSERT INTO authenticators (person_id, id, secret, last_step, failures, created_at, confirmed_at, used_at) VALUES ($1, $2, $3, 0, 0, $4, 0, 0)`,
			actor.PersonID, id, r.Keys.Seal(r.totpContext(actor.PersonID, id, actor.SessionID), newTOTPSecret()), r.now())
		return err
	})
}

// PendingAuthenticator returns what StartAuthenticator began in this session. It is not found after an hour, or elsewhere.
func (r *Room) PendingAuthenticator(ctx context.Context, actor Actor) (a NewAuthenticator, err error) {
	defer fault.Wrap(&err, "account.PendingAuthenticator")
	_, secret, err := r.pending(ctx, r.DB, actor)
	if err != nil {
		return a, err
	}
	return NewAuthenticator{secretText.EncodeToString(secret), totpURI(r.Provider.Name, actor.Email, secret)}, nil
}

func (r *Room) pending(ctx context.Context, q db.Q, actor Actor) (id string, secret []byte, err error) {
	if err := actor.ownsWays(); err != nil {
		return "", nil, err
	}
	var sealed string
	err = q.QueryRowContext(ctx, `SELECT id, secret FROM authenticators WHERE person_id = $1 AND confirmed_at = 0 AND created_at > $2`,
		actor.PersonID, r.now()-time.Hour.Milliseconds()).Scan(&id, &sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil, notFound()
	}
	if err != nil {
		return "", nil, err
	}
	if secret, err = r.Keys.Open(r.totpContext(actor.PersonID, id, actor.SessionID), sealed); err != nil {
		err = notFound() // another session began it
	}
	return id, secret, err
}

// ConfirmAuthenticator takes the first code of a new app, which takes the place of an older one. The session then rests on it too and gets
// a new token. Recovery codes come with the person's first second factor; they are told this once.
func (r *Room) ConfirmAuthenticator(ctx context.Context, actor Actor, typed string, b Browser) (session string, codes []string, err error) {
	defer fault.Wrap(&err, "account.ConfirmAuthenticator")
	if _, _, err := r.pending(ctx, r.DB, actor); err != nil {
		return "", nil, err
	}
	if err := r.spend(ctx, secondLimit(actor.PersonID)); err != nil {
		return "", nil, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		id, secret, err := r.pending(ctx, q, actor)
		if err != nil {
			return err
		}
		now := r.now()
		step := totpMatch(secret, plainCode(typed), now, 0)
		if step == 0 {
			return fault.Field("totp-wrong", "code", "That code is not right. Enter the one that the app shows now, and check that the clock of your phone is right")
		}
		if err := r.refund(ctx, q, secondLimit(actor.PersonID)); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM authenticators WHERE person_id = $1 AND id <> $2`, actor.PersonID, id); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `UPDATE authenticators SET secret = $3, last_step = $4, confirmed_at = $5, used_at = $5 WHERE person_id = $1 AND id = $2`,
			actor.PersonID, id, r.Keys.Seal(r.totpContext(actor.PersonID, id, ""), secret), step, now); err != nil {
			return err
		}
		session, codes, err = r.newWay(ctx, q, actor, ByTOTP, "totp-on", "", b)
		return err
	})
	return session, codes, err
}

// newWay does what follows when a person got a second factor: it counts for the session, other browsers stop standing for one, the person
// is told by mail, and gets recovery codes if they have none.
func (r *Room) newWay(ctx context.Context, q db.Q, actor Actor, by Method, event, detail string, b Browser) (session string, codes []string, err error) {
	if _, err := r.setWays(ctx, q, actor.PersonID); err != nil {
		return "", nil, err
	}
	if err := r.forgetBrowsers(ctx, q, actor.PersonID); err != nil {
		return "", nil, err
	}
	has, err := exists(ctx, q, `SELECT 1 FROM recovery_codes WHERE person_id = $1 AND used_at = 0 LIMIT 1`, actor.PersonID)
	if err == nil && !has {
		codes, err = r.makeCodes(ctx, q, actor.PersonID)
	}
	if err != nil {
		return "", nil, err
	}
	if session, err = r.checked(ctx, q, actor, by); err != nil {
		return "", nil, err
	}
	return session, codes, r.tellOwn(ctx, q, actor.PersonID, event, detail, b)
}

// RemoveAuthenticator takes the actor's own authenticator app away. It needs a fresh step-up check.
func (r *Room) RemoveAuthenticator(ctx context.Context, actor Actor, b Browser) (err error) {
	defer fault.Wrap(&err, "account.RemoveAuthenticator")
	if err := actor.ownsWays(); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.requireCheck(ctx, q, actor, ownCheck); err != nil {
			return err
		}
		result, err := q.ExecContext(ctx, `DELETE FROM authenticators WHERE person_id = $1`, actor.PersonID)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, notFound())
		}
		return r.lostWay(ctx, q, actor, "totp-off", "", b)
	})
}

// lostWay does what follows when a person gave a way in up, and refuses if they could not come in any more.
func (r *Room) lostWay(ctx context.Context, q db.Q, actor Actor, event, detail string, b Browser) error {
	if _, err := r.setWays(ctx, q, actor.PersonID); err != nil {
		return err
	}
	p, err := r.personByID(ctx, q, actor.PersonID)
	if err != nil {
		return err
	}
	if p.password == "" && !p.ways.has(ByPasskey) && !p.ways.has(ByProvider) {
		return fault.New(fault.Conflict, "last-way-in", "That is your only way to sign in. Set up another one first")
	}
	if !p.ways.second() {
		if err := r.mayGoWithout(ctx, q, p); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM recovery_codes WHERE person_id = $1`, p.ID); err != nil {
			return err
		}
	}
	if err := r.forgetBrowsers(ctx, q, p.ID); err != nil {
		return err
	}
	return r.tellOwn(ctx, q, p.ID, event, detail, b)
}

// mayGoWithout refuses to leave somebody without a second factor whose accounts, or whose work for the provider, ask for one.
func (r *Room) mayGoWithout(ctx context.Context, q db.Q, p Person) error {
	if p.Staff && r.StaffSecondFactor {
		return fault.New(fault.Conflict, "second-factor-asked", "The console asks for a second factor. Set up another one first")
	}
	var name string
	err := q.QueryRowContext(ctx, `
		SELECT a.name FROM memberships m JOIN accounts a ON a.id = m.account_id
		WHERE m.person_id = $1 AND m.state = 'active' AND (a.second_factor = 'everyone' OR a.second_factor = 'holders' AND m.roles <> '') ORDER BY a.search LIMIT 1`, p.ID).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "second-factor-asked", name+" asks you for a second factor. Set up another one first")
}

// setWays notes what a person has beside the password, after any of it changed, and in their memberships whether that is a second factor.
// Nothing else writes people.ways.
func (r *Room) setWays(ctx context.Context, q db.Q, personID string) (ways, error) {
	var words []string
	for _, way := range []struct {
		method Method
		query  string
	}{
		{ByPasskey, `SELECT 1 FROM passkeys WHERE person_id = $1 LIMIT 1`},
		{ByProvider, `SELECT 1 FROM linked_identities WHERE person_id = $1 LIMIT 1`},
		{ByTOTP, `SELECT 1 FROM authenticators WHERE person_id = $1 AND confirmed_at > 0`},
	} {
		found, err := exists(ctx, q, way.query, personID)
		if err != nil {
			return "", err
		}
		if found {
			words = append(words, string(way.method))
		}
	}
	has := ways(strings.Join(words, ","))
	if _, err := q.ExecContext(ctx, `UPDATE people SET ways = $2 WHERE id = $1`, personID, string(has)); err != nil {
		return "", err
	}
	if _, err := q.ExecContext(ctx, `UPDATE memberships SET second_factor = $2 WHERE person_id = $1 AND second_factor <> $2`, personID, bit(has.second())); err != nil {
		return "", err
	}
	return has, r.noticePeople(ctx, q, personID)
}

func secondLimit(personID string) limit {
	return limit{key: "second:" + personID, free: secondTries, pause: secondPause, forget: secondPause}
}

// plainCode is a typed code without what people put between its characters.
func plainCode(typed string) string {
	return strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\u00a0", "").Replace(strings.TrimSpace(typed)))
}

// tryCode counts a try before it is made, in a transaction of its own, so that nothing that fails later gives it back.
func (r *Room) tryCode(ctx context.Context, personID, typed string) (code string, err error) {
	code = plainCode(typed)
	if code == "" {
		return "", fault.Field("code-empty", "code", "Enter the six-digit code from your authenticator app, or a recovery code")
	}
	if err := r.spend(ctx, secondLimit(personID)); err != nil {
		return "", err
	}
	if len(code) == totpDigits {
		_, err = r.DB.ExecContext(ctx, `UPDATE authenticators SET failures = failures + 1 WHERE person_id = $1 AND confirmed_at > 0 AND failures <= $2`, personID, secondInARow)
	}
	return code, err
}

// useCode accepts a counted code once: a code of the authenticator app or a recovery code, by its length.
func (r *Room) useCode(ctx context.Context, q db.Q, personID, code string, b Browser) (Method, error) {
	by := ByRecoveryCode
	use := r.useRecoveryCode
	if len(code) == totpDigits {
		by, use = ByTOTP, r.useTOTP
	}
	if err := use(ctx, q, personID, code, b); err != nil {
		return "", err
	}
	if by == ByRecoveryCode { // whoever comes in so shows that it is them who type
		if _, err := q.ExecContext(ctx, `UPDATE authenticators SET failures = 0 WHERE person_id = $1`, personID); err != nil {
			return "", err
		}
	}
	return by, r.refund(ctx, q, secondLimit(personID))
}

func (r *Room) useTOTP(ctx context.Context, q db.Q, personID, code string, _ Browser) error {
	wrong := fault.Field("totp-wrong", "code", "That code is not right, or was used. Wait for the next one that your app shows")
	var id, sealed string
	var last, failures int64
	err := q.QueryRowContext(ctx, `SELECT id, secret, last_step, failures FROM authenticators WHERE person_id = $1 AND confirmed_at > 0`, personID).Scan(&id, &sealed, &last, &failures)
	if errors.Is(err, sql.ErrNoRows) {
		return wrong
	}
	if err != nil {
		return err
	}
	if failures > secondInARow {
		return fault.Field("totp-locked", "code", "Too many wrong codes came in a row, so codes of this app count no more. Use a recovery code, then set the app up anew")
	}
	secret, err := r.Keys.Open(r.totpContext(personID, id, ""), sealed)
	if err != nil {
		return err
	}
	step := totpMatch(secret, code, r.now(), last)
	if step == 0 {
		return wrong
	}
	result, err := q.ExecContext(ctx, `UPDATE authenticators SET last_step = $3, failures = 0, used_at = $4 WHERE person_id = $1 AND id = $2 AND last_step < $3`, personID, id, step, r.now())
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	return wrong // another request used the same code first
}
