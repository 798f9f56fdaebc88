package account

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/listing"
)

// GroupMost is how many people one request adds to a group.
const GroupMost = 1000

// Chosen names hub users of an account: by ID, by address, or some of both.
type Chosen struct {
	IDs       []string
	Addresses []string
}

// AddToGroup adds hub users to a group, all or none. It counts from their next request and needs a fresh step-up check. Whoever is in the
// group already stays in it. added is how many were not.
func (r *Room) AddToGroup(ctx context.Context, actor Actor, id string, who Chosen, version int64) (g Group, added int, err error) {
	defer fault.Wrap(&err, "account.AddToGroup")
	switch n := len(who.IDs) + len(who.Addresses); {
	case n == 0:
		return g, 0, fault.Field("group-nobody", "people", "Choose at least one person")
	case n > GroupMost:
		return g, 0, fault.Field("group-too-many", "people", fmt.Sprintf("You can add %d people at a time. There are %d", GroupMost, n))
	}
	g, err = r.changingGroup(ctx, actor, id, version, func(ctx context.Context, q db.Q, g *Group) ([]HubUser, error) {
		people, err := r.chosen(ctx, q, actor.Account.ID, who)
		if err != nil {
			return nil, err
		}
		people = slices.DeleteFunc(people, func(u HubUser) bool { return u.in(g.ID) })
		if added = len(people); added == 0 {
			return nil, nil
		}
		if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
			return nil, err
		}
		told := make([]Entry, added)
		for some := range slices.Chunk(people, most) {
			values, args := make([]string, len(some)), []any{actor.Account.ID, g.ID, r.now()}
			for i, u := range some {
				values[i] = "($1, $2, $" + strconv.Itoa(len(args)+1) + ", $3)"
				args = append(args, u.ID)
			}
			if _, err := q.ExecContext(ctx, `INSERT INTO group_members (account_id, group_id, membership_id, added_at) VALUES `+strings.Join(values, ", "), args...); err != nil {
				return nil, err
			}
		}
		for i, u := range people {
			told[i] = Entry{Action: GroupJoined, SubjectID: u.ID, SubjectName: u.Label(), After: g.Name}
		}
		g.People += added
		return people, r.groupChanged(ctx, q, actor, g, told)
	})
	return g, added, err
}

// TakeFromGroup takes hub users out of a group. They keep what they have from elsewhere. It needs a fresh step-up check; whoever is not
// in the group is not found.
func (r *Room) TakeFromGroup(ctx context.Context, actor Actor, id string, members []string, version int64) (g Group, err error) {
	defer fault.Wrap(&err, "account.TakeFromGroup")
	if len(members) == 0 || len(members) > GroupMost {
		return g, fault.Field("group-nobody", "people", fmt.Sprintf("Choose 1 to %d people", GroupMost))
	}
	return r.changingGroup(ctx, actor, id, version, func(ctx context.Context, q db.Q, g *Group) ([]HubUser, error) {
		people, err := r.chosen(ctx, q, actor.Account.ID, Chosen{IDs: members})
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(people, func(u HubUser) bool { return !u.in(g.ID) }) {
			return nil, notFound()
		}
		if err := r.requireCheck(ctx, q, actor, actor.Account.Policy.checkRule()); err != nil {
			return nil, err
		}
		var told []Entry
		for some := range slices.Chunk(people, most) {
			if _, err := q.ExecContext(ctx, `DELETE FROM group_members WHERE account_id = $1 AND group_id = $2 AND membership_id IN (`+db.In(3, len(some))+`)`,
				append([]any{actor.Account.ID, g.ID}, anys(ids(some))...)...); err != nil {
				return nil, err
			}
		}
		for _, u := range people {
			told = append(told, Entry{Action: GroupLeft, SubjectID: u.ID, SubjectName: u.Label(), Before: g.Name})
		}
		g.People -= len(people)
		return people, r.groupChanged(ctx, q, actor, g, told)
	})
}

func (u HubUser) in(groupID string) bool {
	return slices.ContainsFunc(u.Groups, func(g GroupRef) bool { return g.ID == groupID })
}

// groupChanged counts a new version of a group whose people changed, and tells what happened to each.
func (r *Room) groupChanged(ctx context.Context, q db.Q, actor Actor, g *Group, told []Entry) error {
	g.Version++
	if _, err := q.ExecContext(ctx, `UPDATE people_groups SET version = $3 WHERE account_id = $1 AND id = $2`, actor.Account.ID, g.ID, g.Version); err != nil {
		return err
	}
	return r.RecordAll(ctx, q, actor, told)
}

// chosen reads hub users who were named, each once. IDs that are nobody's are not found, whosever they are elsewhere; every address that
// is nobody's gets a fault of its own.
func (r *Room) chosen(ctx context.Context, q db.Q, accountID string, who Chosen) ([]HubUser, error) {
	var list []HubUser
	read := func(column string, values []string) error {
		slices.Sort(values)
		for some := range slices.Chunk(slices.Compact(values), most) {
			found, err := r.hubUsersWhere(ctx, q, accountID, column+` IN (`+db.In(2, len(some))+`)`, anys(some)...)
			if err != nil {
				return err
			}
			list = append(list, found...)
		}
		return nil
	}
	wanted := slices.Clone(who.IDs)
	if err := read("m.id", wanted); err != nil {
		return nil, err
	}
	if slices.Sort(wanted); len(list) != len(slices.Compact(wanted)) {
		return nil, notFound()
	}
	addresses := make([]string, len(who.Addresses))
	for i, address := range who.Addresses {
		addresses[i], _ = signInAddress(address)
	}
	if err := read("m.email", slices.Clone(addresses)); err != nil {
		return nil, err
	}
	var faults []*fault.Fault
	for i, address := range addresses {
		if !slices.ContainsFunc(list, func(u HubUser) bool { return u.Email == address }) {
			faults = append(faults, fault.Field("group-stranger", "addresses", who.Addresses[i]+" has no access to this account. Invite them first"))
		}
	}
	slices.SortFunc(list, func(a, b HubUser) int { return strings.Compare(a.ID, b.ID) })
	return slices.CompactFunc(list, func(a, b HubUser) bool { return a.ID == b.ID }), fault.All(faults...)
}

// leaveGroups takes somebody who is removed out of their groups.
func (r *Room) leaveGroups(ctx context.Context, q db.Q, accountID string, u HubUser) error {
	if len(u.Groups) == 0 {
		return nil
	}
	for _, query := range []string{
		`UPDATE people_groups SET version = version + 1 WHERE account_id = $1 AND id IN (SELECT group_id FROM group_members WHERE account_id = $1 AND membership_id = $2)`,
		`DELETE FROM group_members WHERE account_id = $1 AND membership_id = $2`,
	} {
		if _, err := q.ExecContext(ctx, query, accountID, u.ID); err != nil {
			return err
		}
	}
	return nil
}

// MemberFilter chooses hub users by how they stand to a group. Limit 0 means 50; at most 500.
type MemberFilter struct {
	Outside bool // those who are not in the group
	Search  string
	After   string // cursor
	Limit   int
}

// GroupPeople lists the hub users of a group, or those it could take in, by name, and the cursor of the next page or "".
func (r *Room) GroupPeople(ctx context.Context, actor Actor, id string, f MemberFilter) (list []HubUser, next string, err error) {
	defer fault.Wrap(&err, "account.GroupPeople")
	g, err := r.GroupByID(ctx, actor, id)
	if err != nil {
		return nil, "", err
	}
	mark := fmt.Sprintf("group %s %s %t", actor.Account.ID, g.ID, f.Outside)
	at, err := listing.Read(r.Keys, mark, f.After)
	if err != nil {
		return nil, "", err
	}
	in := "EXISTS"
	if f.Outside {
		in = "NOT EXISTS"
	}
	limit := listing.PageSize(f.Limit)
	list, err = r.hubUsersWhere(ctx, r.DB, actor.Account.ID, in+` (SELECT 1 FROM group_members gm WHERE gm.account_id = m.account_id AND gm.group_id = $2 AND gm.membership_id = m.id)
		AND (m.search, m.id) > ($3, $4) AND m.search LIKE $5 ESCAPE '\' ORDER BY m.search, m.id LIMIT `+strconv.Itoa(limit+1),
		g.ID, at.Text, at.ID, listing.Contains(f.Search))
	if len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		next = listing.Write(r.Keys, mark, listing.Cursor{Text: searchText(last.Name, last.Email), ID: last.ID})
	}
	return list, next, err
}
