package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"hubline/base/db/dbtest"
)

func TestBackupMovesAnInstallationToTheOtherEngine(t *testing.T) {
	t.Parallel()
	old, dir := seeded(t), t.TempDir()
	d := startDemo(t, old)
	file := filepath.Join(dir, "hubline.zip")
	must(t, "backup", file, "--data", old) // while the demo runs
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup has mode %v, %v", info.Mode(), err)
	}
	if code, _, said := hubline(t, "backup", file, "--data", old); code != exitFailed || !strings.Contains(said, "exists") {
		t.Errorf("over an earlier backup: exit %d, said %q", code, said)
	}
	d.stop()

	postgres := dbtest.PostgresURL(t)
	moved := filepath.Join(dir, "moved")
	must(t, "restore", file, "--data", moved, "--store", postgres)
	list := must(t, "account", "list", "--json", "--data", old)
	if got := must(t, "account", "list", "--json", "--data", moved, "--store", postgres); got != list || !strings.Contains(list, "harbour") {
		t.Errorf("accounts on PostgreSQL: %s, want %s", got, list)
	}
	key, err := os.ReadFile(filepath.Join(moved, "hubline.key"))
	if want, err2 := os.ReadFile(filepath.Join(old, "hubline.key")); err != nil || err2 != nil || !bytes.Equal(key, want) {
		t.Error("the key did not move", err, err2)
	}

	back := filepath.Join(dir, "back.zip")
	must(t, "backup", back, "--data", moved, "--store", postgres)
	home := filepath.Join(dir, "home")
	must(t, "restore", back, "--data", home)
	if got := must(t, "account", "list", "--json", "--data", home); got != list {
		t.Errorf("accounts back on SQLite: %s, want %s", got, list)
	}
	everybodySignsIn(t, home, d.about)

	if code, _, said := hubline(t, "restore", back, "--data", home); code != exitFailed || !strings.Contains(said, "--force") {
		t.Errorf("over rows: exit %d, said %q", code, said)
	}
	must(t, "restore", back, "--data", home, "--force")
}

func TestA55RestoreChecksFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := []string{"--data", filepath.Join(dir, "a")}
	must(t, append([]string{"staff", "create", "alex@provider.example"}, at...)...)
	file := filepath.Join(dir, "a.zip")
	must(t, append([]string{"backup", file}, at...)...)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 4
	damaged := filepath.Join(dir, "damaged.zip")
	write(t, damaged, string(content))
	target := filepath.Join(dir, "b")
	for _, args := range [][]string{{"--check"}, nil, {"--force"}} {
		code, _, said := hubline(t, append([]string{"restore", damaged, "--data", target}, args...)...)
		if code != exitFailed || !strings.Contains(said, "damaged") {
			t.Errorf("restore %v: exit %d, said %q", args, code, said)
		}
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("a damaged backup made the data folder")
	}
	must(t, "restore", file, "--check", "--data", target)
	if _, err := os.Stat(target); err == nil {
		t.Error("checking made the data folder")
	}

	// A key that is there is not replaced by accident.
	if err := os.Mkdir(target, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(target, "hubline.key"), strings.Repeat("k", 32))
	if code, _, said := hubline(t, "restore", file, "--data", target); code != exitFailed || !strings.Contains(said, "another key") {
		t.Errorf("over another key: exit %d, said %q", code, said)
	}
	if code, _, said := hubline(t, "restore", file, "--data", filepath.Join(dir, "c"), "--key", strings.Repeat("ab", 32)); code != exitFailed || !strings.Contains(said, "another key") {
		t.Errorf("with another --key: exit %d, said %q", code, said)
	}
	must(t, "restore", file, "--data", target, "--force")
	if list := must(t, "staff", "list", "--data", target); !strings.Contains(list, "alex@provider.example") {
		t.Errorf("staff: %s", list)
	}
}

func TestBackupToStandardOutputAndWithoutKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, "staff", "create", "alex@provider.example", "--data", dir)
	file := filepath.Join(dir, "piped.zip")
	write(t, file, must(t, "backup", "-", "--no-key", "--data", dir))
	code, _, said := hubline(t, "restore", file, "--data", filepath.Join(dir, "new"))
	if code != exitDone || !strings.Contains(said, "holds no key") {
		t.Errorf("exit %d, said %q", code, said)
	}
	if _, err := os.Stat(filepath.Join(dir, "new", "hubline.key")); err == nil {
		t.Error("a backup without key made one")
	}
}

func TestBackupLeavesNothingBehindWhenItFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	store := t.TempDir()
	for range 2 { // no store at all, then one without tables
		if code, _, said := hubline(t, "backup", filepath.Join(dir, "b.zip"), "--data", store); code != exitFailed {
			t.Errorf("exit %d, said %q", code, said)
		}
		write(t, filepath.Join(store, "hubline.db"), "")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
