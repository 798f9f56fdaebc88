package api

import (
	"context"
	"time"

	"hubline/product/account"
	"hubline/product/support"
)

// Visit is one person of the provider's staff who asks to see the account, and what became of it.
type Visit struct {
	ID         string     `json:"id" doc:"ID of the visit." example:"v7vq5zr2yb7m4xw6ct2ahsn5de"`
	Staff      string     `json:"staff" doc:"Who asks." example:"Alex from Southern Cross Voice"`
	Reason     string     `json:"reason" doc:"Why, in their words." example:"Main line rings nobody"`
	Ticket     int64      `json:"ticket,omitempty" doc:"Number of the ticket it is for." example:"1041"`
	Minutes    int        `json:"minutes" doc:"How long they want to stay." example:"30"`
	Change     bool       `json:"change" doc:"asked: they want to change things too; afterwards: they may."`
	State      string     `json:"state" enum:"asked,allowed,refused,ended" doc:"An asked one waits for an admin for a day; an allowed one goes on." example:"asked"`
	AskedAt    time.Time  `json:"asked_at" doc:"When they asked." example:"2026-11-25T09:30:00Z"`
	AnsweredAt *time.Time `json:"answered_at,omitempty" doc:"When an admin answered." example:"2026-11-25T09:40:00Z"`
	AnsweredBy string     `json:"answered_by,omitempty" doc:"Who answered." example:"Mary Chen"`
	UntilAt    *time.Time `json:"until_at,omitempty" doc:"When an allowed visit ends by itself." example:"2026-11-25T10:10:00Z"`
	EndedAt    *time.Time `json:"ended_at,omitempty" doc:"When somebody ended it or took it back." example:"2026-11-25T09:55:00Z"`
	EndedBy    string     `json:"ended_by,omitempty" doc:"Who ended it." example:"Mary Chen"`
}

// Visits is one page of visits.
type Visits struct {
	Items []Visit `json:"items" nullable:"false" doc:"The visits, newest first."`
	NextPage
}

// VisitAnswer lets somebody in or does not.
type VisitAnswer struct {
	Answer string `json:"answer" enum:"allow,refuse" doc:"allow lets them in for the minutes they asked for." example:"allow"`
	Change bool   `json:"change,omitempty" doc:"Whether they may change things too. Left out: they may only look."`
}

// VisitGrant is what the account allows ahead of time.
type VisitGrant struct {
	UntilAt   *time.Time `json:"until_at,omitempty" doc:"Until when staff who ask are in at once; absent: they wait for an admin." example:"2026-11-25T13:30:00Z"`
	Change    bool       `json:"change" doc:"Whether they may change things too."`
	GrantedAt *time.Time `json:"granted_at,omitempty" doc:"Since when." example:"2026-11-25T09:30:00Z"`
	GrantedBy string     `json:"granted_by,omitempty" doc:"Who allowed it." example:"Mary Chen"`
}

// NewVisitGrant is what is to be allowed ahead of time.
type NewVisitGrant struct {
	Hours  int  `json:"hours" doc:"For how long, from now: 1 to 72." example:"4"`
	Change bool `json:"change,omitempty" doc:"Whether they may change things too. Left out: they may only look."`
}

// visitRoutes are about the provider's staff seeing the account.
func visitRoutes(in string) []Route {
	return []Route{
		{"GET", in + "/visits", account.LetStaffIn, "list-visits", tagVisits, "List visits",
			"Lists who of the provider's staff asked to see the account, and what became of it. Staff ask in their console only.", "", serve((*door).listVisits)},
		{"POST", in + "/visits/{id}/answer", account.LetStaffIn, "answer-visit", tagVisits, "Let staff in, or refuse",
			"Answers a visit that is asked for. Staff hold no power over people, keys and settings, whatever they may change.",
			`{"answer": "allow", "change": false}`, serve((*door).answerVisit)},
		{"POST", in + "/visits/{id}/end", account.LetStaffIn, "end-visit", tagVisits, "End a visit",
			"Ends a visit at once, or refuses to wait for one that is asked for.", "", serve((*door).endVisit)},
		{"GET", in + "/visit-grant", account.LetStaffIn, "get-visit-grant", tagVisits, "See what is allowed ahead of time",
			"Says until when staff who ask are in at once.", "", serve((*door).visitGrant)},
		{"POST", in + "/visit-grant", account.LetStaffIn, "grant-visits", tagVisits, "Let staff in ahead of time",
			"Lets whoever of the staff asks in at once, until then. It replaces what was allowed before; admins get a mail about every visit.",
			`{"hours": 4}`, serve((*door).grantVisits)},
		{"DELETE", in + "/visit-grant", account.LetStaffIn, "end-visit-grant", tagVisits, "Take back what is allowed ahead of time",
			"Staff have to ask again. Visits that go on are not ended by it.", "", serve((*door).endGrant)},
	}
}

func (d *door) listVisits(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Paging
}) (*listing[Visits], error) {
	list, next, err := d.Support.Visits(ctx, actor, in.After, in.Limit)
	out := Visits{Items: make([]Visit, len(list)), NextPage: NextPage{next}}
	for i, v := range list {
		out.Items[i] = d.visitShown(v)
	}
	return &listing[Visits]{out}, err
}

func (d *door) answerVisit(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Writing
	Body VisitAnswer
}) (*listing[Visit], error) {
	v, err := d.Support.AnswerVisit(ctx, actor, in.ID, in.Body.Answer == "allow", in.Body.Change)
	return &listing[Visit]{d.visitShown(v)}, err
}

func (d *door) endVisit(ctx context.Context, actor account.Actor, in *struct {
	OneItem
	Writing
}) (*listing[Visit], error) {
	v, err := d.Support.EndVisit(ctx, actor, in.ID)
	return &listing[Visit]{d.visitShown(v)}, err
}

func (d *door) visitGrant(ctx context.Context, actor account.Actor, _ *struct{ InAccount }) (*listing[VisitGrant], error) {
	g, _, err := d.Support.VisitGrant(ctx, actor)
	return &listing[VisitGrant]{grantShown(g)}, err
}

func (d *door) grantVisits(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	Writing
	Body NewVisitGrant
}) (*listing[VisitGrant], error) {
	g, err := d.Support.GrantVisits(ctx, actor, in.Body.Hours, in.Body.Change)
	return &listing[VisitGrant]{grantShown(g)}, err
}

func (d *door) endGrant(ctx context.Context, actor account.Actor, _ *struct {
	InAccount
	Writing
}) (*nothing, error) {
	return nil, d.Support.EndVisitGrant(ctx, actor)
}

func (d *door) visitShown(v support.Visit) Visit {
	return Visit{ID: v.ID, Staff: v.StaffName, Reason: v.Reason, Ticket: v.Ticket, Minutes: v.Minutes, Change: v.Change, State: string(v.Now(d.Now())), AskedAt: at(v.AskedAt),
		AnsweredAt: moment(v.AnsweredAt), AnsweredBy: v.AnsweredBy, UntilAt: moment(v.UntilAt), EndedAt: moment(v.EndedAt), EndedBy: v.EndedBy}
}

func grantShown(g support.Grant) VisitGrant {
	return VisitGrant{UntilAt: moment(g.UntilAt), Change: g.Change, GrantedAt: moment(g.GrantedAt), GrantedBy: g.GrantedBy}
}
