package account

import (
	"context"
	"database/sql"
	"errors"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
)

// AddStaff makes a provider staff person and returns the token of a link, good for a day and once, with which they choose a password.
// Nobody can sign up as staff: the operator does it on the server, or staff do it for a colleague. For a staff person who exists it
// makes a new link; once they have a password only the operator can, as the link's holder could act as them.
func (r *Room) AddStaff(ctx context.Context, actor Actor, email, name string) (p Person, token string, err error) {
	defer fault.Wrap(&err, "account.AddStaff")
	if !actor.Provider() {
		return p, "", notFound()
	}
	offer, bad := checkOffer(Offer{Email: email, Name: name}, "email", "name")
	if bad != nil {
		return p, "", bad
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		p, err = r.personByEmail(ctx, q, offer.Email)
		switch {
		case fault.Is(err, fault.NotFound):
			if p, err = r.insertStaff(ctx, q, actor, offer); err != nil {
				return err
			}
		case err != nil:
			return err
		case !p.Staff:
			return fault.Field("staff-member", "email", offer.Email+" already signs in to customers' accounts. Use an address of their own for the console")
		case p.password != "" && actor.Kind != Operator:
			return fault.Field("staff-known", "email", offer.Email+" is staff already. They choose a new password with Forgot password on the sign-in page")
		default:
			again := Entry{Action: StaffLinkMade, SubjectID: p.ID, SubjectName: p.Name}
			if err := r.Record(ctx, q, actor.Inside(Account{}), again); err != nil {
				return err
			}
		}
		var hash string
		token, hash = ident.Token(tokenReset)
		live, err := r.passwordLink(ctx, q, p.ID, hash, r.now(), startLife)
		if err == nil && !live {
			err = changedMeanwhile()
		}
		return err
	})
	if err != nil {
		token = ""
	}
	return p, token, err
}

func (r *Room) insertStaff(ctx context.Context, q db.Q, actor Actor, offer Offer) (Person, error) {
	now := r.now()
	p := Person{ID: ident.New(), Email: offer.Email, Name: cmpOr(offer.Name, offer.Email), Staff: true, epoch: 1}
	// The address counts as verified: whoever runs the server vouches for it.
	if _, err := q.ExecContext(ctx, `
		INSERT INTO people (id, email, name, password, staff, theme, epoch, verified_at, created_at) VALUES ($1, $2, $3, NULL, 1, '', 1, $4, $4)`,
		p.ID, p.Email, p.Name, now); err != nil {
		return p, err
	}
	actor.Account = Account{}
	return p, r.Record(ctx, q, actor, Entry{Action: StaffAdded, SubjectID: p.ID, SubjectName: p.Name})
}

// Waiting reports whether the person has not chosen a password yet.
func (p Person) Waiting() bool { return p.password == "" }

// StaffPeople lists the provider's staff by address.
func (r *Room) StaffPeople(ctx context.Context, actor Actor) (list []Person, err error) {
	defer fault.Wrap(&err, "account.StaffPeople")
	if !actor.Provider() {
		return nil, notFound()
	}
	return db.Collect(ctx, r.DB, (*Person).fields, `SELECT `+personColumns+` FROM people p WHERE p.staff = 1 ORDER BY p.email LIMIT 500`)
}

// RemoveStaff ends a staff person's access to the console for good.
func (r *Room) RemoveStaff(ctx context.Context, actor Actor, id string) (err error) {
	defer fault.Wrap(&err, "account.RemoveStaff")
	if !actor.Provider() {
		return notFound()
	}
	if actor.PersonID == id {
		return fault.New(fault.Conflict, "own-removal", "You can't remove yourself. Ask a colleague")
	}
	return r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		var name string
		err := q.QueryRowContext(ctx, `DELETE FROM people WHERE id = $1 AND staff = 1 RETURNING name`, id).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound()
		}
		if err != nil {
			return err
		}
		for _, table := range []string{"sessions", "known_devices", "password_links", "authenticators", "recovery_codes", "passkeys", "recovery_links", "recovery_consents", "person_events", "linked_identities"} {
			if _, err := q.ExecContext(ctx, `DELETE FROM `+table+` WHERE person_id = $1`, id); err != nil {
				return err
			}
		}
		actor.Account = Account{}
		if err := r.Record(ctx, q, actor, Entry{Action: StaffRemoved, SubjectID: id, SubjectName: name}); err != nil {
			return err
		}
		return r.noticePeople(ctx, q, id)
	})
}
