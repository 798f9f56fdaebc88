package api

import (
	"context"
	"strings"
	"time"

	"hubline/product/account"
)

// Invitation is an offer to one address to join the account. The secret of its link is only in the mail.
type Invitation struct {
	ID           string       `json:"id" doc:"ID of the invitation." example:"w6ct2ahsn5dek3vq5zr2yb7m4x"`
	Email        string       `json:"email" format:"email" doc:"Who is invited. Nobody else can accept." example:"sam.okafor@harbourdental.example"`
	Name         string       `json:"name" doc:"The person's name, if you gave one." example:"Sam Okafor"`
	Roles        []string     `json:"roles" nullable:"false" enum:"admin,billing" doc:"The roles that are given directly. Empty for a Standard user."`
	Groups       []NamedGroup `json:"groups" nullable:"false" doc:"The groups that the person joins on accepting, whose roles they get too. One that is deleted before is gone from here."`
	State        string       `json:"state" enum:"pending,expired,accepted,declined,cancelled,voided,replaced" doc:"Only a pending invitation can be accepted. voided: its inviter is no longer an admin. replaced: a newer one went to the same address." example:"pending"`
	Delivery     string       `json:"delivery" enum:"queued,sent,refused" doc:"How far the mail got. refused: the receiving server said no for good." example:"sent"`
	DeliveryNote string       `json:"delivery_note,omitempty" doc:"Why it was refused."`
	InvitedBy    string       `json:"invited_by" doc:"Name of the inviter as the mail shows it." example:"Mary Chen"`
	Resends      int          `json:"resends" doc:"How often it was sent again." example:"0"`
	CreatedAt    time.Time    `json:"created_at" doc:"When it was made." example:"2026-11-25T09:30:00Z"`
	SentAt       time.Time    `json:"sent_at" doc:"When the newest mail was queued." example:"2026-11-25T09:30:00Z"`
	ExpiresAt    time.Time    `json:"expires_at" doc:"When the newest link stops working." example:"2026-12-02T09:30:00Z"`
}

// Invitations is one page of invitations.
type Invitations struct {
	Items []Invitation `json:"items" nullable:"false" doc:"The invitations."`
	NextPage
}

// NewInvitation is what it takes to invite somebody.
type NewInvitation struct {
	Email   string   `json:"email" maxLength:"1000" doc:"One address in the form name@example.com." example:"sam.okafor@harbourdental.example"`
	Name    string   `json:"name,omitempty" doc:"At most 80 characters, without web addresses and telephone numbers." example:"Sam Okafor"`
	Roles   []string `json:"roles,omitempty" nullable:"false" enum:"admin,billing" maxItems:"10" doc:"Left out or empty: a Standard user."`
	Groups  []string `json:"groups,omitempty" nullable:"false" maxItems:"200" doc:"IDs of groups that the person joins on accepting. Needs the scope hub-users.change too."`
	Message string   `json:"message,omitempty" doc:"Words of yours in the mail, at most 500 characters, plain text." example:"Welcome to the team."`
}

// InvitationChange is what can be changed of a pending invitation. What is left out stays as it is.
type InvitationChange struct {
	Roles  []string `json:"roles,omitempty" nullable:"false" enum:"admin,billing" maxItems:"10" doc:"All roles the person will have directly; an empty list for a Standard user."`
	Groups []string `json:"groups,omitempty" nullable:"false" maxItems:"200" doc:"IDs of all groups that the person joins on accepting. Needs the scope hub-users.change too."`
}

func (d *door) listInvitations(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Query  string `query:"q" maxLength:"200" doc:"Only those whose name or address holds this text." example:"sam"`
	Status string `query:"status" enum:"invited,attention" doc:"invited: those that can be accepted. attention: those that ran out, were refused, declined or stopped." example:"attention"`
	Sort   string `query:"sort" enum:"name,-name,sent,-sent" default:"name" doc:"Order by name or by when they were sent; with a minus from the end." example:"-sent"`
	Paging
}) (*listing[Invitations], error) {
	list, next, err := d.Account.People(ctx, actor, account.PeopleFilter{Invitations: true, Search: in.Query, Status: account.Status(in.Status),
		Sort: account.Sort(strings.TrimPrefix(in.Sort, "-")), Descending: strings.HasPrefix(in.Sort, "-"), Limit: in.Limit, After: in.After})
	if err != nil {
		return nil, err
	}
	page := Invitations{Items: make([]Invitation, len(list)), NextPage: NextPage{next}}
	for i, l := range list {
		page.Items[i] = d.shown(account.Invitation{ID: l.ID, Email: l.Email, Name: l.Name, Roles: l.Own, Groups: l.Groups, State: account.InvitationState(l.State),
			Delivery: l.Delivery, DeliveryNote: l.DeliveryNote, InviterName: l.Inviter, Resends: l.Resends, CreatedAt: l.CreatedAt, SentAt: l.SentAt, ExpiresAt: l.ExpiresAt})
	}
	return &listing[Invitations]{page}, nil
}

func (d *door) invite(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Writing
	Body NewInvitation
}) (*made[Invitation], error) {
	roles, err := account.ParseRoles(in.Body.Roles)
	if err != nil {
		return nil, err
	}
	sent, err := d.Account.Invite(ctx, actor, account.Invite{Offers: []account.Offer{{Email: in.Body.Email, Name: in.Body.Name}}, Roles: roles, Groups: in.Body.Groups, Message: in.Body.Message})
	if err != nil {
		return nil, err
	}
	i := sent[0]
	return &made[Invitation]{Location: prefix + "/accounts/" + actor.Account.Slug + "/invitations/" + i.ID, ETag: d.invitationTag(i), Body: d.shown(i)}, nil
}

func (d *door) invitation(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Reading
}) (*item[Invitation], error) {
	i, err := d.Account.InvitationByID(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return d.invitationItem(i, in.IfNoneMatch), nil
}

func (d *door) changeInvitation(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Changing
	Body InvitationChange
}) (*item[Invitation], error) {
	var change account.InvitedChange
	if in.Body.Roles != nil {
		roles, err := account.ParseRoles(in.Body.Roles)
		if err != nil {
			return nil, err
		}
		change.Roles = &roles
	}
	if in.Body.Groups != nil {
		change.Groups = &in.Body.Groups
	}
	return d.withInvitation(in.IfMatch, func(version int64) (account.Invitation, error) {
		return d.Account.ChangeInvited(ctx, actor, in.ID, change, version)
	})
}

func (d *door) resendInvitation(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Changing
}) (*item[Invitation], error) {
	return d.withInvitation(in.IfMatch, func(version int64) (account.Invitation, error) {
		return d.Account.Resend(ctx, actor, in.ID, version)
	})
}

func (d *door) cancelInvitation(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Changing
}) (*nothing, error) {
	_, err := d.withInvitation(in.IfMatch, func(version int64) (account.Invitation, error) {
		return d.Account.Cancel(ctx, actor, in.ID, version)
	})
	return nil, err
}

// withInvitation changes an invitation of the version that If-Match names and answers with it.
func (d *door) withInvitation(match string, change func(version int64) (account.Invitation, error)) (*item[Invitation], error) {
	version, err := ifMatch(match)
	if err != nil {
		return nil, err
	}
	i, err := change(version)
	if err != nil {
		return nil, err
	}
	return d.invitationItem(i, ""), nil
}

func (d *door) invitationItem(i account.Invitation, ifNoneMatch string) *item[Invitation] {
	return answer(d.shown(i), d.invitationTag(i), ifNoneMatch)
}

// invitationTag stands for the changes, for how far the mail got, and for whether the time is over.
func (d *door) invitationTag(i account.Invitation) string {
	return etag(i.Version, "-"+string(i.Delivery)+"-"+d.state(i))
}

func (d *door) state(i account.Invitation) string {
	if i.Expired(d.Now().UnixMilli()) {
		return string(account.Ended)
	}
	return string(i.State)
}

func (d *door) shown(i account.Invitation) Invitation {
	return Invitation{ID: i.ID, Email: i.Email, Name: i.Name, Roles: i.Roles.Words(), Groups: namedGroups(i.Groups), State: d.state(i), Delivery: string(i.Delivery),
		DeliveryNote: i.DeliveryNote, InvitedBy: i.InviterName, Resends: i.Resends, CreatedAt: at(i.CreatedAt), SentAt: at(i.SentAt), ExpiresAt: at(i.ExpiresAt)}
}
