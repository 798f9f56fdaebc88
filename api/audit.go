package api

import (
	"context"
	"strings"
	"time"

	"hubline/product/account"
)

// AuditEntry is one line of the record: who did what, when and from where, and what it was before and after.
type AuditEntry struct {
	ID       string       `json:"id" doc:"ID of the entry. Later entries have greater IDs." example:"019ab9f0d2c0k3vq5zr2yb7m4xw6"`
	At       time.Time    `json:"at" doc:"When it happened." example:"2026-11-25T09:30:00Z"`
	Actor    AuditActor   `json:"actor" doc:"Who did it."`
	Address  string       `json:"address" doc:"The network address it came from; empty for what happened on the server." example:"203.0.113.7"`
	Area     string       `json:"area" doc:"The part of the action before the dot." example:"hub-user"`
	Action   string       `json:"action" doc:"What was done." example:"hub-user.access-changed"`
	Subject  AuditSubject `json:"subject" doc:"Whom or what it was done to."`
	Before   string       `json:"before" doc:"What it was before, in words." example:"Standard"`
	After    string       `json:"after" doc:"What it is since, in words." example:"Admin"`
	Sentence string       `json:"sentence" doc:"All of it as the portal says it." example:"Mary Chen changed the access of Jo Baptiste"`
}

// AuditActor is who acted.
type AuditActor struct {
	Kind string `json:"kind" enum:"hub-user,api-key,phone-user,staff,operator" doc:"A person in the portal, a program, a phone user who set up a phone, a person of the provider, or whoever runs the server." example:"hub-user"`
	ID   string `json:"id" doc:"ID of the person, for a key of its maker; empty for the operator." example:"p5zr2yb7m4xw6ct2ahsn5dek3v"`
	Name string `json:"name" doc:"The name at that time." example:"Mary Chen"`
}

// AuditSubject is whom or what an entry is about.
type AuditSubject struct {
	ID   string `json:"id" doc:"ID of the hub user, invitation, key, phone user, call, ticket or account; a phone number is its own." example:"k3vq5zr2yb7m4xw6ct2ahsn5de"`
	Name string `json:"name" doc:"The name at that time." example:"Jo Baptiste"`
}

// AuditLog is one page of the record.
type AuditLog struct {
	Items []AuditEntry `json:"items" nullable:"false" doc:"The entries, newest first."`
	NextPage
}

type AuditFilter struct {
	Since   time.Time `query:"since" doc:"Only what happened at this time or later." example:"2026-11-01T00:00:00Z"`
	Until   time.Time `query:"until" doc:"Only what happened before this time." example:"2026-12-01T00:00:00Z"`
	Area    string    `query:"area" enum:"hub-user,invitation,phone-user,device,number,call,ticket,settings,api-key,audit-log,account" doc:"Only actions of this area." example:"invitation"`
	Actor   string    `query:"actor" pattern:"^[a-z2-7]{26}$" patternDescription:"the ID of a person" doc:"Only what this person did, in the portal or with a key." example:"p5zr2yb7m4xw6ct2ahsn5dek3v"`
	Subject string    `query:"subject" pattern:"^([a-z2-7]{26}|[0-9a-f]{16}[a-z2-7]{12}|\\+[0-9]{3,15})$" patternDescription:"an ID or a number in E.164" doc:"Only what was done to this hub user, invitation, key, phone user, call, ticket or number." example:"k3vq5zr2yb7m4xw6ct2ahsn5de"`
	Query   string    `query:"q" maxLength:"200" doc:"Only entries whose names or values hold this text." example:"baptiste"`
}

func (f AuditFilter) entries() account.AuditFilter {
	return account.AuditFilter{Area: f.Area, ActorID: f.Actor, SubjectID: f.Subject, Since: f.Since, Until: f.Until, Search: f.Query}
}

func (d *door) auditLog(ctx context.Context, actor account.Actor, in *struct {
	InAccount
	AuditFilter
	Paging
}) (*listing[AuditLog], error) {
	f := in.entries()
	f.Limit, f.After = in.Limit, in.After
	list, next, err := d.Account.AuditLog(ctx, actor, f)
	if err != nil {
		return nil, err
	}
	page := AuditLog{Items: make([]AuditEntry, len(list)), NextPage: NextPage{next}}
	for i, e := range list {
		area, _, _ := strings.Cut(string(e.Action), ".")
		page.Items[i] = AuditEntry{ID: e.ID, At: at(e.At), Actor: AuditActor{string(e.ActorKind), e.ActorID, e.ActorName}, Address: e.Address, Area: area,
			Action: string(e.Action), Subject: AuditSubject{e.SubjectID, e.SubjectName}, Before: e.Before, After: e.After, Sentence: e.Sentence()}
	}
	return &listing[AuditLog]{page}, nil
}

func (d *door) auditCSV(_ context.Context, actor account.Actor, in *struct {
	InAccount
	AuditFilter
}) (*stream, error) {
	return d.csv(actor.Account.Slug+"-audit-log.csv",
		[]string{"id", "at", "actor_kind", "actor_id", "actor_name", "address", "action", "subject_id", "subject_name", "before", "after", "sentence"},
		func(ctx context.Context, write func(...string) error) error {
			return d.Account.EachAuditEntry(ctx, actor, in.entries(), func(e account.AuditEntry) error {
				return write(e.ID, csvTime(e.At), string(e.ActorKind), e.ActorID, e.ActorName, e.Address, string(e.Action), e.SubjectID, e.SubjectName, e.Before, e.After, e.Sentence())
			})
		}), nil
}
