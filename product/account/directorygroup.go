package account

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
	"hubline/base/listing"
	"hubline/base/scim"
)

// What the directory is to a group.
const (
	directoryManages = "manages" // an admin let it decide who is in the group
	directoryMade    = "made"    // it made the group
)

// DirectoryGroup is a group whose people the directory decides about.
type DirectoryGroup struct {
	ID         string
	Name       string
	ExternalID string
	MadeAt     int64
	People     []DirectoryMember // whom the directory put there, those who have not accepted yet too; nil when they were not asked for
	made       string
	version    int64
}

// DirectoryMember is one of the directory's people in a group.
type DirectoryMember struct{ ID, Name string }

const directoryGroupColumns = `g.id, g.name, g.external_id, g.made_at, g.directory, g.version`

const fromDirectoryGroups = ` FROM people_groups g WHERE g.account_id = $1 AND g.directory <> ''`

func (g *DirectoryGroup) fields() []any {
	return []any{&g.ID, &g.Name, &g.ExternalID, &g.MadeAt, &g.made, &g.version}
}

// DirectoryGroups lists the groups that the directory decides about, oldest first, and how many fit the filter. start counts from 0; count
// is at most 200.
func (r *Room) DirectoryGroups(ctx context.Context, actor Actor, filter *scim.Filter, start, count int, people bool) (list []DirectoryGroup, total int, err error) {
	defer fault.Wrap(&err, "account.DirectoryGroups")
	if _, _, err := r.synced(ctx, r.DB, actor); err != nil {
		return nil, 0, err
	}
	where, args, err := filterSQL(filter, directoryGroupsColumns, []any{actor.Account.ID})
	if err != nil {
		return nil, 0, err
	}
	if err := r.DB.QueryRowContext(ctx, `SELECT COUNT(*)`+fromDirectoryGroups+where, args...).Scan(&total); err != nil || count <= 0 {
		return nil, total, err
	}
	n := len(args)
	list, err = db.Collect(ctx, r.DB, (*DirectoryGroup).fields, `SELECT `+directoryGroupColumns+fromDirectoryGroups+where+` ORDER BY g.made_at, g.id LIMIT $`+strconv.Itoa(n+1)+` OFFSET $`+strconv.Itoa(n+2),
		append(args, min(count, 200), start)...)
	if err != nil || !people {
		return list, total, err
	}
	return list, total, r.withPeople(ctx, r.DB, actor.Account.ID, list)
}

// withPeople reads the people of groups, all in one statement. Whom an admin took out by hand is not in it.
func (r *Room) withPeople(ctx context.Context, q db.Q, accountID string, list []DirectoryGroup) error {
	if len(list) == 0 {
		return nil
	}
	ids, at := make([]any, len(list)), map[string]int{}
	for i, g := range list {
		ids[i], at[g.ID] = g.ID, i
		list[i].People = []DirectoryMember{}
	}
	rows, err := q.QueryContext(ctx, `
		SELECT dm.group_id, d.id, d.display_name, d.user_name FROM directory_members dm
		JOIN directory_people d ON d.account_id = dm.account_id AND d.id = dm.user_id
		LEFT JOIN memberships m ON m.account_id = d.account_id AND m.id = d.membership_id AND m.state <> 'removed'
		LEFT JOIN group_members gm ON gm.account_id = dm.account_id AND gm.group_id = dm.group_id AND gm.membership_id = m.id
		WHERE dm.account_id = $1 AND dm.group_id IN (`+db.In(2, len(ids))+`) AND (m.id IS NULL OR gm.membership_id IS NOT NULL) ORDER BY dm.group_id, d.id`,
		append([]any{accountID}, ids...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var group, id, display, user string
		if err := rows.Scan(&group, &id, &display, &user); err != nil {
			return err
		}
		g := &list[at[group]]
		g.People = append(g.People, DirectoryMember{id, cmpOr(display, user)})
	}
	return rows.Err()
}

// DirectoryGroupByID returns one group that the directory decides about.
func (r *Room) DirectoryGroupByID(ctx context.Context, actor Actor, id string, people bool) (g DirectoryGroup, err error) {
	defer fault.Wrap(&err, "account.DirectoryGroupByID")
	if _, _, err := r.synced(ctx, r.DB, actor); err != nil {
		return g, err
	}
	return r.directoryGroup(ctx, r.DB, actor.Account.ID, id, people)
}

func (r *Room) directoryGroup(ctx context.Context, q db.Q, accountID, id string, people bool) (g DirectoryGroup, err error) {
	err = q.QueryRowContext(ctx, `SELECT `+directoryGroupColumns+fromDirectoryGroups+` AND g.id = $2`, accountID, id).Scan(g.fields()...)
	if errors.Is(err, sql.ErrNoRows) {
		return g, notFound()
	}
	if err != nil || !people {
		return g, err
	}
	list := []DirectoryGroup{g}
	err = r.withPeople(ctx, q, accountID, list)
	return list[0], err
}

func (g *DirectoryGroup) check() error {
	name, bad := checkName("displayName", "Name", g.Name, 60)
	if bad == nil && name == "" {
		bad = fault.Field("name-empty", "displayName", "A group needs a displayName")
	}
	g.Name = name
	var externalFault *fault.Fault
	if utf8.RuneCountInString(g.ExternalID) > 250 || strings.ContainsFunc(g.ExternalID, unprintable) {
		externalFault = fault.Field("directory-text", "externalId", "externalId must be text of at most 250 characters that can be shown")
	}
	return fault.All(bad, externalFault)
}

// BringGroup makes a group of the directory's. It gives nobody anything until an admin gives it a role.
func (r *Room) BringGroup(ctx context.Context, actor Actor, in DirectoryGroup, people []string) (g DirectoryGroup, err error) {
	defer fault.Wrap(&err, "account.BringGroup")
	err = r.syncing(ctx, actor, func(ctx context.Context, q db.Q, actor Actor, _ DirectorySync) error {
		g = in
		if err := g.check(); err != nil {
			return err
		}
		g.ID, g.MadeAt, g.made, g.version = ident.New(), r.now(), directoryMade, 1
		if err := r.directoryNameFits(ctx, q, actor.Account.ID, g); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `INSERT INTO people_groups (account_id, id, name, search, roles, made_at, version, directory, external_id) VALUES ($1, $2, $3, $4, '', $5, 1, $6, $7)`,
			actor.Account.ID, g.ID, g.Name, listing.Fold(g.Name), g.MadeAt, g.made, g.ExternalID); err != nil {
			return err
		}
		if err := r.Record(ctx, q, actor, Entry{Action: GroupMade, SubjectID: g.ID, SubjectName: g.Name, After: Roles{}.String()}); err != nil {
			return err
		}
		if err := r.changeDirectoryMembers(ctx, q, actor, g, scim.MemberChange{Add: people}); err != nil {
			return err
		}
		if g, err = r.directoryGroup(ctx, q, actor.Account.ID, g.ID, true); err != nil {
			return err
		}
		return r.Notice(ctx, q, actor.Account.ID)
	})
	return g, err
}

// directoryNameFits is groupFits with a conflict for a name that is taken, which directories look for.
func (r *Room) directoryNameFits(ctx context.Context, q db.Q, accountID string, g DirectoryGroup) error {
	err := r.groupFits(ctx, q, accountID, Group{ID: g.ID, Name: g.Name})
	if f, ok := fault.Of(err); ok && f.Code == "group-name-taken" {
		err = fault.New(fault.Conflict, "directory-group-taken", "A group of this name is there already. To hand it to the directory, an admin chooses that on the group's page")
	}
	return err
}

// ChangeDirectoryGroup changes the name of a group and who is in it. What the group gives is never the directory's to decide.
func (r *Room) ChangeDirectoryGroup(ctx context.Context, actor Actor, id string, change func(*DirectoryGroup) (scim.MemberChange, error)) (g DirectoryGroup, err error) {
	defer fault.Wrap(&err, "account.ChangeDirectoryGroup")
	err = r.syncing(ctx, actor, func(ctx context.Context, q db.Q, actor Actor, _ DirectorySync) error {
		before, err := r.directoryGroup(ctx, q, actor.Account.ID, id, false)
		if err != nil {
			return err
		}
		g = before
		people, err := change(&g)
		if err != nil {
			return err
		}
		if err := g.check(); err != nil {
			return err
		}
		if g.Name != before.Name || g.ExternalID != before.ExternalID {
			if err := r.renameDirectoryGroup(ctx, q, actor, before, g); err != nil {
				return err
			}
		}
		if err := r.changeDirectoryMembers(ctx, q, actor, g, people); err != nil {
			return err
		}
		return r.Notice(ctx, q, actor.Account.ID)
	})
	return g, err
}

func (r *Room) renameDirectoryGroup(ctx context.Context, q db.Q, actor Actor, before, g DirectoryGroup) error {
	if err := r.directoryNameFits(ctx, q, actor.Account.ID, g); err != nil {
		return err
	}
	if _, err := q.ExecContext(ctx, `UPDATE people_groups SET name = $3, search = $4, external_id = $5, version = version + 1 WHERE account_id = $1 AND id = $2`,
		actor.Account.ID, g.ID, g.Name, listing.Fold(g.Name), g.ExternalID); err != nil || g.Name == before.Name {
		return err
	}
	return r.Record(ctx, q, actor, Entry{Action: GroupRenamed, SubjectID: g.ID, SubjectName: g.Name, Before: before.Name, After: g.Name})
}

// changeDirectoryMembers writes whom the directory wants in the group, and puts those who are members already in and out of it.
func (r *Room) changeDirectoryMembers(ctx context.Context, q db.Q, actor Actor, g DirectoryGroup, c scim.MemberChange) error {
	a := actor.Account.ID
	added, err := r.directoryChosen(ctx, q, a, c.Add)
	if err != nil {
		return err
	}
	if len(added) != len(c.Add) {
		return fault.Field("directory-member", "members", "One of the members is no user here. Create users before the groups they are in")
	}
	var gone []DirectoryPerson
	if c.Replace {
		gone, err = r.directoryPeople(ctx, q, ` AND d.id IN (SELECT user_id FROM directory_members WHERE account_id = $1 AND group_id = $3)`, a, r.now(), g.ID)
		gone = slices.DeleteFunc(gone, func(p DirectoryPerson) bool { return slices.Contains(c.Add, p.ID) })
	} else {
		gone, err = r.directoryChosen(ctx, q, a, c.Remove)
	}
	if err != nil || len(added)+len(gone) == 0 {
		return err
	}
	for some := range slices.Chunk(added, most) {
		if _, err := q.ExecContext(ctx, `
			INSERT INTO directory_members (account_id, group_id, user_id) SELECT account_id, CAST($2 AS TEXT), id FROM directory_people WHERE account_id = $1 AND id IN (`+db.In(3, len(some))+`)
			ON CONFLICT (account_id, group_id, user_id) DO NOTHING`, append([]any{a, g.ID}, directoryIDs(some)...)...); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(gone, most) {
		if _, err := q.ExecContext(ctx, `DELETE FROM directory_members WHERE account_id = $1 AND group_id = $2 AND user_id IN (`+db.In(3, len(some))+`)`,
			append([]any{a, g.ID}, directoryIDs(some)...)...); err != nil {
			return err
		}
	}
	return r.moveMembers(ctx, q, actor, g, memberships(added), memberships(gone))
}

func directoryIDs(people []DirectoryPerson) []any {
	ids := make([]any, len(people))
	for i, p := range people {
		ids[i] = p.ID
	}
	return ids
}

func memberships(people []DirectoryPerson) (ids []string) {
	for _, p := range people {
		if p.membershipID != "" {
			ids = append(ids, p.membershipID)
		}
	}
	return ids
}

// directoryChosen reads the directory's people by their IDs.
func (r *Room) directoryChosen(ctx context.Context, q db.Q, accountID string, ids []string) (list []DirectoryPerson, err error) {
	for some := range slices.Chunk(ids, most) {
		found, err := r.directoryPeople(ctx, q, ` AND d.id IN (`+db.In(3, len(some))+`)`, append([]any{accountID, r.now()}, anys(some)...)...)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// moveMembers puts memberships into the group and takes others out, with the access that follows.
func (r *Room) moveMembers(ctx context.Context, q db.Q, actor Actor, g DirectoryGroup, in, out []string) error {
	people, err := r.chosen(ctx, q, actor.Account.ID, Chosen{IDs: slices.Concat(in, out)})
	if err != nil {
		return err
	}
	people = slices.DeleteFunc(people, func(u HubUser) bool { return u.in(g.ID) == slices.Contains(in, u.ID) })
	if len(people) == 0 {
		return nil
	}
	var told []Entry
	var come, leave []HubUser
	for _, u := range people {
		if slices.Contains(in, u.ID) {
			come, told = append(come, u), append(told, Entry{Action: GroupJoined, SubjectID: u.ID, SubjectName: u.Label(), After: g.Name})
		} else {
			leave, told = append(leave, u), append(told, Entry{Action: GroupLeft, SubjectID: u.ID, SubjectName: u.Label(), Before: g.Name})
		}
	}
	for some := range slices.Chunk(come, most) {
		if _, err := q.ExecContext(ctx, `
			INSERT INTO group_members (account_id, group_id, membership_id, added_at)
			SELECT account_id, CAST($2 AS TEXT), id, CAST($3 AS BIGINT) FROM memberships WHERE account_id = $1 AND id IN (`+db.In(4, len(some))+`)`,
			append([]any{actor.Account.ID, g.ID, r.now()}, anys(ids(some))...)...); err != nil {
			return err
		}
	}
	for some := range slices.Chunk(leave, most) {
		if _, err := q.ExecContext(ctx, `DELETE FROM group_members WHERE account_id = $1 AND group_id = $2 AND membership_id IN (`+db.In(3, len(some))+`)`,
			append([]any{actor.Account.ID, g.ID}, anys(ids(some))...)...); err != nil {
			return err
		}
	}
	if _, err := q.ExecContext(ctx, `UPDATE people_groups SET version = version + 1 WHERE account_id = $1 AND id = $2`, actor.Account.ID, g.ID); err != nil {
		return err
	}
	if err := r.RecordAll(ctx, q, actor, told); err != nil {
		return err
	}
	return r.regrant(ctx, q, actor, people)
}

// DropDirectoryGroup deletes a group that the directory made. One that an admin made stays, without the directory's people, and is the
// directory's no longer.
func (r *Room) DropDirectoryGroup(ctx context.Context, actor Actor, id string) (err error) {
	defer fault.Wrap(&err, "account.DropDirectoryGroup")
	return r.syncing(ctx, actor, func(ctx context.Context, q db.Q, actor Actor, _ DirectorySync) error {
		a := actor.Account.ID
		g, err := r.directoryGroup(ctx, q, a, id, false)
		if err != nil {
			return err
		}
		if err := r.changeDirectoryMembers(ctx, q, actor, g, scim.MemberChange{Replace: true}); err != nil {
			return err
		}
		if g.made == directoryManages {
			if _, err := q.ExecContext(ctx, `UPDATE people_groups SET directory = '', external_id = '', version = version + 1 WHERE account_id = $1 AND id = $2`, a, g.ID); err != nil {
				return err
			}
			return r.Record(ctx, q, actor, Entry{Action: GroupTakenBack, SubjectID: g.ID, SubjectName: g.Name})
		}
		whole, err := r.group(ctx, q, a, g.ID)
		if err != nil {
			return err
		}
		touched, err := r.eraseGroup(ctx, q, actor, whole)
		if err != nil {
			return err
		}
		if err := r.regrant(ctx, q, actor, touched); err != nil {
			return err
		}
		return r.Notice(ctx, q, a)
	})
}

// LetDirectory lets the directory decide who is in a group, or ends that; the people in it stay. Whatever the group gives, the directory
// then gives to whom it likes, so it needs a fresh step-up check.
func (r *Room) LetDirectory(ctx context.Context, actor Actor, id string, let bool, version int64) (_ Group, err error) {
	defer fault.Wrap(&err, "account.LetDirectory")
	return r.changingGroup(ctx, actor, id, version, func(ctx context.Context, q db.Q, g *Group) ([]HubUser, error) {
		if g.Directory == let {
			return nil, nil
		}
		if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
			return nil, err
		}
		what, action := "", GroupTakenBack
		if let {
			what, action = directoryManages, GroupHandedOver
		}
		g.Directory = let
		g.Version++
		if _, err := q.ExecContext(ctx, `UPDATE people_groups SET directory = $3, external_id = '', version = $4 WHERE account_id = $1 AND id = $2`, actor.Account.ID, g.ID, what, g.Version); err != nil {
			return nil, err
		}
		if _, err := q.ExecContext(ctx, `DELETE FROM directory_members WHERE account_id = $1 AND group_id = $2`, actor.Account.ID, g.ID); err != nil {
			return nil, err
		}
		return nil, r.Record(ctx, q, actor, Entry{Action: action, SubjectID: g.ID, SubjectName: g.Name})
	})
}
