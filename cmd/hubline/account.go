package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"hubline/base/db"
	"hubline/base/job"
	"hubline/product/account"
)

// operator is the part of the configuration that commands need which use the rooms on the server.
type operator struct {
	Ground
	Site
}

// enter opens the store and the room account on it. Mails that a command causes are sent by the running server.
func (o *operator) enter(ctx context.Context) (*account.Room, io.Closer, error) {
	if err := o.Ground.settle(); err != nil {
		return nil, nil, err
	}
	if err := o.Site.settle(o.HTTP); err != nil {
		return nil, nil, err
	}
	if o.BaseURL == "" {
		return nil, nil, usagef("give --base-url: links begin with it, and --http leaves the port open")
	}
	ring, err := o.ring()
	if err != nil {
		return nil, nil, err
	}
	d, err := o.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	err = db.Check(ctx, d)
	if errors.Is(err, db.ErrOlder) && fresh(ctx, d) {
		err = db.Migrate(ctx, d) // a new installation: the operator sets it up before the first start
	}
	if err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}
	log := slog.New(slog.DiscardHandler)
	return account.New(o.room(d, job.New(d, ring, log), ring, log, nowhere{})), d, nil
}

// fresh tells a store that no program has ever migrated.
func fresh(ctx context.Context, d *db.DB) bool {
	steps, err := db.Status(ctx, d)
	for _, m := range steps {
		if !m.AppliedAt.IsZero() {
			return false
		}
	}
	return err == nil
}

type accountCommand struct {
	Create accountCreateCommand `cmd:"" help:"Open an account and queue its first admin's invitation."`
	List   accountListCommand   `cmd:"" help:"List accounts by name."`
	Change accountChangeCommand `cmd:"" help:"Change an account's name, time zone or policy."`
	APIKey apiKeyCommand        `cmd:"" name:"api-key" help:"Create, list and revoke API keys of an account."`
}

type accountCreateCommand struct {
	operator
	Name       string   `arg:"" help:"Name of the customer."`
	AdminEmail string   `arg:"" help:"Email address of the first admin, who gets an invitation."`
	AdminName  string   `help:"Name of the first admin."`
	AdminRoles []string `name:"admin-roles" default:"admin,billing" help:"Roles of the first admin, admin among them."`
	Slug       string   `help:"First part of the account's address, such as harbour. Empty: made from the name."`
	Number     string   `help:"Account number that the customer quotes. Empty: the next free one."`
	TimeZone   string   `help:"Time zone, such as Australia/Perth. Empty: Australia/Sydney."`
	JSON       bool     `name:"json" help:"Print JSON."`
}

// accountLine is an account as the commands show it.
type accountLine struct {
	Slug             string    `json:"slug"`
	Number           string    `json:"number"`
	Name             string    `json:"name"`
	TimeZone         string    `json:"time_zone"`
	InvitationHours  int       `json:"invitation_hours"`
	CheckMinutes     int       `json:"check_minutes"`
	DailyInvitations int       `json:"daily_invitations"`
	CreatedAt        time.Time `json:"created_at"`
}

func lineOf(a account.Account) accountLine {
	return accountLine{Slug: a.Slug, Number: a.Number, Name: a.Name, TimeZone: a.Policy.TimeZone, InvitationHours: a.Policy.InvitationHours,
		CheckMinutes: a.Policy.CheckMinutes, DailyInvitations: a.Policy.DailyInvitations, CreatedAt: time.UnixMilli(a.CreatedAt).UTC()}
}

func (c *accountCreateCommand) Run(ctx context.Context, std *streams) error {
	roles, err := account.ParseRoles(c.AdminRoles)
	if err != nil {
		return err
	}
	room, closer, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer closer.Close()
	made, invitation, err := room.Open(ctx, account.Operate(), account.NewAccount{Name: c.Name, Slug: c.Slug, Number: c.Number,
		TimeZone: c.TimeZone, AdminEmail: c.AdminEmail, AdminName: c.AdminName, AdminRoles: roles})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, struct {
			accountLine
			Invited string `json:"invited"`
		}{lineOf(made), invitation.Email})
	}
	fmt.Fprintf(std.out, "%s, account %s, at %s/%s\n%s is invited; the running server sends the mail\n", made.Name, made.Number, c.BaseURL, made.Slug, invitation.Email)
	return nil
}

type accountListCommand struct {
	operator
	Search string `arg:"" optional:"" help:"Part of a name, number or slug."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// pageOfAccounts is how many accounts one query reads.
const pageOfAccounts = 200

func (c *accountListCommand) Run(ctx context.Context, std *streams) error {
	room, closer, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer closer.Close()
	list := []accountLine{}
	for after := ""; ; {
		page, next, err := room.Accounts(ctx, account.Operate(), c.Search, after, pageOfAccounts)
		if err != nil {
			return err
		}
		for _, a := range page {
			list = append(list, lineOf(a))
		}
		if after = next; next == "" {
			break
		}
	}
	if c.JSON {
		return printJSON(std.out, list)
	}
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, a := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", a.Slug, a.Number, a.Name, a.TimeZone)
	}
	return table.Flush()
}

type accountChangeCommand struct {
	operator
	Slug            string  `arg:"" help:"The account's slug."`
	Name            *string `help:"Name of the customer."`
	TimeZone        *string `help:"Time zone, such as Australia/Perth."`
	InvitationHours *int    `help:"How long invitations work, 1 to 720 hours."`
	CheckMinutes    *int    `help:"How long a step-up check stays fresh, 0 to 120 minutes."`
	JSON            bool    `name:"json" help:"Print JSON."`
}

func (c *accountChangeCommand) Run(ctx context.Context, std *streams) error {
	room, actor, closer, err := c.inside(ctx, c.Slug)
	if err != nil {
		return err
	}
	defer closer.Close()
	a := actor.Account
	in := account.Settings{Name: a.Name, TimeZone: a.Policy.TimeZone, InvitationHours: a.Policy.InvitationHours, CheckMinutes: a.Policy.CheckMinutes}
	set(&in.Name, c.Name)
	set(&in.TimeZone, c.TimeZone)
	set(&in.InvitationHours, c.InvitationHours)
	set(&in.CheckMinutes, c.CheckMinutes)
	after, err := room.ChangeSettings(ctx, actor, in, a.Version)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, lineOf(after))
	}
	fmt.Fprintf(std.out, "%s: %s, %s, invitations %d h, check %d min\n", after.Slug, after.Name, after.Policy.TimeZone, after.Policy.InvitationHours, after.Policy.CheckMinutes)
	return nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// inside opens the room and stands the operator inside the account of that slug.
func (o *operator) inside(ctx context.Context, slug string) (*account.Room, account.Actor, io.Closer, error) {
	room, closer, err := o.enter(ctx)
	if err != nil {
		return nil, account.Actor{}, nil, err
	}
	a, err := room.BySlug(ctx, account.Operate(), slug)
	if err != nil {
		return nil, account.Actor{}, nil, errors.Join(fmt.Errorf("there is no account %q; see hubline account list", slug), closer.Close())
	}
	return room, account.Operate().Inside(a), closer, nil
}

type apiKeyCommand struct {
	Create apiKeyCreateCommand `cmd:"" help:"Make a key and print its secret, once."`
	List   apiKeyListCommand   `cmd:"" help:"List an account's keys, newest first."`
	Revoke apiKeyRevokeCommand `cmd:"" help:"End a key at once."`
}

type apiKeyCreateCommand struct {
	operator
	Slug   string   `arg:"" help:"The account's slug."`
	Email  string   `arg:"" help:"Hub user on whose behalf the key acts. It never may more than they may at that moment."`
	Name   string   `required:"" help:"What the key is for; the audit log shows it."`
	Scopes []string `help:"What the key may do, such as hub-users.view. Empty: all scopes."`
	Days   int      `default:"90" help:"How long the key works, 1 to 366 days."`
	JSON   bool     `name:"json" help:"Print JSON."`
}

// keyLine is an API key as the commands show it.
type keyLine struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Scopes    []string   `json:"scopes"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt time.Time  `json:"expires_at"`
	LastUsed  *time.Time `json:"last_used_at"`
	RevokedAt *time.Time `json:"revoked_at"`
	Secret    string     `json:"secret,omitempty"`
}

func keyLineOf(k account.APIKey) keyLine {
	l := keyLine{ID: k.ID, Name: k.Name, CreatedAt: time.UnixMilli(k.CreatedAt).UTC(), ExpiresAt: time.UnixMilli(k.ExpiresAt).UTC(),
		LastUsed: moment(k.LastUsedAt), RevokedAt: moment(k.RevokedAt), Scopes: []string{}}
	for _, s := range k.Scopes {
		l.Scopes = append(l.Scopes, string(s))
	}
	return l
}

// moment turns the store's time into one for people; 0 means never.
func moment(milliseconds int64) *time.Time {
	if milliseconds == 0 {
		return nil
	}
	t := time.UnixMilli(milliseconds).UTC()
	return &t
}

func (c *apiKeyCreateCommand) Run(ctx context.Context, std *streams) error {
	room, actor, closer, err := c.inside(ctx, c.Slug)
	if err != nil {
		return err
	}
	defer closer.Close()
	maker, err := hubUserByEmail(ctx, room, actor, c.Email)
	if err != nil {
		return err
	}
	scopes := account.Scopes()
	if len(c.Scopes) > 0 {
		scopes = nil
		for _, s := range c.Scopes {
			scopes = append(scopes, account.Permission(s))
		}
	}
	key, secret, err := room.MakeKey(ctx, actor, maker, c.Name, scopes, time.Duration(c.Days)*24*time.Hour)
	if err != nil {
		return err
	}
	line := keyLineOf(key)
	line.Secret = secret
	if c.JSON {
		return printJSON(std.out, line)
	}
	fmt.Fprintf(std.out, "%s\n", secret)
	fmt.Fprintf(std.err, "key %s, works until %s; it is not shown again\n", key.ID, line.ExpiresAt.Format("2006-01-02"))
	return nil
}

// hubUserByEmail finds the ID of an active hub user.
func hubUserByEmail(ctx context.Context, room *account.Room, actor account.Actor, email string) (string, error) {
	list, _, err := room.People(ctx, actor, account.PeopleFilter{Search: email, Limit: pageOfAccounts})
	if err != nil {
		return "", err
	}
	for _, p := range list {
		if !p.Invited && strings.EqualFold(p.Email, email) {
			return p.ID, nil
		}
	}
	return "", fmt.Errorf("%s is not a hub user of %s", email, actor.Account.Slug)
}

type apiKeyListCommand struct {
	operator
	Slug string `arg:"" help:"The account's slug."`
	JSON bool   `name:"json" help:"Print JSON."`
}

func (c *apiKeyListCommand) Run(ctx context.Context, std *streams) error {
	room, actor, closer, err := c.inside(ctx, c.Slug)
	if err != nil {
		return err
	}
	defer closer.Close()
	list := []keyLine{}
	for after := ""; ; {
		keys, next, err := room.APIKeys(ctx, actor, account.KeyFilter{After: after, Limit: pageOfAccounts})
		if err != nil {
			return err
		}
		for _, k := range keys {
			list = append(list, keyLineOf(k))
		}
		if after = next; next == "" {
			break
		}
	}
	if c.JSON {
		return printJSON(std.out, list)
	}
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, k := range list {
		state := "until " + k.ExpiresAt.Format("2006-01-02")
		if k.RevokedAt != nil {
			state = "revoked " + k.RevokedAt.Format("2006-01-02")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", k.ID, k.Name, state, strings.Join(k.Scopes, " "))
	}
	return table.Flush()
}

type apiKeyRevokeCommand struct {
	operator
	Slug string `arg:"" help:"The account's slug."`
	ID   string `arg:"" help:"The key's ID."`
}

func (c *apiKeyRevokeCommand) Run(ctx context.Context, std *streams) error {
	room, actor, closer, err := c.inside(ctx, c.Slug)
	if err != nil {
		return err
	}
	defer closer.Close()
	if err := room.RevokeKey(ctx, actor, c.ID); err != nil {
		return err
	}
	fmt.Fprintln(std.out, "revoked")
	return nil
}
