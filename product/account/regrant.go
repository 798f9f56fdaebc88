package account

import (
	"context"
	"slices"

	"hubline/base/change"
	"hubline/base/db"
	"hubline/base/fault"
)

// most is how many rows one statement takes, so that a thousand people cost a handful of statements and none has too many parameters.
const most = 500

// hubUsersWhere reads hub users of an account, with their groups, by a condition about m that may use $2 and on.
func (r *Room) hubUsersWhere(ctx context.Context, q db.Q, accountID, condition string, args ...any) (list []HubUser, err error) {
	list, err = db.Collect(ctx, q, (*HubUser).fields, `SELECT `+hubUserColumns+` FROM memberships m WHERE m.account_id = $1 AND m.state <> 'removed' AND `+condition,
		append([]any{accountID}, args...)...)
	if err != nil {
		return nil, err
	}
	groups, err := r.groupsOf(ctx, q, accountID, ids(list))
	for i := range list {
		list[i].Groups = groups[list[i].ID]
	}
	return list, err
}

func ids(list []HubUser) []string {
	all := make([]string, len(list))
	for i, u := range list {
		all[i] = u.ID
	}
	return all
}

func anys(list []string) []any {
	all := make([]any, len(list))
	for i, text := range list {
		all[i] = text
	}
	return all
}

// groupsOf returns the groups of hub users, by name, in one statement for many.
func (r *Room) groupsOf(ctx context.Context, q db.Q, accountID string, members []string) (map[string][]GroupRef, error) {
	return groupsIn(ctx, q, accountID, members, func(in string) string {
		return `SELECT x.membership_id, g.id, g.name, g.roles FROM group_members x JOIN people_groups g ON g.account_id = x.account_id AND g.id = x.group_id
			WHERE x.account_id = $1 AND x.membership_id IN (` + in + `) ORDER BY g.search`
	})
}

// groupsOffered is groupsOf for invitations.
func (r *Room) groupsOffered(ctx context.Context, q db.Q, accountID string, invitations []string) (map[string][]GroupRef, error) {
	return groupsIn(ctx, q, accountID, invitations, func(in string) string {
		return `SELECT x.invitation_id, g.id, g.name, g.roles FROM invitation_groups x JOIN people_groups g ON g.account_id = x.account_id AND g.id = x.group_id
			WHERE x.account_id = $1 AND x.invitation_id IN (` + in + `) ORDER BY g.search`
	})
}

func groupsIn(ctx context.Context, q db.Q, accountID string, holders []string, query func(in string) string) (map[string][]GroupRef, error) {
	groups := map[string][]GroupRef{}
	for some := range slices.Chunk(holders, most) {
		rows, err := q.QueryContext(ctx, query(db.In(2, len(some))), append([]any{accountID}, anys(some)...)...)
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			var holder string
			var g GroupRef
			if err := rows.Scan(&holder, &g.ID, &g.Name, (*rolesColumn)(&g.Roles)); err != nil {
				rows.Close()
				return nil, err
			}
			groups[holder] = append(groups[holder], g)
		}
		if err := rows.Err(); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// regrant is the one place where a change of groups becomes access: it works out anew what hub users may do, writes it, and does all that
// belongs to a change of access. touched is how they were before. However many they are, it takes a handful of statements.
func (r *Room) regrant(ctx context.Context, q db.Q, actor Actor, touched []HubUser) error {
	if len(touched) == 0 {
		return nil
	}
	groups, err := r.groupsOf(ctx, q, actor.Account.ID, ids(touched))
	if err != nil {
		return err
	}
	sets := map[string][]string{} // whose roles become what
	var told []Entry
	var letters []any
	topics := []string{AccountTopic(actor.Account.ID)}
	lost := false
	for _, before := range touched {
		after := before
		after.Groups = groups[before.ID]
		after.Roles = after.Own.with(after.Groups)
		sets[after.Roles.column()] = append(sets[after.Roles.column()], after.ID)
		if after.Roles.Equal(before.Roles) {
			continue
		}
		if actor.MembershipID == after.ID && !after.Roles.Within(before.Roles) {
			return fault.Field("own-roles", "roles", "You can't give yourself more access. Ask another admin")
		}
		lost = lost || before.rules() && !after.rules()
		told = append(told, auditOf(before, after)...)
		if letter, due := r.letterAbout(actor, before, after); due {
			letters = append(letters, letter)
		}
		topics = append(topics, PersonTopic(after.PersonID))
	}
	for column, members := range sets {
		for some := range slices.Chunk(members, most) {
			if _, err := q.ExecContext(ctx, `UPDATE memberships SET roles = $2, version = version + 1 WHERE account_id = $1 AND id IN (`+db.In(3, len(some))+`)`,
				append([]any{actor.Account.ID, column}, anys(some)...)...); err != nil {
				return err
			}
		}
	}
	if lost {
		if err := r.stillRuled(ctx, q, actor); err != nil {
			return err
		}
	}
	if err := r.RecordAll(ctx, q, actor, told); err != nil {
		return err
	}
	if err := r.Jobs.AddAll(ctx, q, letterMail, letters); err != nil {
		return err
	}
	for some := range slices.Chunk(topics, most) {
		if err := change.Post(ctx, q, r.Now(), some...); err != nil {
			return err
		}
	}
	return nil
}

// stillRuled refuses a change of many after which the account has no active admin, and stops what those offered who were admins.
func (r *Room) stillRuled(ctx context.Context, q db.Q, actor Actor) error {
	ruled, err := exists(ctx, q, `SELECT 1 FROM memberships WHERE account_id = $1 AND state = 'active' AND roles IN ('admin', 'admin,billing') LIMIT 1`, actor.Account.ID)
	if err != nil {
		return err
	}
	if !ruled {
		return fault.New(fault.Conflict, "last-admin", actor.Account.Name+" would have no admin. Make somebody an admin first, by name or by another group")
	}
	return r.voidUnsupported(ctx, q, actor)
}

// voidUnsupported stops the invitations of everybody in the account who may no longer invite.
func (r *Room) voidUnsupported(ctx context.Context, q db.Q, actor Actor) error {
	rows, err := q.QueryContext(ctx, `
		SELECT `+invitationColumns+` FROM invitations i JOIN memberships m ON m.account_id = i.account_id AND m.id = i.inviter_id
		WHERE i.account_id = $1 AND i.state = 'pending' AND NOT (m.state = 'active' AND m.roles IN ('admin', 'admin,billing'))`, actor.Account.ID)
	if err != nil {
		return err
	}
	open, err := scanInvitations(rows)
	if err != nil {
		return err
	}
	return r.void(ctx, q, actor, open)
}
