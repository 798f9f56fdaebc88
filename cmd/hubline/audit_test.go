package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/merkle"
	"hubline/product/account"
)

// An export verifies without a store, by itself and against checkpoints that were copied to a file; the store's own logs verify too; and
// what was changed is named, with exit 1. Threat S26.
func TestS26AuditVerify(t *testing.T) {
	t.Parallel()
	for engine, store := range map[string]func(t *testing.T) string{
		db.SQLite:   func(*testing.T) string { return "" },
		db.Postgres: func(t *testing.T) string { return dbtest.PostgresURL(t) },
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			at := []string{"--data", dir, "--store", store(t)}
			must(t, append([]string{"account", "create", "Harbour", "priya@harbour.example", "--base-url", "https://hub.example.com"}, at...)...)
			must(t, append([]string{"staff", "create", "alex@provider.example", "--base-url", "https://hub.example.com"}, at...)...)
			export, kept := exported(t, dir, at[3])

			out := must(t, append([]string{"audit", "verify"}, at...)...)
			if !strings.Contains(out, "harbour: 2 entries, 1 checkpoints") || !strings.Contains(out, "provider: 2 entries") || !strings.Contains(out, " a second") {
				t.Errorf("the store: %s", out)
			}
			out = must(t, "audit", "verify", export, "--checkpoint", kept)
			if !strings.Contains(out, "2 entries, 1 checkpoints, 1 of them kept elsewhere") {
				t.Errorf("the export: %s", out)
			}
			var list []verdict
			if err := json.Unmarshal([]byte(must(t, "audit", "verify", export, "--json")), &list); err != nil || len(list) != 1 || list[0].Entries != 2 || list[0].Broken != "" {
				t.Fatalf("%+v, %v", list, err)
			}
			must(t, "audit", "verify", export, "--public-key", list[0].Key)

			text, err := os.ReadFile(export)
			if err != nil {
				t.Fatal(err)
			}
			forged := filepath.Join(dir, "forged.jsonl")
			write(t, forged, strings.Replace(string(text), "priya@", "evil@", 1))
			for _, c := range []struct {
				says string
				code int
				args []string
			}{
				{`entry 2 was changed: now it says "Operator invited evil@harbour.example"`, exitFailed, []string{"audit", "verify", forged}},
				{"not the key given", exitFailed, []string{"audit", "verify", export, "--public-key", otherKey(t, list[0].Key)}},
				{"no such file", exitFailed, []string{"audit", "verify", filepath.Join(dir, "none")}},
				{"holds no checkpoints", exitFailed, []string{"audit", "verify", export, "--checkpoint", filepath.Join(dir, "empty")}},
			} {
				write(t, filepath.Join(dir, "empty"), "")
				code, out, said := hubline(t, c.args...)
				if code != c.code || !strings.Contains(out+said, c.says) {
					t.Errorf("hubline %s: exit %d, %s%s, want %q", strings.Join(c.args, " "), code, out, said, c.says)
				}
			}

			d, err := db.Open(t.Context(), storeOf(dir, at[3]))
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if _, err := d.ExecContext(t.Context(), `UPDATE audit_entries SET subject_name = 'nobody' WHERE action = 'account.opened' AND account_id <> ''`); err != nil {
				t.Fatal(err)
			}
			if code, out, _ := hubline(t, append([]string{"audit", "verify"}, at...)...); code != exitFailed || !strings.Contains(out, "harbour: BROKEN: entry 1 was changed") {
				t.Errorf("a changed store: exit %d, %s", code, out)
			}
		})
	}
}

// otherKey is a verifier key of the same log that is not its own.
func otherKey(t *testing.T, key string) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	origin, _, _ := strings.Cut(key, "+")
	return merkle.Key{Origin: origin, Public: public}.String()
}

func storeOf(dir, store string) string {
	if store == "" {
		return "sqlite:" + filepath.Join(dir, "hubline.db")
	}
	return store
}

// exported signs the account's log and returns an export of it, and a file of the checkpoints as a running server writes it.
func exported(t *testing.T, dir, store string) (export, kept string) {
	t.Helper()
	g := Ground{Data: dir, Store: store}
	if err := g.settle(); err != nil {
		t.Fatal(err)
	}
	d, err := g.openMigrated(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	room, err := g.reader(d)
	if err != nil {
		t.Fatal(err)
	}
	room.BaseURL = "https://hub.example.com"
	a, err := room.BySlug(t.Context(), account.Operate(), "harbour")
	if err != nil {
		t.Fatal(err)
	}
	for _, actor := range []account.Actor{account.Operate(), account.Operate().Inside(a)} {
		if err := room.SignAudit(t.Context(), actor); err != nil {
			t.Fatal(err)
		}
	}
	export, kept = filepath.Join(dir, "export.jsonl"), filepath.Join(dir, "checkpoints.jsonl")
	var text strings.Builder
	if err := room.ExportAudit(t.Context(), account.Operate().Inside(a), func(line []byte) error { text.Write(line); return nil }); err != nil {
		t.Fatal(err)
	}
	write(t, export, text.String())
	room.Now = func() time.Time { return time.Now().Add(time.Hour) } // or what was signed just now would wait for slower nodes
	copier := &checkpointFile{path: kept, room: room}
	if err := copier.copy(t.Context()); err != nil {
		t.Fatal(err)
	}
	return export, kept
}

// A file of checkpoints goes on where it ended, also when its last line was cut off, and holds each once.
func TestCheckpointFileGoesOnAfterAStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, "account", "create", "Harbour", "priya@harbour.example", "--base-url", "https://hub.example.com", "--data", dir)
	_, kept := exported(t, dir, "")
	whole, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	if len(lines) != 3 { // the provider's and harbour's
		t.Fatalf("%d lines: %s", len(lines)-1, whole)
	}
	write(t, kept, lines[0]+lines[1][:40])
	g := Ground{Data: dir}
	if err := g.settle(); err != nil {
		t.Fatal(err)
	}
	d, err := g.openMigrated(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	room, err := g.reader(d)
	if err != nil {
		t.Fatal(err)
	}
	room.Now = func() time.Time { return time.Now().Add(time.Hour) }
	for range 2 { // once more finds nothing new
		if err := (&checkpointFile{path: kept, room: room}).copy(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	again, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if want := lines[0] + lines[1][:40] + "\n" + lines[1]; string(again) != want {
		t.Errorf("the file is\n%s\nwant\n%s", again, want)
	}
	notes, _, err := account.ReadCheckpoints(strings.NewReader(string(again)))
	if err != nil || len(notes) != 2 {
		t.Errorf("%d checkpoints are read, %v", len(notes), err)
	}
}
