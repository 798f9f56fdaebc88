package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"hubline/base/tel"
	"hubline/product/account"
	"hubline/product/number"
	"hubline/product/phoneuser"
)

type numberCommand struct {
	List     numberListCommand     `cmd:"" help:"List an account's phone numbers and where they lead."`
	Assign   numberAssignCommand   `cmd:"" help:"Give a phone number to an account."`
	Withdraw numberWithdrawCommand `cmd:"" help:"Take a phone number from an account."`
	Lead     numberLeadCommand     `cmd:"" help:"Choose the phone user whom calls to a number ring."`
}

// numbers is what the commands for numbers share.
type numbers struct {
	operator
	Account string `required:"" placeholder:"SLUG" help:"The account's slug."`
	Country string `group:"phones" env:"HUBLINE_COUNTRY" default:"AU" placeholder:"XX" help:"Country whose numbering plan people dial by, in two letters."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// counter is the operator at work on the numbers of one account.
type counter struct {
	io.Closer
	actor  account.Actor
	phones *phoneuser.Room
	room   *number.Room
}

func (n *numbers) open(ctx context.Context) (*counter, error) {
	room, actor, closer, err := n.inside(ctx, n.Account)
	if err != nil {
		return nil, err
	}
	plan, c := tel.For(n.Country), room.Config
	phones := phoneuser.New(phoneuser.Config{DB: c.DB, Jobs: c.Jobs, Keys: c.Keys, Account: room, Plan: plan, BaseURL: c.BaseURL})
	return &counter{closer, actor, phones, number.New(number.Config{DB: c.DB, Keys: c.Keys, Account: room, Phones: phones, Plan: plan})}, nil
}

// find returns a number of the account, typed in any form.
func (c *counter) find(ctx context.Context, typed string) (number.Number, error) {
	e164, ok := c.room.Plan.Parse(typed)
	if !ok {
		return number.Number{}, fmt.Errorf("%q is not a whole phone number", typed)
	}
	n, err := c.room.ByNumber(ctx, c.actor, e164)
	if err != nil {
		err = fmt.Errorf("%s is not on the account %s; see hubline number list --account %[2]s", c.room.Plan.National(e164), c.actor.Account.Slug)
	}
	return n, err
}

// numberLine is a number as the commands show it.
type numberLine struct {
	Number      string    `json:"number"`
	Kind        tel.Kind  `json:"kind"`
	ServiceName string    `json:"service_name"`
	Extension   string    `json:"extension,omitempty"` // that calls ring
	DisplayName string    `json:"display_name,omitempty"`
	AssignedAt  time.Time `json:"assigned_at"`
}

func numberLineOf(n number.Number) numberLine {
	return numberLine{n.Number, n.Kind, n.ServiceName, n.Extension, n.PhoneUserName, time.UnixMilli(n.AssignedAt).UTC()}
}

// show prints a number that a command changed.
func (n *numbers) show(std *streams, room *number.Room, changed number.Number) error {
	if n.JSON {
		return printJSON(std.out, numberLineOf(changed))
	}
	leads := changed.Leads()
	if leads == "" {
		leads = "nobody"
	}
	_, err := fmt.Fprintf(std.out, "%s (%s), %s, on account %s, rings %s\n", room.Plan.National(changed.Number), changed.Kind, changed.ServiceName, n.Account, leads)
	return err
}

type numberListCommand struct {
	numbers
	Search string `arg:"" optional:"" help:"Part of a number, in any form, of a service name or of a phone user's name."`
}

func (c *numberListCommand) Run(ctx context.Context, std *streams) error {
	at, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer at.Close()
	list := []numberLine{}
	err = at.room.Each(ctx, at.actor, number.Filter{Search: c.Search}, func(n number.Number) error {
		list = append(list, numberLineOf(n))
		return nil
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, list)
	}
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, n := range list {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", n.Number, n.Kind, n.ServiceName, n.Extension, n.DisplayName)
	}
	return table.Flush()
}

type numberAssignCommand struct {
	numbers
	Number      string `arg:"" help:"Phone number, such as +61255500142 or 02 5550 0142."`
	ServiceName string `name:"service-name" help:"What the number is called in lists and reports. Empty: the number itself."`
	Extension   string `placeholder:"NUMBER" help:"Extension of the phone user whom calls ring. Empty: nobody yet."`
}

func (c *numberAssignCommand) Run(ctx context.Context, std *streams) error {
	at, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer at.Close()
	seat, err := at.seat(ctx, c.Extension) // before anything happens
	if err != nil {
		return err
	}
	n, err := at.room.Assign(ctx, at.actor, c.Number, c.ServiceName)
	if err == nil && seat != "" {
		n, err = at.room.Lead(ctx, at.actor, n.Number, seat, 0)
	}
	if err != nil {
		return err
	}
	return c.show(std, at.room, n)
}

// seat finds a phone user's ID by extension, "" for none.
func (c *counter) seat(ctx context.Context, extension string) (string, error) {
	if extension == "" {
		return "", nil
	}
	u, err := c.phones.ByExtension(ctx, c.actor.Account.ID, extension)
	if err != nil {
		return "", fmt.Errorf("the account %s has no extension %s", c.actor.Account.Slug, extension)
	}
	return u.ID, nil
}

type numberWithdrawCommand struct {
	numbers
	Number string `arg:"" help:"Phone number of the account, in any form."`
}

func (c *numberWithdrawCommand) Run(ctx context.Context, std *streams) error {
	at, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer at.Close()
	n, err := at.find(ctx, c.Number)
	if err != nil {
		return err
	}
	if err := at.room.Withdraw(ctx, at.actor, n.Number); err != nil {
		return err
	}
	if c.JSON {
		return printJSON(std.out, numberLineOf(n))
	}
	_, err = fmt.Fprintf(std.out, "%s is no longer on account %s\n", at.room.Plan.National(n.Number), c.Account)
	return err
}

type numberLeadCommand struct {
	numbers
	Number    string `arg:"" help:"Phone number of the account, in any form."`
	Extension string `arg:"" optional:"" help:"Extension of the phone user whom calls ring."`
	Nobody    bool   `help:"Let calls ring nobody."`
}

func (c *numberLeadCommand) Run(ctx context.Context, std *streams) (err error) {
	if (c.Extension == "") != c.Nobody {
		return usageError{errors.New("give an extension, or --nobody")}
	}
	at, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer at.Close()
	n, err := at.find(ctx, c.Number)
	if err != nil {
		return err
	}
	seat, err := at.seat(ctx, c.Extension)
	if err != nil {
		return err
	}
	if n, err = at.room.Lead(ctx, at.actor, n.Number, seat, 0); err != nil {
		return err
	}
	return c.show(std, at.room, n)
}
