package api

import (
	"context"
	"strconv"
	"strings"
	"time"

	"hubline/product/account"
)

// HubUser is a person as a member of one account.
type HubUser struct {
	ID             string       `json:"id" doc:"ID of the person in this account." example:"k3vq5zr2yb7m4xw6ct2ahsn5de"`
	PersonID       string       `json:"person_id" doc:"ID of the person, who may belong to other accounts too. The audit log names those who act by it." example:"p5zr2yb7m4xw6ct2ahsn5dek3v"`
	Email          string       `json:"email" format:"email" doc:"The address the person signs in with." example:"jo.baptiste@harbourdental.example"`
	Name           string       `json:"name" doc:"What this account calls the person." example:"Jo Baptiste"`
	Roles          []string     `json:"roles" nullable:"false" enum:"admin,billing" doc:"All they have, from themselves and their groups; empty for a Standard user."`
	OwnRoles       []string     `json:"own_roles" nullable:"false" enum:"admin,billing" doc:"The roles that were given directly."`
	Groups         []NamedGroup `json:"groups" nullable:"false" doc:"The groups they are in, whose roles they have too."`
	State          string       `json:"state" enum:"active,deactivated" doc:"Whoever is deactivated can't enter the account." example:"active"`
	SecondFactor   bool         `json:"second_factor" doc:"Whether they could sign in with a second factor."`
	InvitedAt      *time.Time   `json:"invited_at,omitempty" doc:"When the invitation was sent; absent without one." example:"2026-11-25T09:30:00Z"`
	AcceptedAt     *time.Time   `json:"accepted_at,omitempty" doc:"When the invitation was accepted." example:"2026-11-25T10:02:00Z"`
	LastSignedInAt *time.Time   `json:"last_signed_in_at,omitempty" doc:"Absent before the first time." example:"2026-11-25T10:02:00Z"`
}

// HubUsers is one page of hub users.
type HubUsers struct {
	Items []HubUser `json:"items" nullable:"false" doc:"The hub users."`
	NextPage
}

// HubUserChange is what can be changed of a hub user. What is left out stays as it is.
type HubUserChange struct {
	Name  *string  `json:"name,omitempty" doc:"At most 80 characters, without web addresses and telephone numbers." example:"Jo Baptiste"`
	Roles []string `json:"roles,omitempty" nullable:"false" enum:"admin,billing" maxItems:"10" doc:"All roles the person is to have directly; what their groups give stays."`
	State *string  `json:"state,omitempty" enum:"active,deactivated" doc:"deactivated keeps the person out until they are active again." example:"deactivated"`
}

type HubUserFilter struct {
	Query  string `query:"q" maxLength:"200" doc:"Only those whose name or address holds this text." example:"jo"`
	Status string `query:"status" enum:"active,deactivated,attention" doc:"Only those in this state; attention: active ones without the second factor that the account asks of them." example:"active"`
	Sort   string `query:"sort" enum:"name,-name,sent,-sent,accepted,-accepted,seen,-seen" default:"name" doc:"Order by name, by when they were invited, when they accepted, or when they last signed in; with a minus from the end." example:"-seen"`
}

func (f HubUserFilter) people() account.PeopleFilter {
	return account.PeopleFilter{Memberships: true, Search: f.Query, Status: account.Status(f.Status),
		Sort: account.Sort(strings.TrimPrefix(f.Sort, "-")), Descending: strings.HasPrefix(f.Sort, "-")}
}

func (d *door) listHubUsers(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	HubUserFilter
	Paging
}) (*listing[HubUsers], error) {
	f := in.people()
	f.Limit, f.After = in.Limit, in.After
	list, next, err := d.Account.People(ctx, actor, f)
	if err != nil {
		return nil, err
	}
	page := HubUsers{Items: make([]HubUser, len(list)), NextPage: NextPage{next}}
	for i, l := range list {
		page.Items[i] = hubUserListed(l)
	}
	return &listing[HubUsers]{page}, nil
}

func (d *door) hubUser(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Reading
}) (*item[HubUser], error) {
	u, err := d.Account.HubUserByID(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return hubUserItem(u, in.IfNoneMatch), nil
}

func (d *door) changeHubUser(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Changing
	Body HubUserChange
}) (*item[HubUser], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	change := account.Change{Name: in.Body.Name}
	if in.Body.Roles != nil {
		roles, err := account.ParseRoles(in.Body.Roles)
		if err != nil {
			return nil, err
		}
		change.Roles = &roles
	}
	if in.Body.State != nil {
		state := account.HubUserState(*in.Body.State)
		change.State = &state
	}
	u, err := d.Account.ChangeHubUser(ctx, actor, in.ID, change, version)
	if err != nil {
		return nil, err
	}
	return hubUserItem(u, ""), nil
}

func (d *door) removeHubUser(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Changing
}) (*nothing, error) {
	version, err := ifMatch(in.IfMatch)
	if err == nil {
		_, err = d.Account.RemoveHubUser(ctx, actor, in.ID, version)
	}
	return nil, err
}

func (d *door) endHubUserSessions(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Writing
}) (*nothing, error) {
	_, err := d.Account.SignOutHubUser(ctx, actor, in.ID)
	return nil, err
}

func (d *door) hubUsersCSV(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	HubUserFilter
}) (*stream, error) {
	return d.csv(actor.Account.Slug+"-hub-users.csv",
		[]string{"id", "person_id", "email", "name", "roles", "own_roles", "groups", "state", "invited_at", "accepted_at", "last_signed_in_at"},
		func(ctx context.Context, write func(...string) error) error {
			return d.Account.EachPerson(ctx, actor, in.people(), func(l account.Listed) error {
				return write(l.ID, l.PersonID, l.Email, l.Name, strings.Join(l.Roles.Words(), " "), strings.Join(l.Own.Words(), " "), groupNames(l.Groups), l.State,
					csvTime(l.SentAt), csvTime(l.AcceptedAt), csvTime(l.SeenAt))
			})
		}), nil
}

func hubUserListed(l account.Listed) HubUser {
	return HubUser{ID: l.ID, PersonID: l.PersonID, Email: l.Email, Name: l.Name, Roles: l.Roles.Words(), OwnRoles: l.Own.Words(), Groups: namedGroups(l.Groups), State: l.State, SecondFactor: l.SecondFactor,
		InvitedAt: moment(l.SentAt), AcceptedAt: moment(l.AcceptedAt), LastSignedInAt: moment(l.SeenAt)}
}

func hubUserItem(u account.HubUser, ifNoneMatch string) *item[HubUser] {
	return answer(hubUserShown(u), etag(u.Version, "-"+strconv.FormatInt(u.LastSignedInAt, 36)+map[bool]string{true: "s"}[u.SecondFactor]), ifNoneMatch)
}

func hubUserShown(u account.HubUser) HubUser {
	return HubUser{ID: u.ID, PersonID: u.PersonID, Email: u.Email, Name: u.Name, Roles: u.Roles.Words(), OwnRoles: u.Own.Words(), Groups: namedGroups(u.Groups), State: string(u.State), SecondFactor: u.SecondFactor,
		InvitedAt: moment(u.InvitedAt), AcceptedAt: moment(u.AcceptedAt), LastSignedInAt: moment(u.LastSignedInAt)}
}
