package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"hubline/product/account"
)

type staffCommand struct {
	Create  staffCreateCommand  `cmd:"" help:"Add a person of the provider, or give them a new link, and print a one-time link to choose a password."`
	List    staffListCommand    `cmd:"" help:"List the provider's people."`
	Recover staffRecoverCommand `cmd:"" help:"Start a recovery for a person of the provider who lost their second factor."`
	Remove  staffRemoveCommand  `cmd:"" help:"End a person's access to the console."`
}

type staffCreateCommand struct {
	operator
	Email string `arg:"" help:"Email address to sign in with."`
	Name  string `help:"The person's name."`
	JSON  bool   `name:"json" help:"Print JSON."`
}

// staffLine is a person of the provider as the commands show it.
type staffLine struct {
	Email string `json:"email"`
	Name  string `json:"name"`
	Link  string `json:"link,omitempty"`
}

// Nobody can sign up: the first person of an installation is made here, by whoever runs the server, with a link that only
// the console shows.
func (c *staffCreateCommand) Run(ctx context.Context, std *streams) error {
	room, closer, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer closer.Close()
	p, token, err := room.AddStaff(ctx, account.Operate(), c.Email, c.Name)
	if err != nil {
		return err
	}
	link := c.BaseURL + "/password/" + token
	if c.JSON {
		return printJSON(std.out, staffLine{p.Email, p.Name, link})
	}
	fmt.Fprintf(std.out, "%s\n", link)
	fmt.Fprintf(std.err, "%s chooses a password there; the link works once, for a day\n", p.Email)
	return nil
}

type staffListCommand struct {
	operator
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *staffListCommand) Run(ctx context.Context, std *streams) error {
	room, closer, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer closer.Close()
	people, err := room.StaffPeople(ctx, account.Operate())
	if err != nil {
		return err
	}
	list := []staffLine{}
	for _, p := range people {
		list = append(list, staffLine{Email: p.Email, Name: p.Name})
	}
	if c.JSON {
		return printJSON(std.out, list)
	}
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, p := range list {
		fmt.Fprintf(table, "%s\t%s\n", p.Email, p.Name)
	}
	return table.Flush()
}

type staffRecoverCommand struct {
	operator
	Email string `arg:"" help:"Email address of the person."`
}

// Run starts a recovery. Nobody else can for the provider's people, as each of them could take the place of the others.
func (c *staffRecoverCommand) Run(ctx context.Context, std *streams) error {
	room, closer, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer closer.Close()
	p, err := staffPerson(ctx, room, c.Email)
	if err == nil {
		_, err = room.StartRecoveryOf(ctx, account.Operate(), p.ID)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s signs in with their password within 3 days, and recovers with a code from their mailbox\n", p.Email)
	return nil
}

// staffPerson finds one of the provider's people by address.
func staffPerson(ctx context.Context, room *account.Room, email string) (account.Person, error) {
	people, err := room.StaffPeople(ctx, account.Operate())
	for _, p := range people {
		if strings.EqualFold(p.Email, email) {
			return p, err
		}
	}
	if err == nil {
		err = fmt.Errorf("%s is not one of the provider's people; see hubline staff list", email)
	}
	return account.Person{}, err
}

type staffRemoveCommand struct {
	operator
	Email string `arg:"" help:"Email address of the person."`
}

func (c *staffRemoveCommand) Run(ctx context.Context, std *streams) error {
	room, closer, err := c.enter(ctx)
	if err != nil {
		return err
	}
	defer closer.Close()
	p, err := staffPerson(ctx, room, c.Email)
	if err == nil {
		err = room.RemoveStaff(ctx, account.Operate(), p.ID)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s can no longer open the console\n", p.Email)
	return nil
}
