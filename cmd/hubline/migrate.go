package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"hubline/base/db"
)

type migrateCommand struct {
	Up     migrateUpCommand     `cmd:"" default:"withargs" help:"Run the migrations that the store lacks."`
	Status migrateStatusCommand `cmd:"" help:"List migrations and when they ran."`
}

type migrateUpCommand struct {
	Ground
}

func (c *migrateUpCommand) Run(ctx context.Context, std *streams) error {
	d, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer d.Close()
	before, err := db.Status(ctx, d)
	if err != nil {
		return err
	}
	if err := db.Migrate(ctx, d); err != nil {
		return err
	}
	n := 0
	for _, m := range before {
		if m.AppliedAt.IsZero() {
			fmt.Fprintf(std.out, "%04d %s\n", m.Version, m.Name)
			n++
		}
	}
	if n == 0 {
		fmt.Fprintln(std.out, "the store is up to date")
	}
	return nil
}

type migrateStatusCommand struct {
	Ground
	JSON bool `name:"json" help:"Print JSON."`
}

// migrationStatus is one step of the schema as "migrate status" shows it.
type migrationStatus struct {
	Version   int64      `json:"version"`
	Name      string     `json:"name"`
	AppliedAt *time.Time `json:"applied_at"` // null while it is pending
}

func (c *migrateStatusCommand) Run(ctx context.Context, std *streams) error {
	d, err := c.openExisting(ctx)
	if err != nil {
		return err
	}
	defer d.Close()
	steps, err := db.Status(ctx, d)
	if err != nil {
		return err
	}
	list := make([]migrationStatus, len(steps))
	for i, m := range steps {
		list[i] = migrationStatus{Version: m.Version, Name: m.Name}
		if !m.AppliedAt.IsZero() {
			list[i].AppliedAt = &m.AppliedAt
		}
		if m.Name == "" {
			list[i].Name = "unknown to this version of Hubline"
		}
	}
	if c.JSON {
		return printJSON(std.out, list)
	}
	table := tabwriter.NewWriter(std.out, 0, 0, 2, ' ', 0)
	for _, m := range list {
		state := "pending"
		if m.AppliedAt != nil {
			state = m.AppliedAt.Format("2006-01-02 15:04:05 UTC")
		}
		fmt.Fprintf(table, "%04d\t%s\t%s\n", m.Version, m.Name, state)
	}
	return table.Flush()
}

// open settles the configuration and opens the store; the folder of a SQLite store is made when it is not there.
func (g *Ground) open(ctx context.Context) (*db.DB, error) {
	if err := g.settle(); err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(g.Store, "sqlite:"); ok {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
	}
	return db.Open(ctx, g.Store)
}

// openExisting is open for commands that only look: they must not make a store because its name was misspelt.
func (g *Ground) openExisting(ctx context.Context) (*db.DB, error) {
	if err := g.settle(); err != nil {
		return nil, err
	}
	if path, ok := strings.CutPrefix(g.Store, "sqlite:"); ok {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("there is no store: %w; check --data and --store", err)
		}
	}
	return db.Open(ctx, g.Store)
}

// openMigrated opens a store that is there, and refuses one with another schema than the program's.
func (g *Ground) openMigrated(ctx context.Context) (*db.DB, error) {
	d, err := g.openExisting(ctx)
	if err != nil {
		return nil, err
	}
	if err := db.Check(ctx, d); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}
