package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"hubline/base/db"
	"hubline/base/job"
	"hubline/base/seal"
	"hubline/product/account"
)

// rig is a store with two demo accounts made large, and the binary that serves it.
type rig struct {
	dir, binary, data string
	address           string // host:port of the server
	cmd               *exec.Cmd
	keys              []string // API keys of the large account; many, as each may make so many requests a second
	demo              struct {
		Accounts []struct {
			Slug     string `json:"slug"`
			APIKey   string `json:"api_key"`
			HubUsers []struct {
				Email    string   `json:"email"`
				Password string   `json:"password"`
				Roles    []string `json:"roles"`
			} `json:"hub_users"`
		} `json:"accounts"`
	}
}

func build(ctx context.Context) (*rig, error) {
	dir, err := os.MkdirTemp("", "hubline-bench-")
	if err != nil {
		return nil, err
	}
	r := &rig{dir: dir, binary: filepath.Join(dir, "hubline"), data: filepath.Join(dir, "data")}
	compile := exec.CommandContext(ctx, "go", "build", "-o", r.binary, "hubline/cmd/hubline")
	compile.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := compile.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build: %w\n%s", err, out)
	}
	if err := r.fill(ctx); err != nil {
		return nil, err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r.address = free.Addr().String()
	return r, free.Close()
}

// fill makes the demo's accounts and people through the demo itself, then adds mass to the store.
func (r *rig) fill(ctx context.Context) error {
	demo := exec.CommandContext(ctx, r.binary, "demo", "--data", r.data, "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0")
	if err := demo.Start(); err != nil {
		return err
	}
	path := filepath.Join(r.data, "demo.json")
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		text, err := os.ReadFile(path)
		if err == nil && json.Unmarshal(text, &r.demo) == nil {
			break
		}
		if time.Now().After(deadline) {
			return errors.New("the demo did not get ready")
		}
	}
	demo.Process.Signal(os.Interrupt)
	if err := demo.Wait(); err != nil {
		return err
	}
	d, err := db.Open(ctx, r.storeURL())
	if err != nil {
		return err
	}
	defer d.Close()
	if err := r.mass(ctx, d); err != nil {
		return err
	}
	return r.makeKeys(ctx, d)
}

// makeKeys makes API keys as the operator does.
func (r *rig) makeKeys(ctx context.Context, d *db.DB) error {
	ring, err := seal.Load(filepath.Join(r.data, "hubline.key"))
	if err != nil {
		return err
	}
	room := account.New(account.Config{DB: d, Keys: ring, Jobs: job.New(d, ring, slog.New(slog.DiscardHandler))})
	customer, err := room.BySlug(ctx, account.Operate(), r.slug())
	if err != nil {
		return err
	}
	var maker string
	if err := d.QueryRowContext(ctx, `SELECT id FROM memberships WHERE account_id = $1 AND email = $2`, customer.ID, r.demo.Accounts[0].HubUsers[0].Email).Scan(&maker); err != nil {
		return err
	}
	for i := range 400 {
		_, key, err := room.MakeKey(ctx, account.Operate().Inside(customer), maker, "bench "+strconv.Itoa(i), account.Scopes(), 0)
		if err != nil {
			return err
		}
		r.keys = append(r.keys, key)
	}
	return nil
}

func (r *rig) storeURL() string {
	if *store != "" {
		return *store
	}
	return "sqlite:" + filepath.Join(r.data, "hubline.db")
}

func (r *rig) mass(ctx context.Context, d *db.DB) error {
	return d.Tx(ctx, func(ctx context.Context, q db.Q) error {
		var account string
		if err := q.QueryRowContext(ctx, `SELECT id FROM accounts WHERE slug = $1`, r.slug()).Scan(&account); err != nil {
			return err
		}
		for i := range *members {
			id, mail, name := fmt.Sprintf("benchmember%015d", i), fmt.Sprintf("person%05d@bench.example", i), fmt.Sprintf("Person %05d", i)
			if _, err := q.ExecContext(ctx, `
				INSERT INTO memberships (account_id, id, person_id, email, name, search, roles, state, invited_at, accepted_at, last_signed_in_at, version)
				VALUES ($1, $2, $3, $4, $5, $6, '', 'active', $7, $7, $7, 1)`, account, id, id, mail, name, strings.ToLower(name+" "+mail), 1_700_000_000_000+i); err != nil {
				return err
			}
		}
		if _, err := q.ExecContext(ctx, `UPDATE people_counts SET people = people + $2 WHERE account_id = $1 AND state = 'active'`, account, *members); err != nil {
			return err
		}
		for i := range *others {
			slug, name := fmt.Sprintf("bench-%06d", i), fmt.Sprintf("Bench %06d", i)
			if _, err := q.ExecContext(ctx, `
				INSERT INTO accounts (id, slug, number, name, search, time_zone, invitation_hours, check_minutes, daily_invitations, created_at, version)
				VALUES ($1, $2, $3, $4, $5, 'Australia/Sydney', 168, 30, 200, 1700000000000, 1)`,
				fmt.Sprintf("benchaccount%014d", i), slug, strconv.Itoa(1_000_000+i), name, strings.ToLower(name+" "+slug)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *rig) slug() string { return r.demo.Accounts[0].Slug }

// serve starts the server and waits until it is ready; it returns how long that took.
func (r *rig) serve(ctx context.Context) (time.Duration, error) {
	r.cmd = exec.CommandContext(ctx, r.binary, "serve", "--data", r.data, "--store", r.storeURL(), "--http", r.address,
		"--base-url", "http://"+r.address, "--trusted-proxies", "127.0.0.1", "--log-level", "error")
	r.cmd.Stderr = os.Stderr
	began := time.Now()
	if err := r.cmd.Start(); err != nil {
		return 0, err
	}
	for deadline := began.Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		answer, err := http.Get("http://" + r.address + "/readyz")
		if err != nil {
			continue
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return time.Since(began), nil
		}
	}
	return 0, errors.New("the server did not get ready")
}

func (r *rig) stop() error {
	if r.cmd == nil {
		return nil
	}
	r.cmd.Process.Signal(syscall.SIGTERM)
	err := r.cmd.Wait()
	r.cmd = nil
	return err
}

func (r *rig) close() {
	r.stop()
	os.RemoveAll(r.dir)
}

// processorTime is what the server has used so far, in user and system mode.
func (r *rig) processorTime() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * (time.Second / 100) // clock ticks, 100 a second on Linux
}

var residentSet = regexp.MustCompile(`(VmRSS|VmHWM):\s+(\d+) kB`)

// resident is the server's memory now and at its highest, in MiB.
func (r *rig) resident() (now, highest float64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	for _, m := range residentSet.FindAllStringSubmatch(string(text), -1) {
		kib, _ := strconv.ParseFloat(m[2], 64)
		if m[1] == "VmRSS" {
			now = kib / 1024
		} else {
			highest = kib / 1024
		}
	}
	return now, highest
}

// client keeps its connections; it never follows redirects and keeps no cookies.
var client = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 2048, MaxConnsPerHost: 0, DisableCompression: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       60 * time.Second,
}

// post sends a form as from a browser behind a proxy at that address.
func (r *rig) post(ctx context.Context, path string, form url.Values, from string, cookies ...*http.Cookie) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, "POST", "http://"+r.address+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Forwarded-For", from)
	for _, c := range cookies {
		request.AddCookie(c)
	}
	answer, err := client.Do(request)
	if err == nil {
		drain(answer)
	}
	return answer, err
}

// signIn returns the cookies of a new session.
func (r *rig) signIn(ctx context.Context, email, password, from string, device ...*http.Cookie) ([]*http.Cookie, error) {
	answer, err := r.post(ctx, "/sign-in", url.Values{"email": {email}, "password": {password}}, from, device...)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusSeeOther {
		return nil, fmt.Errorf("signing in as %s: %s", email, answer.Status)
	}
	return answer.Cookies(), nil
}
