package api

import (
	"context"
	"time"

	"hubline/product/account"
	"hubline/product/support"
)

// Ticket is a request of the account to the provider.
type Ticket struct {
	ID          string         `json:"id" doc:"ID of the ticket." example:"t5zr2yb7m4xw6ct2ahsn5dek3v"`
	Number      int64          `json:"number" doc:"What people call it by." example:"1042"`
	Kind        string         `json:"kind" enum:"phone-user-limit,question,invoice-details" doc:"phone-user-limit asks for a larger plan; invoice-details are for people with billing, the others for admins." example:"question"`
	Subject     string         `json:"subject" doc:"What it is about." example:"Hold music"`
	Description string         `json:"description,omitempty" doc:"What was asked." example:"How do we change it?"`
	PhoneUsers  int            `json:"phone_users,omitempty" doc:"Of kind phone-user-limit: how many phone users the plan is to hold." example:"20"`
	State       string         `json:"state" enum:"open,answered,closed" doc:"open waits for the provider, answered for the account; closed is final." example:"open"`
	Requester   Requester      `json:"requester" doc:"Who asked."`
	Answers     []TicketAnswer `json:"answers,omitempty" doc:"What both sides wrote since, oldest first. Lists leave it out."`
	CreatedAt   time.Time      `json:"created_at" doc:"When it was opened." example:"2026-11-25T09:30:00Z"`
	UpdatedAt   time.Time      `json:"updated_at" doc:"When it was last answered or closed." example:"2026-11-25T10:02:00Z"`
}

// Requester is who opened a ticket, as they were at that moment.
type Requester struct {
	HubUserID string   `json:"hub_user_id" doc:"ID as a hub user of the account." example:"k3vq5zr2yb7m4xw6ct2ahsn5de"`
	Name      string   `json:"name" doc:"What the account called them." example:"Mary Chen"`
	Email     string   `json:"email" format:"email" doc:"Their address at that moment; answers are mailed to the address they have now." example:"mary.chen@harbourdental.example"`
	Roles     []string `json:"roles" nullable:"false" enum:"admin,billing" doc:"Their roles when they asked. Empty for a Standard user."`
}

// TicketAnswer is what one side wrote.
type TicketAnswer struct {
	ID         string    `json:"id" doc:"ID of the answer." example:"019ab3c2d4e5f607k3vq5zr2yb7m"`
	At         time.Time `json:"at" doc:"When it was written." example:"2026-11-25T10:02:00Z"`
	ByProvider bool      `json:"by_provider" doc:"Whether the provider wrote it." example:"true"`
	Author     string    `json:"author" doc:"Who wrote it; the provider's people write under its name." example:"Coastal Telecom"`
	Text       string    `json:"text" doc:"Plain text, with line breaks." example:"Under Sounds."`
}

// Tickets is one page of tickets.
type Tickets struct {
	Items []Ticket `json:"items" nullable:"false" doc:"The tickets, the last changed first."`
	NextPage
}

// NewTicket is what it takes to ask.
type NewTicket struct {
	Kind        string `json:"kind" enum:"phone-user-limit,question,invoice-details" doc:"phone-user-limit asks for a larger plan; there can be one such ticket that is not closed. invoice-details needs a maker with billing, the others an admin." example:"phone-user-limit"`
	Subject     string `json:"subject,omitempty" doc:"Of kind question or invoice-details: what it is about, at most 120 characters. The other has a subject of its own." example:"Hold music"`
	Description string `json:"description,omitempty" doc:"At most 2,000 characters. Kinds with a subject need one." example:"A new branch opens in March."`
	PhoneUsers  int    `json:"phone_users,omitempty" minimum:"0" maximum:"100000" doc:"Of kind phone-user-limit: how many phone users the plan is to hold, more than it does." example:"20"`
}

// NewTicketAnswer adds to a ticket or closes it.
type NewTicketAnswer struct {
	Text  string `json:"text,omitempty" doc:"At most 2,000 characters. It may be empty to close the ticket without a word." example:"Which file formats work?"`
	State string `json:"state,omitempty" enum:"open,closed" doc:"closed says that it has settled." example:"open"`
}

func (d *door) listTickets(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	State string `query:"state" enum:"open,answered,closed" doc:"Only those in this state." example:"open"`
	Paging
}) (*listing[Tickets], error) {
	list, next, err := d.Support.List(ctx, actor, support.Filter{State: support.State(in.State), Limit: in.Limit, After: in.After})
	if err != nil {
		return nil, err
	}
	page := Tickets{Items: make([]Ticket, len(list)), NextPage: NextPage{next}}
	for i, t := range list {
		page.Items[i] = ticket(t)
	}
	return &listing[Tickets]{page}, nil
}

func (d *door) openTicket(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Writing
	Body NewTicket
}) (*made[Ticket], error) {
	t, err := d.Support.Open(ctx, actor, support.NewTicket{Kind: support.Kind(in.Body.Kind), Subject: in.Body.Subject, Description: in.Body.Description, Wanted: in.Body.PhoneUsers})
	if err != nil {
		return nil, err
	}
	return &made[Ticket]{Location: prefix + "/accounts/" + actor.Account.Slug + "/tickets/" + t.ID, ETag: etag(t.Version, ""), Body: ticket(t)}, nil
}

func (d *door) ticket(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Reading
}) (*item[Ticket], error) {
	t, err := d.Support.ByID(ctx, actor, in.ID)
	if err != nil {
		return nil, err
	}
	return answer(ticket(t), etag(t.Version, ""), in.IfNoneMatch), nil
}

func (d *door) answerTicket(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Changing
	Body NewTicketAnswer
}) (*item[Ticket], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	t, err := d.Support.Answer(ctx, actor, in.ID, support.Answer{Text: in.Body.Text, State: support.State(in.Body.State), Version: version})
	if err != nil {
		return nil, err
	}
	return answer(ticket(t), etag(t.Version, ""), ""), nil
}

func ticket(t support.Ticket) Ticket {
	out := Ticket{ID: t.ID, Number: t.Number, Kind: string(t.Kind), Subject: t.Subject, Description: t.Description, PhoneUsers: t.Wanted, State: string(t.State),
		Requester: Requester{t.RequesterID, t.RequesterName, t.RequesterEmail, t.RequesterRoles.Words()}, CreatedAt: at(t.CreatedAt), UpdatedAt: at(t.UpdatedAt)}
	for _, m := range t.Messages {
		out.Answers = append(out.Answers, TicketAnswer{m.ID, at(m.At), m.Staff, m.Author, m.Text})
	}
	return out
}
