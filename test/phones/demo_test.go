// Package phones drives the real binary's demo with other people's phones: baresip for sound, SIPp for every way a call can go, Chromium for
// SIP over WebSocket. It knows the product from outside, by demo.json and the carrier's list, and reads what was recorded from the store.
package phones

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/test/node"
)

// patience is how long anything may take on a busy machine.
const patience = 60 * time.Second

// made is what all tests share: the program, and the folder of a complete demo that was stopped. Each test runs a copy of its own.
var made = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "hubline-phones-"); err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "hubline"), "hubline/cmd/hubline")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("build: %w\n%s", err, out)
	}
	seed := filepath.Join(dir, "demo")
	said := &output{}
	cmd := demoCommand(dir, seed, said)
	if err := cmd.Start(); err != nil {
		return dir, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	err = waitFor(func() bool { return ready(seed) != nil || len(ended) > 0 })
	stop := cmd.Process.Signal(os.Interrupt)
	if end := <-ended; err == nil && (stop != nil || end != nil) {
		err = fmt.Errorf("the demo: %w\n%s", errors.Join(stop, end), said)
	}
	return dir, err
})

func demoCommand(dir, data string, said *output) *exec.Cmd {
	cmd := exec.Command(filepath.Join(dir, "hubline"), "demo", "--data", data, "--http", "127.0.0.1:0", "--sip", "127.0.0.1:0")
	cmd.Stdout, cmd.Stderr = said, said
	return cmd
}

func TestMain(m *testing.M) {
	code := m.Run()
	closeBrowser()
	if dir, _ := made(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// output is what a program printed so far.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// demo is a running demo with what its demo.json says.
type demo struct {
	t   *testing.T
	dir string

	authority string // file of the certificate that signed the server's; "" without TLS
	Portal    string `json:"portal"`
	SIP       string `json:"sip"`
	WS        string `json:"sip_websocket"`
	Domain    string `json:"sip_domain"`
	Carrier   struct {
		SIP string `json:"sip"`
	} `json:"carrier"`
	Accounts []struct {
		Slug       string `json:"slug"`
		PhoneUsers []struct {
			Extension string `json:"extension"`
			CallerID  string `json:"caller_id"`
			SIP       device `json:"sip"`
			SHA256    device `json:"sip_sha256"`
		} `json:"phone_users"`
	} `json:"accounts"`
}

// device is a phone's credential.
type device struct {
	Username  string `json:"username"`
	Password  string `json:"password"`
	Domain    string `json:"domain"`
	Algorithm string `json:"algorithm"`
}

// ready reads demo.json; nil when there is none yet.
func ready(dir string) *demo {
	d := &demo{dir: dir}
	text, err := os.ReadFile(filepath.Join(dir, "demo.json"))
	if err != nil || json.Unmarshal(text, d) != nil || d.SIP == "" {
		return nil
	}
	return d
}

// start runs a demo of the test's own.
func start(t *testing.T) *demo {
	t.Helper()
	from, dir := folder(t)
	must(t, os.Remove(filepath.Join(dir, "demo.json"))) // the addresses in it are old; new devices are made
	said := &output{}
	ended := launch(t, demoCommand(from, dir, said), said)
	var d *demo
	until(t, "demo.json", func() bool {
		select {
		case <-ended:
			t.Fatalf("the demo ended:\n%s", said)
		default:
		}
		d = ready(dir)
		return d != nil
	})
	d.t = t
	return d
}

// folder copies the demo's folder for a program of the test's own. from has the program.
func folder(t *testing.T) (from, dir string) {
	t.Helper()
	from, err := made()
	must(t, err)
	dir = filepath.Join(t.TempDir(), "demo")
	must(t, os.CopyFS(dir, os.DirFS(filepath.Join(from, "demo"))))
	must(t, os.Chmod(filepath.Join(dir, "hubline.key"), 0o600))
	return from, dir
}

// launch starts a Hubline that ends with the test.
func launch(t *testing.T, cmd *exec.Cmd, said *output) (ended chan struct{}) {
	t.Helper()
	must(t, cmd.Start())
	ended = make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("the demo does not stop")
			cmd.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("the demo said:\n%s", said)
		}
	})
	return ended
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// waitFor waits for a condition.
func waitFor(is func() bool) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !is(); <-tick.C {
		if time.Now().After(deadline) {
			return fmt.Errorf("did not happen within %s", patience)
		}
	}
	return nil
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	if err := waitFor(is); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// device returns the MD5 device of a phone user of harbour.
func (d *demo) device(extension string) device {
	d.t.Helper()
	for _, u := range d.Accounts[0].PhoneUsers {
		if u.Extension == extension {
			return u.SIP
		}
	}
	d.t.Fatalf("demo.json has no phone user %s", extension)
	return device{}
}

// record is what was written down about a call that is over.
type record struct {
	Direction, Status, From, To, Point, Service, Cause string
	SIP                                                int
}

// begun is when the tests began. The calls of the demo's past are an hour older.
var begun = time.Now()

// records returns what was recorded in harbour since then, the oldest first, once there are as many calls.
func (d *demo) records(count int) (list []record) {
	d.t.Helper()
	ctx := context.Background()
	store, err := db.Open(ctx, "sqlite:"+filepath.Join(d.dir, "hubline.db"))
	must(d.t, err)
	defer store.Close()
	until(d.t, strconv.Itoa(count)+" records", func() bool {
		list = nil
		rows, err := store.QueryContext(ctx, `
			SELECT direction, status, from_number, to_number, answering_point, service_number, cause, sip_status
			FROM calls WHERE account_id = (SELECT id FROM accounts WHERE slug = $1) AND ended_at > 0 AND started_at > $2 ORDER BY started_at`, d.Accounts[0].Slug, begun.Add(-time.Minute).UnixMilli())
		must(d.t, err)
		defer rows.Close()
		for rows.Next() {
			var r record
			must(d.t, rows.Scan(&r.Direction, &r.Status, &r.From, &r.To, &r.Point, &r.Service, &r.Cause, &r.SIP))
			list = append(list, r)
		}
		must(d.t, rows.Err())
		return len(list) >= count
	})
	if len(list) != count {
		d.t.Fatalf("%d calls were recorded, want %d: %+v", len(list), count, list)
	}
	return list
}

// recorded waits for the record of one more call and compares it.
func (d *demo) recorded(number int, want record) {
	d.t.Helper()
	if got := d.records(number)[number-1]; got != want {
		d.t.Errorf("recorded\n%+v, want\n%+v", got, want)
	}
}

// outside is a call that the carrier saw.
type outside struct {
	Direction, From, Asserted, Privacy, To, Outcome, Digits string
}

// carried returns the calls that the carrier saw, the oldest first.
func (d *demo) carried() (list []outside) {
	d.t.Helper()
	answer, err := http.Get(d.Portal + "/_carrier.json")
	must(d.t, err)
	defer answer.Body.Close()
	must(d.t, json.NewDecoder(answer.Body).Decode(&list))
	return list
}

// freePort returns a port that is free for UDP and TCP, and whose next one, which baresip takes for TLS, is free too.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		at := node.Free(t)
		next, err := net.Listen("tcp", netip.AddrPortFrom(at.Addr(), at.Port()+1).String())
		if err == nil {
			next.Close()
			return int(at.Port())
		}
	}
}

// installed fails the test where a program is missing.
func installed(t *testing.T, program, debian string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is needed (Debian: apt-get install %s)", program, debian)
	}
	return path
}
