package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	accounts "os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// database is a PostgreSQL of the bench's own, on a free port of the loopback, with its default durability.
type database struct {
	cmd   *exec.Cmd
	bin   string
	port  int
	owner *syscall.Credential
}

func startDatabase(ctx context.Context, dir string) (*database, error) {
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(bins) == 0 {
		return nil, fmt.Errorf("PostgreSQL is not installed")
	}
	slices.Sort(bins)
	db := &database{bin: filepath.Dir(bins[len(bins)-1])}
	data := filepath.Join(dir, "postgres")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		u, err := accounts.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		db.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(data, uid, gid); err != nil {
			return nil, err
		}
		if err := os.Chmod(dir, 0o711); err != nil {
			return nil, err
		}
	}
	if err := db.run(ctx, "initdb", "-D", data, "-U", "bench", "-A", "trust", "--no-locale", "-E", "UTF8"); err != nil {
		return nil, err
	}
	free, err := freeUDP()
	if err != nil {
		return nil, err
	}
	db.port = free.Port
	db.cmd = exec.CommandContext(ctx, filepath.Join(db.bin, "postgres"), "-D", data, "-p", strconv.Itoa(db.port), "-c", "listen_addresses=127.0.0.1", "-k", data)
	db.cmd.Dir, db.cmd.SysProcAttr = data, &syscall.SysProcAttr{Setpgid: true, Credential: db.owner}
	if err := db.cmd.Start(); err != nil {
		return nil, err
	}
	for range 100 {
		if err = db.run(ctx, "psql", "-h", "127.0.0.1", "-p", strconv.Itoa(db.port), "-U", "bench", "-c", "SELECT 1", "postgres"); err == nil {
			return db, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	db.stop()
	return nil, err
}

// run runs one of PostgreSQL's programs.
func (db *database) run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(db.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{Credential: db.owner}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

func (db *database) psql(ctx context.Context, name string, args ...string) error {
	return db.run(ctx, "psql", append([]string{"-q", "-h", "127.0.0.1", "-p", strconv.Itoa(db.port), "-U", "bench", "-d", name, "-v", "ON_ERROR_STOP=1"}, args...)...)
}

// sum adds up a column.
func (db *database) sum(ctx context.Context, name, column, table string) (int, error) {
	return number(exec.CommandContext(ctx, filepath.Join(db.bin, "psql"), "-At", "-h", "127.0.0.1", "-p", strconv.Itoa(db.port), "-U", "bench", "-d", name, "-c", sumOf(column, table)))
}

// sumInFile adds up a column of a table in an SQLite file.
func sumInFile(ctx context.Context, file, column, table string) (int, error) {
	return number(exec.CommandContext(ctx, "sqlite3", "-readonly", file, sumOf(column, table)))
}

func sumOf(column, table string) string {
	return "SELECT COALESCE(SUM(" + column + "), 0) FROM " + table
}

func number(cmd *exec.Cmd) (int, error) {
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err)
	}
	return strconv.Atoi(string(bytes.TrimSpace(out)))
}

// create makes an empty database of that name.
func (db *database) create(ctx context.Context, name string) error {
	if err := db.psql(ctx, "postgres", "-c", "DROP DATABASE IF EXISTS "+name); err != nil {
		return err
	}
	return db.psql(ctx, "postgres", "-c", "CREATE DATABASE "+name)
}

func (db *database) load(ctx context.Context, name, file string) error {
	return db.psql(ctx, name, "-f", file)
}

func (db *database) url(name string) string {
	return fmt.Sprintf("postgres://bench@127.0.0.1:%d/%s?sslmode=disable", db.port, name)
}

func (db *database) kamailioURL(name string) string {
	return fmt.Sprintf("postgres://bench:none@127.0.0.1:%d/%s", db.port, name)
}

func (db *database) used() time.Duration { return groupTime(databaseProcesses(db.cmd.Process.Pid)) }

// databaseProcesses are the postmaster and its children; each child is a session of its own.
func databaseProcesses(postmaster int) (pids []string) {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", postmaster))
	pids = append(pids, strconv.Itoa(postmaster))
	for _, pid := range bytes.Fields(children) {
		pids = append(pids, string(pid))
	}
	return pids
}

func (db *database) stop() {
	db.cmd.Process.Signal(syscall.SIGINT)
	db.cmd.Wait()
}
