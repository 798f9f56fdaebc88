package account

import (
	"context"
	"database/sql"
	"errors"

	"hubline/base/db"
	"hubline/base/fault"
)

// HubUserState is where a membership stands.
type HubUserState string

// The states of a membership. A removed one is kept for the record; coming back needs a new invitation and makes a new one.
const (
	Active      HubUserState = "active"
	Deactivated HubUserState = "deactivated"
	Removed     HubUserState = "removed"
)

// HubUser is a person as a member of one account. Its ID is the membership's; its name is what this account calls the person.
type HubUser struct {
	ID             string
	PersonID       string
	Email          string
	Name           string
	Roles          Roles      // all they have: their own and those of their groups
	Own            Roles      // given to them directly
	Groups         []GroupRef // by name
	State          HubUserState
	InvitedAt      int64  // 0: not by invitation
	InvitedBy      string // name of who sent the invitation
	AcceptedAt     int64
	LastSignedInAt int64 // 0: not yet
	SecondFactor   bool  // they could show one
	Factors        Factors
	Version        int64
}

// Change is what an admin may change of a hub user; nil fields stay as they are.
type Change struct {
	Name  *string
	Roles *Roles        // given directly; what groups give stays
	State *HubUserState // Active or Deactivated
}

const hubUserColumns = `m.id, m.person_id, m.email, m.name, m.roles, m.own_roles, m.state, m.invited_at, m.accepted_at, m.last_signed_in_at, m.second_factor, m.version,
	COALESCE((SELECT p.ways FROM people p WHERE p.id = m.person_id), ''), COALESCE((SELECT i.inviter_name FROM invitations i WHERE i.account_id = m.account_id AND i.id = m.invitation_id), '')`

func (u *HubUser) fields() []any {
	return []any{&u.ID, &u.PersonID, &u.Email, &u.Name, (*rolesColumn)(&u.Roles), (*rolesColumn)(&u.Own), &u.State, &u.InvitedAt, &u.AcceptedAt, &u.LastSignedInAt, (*flag)(&u.SecondFactor), &u.Version, (*factorsColumn)(&u.Factors), &u.InvitedBy}
}

// Label is the name, or the address of somebody without one.
func (u HubUser) Label() string { return cmpOr(u.Name, u.Email) }

// Why says where their access comes from; it is empty when all of it was given directly.
func (u HubUser) Why() string { return Why(u.Own, u.Groups) }

// Access is what they may do with where it comes from: "Admin, from Front desk leads".
func (u HubUser) Access() string { return access(u.Roles, u.Own, u.Groups) }

// With is what they could do with these roles given directly.
func (u HubUser) With(own Roles) Roles { return own.with(u.Groups) }

// HubUserByID returns one hub user of the actor's account.
func (r *Room) HubUserByID(ctx context.Context, actor Actor, id string) (u HubUser, err error) {
	defer fault.Wrap(&err, "account.HubUserByID")
	if err := actor.Require(ViewHubUsers); err != nil {
		return u, err
	}
	return r.hubUser(ctx, r.DB, actor.Account.ID, id)
}

func (r *Room) hubUser(ctx context.Context, q db.Q, accountID, id string) (u HubUser, err error) {
	list, err := r.hubUsersWhere(ctx, q, accountID, `m.id = $2`, id)
	if err == nil && len(list) == 0 {
		err = notFound()
	}
	if err != nil {
		return u, err
	}
	return list[0], nil
}

// Still reads the actor's rights and its account anew inside the transaction of a change, so that a right lost a moment ago can't
// be used: whoever commits first decides.
func (r *Room) Still(ctx context.Context, q db.Q, actor *Actor, p Permission) error {
	if actor.Kind == Member || actor.Kind == Key {
		var roles string
		err := q.QueryRowContext(ctx, `
			SELECT m.roles, m.sessions_ended_at, p.ways, CASE WHEN p.terms_version < (SELECT COALESCE(MAX(version), 0) FROM terms_versions) THEN 1 ELSE 0 END FROM memberships m JOIN people p ON p.id = m.person_id WHERE m.account_id = $1 AND m.id = $2 AND m.state = 'active'
				AND ($3 = '' OR EXISTS (SELECT 1 FROM api_keys k WHERE k.account_id = $1 AND k.id = $3 AND k.revoked_at = 0))`,
			actor.Account.ID, actor.MembershipID, actor.KeyID).Scan(&roles, &actor.endedAt, &actor.ways, (*flag)(&actor.termsDue))
		if errors.Is(err, sql.ErrNoRows) {
			return notFound()
		}
		if err != nil {
			return err
		}
		actor.Roles = rolesFromColumn(roles)
	}
	if actor.Kind == Visitor {
		v, open, err := r.Visiting(ctx, q, actor.Account.ID, actor.PersonID)
		if err != nil {
			return err
		}
		if !open {
			return notFound()
		}
		actor.Visit = v
	}
	err := q.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts a WHERE a.id = $1`, actor.Account.ID).Scan(actor.Account.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return notFound()
	}
	if err != nil {
		return err
	}
	if !actor.Provider() {
		if err := r.stopped(actor.Account); err != nil {
			return err
		}
	}
	actor.Needs = r.needs(*actor)
	return actor.Require(p)
}

// ChangeHubUser changes name, roles or state. It takes effect on the person's next request, in sessions that are open too.
// A version other than the stored one is refused; 0 skips that check. It needs a fresh step-up check, but for a name alone.
func (r *Room) ChangeHubUser(ctx context.Context, actor Actor, id string, change Change, version int64) (u HubUser, err error) {
	defer fault.Wrap(&err, "account.ChangeHubUser")
	if err := actor.Require(ChangeHubUsers); err != nil {
		return u, err
	}
	if change, err = change.check(); err != nil {
		return u, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ChangeHubUsers); err != nil {
			return err
		}
		before, err := r.hubUser(ctx, q, actor.Account.ID, id)
		if err != nil {
			return err
		}
		if version != 0 && version != before.Version {
			return changedMeanwhile()
		}
		after := before.with(change)
		u = before
		if after.Name == before.Name && after.State == before.State && after.Own.Equal(before.Own) {
			return nil
		}
		if err := r.mayBecome(ctx, q, actor, before, after); err != nil {
			return err
		}
		after.Version++
		u = after
		return r.saveHubUser(ctx, q, actor, before, after)
	})
	return u, err
}

func (c Change) check() (Change, error) {
	if c.Name != nil {
		name, bad := checkName("name", "Name", *c.Name, 80)
		if bad == nil && name == "" {
			bad = fault.Field("name-empty", "name", "Enter a name")
		}
		if bad != nil {
			return c, bad
		}
		c.Name = &name
	}
	if c.Roles != nil {
		roles, err := ParseRoles(c.Roles.Words())
		if err != nil {
			return c, err
		}
		c.Roles = &roles
	}
	if c.State != nil && *c.State != Active && *c.State != Deactivated {
		return c, fault.Field("state-unknown", "state", "State must be active or deactivated. To remove somebody, delete them")
	}
	return c, nil
}

func (u HubUser) with(c Change) HubUser {
	if c.Name != nil {
		u.Name = *c.Name
	}
	if c.Roles != nil {
		u.Own = *c.Roles
		u.Roles = u.Own.with(u.Groups)
	}
	if c.State != nil {
		u.State = *c.State
	}
	return u
}

// mayBecome holds the rules of changing people: the account keeps an active admin, nobody gives themselves rights, and access
// changes only after a fresh check.
func (r *Room) mayBecome(ctx context.Context, q db.Q, actor Actor, before, after HubUser) error {
	if after.Own.Equal(before.Own) && after.State == before.State {
		return nil
	}
	if err := r.accessMayChange(ctx, q, actor, before, after); err != nil {
		return err
	}
	return r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule())
}

func (r *Room) accessMayChange(ctx context.Context, q db.Q, actor Actor, before, after HubUser) error {
	if own := actor.MembershipID == before.ID; own && after.State == Deactivated {
		return fault.New(fault.Conflict, "own-state", "You can't deactivate yourself. Ask another admin, or give up your admin access first")
	} else if own && !after.Roles.Within(before.Roles) {
		return fault.Field("own-roles", "roles", "You can't give yourself more access. Ask another admin")
	}
	if before.rules() && !after.rules() {
		return r.keepsAdmin(ctx, q, actor, before)
	}
	return nil
}

// rules reports whether the hub user counts as an admin who can act.
func (u HubUser) rules() bool { return u.State == Active && u.Roles.Has(Admin) }

// keepsAdmin refuses what would leave the account without an active admin.
func (r *Room) keepsAdmin(ctx context.Context, q db.Q, actor Actor, leaving HubUser) error {
	another, err := exists(ctx, q, `SELECT 1 FROM memberships WHERE account_id = $1 AND state = 'active' AND roles IN ('admin', 'admin,billing') AND id <> $2 LIMIT 1`,
		actor.Account.ID, leaving.ID)
	if err != nil || another {
		return err
	}
	return fault.New(fault.Conflict, "last-admin", leaving.Label()+" is the only admin of "+actor.Account.Name+". Make somebody else an admin first")
}

func (r *Room) saveHubUser(ctx context.Context, q db.Q, actor Actor, before, after HubUser) error {
	if _, err := q.ExecContext(ctx, `
		UPDATE memberships SET name = $3, search = $4, roles = $5, own_roles = $6, state = $7, version = $8 WHERE account_id = $1 AND id = $2`,
		actor.Account.ID, after.ID, after.Name, searchText(after.Name, after.Email), after.Roles.column(), after.Own.column(), after.State, after.Version); err != nil {
		return err
	}
	if err := r.counted(ctx, q, actor.Account.ID, before.State, after.State); err != nil {
		return err
	}
	if before.State != after.State { // what people decide, the directory does not take back; its own word is saved after this
		if _, err := q.ExecContext(ctx, `UPDATE directory_people SET stopped = 0 WHERE account_id = $1 AND membership_id = $2`, actor.Account.ID, after.ID); err != nil {
			return err
		}
	}
	if after.State == Removed {
		if err := r.leaveGroups(ctx, q, actor.Account.ID, before); err != nil {
			return err
		}
	}
	for _, e := range auditOf(before, after) {
		if err := r.Record(ctx, q, actor, e); err != nil {
			return err
		}
	}
	if before.rules() && !after.rules() {
		if err := r.voidInvitationsOf(ctx, q, actor, after.ID); err != nil {
			return err
		}
	}
	if err := r.tellChange(ctx, q, actor, before, after); err != nil {
		return err
	}
	return r.Notice(ctx, q, actor.Account.ID, after.PersonID)
}

func auditOf(before, after HubUser) []Entry {
	var list []Entry
	add := func(a Action, was, is string) {
		list = append(list, Entry{Action: a, SubjectID: after.ID, SubjectName: after.Label(), Before: was, After: is})
	}
	if after.Name != before.Name {
		add(HubUserRenamed, before.Label(), after.Label())
	}
	if was, is := before.Access(), after.Access(); was != is {
		add(HubUserAccessChanged, was, is)
	}
	switch {
	case before.State == Active && after.State == Deactivated:
		add(HubUserDeactivated, string(before.State), string(after.State))
	case before.State == Deactivated && after.State == Active:
		add(HubUserReactivated, string(before.State), string(after.State))
	case after.State == Removed:
		add(HubUserRemoved, before.Access(), "")
	}
	return list
}

// RemoveHubUser takes the person's access to this account away. The person, their other accounts and the record stay.
func (r *Room) RemoveHubUser(ctx context.Context, actor Actor, id string, version int64) (u HubUser, err error) {
	defer fault.Wrap(&err, "account.RemoveHubUser")
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
		if version != 0 && version != u.Version {
			return changedMeanwhile()
		}
		if err := r.mayGo(ctx, q, actor, u); err != nil {
			return err
		}
		if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
			return err
		}
		after := u
		after.State, after.Version = Removed, u.Version+1
		return r.saveHubUser(ctx, q, actor, u, after)
	})
	return u, err
}

func (r *Room) mayGo(ctx context.Context, q db.Q, actor Actor, u HubUser) error {
	if actor.MembershipID == u.ID {
		return fault.New(fault.Conflict, "own-removal", "You can't remove yourself. Ask another admin")
	}
	if u.rules() {
		return r.keepsAdmin(ctx, q, actor, u)
	}
	return nil
}

// Admins lists the names of the account's active admins, at most ten: whom to ask for access.
func (r *Room) Admins(ctx context.Context, actor Actor) (names []string, err error) {
	defer fault.Wrap(&err, "account.Admins")
	admins, err := r.adminsOf(ctx, r.DB, actor.Account.ID)
	return labels(admins), err
}
