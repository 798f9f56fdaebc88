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
	tokenReset = "hr"
	resetLife  = 30 * time.Minute
	startLife  = 24 * time.Hour // first link of provider staff
)

// AskReset mails a link for a new password, if the address belongs to a person. It does the same work and answers the same for
// every address; who it is for is looked up by the mail job, outside the request.
func (r *Room) AskReset(ctx context.Context, email string, b Browser) (err error) {
	defer fault.Wrap(&err, "account.AskReset")
	canonical, bad := signInAddress(email)
	if bad != nil {
		return bad
	}
	perAddress := limit{key: "reset:" + r.nameless(canonical), free: 3, most: 15 * time.Minute, forget: time.Hour}
	perNetwork := limit{key: "reset-network:" + Network(b.Address), free: 30, most: time.Minute, forget: 15 * time.Minute}
	if err := r.spend(ctx, perNetwork); err != nil {
		return err
	}
	if err := r.spend(ctx, perAddress); fault.Is(err, fault.TooMany) {
		return nil // the mailbox has had enough; whoever asks sees no difference
	} else if err != nil {
		return err
	}
	token, _ := ident.Token(tokenReset)
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		return r.Jobs.Add(ctx, q, resetMail, resetLetter{Email: canonical, Token: token, At: r.now(), From: b.UserAgent, Address: b.Address})
	})
}

// passwordLink makes a link asked for at that time the person's one live link, by its hash. It reports whether it is: a newer one, or
// the end of one, stays as it is. Run again with the same link it changes nothing.
func (r *Room) passwordLink(ctx context.Context, q db.Q, personID, hash string, at int64, life time.Duration) (live bool, err error) {
	result, err := q.ExecContext(ctx, `
		INSERT INTO password_links (person_id, token_hash, created_at, expires_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (person_id) DO UPDATE SET token_hash = excluded.token_hash, created_at = excluded.created_at, expires_at = excluded.expires_at
		WHERE password_links.created_at <= excluded.created_at OR password_links.created_at > $5`,
		personID, hash, at, at+life.Milliseconds(), r.now()+clockSlack.Milliseconds())
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// endLinks ends the person's link, and those asked for until now whose mails are late: what stands in its place is newer than
// they are, has no token, and stays for as long as they could live.
func (r *Room) endLinks(ctx context.Context, q db.Q, personID string) error {
	_, err := r.passwordLink(ctx, q, personID, "ended "+ident.New(), r.now(), resetLife)
	return err
}

// PasswordLink returns the person whose new password the link may set.
func (r *Room) PasswordLink(ctx context.Context, token string) (p Person, err error) {
	defer fault.Wrap(&err, "account.PasswordLink")
	return r.linkOwner(ctx, r.DB, token)
}

func (r *Room) linkOwner(ctx context.Context, q db.Q, token string) (p Person, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+personColumns+` FROM password_links l JOIN people p ON p.id = l.person_id WHERE l.token_hash = $1 AND l.expires_at > $2 AND l.created_at <= $3`,
		ident.Hash(tokenReset, token), r.now(), r.now()+clockSlack.Milliseconds()).Scan(p.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = fault.New(fault.NotFound, "password-link-unknown", "This link has run out or was used. Ask for a new one on the sign-in page")
	}
	return p, err
}

// SetPassword sets the password of the link's person, ends every session they had, and signs this browser in.
func (r *Room) SetPassword(ctx context.Context, token, password string, b Browser) (in Entrance, err error) {
	defer fault.Wrap(&err, "account.SetPassword")
	p, err := r.PasswordLink(ctx, token)
	if err != nil {
		return in, err
	}
	if err := CheckPassword(password, p.Email, p.Name); err != nil {
		return in, err
	}
	secret, err := r.hash.Hash(ctx, password)
	if err != nil {
		return in, err
	}
	defer r.logSignIn(ctx, ByPassword, "", "", b, &in, &err)
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		p, err := r.linkOwner(ctx, q, token)
		if err != nil {
			return err
		}
		// Who asks for a new password may be getting rid of somebody else: what that one could have linked goes too.
		if _, err := q.ExecContext(ctx, `DELETE FROM linked_identities WHERE person_id = $1 AND email <> $2`, p.ID, p.Email); err != nil {
			return err
		}
		if p.ways, err = r.setWays(ctx, q, p.ID); err != nil {
			return err
		}
		if p, err = r.newSecret(ctx, q, p, secret, b); err != nil {
			return err
		}
		if p.ways.second() {
			if _, err := q.ExecContext(ctx, `UPDATE people SET password_mailed_at = $2 WHERE id = $1`, p.ID, r.now()); err != nil {
				return err
			}
		}
		in, err = r.startSession(ctx, q, p, b, Proved(r.now(), ByPassword), "")
		return err
	})
	return in, err
}

// ChangePassword changes the actor's own password. Their other sessions end; this one goes on.
func (r *Room) ChangePassword(ctx context.Context, actor Actor, current, password string, b Browser) (in Entrance, err error) {
	defer fault.Wrap(&err, "account.ChangePassword")
	if err := actor.ownsWays(); err != nil {
		return in, err
	}
	p, err := r.personByID(ctx, r.DB, actor.PersonID)
	if err != nil {
		return in, err
	}
	if p.password == "" {
		return r.firstPassword(ctx, actor, p, password, b)
	}
	guesses := limit{key: "own:" + p.ID, free: 10, most: 15 * time.Minute, forget: 24 * time.Hour}
	if err := r.spend(ctx, guesses); err != nil {
		return in, err
	}
	same, err := r.hash.Matches(ctx, p.Email, current, p.password)
	if err != nil {
		return in, err
	}
	if !same {
		return in, fault.Field("password-wrong", "current_password", "That is not your present password. Check it, or reset your password from the sign-in page")
	}
	if err := CheckPassword(password, p.Email, p.Name); err != nil {
		return in, err
	}
	return r.replacePassword(ctx, actor, p, password, b, guesses)
}

// firstPassword is ChangePassword for somebody who came with a provider: as there is no password to ask for, a fresh check stands for it.
func (r *Room) firstPassword(ctx context.Context, actor Actor, p Person, password string, b Browser) (in Entrance, err error) {
	if err := CheckPassword(password, p.Email, p.Name); err != nil {
		return in, err
	}
	if err := r.mayAddWay(ctx, actor); err != nil {
		return in, err
	}
	return r.replacePassword(ctx, actor, p, password, b)
}

// replacePassword sets the password of a person who has just proved themselves, unless it changed meanwhile.
func (r *Room) replacePassword(ctx context.Context, actor Actor, p Person, password string, b Browser, guesses ...limit) (in Entrance, err error) {
	secret, err := r.hash.Hash(ctx, password)
	if err != nil {
		return in, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		now, err := r.personByID(ctx, q, p.ID)
		if err != nil {
			return err
		}
		if now.password != p.password {
			return changedMeanwhile()
		}
		if err := r.refund(ctx, q, guesses...); err != nil {
			return err
		}
		if now, err = r.newSecret(ctx, q, now, secret, b); err != nil {
			return err
		}
		in, err = r.startSession(ctx, q, now, b, actor.proofs.with(ByPassword, r.now()), "")
		return err
	})
	return in, err
}

// newSecret stores a password and lets everything made under the old one die: sessions, links that could set it, and what makes other
// browsers known.
func (r *Room) newSecret(ctx context.Context, q db.Q, p Person, secret string, b Browser) (Person, error) {
	p.password, p.epoch = secret, p.epoch+1
	if _, err := q.ExecContext(ctx, `UPDATE people SET password = $2, password_mailed_at = 0, epoch = epoch + 1 WHERE id = $1`, p.ID, secret); err != nil {
		return p, err
	}
	if _, err := q.ExecContext(ctx, `DELETE FROM sessions WHERE person_id = $1`, p.ID); err != nil {
		return p, err
	}
	if err := r.forgetBrowsers(ctx, q, p.ID); err != nil {
		return p, err
	}
	if err := r.note(ctx, q, p.ID, "password", "", b); err != nil {
		return p, err
	}
	if _, err := q.ExecContext(ctx, `DELETE FROM known_devices WHERE person_id = $1 AND token_hash <> $2`, p.ID, ident.Hash(tokenDevice, b.Device)); err != nil {
		return p, err
	}
	if err := r.endLinks(ctx, q, p.ID); err != nil {
		return p, err
	}
	if _, err := q.ExecContext(ctx, `DELETE FROM email_changes WHERE person_id = $1`, p.ID); err != nil {
		return p, err
	}
	zone, err := r.zoneOf(ctx, q, p.ID)
	if err != nil {
		return p, err
	}
	if err := r.Jobs.Add(ctx, q, letterMail, letterArgs{Kind: "password", To: p.Email, Name: p.Name, Zone: zone, At: r.now()}); err != nil {
		return p, err
	}
	return p, r.noticePeople(ctx, q, p.ID)
}
