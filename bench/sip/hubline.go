package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"hubline/base/db"
	"hubline/base/job"
	"hubline/base/seal"
	"hubline/base/tel"
	"hubline/product/account"
	"hubline/product/phoneuser"
)

const (
	domain     = "sip.bench.test"
	perAccount = 200
	firstSeat  = 2000
)

// hubline is the real binary and a store with phone users; each start is on a copy of it.
type hubline struct {
	binary, dir string
	users       []device
	starts      int
	restored    bool // into PostgreSQL
}

// prepare builds the program and fills a store.
func prepare(ctx context.Context, dir string) (*hubline, error) {
	h := &hubline{binary: *binary, dir: dir}
	if h.binary == "" {
		h.binary = filepath.Join(dir, "hubline")
		build := exec.CommandContext(ctx, "go", "build", "-o", h.binary, "hubline/cmd/hubline")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	seed := h.seed()
	if err := os.MkdirAll(seed, 0o700); err != nil {
		return nil, err
	}
	return h, h.fill(ctx, seed)
}

func (h *hubline) seed() string { return filepath.Join(h.dir, "seed") }

// fill makes accounts with phone users and a device each, as the operator does. It works in memory where there is a place for that.
func (h *hubline) fill(ctx context.Context, seed string) error {
	work := seed
	if fast, err := os.MkdirTemp("/dev/shm", "hubline-bench-"); err == nil {
		defer os.RemoveAll(fast)
		work = fast
	}
	d, err := db.Open(ctx, "sqlite:"+filepath.Join(work, "hubline.db"))
	if err != nil {
		return err
	}
	defer d.Close()
	if err := db.Migrate(ctx, d); err != nil {
		return err
	}
	keys, err := seal.Load(filepath.Join(work, "hubline.key"))
	if err != nil {
		return err
	}
	if _, err := phoneuser.Installation(ctx, d, "sip-domain", domain); err != nil {
		return err
	}
	jobs := job.New(d, keys, slog.New(slog.DiscardHandler))
	accounts := account.New(account.Config{DB: d, Jobs: jobs, Keys: keys})
	phones := phoneuser.New(phoneuser.Config{DB: d, Jobs: jobs, Keys: keys, Account: accounts, Plan: tel.For("AU"), Domain: domain})
	for len(h.users) < *people {
		if err := h.account(ctx, accounts, phones); err != nil {
			return err
		}
	}
	// The letters to these people would wait for a mail server beside what is measured.
	if err := d.Tx(ctx, func(ctx context.Context, q db.Q) error {
		_, err := q.ExecContext(ctx, `DELETE FROM jobs`)
		return err
	}); err != nil {
		return err
	}
	if err := d.Close(); err != nil || work == seed {
		return err
	}
	return os.CopyFS(seed, os.DirFS(work))
}

func (h *hubline) account(ctx context.Context, accounts *account.Room, phones *phoneuser.Room) error {
	n := len(h.users) / perAccount
	a, _, err := accounts.Open(ctx, account.Operate(), account.NewAccount{Name: fmt.Sprintf("Bench %d", n), Slug: fmt.Sprintf("bench-%d", n), AdminEmail: fmt.Sprintf("admin%d@bench.example", n)})
	if err != nil {
		return err
	}
	if _, err := accounts.SetPhoneUserLimit(ctx, account.Operate(), a.ID, perAccount); err != nil {
		return err
	}
	if a, err = accounts.BySlug(ctx, account.Operate(), a.Slug); err != nil {
		return err
	}
	operator := account.Operate().Inside(a)
	admin, err := h.admin(ctx, accounts, operator, n)
	if err != nil {
		return err
	}
	for i := range min(perAccount, *people-len(h.users)) {
		extension := strconv.Itoa(firstSeat + i)
		u, err := phones.Add(ctx, admin, phoneuser.Settings{Extension: extension, DisplayName: "Person " + extension, Email: "p" + extension + "@bench.example", AppEnabled: true}, "")
		if err != nil {
			return err
		}
		as, err := phones.Provide(ctx, operator, u.ID, phoneuser.Phone)
		if err != nil {
			return err
		}
		h.users = append(h.users, device{name: as.Username, password: as.Password, dial: extension, account: n})
	}
	return nil
}

// admin is an actor with an admin's rights: an API key of a member who never had to accept an invitation.
func (h *hubline) admin(ctx context.Context, accounts *account.Room, operator account.Actor, n int) (account.Actor, error) {
	id, mail := fmt.Sprintf("benchadmin%016d", n), fmt.Sprintf("admin%d@bench.example", n)
	err := accounts.DB.Tx(ctx, func(ctx context.Context, q db.Q) error {
		_, err := q.ExecContext(ctx, `
			INSERT INTO people (id, email, name, password, staff, theme, epoch, verified_at, created_at)
			VALUES ($1, $2, 'Bench', NULL, 0, '', 1, 1700000000000, 1700000000000)`, id, mail)
		if err != nil {
			return err
		}
		_, err = q.ExecContext(ctx, `
			INSERT INTO memberships (account_id, id, person_id, email, name, search, roles, own_roles, state, invited_at, accepted_at, last_signed_in_at, version)
			VALUES ($1, $2, $2, $3, 'Bench', $3, 'admin', 'admin', 'active', 1700000000000, 1700000000000, 1700000000000, 1)`, operator.Account.ID, id, mail)
		return err
	})
	if err != nil {
		return account.Actor{}, err
	}
	_, key, err := accounts.MakeKey(ctx, operator, id, "bench", account.Scopes(), 0)
	if err != nil {
		return account.Actor{}, err
	}
	return accounts.UseKey(ctx, key, operator.Account.Slug, "")
}

// start runs a server on a copy of the store: SQLite as it ships, or the database that is given.
func (h *hubline) start(ctx context.Context, pg *database) (*server, error) {
	h.starts++
	data := filepath.Join(h.dir, "data-"+strconv.Itoa(h.starts))
	if err := os.CopyFS(data, os.DirFS(h.seed())); err != nil {
		return nil, err
	}
	if err := os.Chmod(filepath.Join(data, "hubline.key"), 0o600); err != nil {
		return nil, err
	}
	addr, err := freeUDP()
	if err != nil {
		return nil, err
	}
	s := &server{addr: addr, domain: domain, down: func() { os.RemoveAll(data) }}
	for _, as := range h.users {
		s.users = append(s.users, &user{device: as})
	}
	args := []string{"serve", "--data", data, "--http", "127.0.0.1:0", "--base-url", "http://bench.test", "--sip", addr.String(), "--log-level", "error"}
	s.written = func(ctx context.Context) (int, error) {
		return sumInFile(ctx, filepath.Join(data, "hubline.db"), "cseq", "locations")
	}
	if pg != nil {
		s.written = func(ctx context.Context) (int, error) { return pg.sum(ctx, "hubline", "cseq", "locations") }
		if err := h.restore(ctx, pg, data); err != nil {
			return nil, err
		}
		args = append(args, "--store", pg.url("hubline"))
	}
	s.cmd = onFirst(ctx, h.binary, args...)
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, s.wait()
}

// restore brings the store into PostgreSQL, once by backup and restore, then as a copy made by the database.
func (h *hubline) restore(ctx context.Context, pg *database, data string) error {
	if !h.restored {
		if err := pg.create(ctx, "hubline_seed"); err != nil {
			return err
		}
		file := filepath.Join(h.dir, "seed.zip")
		for _, args := range [][]string{{"backup", file, "--data", data}, {"restore", file, "--force", "--data", data, "--store", pg.url("hubline_seed")}} {
			if out, err := exec.CommandContext(ctx, h.binary, args...).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", args[0], err, out)
			}
		}
		h.restored = true
	}
	if err := pg.psql(ctx, "postgres", "-c", "DROP DATABASE IF EXISTS hubline"); err != nil {
		return err
	}
	return pg.psql(ctx, "postgres", "-c", "CREATE DATABASE hubline TEMPLATE hubline_seed")
}
