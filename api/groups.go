package api

import (
	"context"
	"strings"

	"hubline/product/account"
)

// Group gives roles to everybody in it.
type Group struct {
	ID     string   `json:"id" doc:"ID of the group." example:"g7vq5zr2yb7m4xw6ct2ahsn5de"`
	Name   string   `json:"name" doc:"Unique in the account." example:"Front desk leads"`
	Roles  []string `json:"roles" nullable:"false" enum:"admin,billing" doc:"What everybody in it has on top of what they have from elsewhere."`
	People int      `json:"people" doc:"How many hub users are in it." example:"3"`
}

// Groups is one page of groups.
type Groups struct {
	Items []Group `json:"items" nullable:"false" doc:"The groups."`
	NextPage
}

// NewGroup is what a group is made of.
type NewGroup struct {
	Name  string   `json:"name" doc:"At most 60 characters, without web addresses and telephone numbers." example:"Front desk leads"`
	Roles []string `json:"roles,omitempty" nullable:"false" enum:"admin,billing" maxItems:"10" doc:"Left out or empty: it gives nothing."`
}

// GroupChange is what can be changed of a group. What is left out stays as it is.
type GroupChange struct {
	Name  *string  `json:"name,omitempty" doc:"At most 60 characters, without web addresses and telephone numbers." example:"Front desk leads"`
	Roles []string `json:"roles,omitempty" nullable:"false" enum:"admin,billing" maxItems:"10" doc:"All roles the group is to give; an empty list gives nothing."`
}

// GroupJoiners are hub users who are to join a group; at most 1000 in all.
type GroupJoiners struct {
	HubUsers []string `json:"hub_users,omitempty" nullable:"false" maxItems:"1000" doc:"IDs of hub users."`
	Emails   []string `json:"emails,omitempty" nullable:"false" maxItems:"1000" doc:"Addresses of hub users."`
}

// NamedGroup is the part of a hub user that names their groups.
type NamedGroup struct {
	ID   string `json:"id" doc:"ID of the group." example:"g7vq5zr2yb7m4xw6ct2ahsn5de"`
	Name string `json:"name" doc:"Name of the group." example:"Front desk leads"`
}

func (d *door) listGroups(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Query string `query:"q" maxLength:"200" doc:"Only those whose name holds this text." example:"desk"`
	Paging
}) (*listing[Groups], error) {
	list, next, err := d.Account.Groups(ctx, actor, account.GroupFilter{Search: in.Query, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	page := Groups{Items: make([]Group, len(list)), NextPage: NextPage{next}}
	for i, g := range list {
		page.Items[i] = groupShown(g)
	}
	return &listing[Groups]{page}, nil
}

func (d *door) makeGroup(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Writing
	Body NewGroup
}) (*made[Group], error) {
	roles, err := account.ParseRoles(in.Body.Roles)
	if err != nil {
		return nil, err
	}
	g, err := d.Account.MakeGroup(ctx, actor, account.NewGroup{Name: in.Body.Name, Roles: roles})
	if err != nil {
		return nil, err
	}
	return &made[Group]{Location: prefix + "/accounts/" + actor.Account.Slug + "/groups/" + g.ID, ETag: etag(g.Version, ""), Body: groupShown(g)}, nil
}

func (d *door) group(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Reading
}) (*item[Group], error) {
	g, err := d.Account.GroupByID(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(groupShown(g), etag(g.Version, ""), in.IfNoneMatch), nil
}

func (d *door) changeGroup(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Changing
	Body GroupChange
}) (*item[Group], error) {
	change := account.GroupChange{Name: in.Body.Name}
	if in.Body.Roles != nil {
		roles, err := account.ParseRoles(in.Body.Roles)
		if err != nil {
			return nil, err
		}
		change.Roles = &roles
	}
	return d.withGroup(in.IfMatch, func(version int64) (account.Group, error) {
		return d.Account.ChangeGroup(ctx, actor, in.ID, change, version)
	})
}

// withGroup runs one change of a group and answers with what it is now.
func (d *door) withGroup(header string, change func(version int64) (account.Group, error)) (*item[Group], error) {
	version, err := ifMatch(header)
	if err != nil {
		return nil, err
	}
	g, err := change(version)
	if err != nil {
		return nil, err
	}
	return answer(groupShown(g), etag(g.Version, ""), ""), nil
}

func (d *door) deleteGroup(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Changing
}) (*nothing, error) {
	_, err := d.withGroup(in.IfMatch, func(version int64) (account.Group, error) {
		return d.Account.DeleteGroup(ctx, actor, in.ID, version)
	})
	return nil, err
}

func (d *door) listGroupPeople(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Query string `query:"q" maxLength:"200" doc:"Only those whose name or address holds this text." example:"jo"`
	Paging
}) (*listing[HubUsers], error) {
	list, next, err := d.Account.GroupPeople(ctx, actor, in.ID, account.MemberFilter{Search: in.Query, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	page := HubUsers{Items: make([]HubUser, len(list)), NextPage: NextPage{next}}
	for i, u := range list {
		page.Items[i] = hubUserShown(u)
	}
	return &listing[HubUsers]{page}, nil
}

func (d *door) addToGroup(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Changing
	Body GroupJoiners
}) (*item[Group], error) {
	return d.withGroup(in.IfMatch, func(version int64) (account.Group, error) {
		g, _, err := d.Account.AddToGroup(ctx, actor, in.ID, account.Chosen{IDs: in.Body.HubUsers, Addresses: in.Body.Emails}, version)
		return g, err
	})
}

func (d *door) takeFromGroup(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Member string `path:"member" doc:"ID of the hub user." pattern:"^[a-z2-7]{26}$" patternDescription:"an ID" example:"k3vq5zr2yb7m4xw6ct2ahsn5de"`
	Changing
}) (*nothing, error) {
	_, err := d.withGroup(in.IfMatch, func(version int64) (account.Group, error) {
		return d.Account.TakeFromGroup(ctx, actor, in.ID, []string{in.Member}, version)
	})
	return nil, err
}

func groupShown(g account.Group) Group {
	return Group{ID: g.ID, Name: g.Name, Roles: g.Roles.Words(), People: g.People}
}

func namedGroups(list []account.GroupRef) []NamedGroup {
	named := make([]NamedGroup, len(list))
	for i, g := range list {
		named[i] = NamedGroup{g.ID, g.Name}
	}
	return named
}

// groupNames is the cell of a file that names groups.
func groupNames(list []account.GroupRef) string {
	names := make([]string, len(list))
	for i, g := range list {
		names[i] = g.Name
	}
	return strings.Join(names, "; ")
}
