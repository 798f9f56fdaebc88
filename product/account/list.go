package account

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"hubline/base/db"
	"hubline/base/fault"
	"hubline/base/listing"
)

// Listed is one row of the list of people: a hub user, or an invitation that is not settled.
type Listed struct {
	Invited      bool // an invitation, not a membership
	ID           string
	PersonID     string
	Email        string
	Name         string
	Roles        Roles
	Own          Roles      // given directly
	Groups       []GroupRef // by name
	State        string     // a HubUserState or an InvitationState
	Delivery     Delivery
	DeliveryNote string
	Inviter      string
	SentAt       int64
	AcceptedAt   int64
	SeenAt       int64
	ExpiresAt    int64
	CreatedAt    int64 // of an invitation
	Resends      int
	SecondFactor bool // a hub user who could show one
	Lacks        bool // an active hub user whom the account asks for a second factor, and who has none
	Version      int64
	key          string // sort key when it is text
	keyTime      int64  // sort key when it is a time
}

// Label is the name, or the address of somebody without one.
func (l Listed) Label() string { return cmpOr(l.Name, l.Email) }

// Why says where their access comes from; it is empty when all of it was given directly.
func (l Listed) Why() string { return Why(l.Own, l.Groups) }

// Access is what they may do with where it comes from: "Admin, from Front desk leads".
func (l Listed) Access() string { return access(l.Roles, l.Own, l.Groups) }

// Resendable reports whether the invitation may be sent again, now or in a minute: it is open, and neither too old nor sent too often.
func (l Listed) Resendable(now int64) bool {
	return l.Invited && Invitation{State: InvitationState(l.State), Resends: l.Resends, CreatedAt: l.CreatedAt}.Resendable(now)
}

// Status names one of the list's filters.
type Status string

// The filters of the list of people.
const (
	Everyone        Status = ""
	OnlyActive      Status = "active"
	OnlyDeactivated Status = "deactivated"
	OnlyInvited     Status = "invited"
	NeedsAttention  Status = "attention" // invitations that expired, bounced, were declined or stopped; hub users without the second factor that is asked of them
)

// memberships reports whether only memberships can have the status, invitations whether only invitations can.
func (s Status) memberships() bool { return s == OnlyActive || s == OnlyDeactivated }
func (s Status) invitations() bool { return s == OnlyInvited }

// Sort names a column the list can be sorted by.
type Sort string

// The sort orders. Every one has an index of its own.
const (
	ByName     Sort = "name"
	BySent     Sort = "sent"
	ByAccepted Sort = "accepted"
	BySeen     Sort = "seen"
)

// PeopleFilter chooses and orders rows of the list of people. Limit 0 means 50; at most 500.
type PeopleFilter struct {
	Status      Status
	Search      string
	Addresses   []string // only these, exactly; at most InviteMost
	Sort        Sort
	Descending  bool
	After       string // cursor: the rows behind it
	Before      string // cursor: the rows in front of it; wins over After
	Limit       int
	Memberships bool // leave out invitations
	Invitations bool // leave out memberships

	demand Demand // the account's, for NeedsAttention
}

var sortKeys = map[Sort][2]string{ // of memberships, of invitations
	ByName:     {"search", "search"},
	BySent:     {"invited_at", "sent_at"},
	ByAccepted: {"accepted_at", "0"},
	BySeen:     {"last_signed_in_at", "0"},
}

// PeoplePage is one page of the list of people with the cursors of the pages around it, "" where there is none.
type PeoplePage struct {
	Rows       []Listed
	Prev, Next string
}

// People lists hub users and open invitations of the actor's account together, one page at a time.
func (r *Room) People(ctx context.Context, actor Actor, f PeopleFilter) (list []Listed, next string, err error) {
	page, err := r.PeoplePage(ctx, actor, f)
	return page.Rows, page.Next, err
}

// PeoplePage is People with the way back. Both halves of the query walk an index in sort order and stop after a page, so that the ten
// thousandth person costs no more than the first; the page in front of a place is walked backwards from there.
func (r *Room) PeoplePage(ctx context.Context, actor Actor, f PeopleFilter) (page PeoplePage, err error) {
	defer fault.Wrap(&err, "account.People")
	if err := actor.Require(ViewHubUsers); err != nil {
		return page, err
	}
	if f, err = f.check(); err != nil {
		return page, err
	}
	mark := fmt.Sprintf("people %s %s %s %t", actor.Account.ID, f.Sort, f.Status, f.Descending)
	f.demand = actor.Account.Policy.SecondFactor
	at, err := listing.Read(r.Keys, mark, cmpOr(f.Before, f.After))
	if err != nil {
		return page, err
	}
	list, err := r.peopleRows(ctx, actor, f, at)
	if err != nil {
		return page, err
	}
	more := len(list) > f.Limit
	list = list[:min(len(list), f.Limit)]
	back := f.Before != ""
	if back {
		slices.Reverse(list)
	}
	page.Rows = list
	if len(list) == 0 {
		return page, nil
	}
	write := func(l Listed) string {
		return listing.Write(r.Keys, mark, listing.Cursor{Text: l.key, Time: l.keyTime, ID: l.ID})
	}
	if back || more {
		page.Next = write(list[len(list)-1])
	}
	if back && more || !back && f.After != "" {
		page.Prev = write(list[0])
	}
	return page, nil
}

// peopleRows reads a page and one row more, in the order of the walk.
func (r *Room) peopleRows(ctx context.Context, actor Actor, f PeopleFilter, at listing.Cursor) (list []Listed, err error) {
	query, args := f.query(actor.Account.ID, at, r.now())
	rows, err := r.DB.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list = make([]Listed, 0, min(f.Limit, 50)+1)
	for rows.Next() {
		var l Listed
		key := any(&l.keyTime)
		if f.Sort == ByName {
			key = &l.key
		}
		if err := rows.Scan((*flag)(&l.Invited), &l.ID, &l.PersonID, &l.Email, &l.Name, (*rolesColumn)(&l.Roles), (*rolesColumn)(&l.Own), &l.State, &l.Delivery, &l.DeliveryNote,
			&l.Inviter, &l.SentAt, &l.AcceptedAt, &l.SeenAt, &l.ExpiresAt, &l.CreatedAt, &l.Resends, (*flag)(&l.SecondFactor), &l.Version, key); err != nil {
			return nil, err
		}
		l.Lacks = l.State == string(Active) && !l.SecondFactor && f.demand.Asks(l.Roles)
		list = append(list, l)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	rows.Close()
	return list, r.addGroups(ctx, actor.Account.ID, list)
}

// addGroups fills in the groups of a page of people. What an invitation offers is what its groups give as well.
func (r *Room) addGroups(ctx context.Context, accountID string, list []Listed) error {
	var members, offers []string
	for _, l := range list {
		if l.Invited {
			offers = append(offers, l.ID)
		} else {
			members = append(members, l.ID)
		}
	}
	groups, err := r.groupsOf(ctx, r.DB, accountID, members)
	if err != nil {
		return err
	}
	offered, err := r.groupsOffered(ctx, r.DB, accountID, offers)
	for i := range list {
		l := &list[i]
		if l.Groups = groups[l.ID]; l.Invited {
			l.Groups = offered[l.ID]
			l.Roles = l.Own.with(l.Groups)
		}
	}
	return err
}

func (f PeopleFilter) check() (PeopleFilter, error) {
	if f.Sort == "" {
		f.Sort = ByName
	}
	if _, known := sortKeys[f.Sort]; !known {
		return f, fault.Field("sort-unknown", "sort", "Sort by name, sent, accepted or seen")
	}
	known := []Status{Everyone, OnlyActive, OnlyDeactivated, OnlyInvited, NeedsAttention}
	if !slices.Contains(known, f.Status) || f.Memberships && f.Status.invitations() || f.Invitations && f.Status.memberships() {
		return f, fault.Field("status-unknown", "status", "Show active, deactivated, invited or attention, or leave it empty for everyone")
	}
	f.Limit = listing.PageSize(f.Limit)
	f.Addresses = f.Addresses[:min(len(f.Addresses), InviteMost)]
	return f, nil
}

// query builds the list's SQL from fixed parts; what people typed is only ever an argument.
func (f PeopleFilter) query(accountID string, at listing.Cursor, now int64) (string, []any) {
	key := any(at.Time)
	if f.Sort == ByName {
		key = at.Text
	}
	args := []any{accountID}
	limit := " LIMIT " + strconv.Itoa(f.Limit+1) // in the text, so that planners know how few rows are wanted
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	compare, order := ">", "ASC"
	if f.Descending != (f.Before != "") {
		compare, order = "<", "DESC"
	}
	var page, search string
	if f.Search != "" {
		search = " AND search LIKE " + arg(listing.Contains(f.Search)) + ` ESCAPE '\'`
	}
	if len(f.Addresses) > 0 {
		search += " AND email IN (" + db.In(len(args)+1, len(f.Addresses)) + ")"
		for _, address := range f.Addresses {
			arg(address)
		}
	}
	after := func(column string) string {
		if f.After == "" && f.Before == "" {
			return ""
		}
		if page == "" {
			page = arg(key) + ", " + arg(at.ID)
		}
		return " AND (" + column + ", id) " + compare + " (" + page + ")"
	}
	var arms []string
	columns := sortKeys[f.Sort]
	if !f.Invitations && !f.Status.invitations() {
		state := map[Status]string{Everyone: "state <> 'removed'", OnlyActive: "state = 'active'", OnlyDeactivated: "state = 'deactivated'", NeedsAttention: f.demand.lacking()}[f.Status]
		arms = append(arms, `SELECT 0 AS invited, id, person_id, email, name, roles, own_roles, state, '' AS delivery, '' AS delivery_note, '' AS inviter,
			invited_at, accepted_at, last_signed_in_at, 0 AS expires_at, 0 AS created_at, 0 AS resends, second_factor, version, `+columns[0]+` AS sort_key
			FROM memberships WHERE account_id = $1 AND `+state+search+after(columns[0])+`
			ORDER BY `+columns[0]+` `+order+`, id `+order+limit)
	}
	if !f.Memberships && !f.Status.memberships() {
		arms = append(arms, `SELECT 1 AS invited, id, '' AS person_id, email, name, roles, roles AS own_roles, state, delivery, delivery_note, inviter_name AS inviter,
			sent_at AS invited_at, 0 AS accepted_at, 0 AS last_signed_in_at, expires_at, created_at, resends, 0 AS second_factor, version, `+columns[1]+` AS sort_key
			FROM invitations WHERE account_id = $1 AND `+f.openInvitations(arg, now)+search+after(columns[1])+`
			ORDER BY `+sortColumn(columns[1])+` `+order+`, id `+order+limit)
	}
	if len(arms) == 1 {
		return arms[0], args
	}
	return `SELECT * FROM (` + arms[0] + `) AS members UNION ALL SELECT * FROM (` + arms[1] + `) AS offers ORDER BY sort_key ` + order + `, id ` + order + limit, args
}

// lacking is the condition for hub users who need a second factor and have none. Its first two parts are those of an index.
func (d Demand) lacking() string {
	switch d {
	case OfEveryone:
		return "state = 'active' AND second_factor = 0"
	case OfHolders:
		return "state = 'active' AND second_factor = 0 AND roles <> ''"
	}
	return "1 = 0"
}

// sortColumn keeps a constant sort key out of ORDER BY, where it would name a column by position.
func sortColumn(column string) string {
	if column == "0" {
		return "account_id"
	}
	return column
}

func (f PeopleFilter) openInvitations(arg func(any) string, now int64) string {
	switch f.Status {
	case OnlyInvited:
		return "state = 'pending' AND delivery <> 'refused' AND expires_at > " + arg(now)
	case NeedsAttention:
		return "(state IN ('declined', 'voided') OR state = 'pending' AND (delivery = 'refused' OR expires_at <= " + arg(now) + "))"
	}
	return "state IN ('pending', 'declined', 'voided')"
}

// EachPerson calls fn with every row that the filter chooses, in its order, without holding more than a few hundred.
func (r *Room) EachPerson(ctx context.Context, actor Actor, f PeopleFilter, fn func(Listed) error) error {
	for f.Limit, f.After = 500, ""; ; {
		list, next, err := r.People(ctx, actor, f)
		if err != nil {
			return err
		}
		for _, row := range list {
			if err := fn(row); err != nil {
				return err
			}
		}
		if f.After = next; next == "" {
			return nil
		}
	}
}
