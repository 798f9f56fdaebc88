package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"hubline/base/db"
	"hubline/base/job"
	"hubline/base/seal"
	"hubline/product/account"
)

type auditCommand struct {
	Verify auditVerifyCommand `cmd:"" help:"Verify an export of an audit log, or every log in the store."`
}

type auditVerifyCommand struct {
	Ground
	File       string `arg:"" optional:"" help:"Export of a log, as the portal and the API give it; it needs no store. \"-\" reads standard input. Empty: every log in the store."`
	Checkpoint string `placeholder:"FILE" help:"Checkpoints that were kept elsewhere, as --audit-checkpoints of hubline serve writes them, or one as the portal shows it. Without them nobody can tell a log from one that was rewritten as a whole and signed again."`
	PublicKey  string `name:"public-key" placeholder:"KEY" help:"The log's public key as you know it from elsewhere. Empty: the key that the export names, which is printed."`
	JSON       bool   `name:"json" help:"Print JSON."`
}

// verdict is what became of one log.
type verdict struct {
	Log         string    `json:"log"` // the account's slug or, in an export, ID; "provider" for the provider's own
	Entries     int64     `json:"entries"`
	Dropped     int64     `json:"dropped"`
	Waiting     int64     `json:"waiting"`
	Checkpoints int64     `json:"checkpoints"`
	Kept        int64     `json:"kept_checkpoints"`
	Covered     int64     `json:"covered"`
	Until       time.Time `json:"until"`
	Root        string    `json:"root"`
	Key         string    `json:"key"`
	Seconds     float64   `json:"seconds"`
	Broken      string    `json:"broken,omitempty"`
	BrokenEntry int64     `json:"broken_entry,omitempty"`
}

func verdictOf(log string, r account.AuditReport, err error, took time.Duration) verdict {
	v := verdict{Log: log, Entries: r.Entries, Dropped: r.Dropped, Checkpoints: r.Checkpoints, Kept: r.Kept, Covered: r.Covered,
		Until: r.Until.UTC(), Root: r.Root.String(), Key: r.Key, Seconds: took.Seconds()}
	if log == "" {
		v.Log = "provider"
	}
	if wrong, ok := errors.AsType[*account.AuditBreak](err); ok {
		v.Broken, v.BrokenEntry = wrong.Text, wrong.Entry
	}
	return v
}

// String tells the verdict to people.
func (v verdict) String() string {
	if v.Broken != "" {
		return fmt.Sprintf("%s: BROKEN: %s\n  verified up to there: %d entries, %d checkpoints", v.Log, v.Broken, v.Covered, v.Checkpoints)
	}
	text := fmt.Sprintf("%s: %d entries, %d checkpoints", v.Log, v.Entries, v.Checkpoints)
	if v.Kept > 0 {
		text += fmt.Sprintf(", %d of them kept elsewhere", v.Kept)
	}
	if v.Dropped > 0 {
		text += fmt.Sprintf("; of the oldest %d only the hashes are kept", v.Dropped)
	}
	if v.Waiting > 0 {
		text += fmt.Sprintf("; %d more wait for their place", v.Waiting)
	}
	if v.Checkpoints > 0 {
		text += fmt.Sprintf("\n  signed until %s, root %s\n  key %s", v.Until.Format("2006-01-02 15:04:05 UTC"), v.Root, v.Key)
	}
	return text
}

func (c *auditVerifyCommand) Run(ctx context.Context, std *streams) error {
	notes, err := c.notes()
	if err != nil {
		return err
	}
	var list []verdict
	began := time.Now()
	if c.File == "" {
		list, err = c.store(ctx, notes)
	} else {
		list, err = c.export(std, notes)
	}
	if err != nil {
		return err
	}
	return c.tell(std, list, time.Since(began))
}

func (c *auditVerifyCommand) tell(std *streams, list []verdict, took time.Duration) error {
	bad, entries := 0, int64(0)
	for _, v := range list {
		entries += v.Entries
		if v.Broken != "" {
			bad++
		}
		if !c.JSON {
			fmt.Fprintln(std.out, v)
		}
	}
	if c.JSON {
		if err := printJSON(std.out, list); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(std.out, "%d entries in %.1f s, %.0f a second\n", entries, took.Seconds(), float64(entries)/max(took.Seconds(), 1e-6))
	}
	if bad > 0 {
		return errReported
	}
	return nil
}

// notes reads the checkpoints that were kept elsewhere.
func (c *auditVerifyCommand) notes() ([]string, error) {
	if c.Checkpoint == "" {
		return nil, nil
	}
	f, err := os.Open(c.Checkpoint)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	notes, _, err := account.ReadCheckpoints(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.Checkpoint, err)
	}
	if len(notes) == 0 {
		return nil, fmt.Errorf("%s holds no checkpoints", c.Checkpoint)
	}
	return notes, nil
}

// export verifies a file, without a store.
func (c *auditVerifyCommand) export(std *streams, notes []string) ([]verdict, error) {
	var in io.Reader = std.in
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	began := time.Now()
	report, err := account.CheckAudit(in, account.AuditCheck{Key: c.PublicKey, Notes: notes})
	if _, wrong := errors.AsType[*account.AuditBreak](err); err != nil && !wrong {
		return nil, fmt.Errorf("%s: %w", c.File, err)
	}
	return []verdict{verdictOf(report.Account, report, err, time.Since(began))}, nil
}

// store verifies every log in the store and changes nothing there.
func (c *auditVerifyCommand) store(ctx context.Context, notes []string) (list []verdict, err error) {
	if c.PublicKey != "" {
		return nil, usagef("--public-key is for an export; the store's logs have to agree with the installation's own key")
	}
	d, err := c.openMigrated(ctx)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	room, err := c.reader(d)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	err = room.CheckAuditLogs(ctx, account.Operate(), notes, func(f account.AuditFinding) error {
		v := verdictOf(f.Slug, f.AuditReport, f.Broken, time.Since(began))
		v.Waiting, began = f.Waiting, time.Now()
		list = append(list, v)
		return nil
	})
	return list, err
}

// reader returns a room that only reads. It makes no key: a log can only be checked with the one that it was signed with.
func (g *Ground) reader(d *db.DB) (*account.Room, error) {
	key, err := g.keyForBackup()
	if err != nil {
		return nil, err
	}
	if len(key) != seal.KeySize {
		return nil, fmt.Errorf("the key is missing; give --key or --key-file")
	}
	ring, log := seal.New(key), slog.New(slog.DiscardHandler)
	return account.New(account.Config{DB: d, Keys: ring, Jobs: job.New(d, ring, log), Log: log}), nil
}
