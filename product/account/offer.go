package account

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/ident"
)

// Offered is what somebody may do who accepts the invitation: what it gives directly and what its groups give.
func (i Invitation) Offered() Roles { return i.Roles.with(i.Groups) }

// Access is Offered in words with where it comes from: "Admin, from Front desk leads".
func (i Invitation) Access() string { return access(i.Offered(), i.Roles, i.Groups) }

// Why says where what is offered comes from; it is empty when all of it is given directly.
func (i Invitation) Why() string { return Why(i.Roles, i.Groups) }

// groupsNamed returns the groups of those IDs, by name. One that is not there is the fault of the field "groups".
func (r *Room) groupsNamed(ctx context.Context, q db.Q, accountID string, ids []string) (list []GroupRef, err error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	if len(ids) == 0 {
		return nil, nil
	}
	if len(ids) <= MostGroups {
		rows, err := q.QueryContext(ctx, `SELECT id, name, roles FROM people_groups WHERE account_id = $1 AND id IN (`+db.In(2, len(ids))+`) ORDER BY search`,
			append([]any{accountID}, anys(ids)...)...)
		if err != nil {
			return nil, err
		}
		if list, err = scanRefs(rows); err != nil {
			return nil, err
		}
	}
	if len(list) != len(ids) {
		return nil, fault.Field("group-unknown", "groups", "A group that you chose is not there any more. Choose again")
	}
	return list, nil
}

func scanRefs(rows *sql.Rows) (list []GroupRef, err error) {
	defer rows.Close()
	for rows.Next() {
		var g GroupRef
		if err := rows.Scan(&g.ID, &g.Name, (*rolesColumn)(&g.Roles)); err != nil {
			return nil, err
		}
		list = append(list, g)
	}
	return list, rows.Err()
}

func groupIDs(list []GroupRef) []string {
	ids := make([]string, len(list))
	for i, g := range list {
		ids[i] = g.ID
	}
	return ids
}

// addOfferedGroups fills in the groups of invitations.
func (r *Room) addOfferedGroups(ctx context.Context, q db.Q, accountID string, list []Invitation) error {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	groups, err := r.groupsOffered(ctx, q, accountID, ids)
	for i := range list {
		list[i].Groups = groups[list[i].ID]
	}
	return err
}

// joinOffered puts somebody who accepted into the groups that the invitation offered and that are still there.
func (r *Room) joinOffered(ctx context.Context, q db.Q, accountID, membershipID string, groups []GroupRef) error {
	for _, g := range groups {
		if _, err := q.ExecContext(ctx, `INSERT INTO group_members (account_id, group_id, membership_id, added_at) VALUES ($1, $2, $3, $4)`,
			accountID, g.ID, membershipID, r.now()); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `UPDATE people_groups SET version = version + 1 WHERE account_id = $1 AND id = $2`, accountID, g.ID); err != nil {
			return err
		}
	}
	return nil
}

// madeToday counts the account's invitations of the last 24 hours.
func (r *Room) madeToday(ctx context.Context, q db.Q, accountID string) (made int, err error) {
	err = q.QueryRowContext(ctx, `SELECT COUNT(*) FROM invitations WHERE account_id = $1 AND created_at > $2`,
		accountID, r.now()-(24*time.Hour).Milliseconds()).Scan(&made)
	return made, err
}

// offerable refuses addresses that have access or an open invitation, and counts against the limits. Each refusal names its address.
func (r *Room) offerable(ctx context.Context, q db.Q, actor Actor, in Invite) error {
	made, err := r.madeToday(ctx, q, actor.Account.ID)
	if err != nil {
		return err
	}
	if made+len(in.Offers) > actor.Account.Policy.DailyInvitations {
		return &fault.Fault{Kind: fault.TooMany, Code: "daily-invitations", Field: "email", RetryAfter: time.Hour,
			Message: fmt.Sprintf("This account can send %d invitations a day and has sent %d. Send the rest tomorrow, or ask support for more", actor.Account.Policy.DailyInvitations, made)}
	}
	emails := make([]string, len(in.Offers))
	for i, offer := range in.Offers {
		emails[i] = offer.Email
	}
	taken, err := r.taken(ctx, q, actor.Account, emails)
	if err != nil {
		return err
	}
	var faults []*fault.Fault
	for _, email := range emails {
		faults = append(faults, taken[email])
	}
	return fault.All(faults...)
}

// taken finds which of the addresses can't be invited, and why: those of somebody who has access or an open invitation, and those that
// were invited too often. It takes three statements for hundreds of addresses.
func (r *Room) taken(ctx context.Context, q db.Q, a Account, emails []string) (map[string]*fault.Fault, error) {
	found := map[string]*fault.Fault{}
	now := r.now()
	for some := range slices.Chunk(emails, most) {
		lately, pending, here := db.In(2, len(some)), db.In(3, len(some)), db.In(2, len(some))
		for _, look := range []struct {
			query string
			args  []any
			why   func(email, state string, n int64) *fault.Fault
		}{
			{`SELECT email, '', COUNT(*) FROM invitations WHERE created_at > $1 AND email IN (` + lately + `) GROUP BY email`,
				[]any{now - (7 * 24 * time.Hour).Milliseconds()}, r.invitedOften},
			{`SELECT email, state, sent_at FROM invitations WHERE account_id = $1 AND expires_at > $2 AND state = 'pending' AND email IN (` + pending + `)`,
				[]any{a.ID, now}, func(email, _ string, sent int64) *fault.Fault {
					day := time.UnixMilli(sent).In(a.Location()).Format("2 January")
					return fault.Field("already-invited", "email", email+" was invited on "+day+" and has not accepted. Resend the invitation")
				}},
			{`SELECT email, state, 0 FROM memberships WHERE account_id = $1 AND state <> 'removed' AND email IN (` + here + `)`, []any{a.ID}, alreadyMember},
		} {
			rows, err := q.QueryContext(ctx, look.query, append(look.args, anys(some)...)...)
			if err != nil {
				return nil, err
			}
			if err := noteTaken(found, rows, look.why); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

// noteTaken takes what was found into the map. What is found later counts more.
func noteTaken(found map[string]*fault.Fault, rows *sql.Rows, why func(email, state string, n int64) *fault.Fault) error {
	defer rows.Close()
	for rows.Next() {
		var email, state string
		var n int64
		if err := rows.Scan(&email, &state, &n); err != nil {
			return err
		}
		if bad := why(email, state, n); bad != nil {
			found[email] = bad
		}
	}
	return rows.Err()
}

func (r *Room) invitedOften(email, _ string, times int64) *fault.Fault {
	if times < int64(r.RecipientWeekly) {
		return nil
	}
	return fault.Field("recipient-limit", "email", email+" was invited too often this week. Wait a few days, or ask them to look for an earlier invitation")
}

func alreadyMember(email, state string, _ int64) *fault.Fault {
	if HubUserState(state) == Deactivated {
		return fault.Field("already-deactivated", "email", email+" belongs to this account and is deactivated. Reactivate them instead")
	}
	return fault.Field("already-member", "email", email+" already has access to this account. Edit their access instead")
}

// offer makes the invitations with their audit entries and their mails. Checks of the actor come before it.
func (r *Room) offer(ctx context.Context, q db.Q, actor Actor, in Invite) ([]Invitation, error) {
	if err := r.offerable(ctx, q, actor, in); err != nil {
		return nil, err
	}
	groups, err := r.groupsNamed(ctx, q, actor.Account.ID, in.Groups)
	if err != nil {
		return nil, err
	}
	list := make([]Invitation, len(in.Offers))
	for i, offer := range in.Offers {
		list[i] = Invitation{Email: offer.Email, Name: offer.Name, Roles: in.Roles, Groups: groups, Message: in.Message}
	}
	return list, r.makeOffers(ctx, q, actor, list, in.FormKey)
}

// makeOffers completes the invitations, of which address, name, access and message are known, and stores and mails them.
func (r *Room) makeOffers(ctx context.Context, q db.Q, actor Actor, list []Invitation, formKey string) error {
	now := r.now()
	life := time.Duration(actor.Account.Policy.InvitationHours) * time.Hour
	inviter := actor.signature()
	if actor.Provider() {
		inviter = cmpOr(r.Provider.Name, "Your provider")
	}
	told := make([]Entry, len(list))
	for n := range list {
		i := &list[n]
		i.ID, i.AccountID, i.State, i.Delivery, i.Version, i.generation = ident.New(), actor.Account.ID, Pending, Queued, 1, 1
		i.InviterKind, i.InviterID, i.InviterName, i.InviterEmail = actor.Kind, actor.MembershipID, inviter, actor.Email
		i.CreatedAt, i.SentAt, i.ExpiresAt = now, now, now+life.Milliseconds()
		token, hash := ident.Token(tokenInvitation)
		if err := r.makeWay(ctx, q, *i); err != nil {
			return err
		}
		if _, err := q.ExecContext(ctx, `
			INSERT INTO invitations (account_id, id, email, name, search, roles, message, state, token_hash, generation, resends, delivery, delivery_note,
				inviter_kind, inviter_id, inviter_name, inviter_email, form_key, created_at, sent_at, expires_at, ended_at, version)
			VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, 1, 0, 'queued', '', $9, $10, $11, $12, $13, $14, $14, $15, 0, 1)`,
			i.AccountID, i.ID, i.Email, i.Name, searchText(i.Name, i.Email), i.Roles.column(), i.Message, hash,
			i.InviterKind, i.InviterID, i.InviterName, i.InviterEmail, formKey, now, i.ExpiresAt); err != nil {
			return err
		}
		if err := r.offerGroups(ctx, q, *i); err != nil {
			return err
		}
		if err := r.mailInvitation(ctx, q, *i, token); err != nil {
			return err
		}
		told[n] = Entry{Action: InvitationSent, SubjectID: i.ID, SubjectName: i.label(), After: i.Access()}
	}
	if err := r.RecordAll(ctx, q, actor, told); err != nil {
		return err
	}
	return r.Notice(ctx, q, actor.Account.ID)
}

// offerGroups stores which groups an invitation offers.
func (r *Room) offerGroups(ctx context.Context, q db.Q, i Invitation) error {
	if len(i.Groups) == 0 {
		return nil
	}
	values, args := make([]string, len(i.Groups)), []any{i.AccountID, i.ID}
	for n, g := range i.Groups {
		values[n] = fmt.Sprintf("($1, $2, $%d)", n+3)
		args = append(args, g.ID)
	}
	_, err := q.ExecContext(ctx, `INSERT INTO invitation_groups (account_id, invitation_id, group_id) VALUES `+strings.Join(values, ", "), args...)
	return err
}
