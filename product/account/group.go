package account

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/listing"
)

// MostGroups is how many groups an account can have.
const MostGroups = 200

// Group is a named set of hub users of one account who get its roles on top of their own.
type Group struct {
	ID        string
	Name      string
	Roles     Roles
	People    int
	MadeAt    int64
	Version   int64
	Directory bool // the account's directory decides who is in it
}

// NewGroup is what it takes to make a group.
type NewGroup struct {
	Name  string
	Roles Roles
}

// GroupChange is what may be changed of a group; nil fields stay as they are.
type GroupChange struct {
	Name  *string
	Roles *Roles
}

const groupColumns = `g.id, g.name, g.roles, g.made_at, g.version, CASE WHEN g.directory = '' THEN 0 ELSE 1 END,
	(SELECT COUNT(*) FROM group_members gm WHERE gm.account_id = g.account_id AND gm.group_id = g.id)`

func (g *Group) fields() []any {
	return []any{&g.ID, &g.Name, (*rolesColumn)(&g.Roles), &g.MadeAt, &g.Version, (*flag)(&g.Directory), &g.People}
}

// GroupFilter chooses groups by a part of their name. Limit 0 means 50; at most 500.
type GroupFilter struct {
	Search string
	After  string // cursor
	Limit  int
}

// Groups lists groups of the actor's account by name, and the cursor of the next page or "".
func (r *Room) Groups(ctx context.Context, actor Actor, f GroupFilter) (list []Group, next string, err error) {
	defer fault.Wrap(&err, "account.Groups")
	if err := actor.Require(ViewHubUsers); err != nil {
		return nil, "", err
	}
	mark := "groups " + actor.Account.ID
	at, err := listing.Read(r.Keys, mark, f.After)
	if err != nil {
		return nil, "", err
	}
	limit := listing.PageSize(f.Limit)
	rows, err := r.DB.QueryContext(ctx, `
		SELECT `+groupColumns+` FROM people_groups g WHERE g.account_id = $1 AND g.search > $2 AND g.search LIKE $3 ESCAPE '\' ORDER BY g.search LIMIT $4`,
		actor.Account.ID, at.Text, listing.Contains(f.Search), limit+1)
	if err != nil {
		return nil, "", err
	}
	if list, err = scanGroups(rows); err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = listing.Write(r.Keys, mark, listing.Cursor{Text: listing.Fold(list[limit-1].Name)})
	}
	return list, next, nil
}

func scanGroups(rows *sql.Rows) (list []Group, err error) {
	defer rows.Close()
	for rows.Next() {
		var g Group
		if err := rows.Scan(g.fields()...); err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, rows.Err()
}

// GroupByID returns one group of the actor's account.
func (r *Room) GroupByID(ctx context.Context, actor Actor, id string) (g Group, err error) {
	defer fault.Wrap(&err, "account.GroupByID")
	if err := actor.Require(ViewHubUsers); err != nil {
		return g, err
	}
	return r.group(ctx, r.DB, actor.Account.ID, id)
}

func (r *Room) group(ctx context.Context, q db.Q, accountID, id string) (g Group, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+groupColumns+` FROM people_groups g WHERE g.account_id = $1 AND g.id = $2`, accountID, id).Scan(g.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		err = notFound()
	}
	return g, err
}

// MakeGroup makes a group without anybody in it.
func (r *Room) MakeGroup(ctx context.Context, actor Actor, in NewGroup) (g Group, err error) {
	defer fault.Wrap(&err, "account.MakeGroup")
	change, err := GroupChange{&in.Name, &in.Roles}.check()
	if err != nil {
		return g, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ChangeHubUsers); err != nil {
			return err
		}
		g = Group{ID: ident.New(), Name: *change.Name, Roles: *change.Roles, MadeAt: r.now(), Version: 1}
		if err := r.groupFits(ctx, q, actor.Account.ID, g); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `INSERT INTO people_groups (account_id, id, name, search, roles, made_at, version) VALUES ($1, $2, $3, $4, $5, $6, 1)`,
			actor.Account.ID, g.ID, g.Name, listing.Fold(g.Name), g.Roles.column(), g.MadeAt); err != nil {
			return err
		}
		if err := r.Record(ctx, q, actor, Entry{Action: GroupMade, SubjectID: g.ID, SubjectName: g.Name, After: g.Roles.String()}); err != nil {
			return err
		}
		return r.Notice(ctx, q, actor.Account.ID)
	})
	return g, err
}

func (c GroupChange) check() (GroupChange, error) {
	var nameFault, rolesFault *fault.Fault
	if c.Name != nil {
		name, bad := checkName("name", "Name", *c.Name, 60)
		if bad == nil && name == "" {
			bad = fault.Field("name-empty", "name", "Enter a name for the group")
		}
		c.Name, nameFault = &name, bad
	}
	if c.Roles != nil {
		roles, err := ParseRoles(c.Roles.Words())
		rolesFault, _ = fault.Of(err)
		c.Roles = &roles
	}
	return c, fault.All(nameFault, rolesFault)
}

// groupFits refuses one group too many and a name that another group has.
func (r *Room) groupFits(ctx context.Context, q db.Q, accountID string, g Group) error {
	var groups, named int
	err := q.QueryRowContext(ctx, `
		SELECT (SELECT COUNT(*) FROM people_groups WHERE account_id = $1 AND id <> $2),
		       (SELECT COUNT(*) FROM people_groups WHERE account_id = $1 AND id <> $2 AND search = $3)`, accountID, g.ID, listing.Fold(g.Name)).Scan(&groups, &named)
	switch {
	case err != nil:
		return err
	case named > 0:
		return fault.Field("group-name-taken", "name", "Another group is called "+g.Name+". Choose another name")
	case groups >= MostGroups:
		return fault.New(fault.Conflict, "group-limit", "This account has "+strconv.Itoa(groups)+" groups, which is the most there can be. Delete one that nobody needs")
	}
	return nil
}

// changingGroup runs one change of a group that gives or takes access: rights, version and the step-up check are looked at in its
// transaction, and everybody whom the change touches gets the access that follows from it.
func (r *Room) changingGroup(ctx context.Context, actor Actor, id string, version int64, change func(ctx context.Context, q db.Q, g *Group) (touched []HubUser, err error)) (g Group, err error) {
	if err := actor.Require(ChangeHubUsers); err != nil {
		return g, err
	}
	err = r.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		if err := r.Still(ctx, q, &actor, ChangeHubUsers); err != nil {
			return err
		}
		if g, err = r.group(ctx, q, actor.Account.ID, id); err != nil {
			return err
		}
		if version != 0 && version != g.Version {
			return changedMeanwhile()
		}
		touched, err := change(ctx, q, &g)
		if err != nil {
			return err
		}
		if err := r.regrant(ctx, q, actor, touched); err != nil {
			return err
		}
		return r.Notice(ctx, q, actor.Account.ID)
	})
	return g, err
}

// ChangeGroup changes the name of a group, or what it gives. The second counts from the next request of everybody in it, needs a fresh
// step-up check, and leaves the account an active admin. A version other than the stored one is refused; 0 skips that check.
func (r *Room) ChangeGroup(ctx context.Context, actor Actor, id string, change GroupChange, version int64) (_ Group, err error) {
	defer fault.Wrap(&err, "account.ChangeGroup")
	if change, err = change.check(); err != nil {
		return Group{}, err
	}
	return r.changingGroup(ctx, actor, id, version, func(ctx context.Context, q db.Q, g *Group) ([]HubUser, error) {
		before, a := *g, actor.Account.ID
		if change.Name != nil {
			g.Name = *change.Name
		}
		if change.Roles != nil {
			g.Roles = *change.Roles
		}
		if g.Name == before.Name && g.Roles.Equal(before.Roles) {
			return nil, nil
		}
		if err := r.groupFits(ctx, q, a, *g); err != nil {
			return nil, err
		}
		var touched []HubUser
		var err error
		if !g.Roles.Equal(before.Roles) {
			if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
				return nil, err
			}
			if touched, err = r.hubUsersWhere(ctx, q, a, `m.id IN (SELECT gm.membership_id FROM group_members gm WHERE gm.account_id = $1 AND gm.group_id = $2)`, g.ID); err != nil {
				return nil, err
			}
		}
		g.Version++
		if _, err := q.ExecContext(ctx, `UPDATE people_groups SET name = $3, search = $4, roles = $5, version = $6 WHERE account_id = $1 AND id = $2`,
			a, g.ID, g.Name, listing.Fold(g.Name), g.Roles.column(), g.Version); err != nil {
			return nil, err
		}
		var told []Entry
		if g.Name != before.Name {
			told = append(told, Entry{Action: GroupRenamed, SubjectID: g.ID, SubjectName: g.Name, Before: before.Name, After: g.Name})
		}
		if !g.Roles.Equal(before.Roles) {
			told = append(told, Entry{Action: GroupAccessChanged, SubjectID: g.ID, SubjectName: g.Name, Before: before.Roles.String(), After: g.Roles.String()})
		}
		return touched, r.RecordAll(ctx, q, actor, told)
	})
}

// DeleteGroup deletes a group; its people keep what they have from elsewhere. It needs a fresh step-up check.
func (r *Room) DeleteGroup(ctx context.Context, actor Actor, id string, version int64) (_ Group, err error) {
	defer fault.Wrap(&err, "account.DeleteGroup")
	return r.changingGroup(ctx, actor, id, version, func(ctx context.Context, q db.Q, g *Group) ([]HubUser, error) {
		if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
			return nil, err
		}
		return r.eraseGroup(ctx, q, actor, *g)
	})
}

// eraseGroup deletes the group and returns who was in it.
func (r *Room) eraseGroup(ctx context.Context, q db.Q, actor Actor, g Group) ([]HubUser, error) {
	touched, err := r.hubUsersWhere(ctx, q, actor.Account.ID, `m.id IN (SELECT gm.membership_id FROM group_members gm WHERE gm.account_id = $1 AND gm.group_id = $2)`, g.ID)
	if err != nil {
		return nil, err
	}
	for _, query := range []string{`DELETE FROM group_members WHERE account_id = $1 AND group_id = $2`, `DELETE FROM invitation_groups WHERE account_id = $1 AND group_id = $2`,
		`DELETE FROM directory_members WHERE account_id = $1 AND group_id = $2`, `DELETE FROM people_groups WHERE account_id = $1 AND id = $2`} {
		if _, err := q.ExecContext(ctx, query, actor.Account.ID, g.ID); err != nil {
			return nil, err
		}
	}
	return touched, r.Record(ctx, q, actor, Entry{Action: GroupDeleted, SubjectID: g.ID, SubjectName: g.Name, Before: g.Roles.String()})
}

// GroupRef is a group as a hub user has it.
type GroupRef struct {
	ID    string
	Name  string
	Roles Roles
}

// with returns the set and what the groups add to it.
func (r Roles) with(groups []GroupRef) Roles {
	words := r.Words()
	for _, g := range groups {
		words = append(words, g.Roles.Words()...)
	}
	return rolesFromColumn(strings.Join(words, ","))
}

// Why says where access comes from, for those who have some of it from groups: "from Front desk leads", or "Admin from Front desk
// leads, Billing given directly". It is empty when everything was given directly.
func Why(own Roles, groups []GroupRef) string {
	var parts, sources []string
	indirect := false
	for _, role := range own.with(groups) {
		var from []string
		for _, g := range groups {
			if g.Roles.Has(role) {
				from = append(from, g.Name)
			}
		}
		source := "given directly"
		if len(from) > 0 {
			indirect = true
			source = "from " + and(from)
			if own.Has(role) {
				source = "given directly and " + source
			}
		}
		parts, sources = append(parts, Roles{role}.String()+" "+source), append(sources, source)
	}
	switch sources = slices.Compact(sources); {
	case !indirect:
		return ""
	case len(sources) == 1:
		return sources[0]
	}
	return strings.Join(parts, ", ")
}

// access is the set with where it comes from, as the audit log tells it: "Admin, from Front desk leads".
func access(roles, own Roles, groups []GroupRef) string {
	switch why := Why(own, groups); {
	case why == "":
		return roles.String()
	case strings.HasPrefix(why, "from ") || strings.HasPrefix(why, "given "):
		return roles.String() + ", " + why
	default:
		return roles.String() + " (" + why + ")"
	}
}

// and joins names: "A", "A and B", "A, B and C".
func and(names []string) string {
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}
