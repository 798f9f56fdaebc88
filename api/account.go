package api

import (
	"context"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
)

// Account is one customer of the provider.
type Account struct {
	Slug             string    `json:"slug" doc:"First part of the addresses of its pages." example:"harbour"`
	Number           string    `json:"number" doc:"The account number that you quote to support." example:"10482"`
	Name             string    `json:"name" doc:"As people see it in the portal and in mails." example:"Harbour Dental Group"`
	TimeZone         string    `json:"time_zone" doc:"IANA name. Pages and mails show times in it; the API never does." example:"Australia/Sydney"`
	InvitationHours  int       `json:"invitation_hours" doc:"How long an invitation works." example:"168"`
	CheckMinutes     int       `json:"check_minutes" doc:"How long a code by email stays good for changes of access in the portal; 0: asked every time." example:"30"`
	DailyInvitations int       `json:"daily_invitations" doc:"How many invitations can be sent in a day. Your provider sets it." example:"200"`
	PhoneUserLimit   int       `json:"phone_user_limit" doc:"How many phone users the plan holds. A ticket asks for more." example:"10"`
	CreatedAt        time.Time `json:"created_at" doc:"When the account was opened." example:"2026-11-25T09:30:00Z"`
}

// AccountChange is what admins can change of their account. What is left out stays as it is.
type AccountChange struct {
	Name            *string `json:"name,omitempty" doc:"At most 60 letters, digits, spaces and - ' & . , ( ) / +." example:"Harbour Dental Group"`
	TimeZone        *string `json:"time_zone,omitempty" doc:"IANA name." example:"Australia/Perth"`
	InvitationHours *int    `json:"invitation_hours,omitempty" doc:"1 to 720. It counts for invitations sent from now on." example:"72"`
	CheckMinutes    *int    `json:"check_minutes,omitempty" doc:"0 to 120." example:"30"`
}

func (d *door) account(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Reading
}) (*item[Account], error) {
	a, err := d.Account.Settings(ctx, actor)
	if err != nil {
		return nil, err
	}
	return accountItem(a, in.IfNoneMatch), nil
}

// settingsTries is how often a change without If-Match starts again because somebody else's came in between.
const settingsTries = 5

func (d *door) changeAccount(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Changing
	Body AccountChange
}) (*item[Account], error) {
	wanted, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	for range settingsTries {
		settings := in.Body.settings(actor.Account)
		version := actor.Account.Version
		if wanted != 0 {
			version = wanted
		}
		a, err := d.Account.ChangeSettings(ctx, actor, settings, version)
		if err == nil {
			return accountItem(a, ""), nil
		}
		if wanted != 0 || !fault.Is(err, fault.Changed) {
			return nil, err
		}
		if actor.Account, err = d.Account.Settings(ctx, actor); err != nil {
			return nil, err
		}
	}
	return nil, &fault.Fault{Kind: fault.Busy, Code: "busy", Message: "Too many changes were made at the same time. Try again in a moment", RetryAfter: time.Second}
}

func (c AccountChange) settings(a account.Account) account.Settings {
	s := account.Settings{Name: a.Name, TimeZone: a.Policy.TimeZone, InvitationHours: a.Policy.InvitationHours, CheckMinutes: a.Policy.CheckMinutes}
	set(&s.Name, c.Name)
	set(&s.TimeZone, c.TimeZone)
	set(&s.InvitationHours, c.InvitationHours)
	set(&s.CheckMinutes, c.CheckMinutes)
	return s
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func accountItem(a account.Account, ifNoneMatch string) *item[Account] {
	body := Account{Slug: a.Slug, Number: a.Number, Name: a.Name, TimeZone: a.Policy.TimeZone, InvitationHours: a.Policy.InvitationHours,
		CheckMinutes: a.Policy.CheckMinutes, DailyInvitations: a.Policy.DailyInvitations, PhoneUserLimit: a.PhoneUserLimit, CreatedAt: at(a.CreatedAt)}
	return answer(body, etag(a.Version, ""), ifNoneMatch)
}

// RightRow is one row of the table of rights.
type RightRow struct {
	Permission string   `json:"permission" doc:"Name of the right, and of the scope that a key needs for it." example:"hub-users.invite"`
	Area       string   `json:"area" doc:"The part of the portal it belongs to." example:"Account"`
	Words      string   `json:"words" doc:"What one may do." example:"Invite people, resend and cancel invitations"`
	HeldBy     []string `json:"held_by" nullable:"false" enum:"standard,admin,billing" doc:"Who may: users without a role, admins, users with the billing role. Roles combine."`
}

// RightRows is the whole table of rights; it has one page.
type RightRows struct {
	Items []RightRow `json:"items" nullable:"false" doc:"The rights. What is not listed, nobody may do."`
}

func (d *door) rights(_ context.Context, _ account.Actor, _ *InAccount) (*listing[RightRows], error) {
	table := RightRows{Items: make([]RightRow, len(account.Rights))}
	for i, right := range account.Rights {
		row := RightRow{Permission: string(right.Permission), Area: right.Area, Words: right.Words, HeldBy: []string{}}
		for _, one := range []struct {
			word string
			held bool
		}{{"standard", right.Standard}, {"admin", right.Admin}, {"billing", right.Billing}} {
			if one.held {
				row.HeldBy = append(row.HeldBy, one.word)
			}
		}
		table.Items[i] = row
	}
	return &listing[RightRows]{table}, nil
}
