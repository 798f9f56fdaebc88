package account

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
)

// A recovery is the way back for somebody who lost their second factor and all recovery codes. Others can only start it: an admin of each
// of the person's accounts, or the provider. The person completes it, with their password and a code from their mailbox.
const (
	recoverAction = "recover"
	tokenRecovery = "hy"
	recoveryLife  = 72 * time.Hour
	recoveryPause = 24 * time.Hour // before the provider's word counts in place of a password
)

// Recovery is a recovery of somebody's sign-in, as those see it who may start and stop one.
type Recovery struct {
	Open      bool
	StartedBy string
	StartedAt int64
	Until     int64
	Agreed    bool // the asker's account, or the provider, wants it
	Waits     bool // an admin of another account of the person's still has to agree
}

// Recovery returns how a recovery of the hub user's sign-in stands.
func (r *Room) Recovery(ctx context.Context, actor Actor, id string) (rec Recovery, err error) {
	defer fault.Wrap(&err, "account.Recovery")
	u, err := r.HubUserByID(ctx, actor, id)
	if err != nil {
		return rec, err
	}
	if rec, err = r.recovery(ctx, r.DB, u.PersonID, actor.Account.ID); err != nil || !rec.Open {
		return rec, err
	}
	rec.StartedBy, err = r.consentedBy(ctx, u.PersonID, actor.Account.ID)
	return rec, err
}

// consentedBy names who started the recovery to the admins of an account: one of theirs or the provider. Nobody has to know who else, and
// where they are.
func (r *Room) consentedBy(ctx context.Context, personID, accountID string) (name string, err error) {
	err = r.DB.QueryRowContext(ctx, `SELECT by_name FROM recovery_consents WHERE account_id = $1 AND person_id = $2`, accountID, personID).Scan(&name)
	if !errors.Is(err, sql.ErrNoRows) {
		return name, err
	}
	at, err := r.providerConsent(ctx, r.DB, personID)
	if at != 0 {
		return Actor{}.recoverer(r), err
	}
	return "An admin of another account", err
}

// RecoveryOf is Recovery for the provider, by person.
func (r *Room) RecoveryOf(ctx context.Context, actor Actor, personID string) (rec Recovery, err error) {
	defer fault.Wrap(&err, "account.RecoveryOf")
	if !actor.Provider() {
		return rec, notFound()
	}
	return r.recovery(ctx, r.DB, personID, "")
}

// OwnRecovery is Recovery for the person whose sign-in it is.
func (r *Room) OwnRecovery(ctx context.Context, actor Actor) (rec Recovery, err error) {
	defer fault.Wrap(&err, "account.OwnRecovery")
	if err := actor.isPerson(); err != nil {
		return rec, err
	}
	return r.recovery(ctx, r.DB, actor.PersonID, "")
}

func (r *Room) recovery(ctx context.Context, q db.Q, personID, accountID string) (rec Recovery, err error) {
	now := r.now()
	err = q.QueryRowContext(ctx, `SELECT started_by, created_at, expires_at FROM recovery_links WHERE person_id = $1 AND expires_at > $2 AND created_at <= $3`,
		personID, now, now+clockSlack.Milliseconds()).Scan(&rec.StartedBy, &rec.StartedAt, &rec.Until)
	if errors.Is(err, sql.ErrNoRows) {
		return rec, nil
	}
	if err != nil {
		return rec, err
	}
	rec.Open = true
	if rec.Agreed, err = exists(ctx, q, `SELECT 1 FROM recovery_consents c WHERE c.account_id = $1 AND c.person_id = $2 AND `+consentCounts, accountID, personID); err != nil {
		return rec, err
	}
	rec.Waits, err = r.recoveryWaits(ctx, q, personID)
	return rec, err
}

// consentCounts holds for the consent c while who gave it could still give it.
const consentCounts = `(c.account_id = '' OR EXISTS (
	SELECT 1 FROM memberships g WHERE g.account_id = c.account_id AND g.id = c.by_id AND g.state = 'active' AND g.roles IN ('admin', 'admin,billing')))`

// recoveryWaits reports whether somebody still has to agree. A second factor guards every account of its owner, so that none may decide
// alone that it goes: the admins of one, who often run its mail too, would reach the others. Deactivated memberships can come back, and count.
func (r *Room) recoveryWaits(ctx context.Context, q db.Q, personID string) (bool, error) {
	provider, err := r.providerConsent(ctx, q, personID)
	if err != nil || provider != 0 {
		return false, err
	}
	missing, err := exists(ctx, q, `
		SELECT 1 FROM memberships m JOIN accounts a ON a.id = m.account_id WHERE m.person_id = $1 AND m.state <> 'removed' AND a.state <> 'closed'
		AND NOT EXISTS (SELECT 1 FROM recovery_consents c WHERE c.account_id = m.account_id AND c.person_id = m.person_id AND `+consentCounts+`) LIMIT 1`, personID)
	if err != nil || missing {
		return true, err
	}
	some, err := exists(ctx, q, `
		SELECT 1 FROM recovery_consents c JOIN memberships m ON m.account_id = c.account_id AND m.person_id = c.person_id AND m.state <> 'removed'
		WHERE c.person_id = $1 AND `+consentCounts+` LIMIT 1`, personID)
	return !some, err
}

// providerConsent is when the provider started the recovery, or 0.
func (r *Room) providerConsent(ctx context.Context, q db.Q, personID string) (at int64, err error) {
	err = q.QueryRowContext(ctx, `SELECT given_at FROM recovery_consents WHERE account_id = '' AND person_id = $1`, personID).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return at, err
}

// StartRecovery starts a recovery of the hub user's sign-in, or agrees to one, for the actor's account. It touches nothing of theirs. It
// needs a fresh step-up check. The person and the admins of all their accounts are told.
func (r *Room) StartRecovery(ctx context.Context, actor Actor, id string) (u HubUser, err error) {
	defer fault.Wrap(&err, "account.StartRecovery")
	if err := actor.Require(ChangeHubUsers); err != nil {
		return u, err
	}
	if err := actor.isPerson(); err != nil {
		return u, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ChangeHubUsers); err != nil {
			return err
		}
		if u, err = r.hubUser(ctx, q, actor.Account.ID, id); err != nil {
			return err
		}
		if u.State == Removed {
			return notFound()
		}
		if u.PersonID == actor.PersonID {
			return fault.New(fault.Conflict, "recovery-own", "This is you. Another admin starts a recovery for you, when you can't sign in")
		}
		if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
			return err
		}
		p, err := r.personByID(ctx, q, u.PersonID)
		if err != nil {
			return err
		}
		return r.consent(ctx, q, actor, p, actor.MembershipID)
	})
	return u, err
}

// StartRecoveryOf starts a recovery for the provider, whose word stands for that of all accounts: for an account's last admin, and for
// people of several accounts. For a colleague only the operator can. Staff need a fresh step-up check.
func (r *Room) StartRecoveryOf(ctx context.Context, actor Actor, personID string) (p Person, err error) {
	defer fault.Wrap(&err, "account.StartRecoveryOf")
	if !actor.Provider() {
		return p, notFound()
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if p, err = r.personByID(ctx, q, personID); err != nil {
			return err
		}
		if p.Staff && actor.Kind != Operator {
			return notFound()
		}
		if actor.Kind == Staff {
			if err := r.requireCheck(ctx, q, actor, ownCheck); err != nil {
				return err
			}
		}
		return r.consent(ctx, q, actor.Inside(Account{}), p, actor.PersonID)
	})
	return p, err
}

// consent writes down that the actor's account, or the provider, wants the recovery, and tells everybody who should know.
func (r *Room) consent(ctx context.Context, q db.Q, actor Actor, p Person, byID string) error {
	if !p.ways.second() {
		return fault.New(fault.Conflict, "recovery-needless", cmpOr(p.Name, p.Email)+" has no second factor. They choose a new password with Forgot password on the sign-in page")
	}
	rec, err := r.recovery(ctx, q, p.ID, actor.Account.ID)
	if err != nil {
		return err
	}
	if rec.Agreed {
		return fault.New(fault.Conflict, "recovery-running", "A recovery of this sign-in has started already. "+cmpOr(p.Name, p.Email)+" completes it at the sign-in page")
	}
	now := r.now()
	token := ""
	if !rec.Open {
		if first, err := r.once(ctx, q, "recovery:"+p.ID, time.Hour); err != nil {
			return err
		} else if !first {
			return &fault.Fault{Kind: fault.TooMany, Code: "recovery-just-started", RetryAfter: time.Hour, Message: "A recovery of this sign-in was started within the last hour. Wait an hour before you start another"}
		}
		var hash string
		token, hash = ident.Token(tokenRecovery)
		if err := r.endRecovery(ctx, q, p.ID); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `INSERT INTO recovery_links (person_id, token_hash, started_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			p.ID, hash, actor.recoverer(r), now, now+recoveryLife.Milliseconds()); err != nil {
			return err
		}
		if err := r.note(ctx, q, p.ID, "recovery", actor.recoverer(r), Browser{}); err != nil {
			return err
		}
	}
	if _, err := q.ExecContext(ctx, `
		INSERT INTO recovery_consents (account_id, person_id, by_id, by_name, given_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account_id, person_id) DO UPDATE SET by_id = excluded.by_id, by_name = excluded.by_name, given_at = excluded.given_at`,
		actor.Account.ID, p.ID, byID, actor.signature(), now); err != nil {
		return err
	}
	if actor.Account.ID == "" {
		if err := r.Record(ctx, q, actor, Entry{Action: RecoveryStarted, SubjectID: p.ID, SubjectName: cmpOr(p.Name, p.Email)}); err != nil {
			return err
		}
	}
	if err := r.tellRecovery(ctx, q, p, recoveryNews{kind: recoveryStarted, by: actor, token: token}); err != nil {
		return err
	}
	return r.noticePeople(ctx, q, p.ID)
}

// recoverer names who started a recovery to the person: without the account, which they may belong to no more.
func (a Actor) recoverer(r *Room) string {
	if a.Account.ID == "" {
		return cmpOr(r.Provider.Name, "Your provider")
	}
	return a.signature() + " of " + a.Account.Name
}

// endRecovery forgets a recovery without a word.
func (r *Room) endRecovery(ctx context.Context, q db.Q, personID string) error {
	for _, query := range []string{`DELETE FROM recovery_links WHERE person_id = $1`, `DELETE FROM recovery_consents WHERE person_id = $1`} {
		if _, err := q.ExecContext(ctx, query, personID); err != nil {
			return err
		}
	}
	return nil
}

// StopRecovery ends a recovery of the hub user's sign-in, whoever started it.
func (r *Room) StopRecovery(ctx context.Context, actor Actor, id string) (u HubUser, err error) {
	defer fault.Wrap(&err, "account.StopRecovery")
	if err := actor.Require(ChangeHubUsers); err != nil {
		return u, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ChangeHubUsers); err != nil {
			return err
		}
		if u, err = r.hubUser(ctx, q, actor.Account.ID, id); err != nil {
			return err
		}
		if u.State == Removed {
			return notFound()
		}
		return r.stopRecovery(ctx, q, actor, u.PersonID)
	})
	return u, err
}

// StopRecoveryOf is StopRecovery for the provider, by person.
func (r *Room) StopRecoveryOf(ctx context.Context, actor Actor, personID string) (err error) {
	defer fault.Wrap(&err, "account.StopRecoveryOf")
	if !actor.Provider() {
		return notFound()
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		return r.stopRecovery(ctx, q, actor.Inside(Account{}), personID)
	})
}

// StopOwnRecovery ends a recovery of the actor's own sign-in.
func (r *Room) StopOwnRecovery(ctx context.Context, actor Actor) (err error) {
	defer fault.Wrap(&err, "account.StopOwnRecovery")
	if err := actor.isPerson(); err != nil {
		return err
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		return r.stopRecovery(ctx, q, actor, actor.PersonID)
	})
}

// RecoveryLink returns whose recovery the link in a mail can stop.
func (r *Room) RecoveryLink(ctx context.Context, token string) (p Person, err error) {
	defer fault.Wrap(&err, "account.RecoveryLink")
	return r.recoveryLink(ctx, r.DB, token)
}

func (r *Room) recoveryLink(ctx context.Context, q db.Q, token string) (p Person, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+personColumns+` FROM recovery_links l JOIN people p ON p.id = l.person_id WHERE l.token_hash = $1 AND l.expires_at > $2`,
		ident.Hash(tokenRecovery, token), r.now()).Scan(p.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New(fault.NotFound, "recovery-link-unknown", "This recovery is over. If your second factor was taken off and it was not you, choose Forgot password, and tell an admin of your account")
	}
	return p, err
}

// StopRecoveryByLink ends a recovery for whoever reads the mail about it.
func (r *Room) StopRecoveryByLink(ctx context.Context, token string, b Browser) (err error) {
	defer fault.Wrap(&err, "account.StopRecoveryByLink")
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		p, err := r.recoveryLink(ctx, q, token)
		if err != nil {
			return err
		}
		return r.stopRecovery(ctx, q, Actor{Kind: Member, PersonID: p.ID, Name: cmpOr(p.Name, p.Email), Address: b.Address}, p.ID)
	})
}

func (r *Room) stopRecovery(ctx context.Context, q db.Q, actor Actor, personID string) error {
	rec, err := r.recovery(ctx, q, personID, actor.Account.ID)
	if err != nil {
		return err
	}
	if !rec.Open {
		return fault.New(fault.Conflict, "recovery-none", "No recovery of this sign-in is open any more")
	}
	p, err := r.personByID(ctx, q, personID)
	if err != nil {
		return err
	}
	if err := r.endRecovery(ctx, q, personID); err != nil {
		return err
	}
	if err := r.note(ctx, q, personID, "unrecovered", "", Browser{Address: actor.Address}); err != nil {
		return err
	}
	if actor.Provider() {
		if err := r.Record(ctx, q, actor, Entry{Action: RecoveryStopped, SubjectID: p.ID, SubjectName: cmpOr(p.Name, p.Email)}); err != nil {
			return err
		}
	}
	if err := r.tellRecovery(ctx, q, p, recoveryNews{kind: recoveryStopped, by: actor}); err != nil {
		return err
	}
	return r.noticePeople(ctx, q, personID)
}
