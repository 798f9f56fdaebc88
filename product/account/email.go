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

const (
	tokenEmail      = "he"
	tokenUndo       = "hu"
	emailChangeLife = 24 * time.Hour
	emailUndoLife   = 7 * 24 * time.Hour
)

// AskEmail begins a change of the actor's own address: a link goes to the new one, a warning to the present one. It answers the same
// whether or not somebody has the new address; only its mailbox is told. Asking again replaces what was asked before.
func (r *Room) AskEmail(ctx context.Context, actor Actor, email string, b Browser) (err error) {
	defer fault.Wrap(&err, "account.AskEmail")
	if err := actor.ownsWays(); err != nil {
		return err
	}
	canonical, bad := signInAddress(email)
	if bad == nil && canonical == actor.Email {
		bad = fault.Field("email-same", "email", "That is your address already. Enter the new one")
	}
	if bad != nil {
		return bad
	}
	if err := r.spend(ctx, limit{key: "email:" + actor.PersonID, free: 5, most: time.Hour, forget: 24 * time.Hour}); err != nil {
		return err
	}
	token, hash := ident.Token(tokenEmail)
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.requireCheck(ctx, q, actor, ownCheck); err != nil {
			return err
		}
		now := r.now()
		if _, err := q.ExecContext(ctx, `
			INSERT INTO email_changes (person_id, email, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (person_id) DO UPDATE SET email = excluded.email, token_hash = excluded.token_hash, created_at = excluded.created_at, expires_at = excluded.expires_at`,
			actor.PersonID, canonical, hash, now, now+emailChangeLife.Milliseconds()); err != nil {
			return err
		}
		zone, err := r.zoneOf(ctx, q, actor.PersonID)
		if err != nil {
			return err
		}
		if err := r.Jobs.Add(ctx, q, emailMail, emailLetter{PersonID: actor.PersonID, Email: canonical, Old: actor.Email, Token: token, At: now, Zone: zone}); err != nil {
			return err
		}
		return r.Jobs.Add(ctx, q, letterMail, letterArgs{Kind: "email-asked", To: actor.Email, Email: canonical, Zone: zone, At: now, From: b.UserAgent, Address: b.Address})
	})
}

// NewEmail returns the address that a link to confirm stands for, if the actor's person asked for it.
func (r *Room) NewEmail(ctx context.Context, actor Actor, token string) (email string, err error) {
	defer fault.Wrap(&err, "account.NewEmail")
	if err := actor.isPerson(); err != nil {
		return "", err
	}
	return r.newEmail(ctx, r.DB, actor, token)
}

func (r *Room) newEmail(ctx context.Context, q db.Q, actor Actor, token string) (email string, err error) {
	now := r.now()
	err = q.QueryRowContext(ctx, `SELECT email FROM email_changes WHERE token_hash = $1 AND person_id = $2 AND expires_at > $3 AND created_at <= $4`,
		ident.Hash(tokenEmail, token), actor.PersonID, now, now+clockSlack.Milliseconds()).Scan(&email)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New(fault.NotFound, "email-link-unknown", "This link has run out, was used, or is for somebody else's sign-in. Ask for a new one on your details page")
	}
	return email, err
}

// ConfirmEmail makes the address behind the link the actor's own, in every account they belong to. All their other sessions end, and
// the mailbox of the old address can take it back for seven days.
func (r *Room) ConfirmEmail(ctx context.Context, actor Actor, token string, b Browser) (in Entrance, err error) {
	defer fault.Wrap(&err, "account.ConfirmEmail")
	if err := actor.isPerson(); err != nil {
		return in, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		email, err := r.newEmail(ctx, q, actor, token)
		if err != nil {
			return err
		}
		before, err := r.personByID(ctx, q, actor.PersonID)
		if err != nil {
			return err
		}
		after, err := r.moveTo(ctx, q, before, email, actor.Name)
		if err != nil {
			return err
		}
		now := r.now()
		undo, hash := ident.Token(tokenUndo)
		if _, err := q.ExecContext(ctx, `INSERT INTO email_undos (person_id, token_hash, email, changed_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
			before.ID, hash, before.Email, now, now+emailUndoLife.Milliseconds()); err != nil {
			return err
		}
		zone, err := r.zoneOf(ctx, q, before.ID)
		if err != nil {
			return err
		}
		if err := r.Jobs.Add(ctx, q, emailMail, emailLetter{PersonID: before.ID, Email: before.Email, Old: before.Email, New: email, Token: undo, At: now, Zone: zone, Undo: true}); err != nil {
			return err
		}
		in, err = r.startSession(ctx, q, after, b, actor.proofs, actor.Confined)
		return err
	})
	return in, err
}

// moveTo gives a person another address, everywhere, and ends what rested on the one before: sessions, and links on their way.
func (r *Room) moveTo(ctx context.Context, q db.Q, p Person, email, by string) (Person, error) {
	result, err := q.ExecContext(ctx, `UPDATE people SET email = $2, verified_at = $3, epoch = epoch + 1 WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM people o WHERE o.email = $2)`,
		p.ID, email, r.now())
	if err == nil {
		var n int64
		if n, err = result.RowsAffected(); err == nil && n != 1 {
			err = errEmailTaken
		}
	}
	if db.IsUnique(err) {
		err = errEmailTaken
	}
	if err != nil {
		return p, err
	}
	for _, query := range []string{`DELETE FROM sessions WHERE person_id = $1`, `DELETE FROM email_changes WHERE person_id = $1`,
		`DELETE FROM recovery_links WHERE person_id = $1`, `DELETE FROM recovery_consents WHERE person_id = $1`} {
		if _, err := q.ExecContext(ctx, query, p.ID); err != nil {
			return p, err
		}
	}
	if err := r.endLinks(ctx, q, p.ID); err != nil {
		return p, err
	}
	if err := r.moveMemberships(ctx, q, p, email, by); err != nil {
		return p, err
	}
	p.Email, p.epoch = email, p.epoch+1
	return p, r.noticePeople(ctx, q, p.ID)
}

// errEmailTaken is told only to who confirmed that the mailbox is theirs.
var errEmailTaken = fault.New(fault.Conflict, "email-taken", "There is a sign-in with that address already. Use another address, or remove that sign-in first")

// moveMemberships writes a person's new address into the accounts they belong to, and into their audit logs.
func (r *Room) moveMemberships(ctx context.Context, q db.Q, p Person, email, by string) error {
	rows, err := q.QueryContext(ctx, `SELECT account_id, id, name FROM memberships WHERE person_id = $1 AND state <> 'removed'`, p.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	type membership struct{ account, id, name string }
	var list []membership
	for rows.Next() {
		var m membership
		if err := rows.Scan(&m.account, &m.id, &m.name); err != nil {
			return err
		}
		list = append(list, m)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, m := range list {
		if _, err := q.ExecContext(ctx, `UPDATE memberships SET email = $3, search = $4, version = version + 1 WHERE account_id = $1 AND id = $2`,
			m.account, m.id, email, searchText(m.name, email)); err != nil {
			return err
		}
		who := Actor{Kind: Member, Account: Account{ID: m.account}, PersonID: p.ID, Name: cmpOr(m.name, by)}
		if err := r.Record(ctx, q, who, Entry{Action: HubUserEmailChanged, SubjectID: m.id, SubjectName: cmpOr(m.name, email), Before: p.Email, After: email}); err != nil {
			return err
		}
		if err := r.Notice(ctx, q, m.account); err != nil {
			return err
		}
	}
	return nil
}

// OldEmail returns the address to which a link in the mail about a change would bring the person back.
func (r *Room) OldEmail(ctx context.Context, token string) (email string, err error) {
	defer fault.Wrap(&err, "account.OldEmail")
	_, email, _, err = r.oldEmail(ctx, r.DB, token)
	return email, err
}

func (r *Room) oldEmail(ctx context.Context, q db.Q, token string) (p Person, email string, changedAt int64, err error) {
	now := r.now()
	err = q.QueryRowContext(ctx, `
		SELECT `+personColumns+`, u.email, u.changed_at FROM email_undos u JOIN people p ON p.id = u.person_id
		WHERE u.token_hash = $1 AND u.expires_at > $2 AND u.changed_at <= $3`, ident.Hash(tokenUndo, token), now, now+clockSlack.Milliseconds()).
		Scan(append(p.fields(), &email, &changedAt)...)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New(fault.NotFound, "undo-link-unknown", "This link has run out or was used. If your sign-in is not yours any more, ask an admin of your account")
	}
	return p, email, changedAt, err
}

// TakeBackEmail gives a person the address back that they had before, for whoever reads its mailbox. Somebody may have taken the sign-in
// over: all sessions end, the password and every way in that was added since the change stop working, and a link to choose a new
// password goes to the old address.
func (r *Room) TakeBackEmail(ctx context.Context, token string, b Browser) (email string, err error) {
	defer fault.Wrap(&err, "account.TakeBackEmail")
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		p, old, changedAt, err := r.oldEmail(ctx, q, token)
		if err != nil {
			return err
		}
		email = old
		if _, err := r.moveTo(ctx, q, p, old, p.Name); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `UPDATE people SET password = NULL WHERE id = $1`, p.ID); err != nil {
			return err
		}
		for _, query := range []string{`DELETE FROM email_undos WHERE person_id = $1 AND changed_at >= $2`, `DELETE FROM known_devices WHERE person_id = $1 AND created_at >= $2`,
			`DELETE FROM passkeys WHERE person_id = $1 AND created_at >= $2`, `DELETE FROM authenticators WHERE person_id = $1 AND created_at >= $2`,
			`DELETE FROM recovery_codes WHERE person_id = $1 AND created_at >= $2`, `DELETE FROM linked_identities WHERE person_id = $1 AND linked_at >= $2`} {
			if _, err := q.ExecContext(ctx, query, p.ID, changedAt); err != nil {
				return err
			}
		}
		if _, err := r.setWays(ctx, q, p.ID); err != nil {
			return err
		}
		reset, _ := ident.Token(tokenReset)
		// A moment later than what moveTo ended, so that the link it makes is the live one.
		return r.Jobs.Add(ctx, q, resetMail, resetLetter{Email: old, Token: reset, At: r.now() + 1, From: b.UserAgent, Address: b.Address})
	})
	return email, err
}
