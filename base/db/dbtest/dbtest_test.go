package dbtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hubline/base/db"
)

// childVariable makes this test binary a process that starts a server and waits.
const childVariable = "HUBLINE_DBTEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	s, err := postgres()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.dir)
	io.Copy(io.Discard, os.Stdin)
}

func TestServerEndsWithTheTestProcess(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(p *os.Process, stdin io.Closer) error{
		"normally": func(_ *os.Process, stdin io.Closer) error { return stdin.Close() },
		"killed":   func(p *os.Process, _ io.Closer) error { return p.Kill() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), childVariable+"=1")
			stdin, err := cmd.StdinPipe()
			must(t, err)
			stdout, err := cmd.StdoutPipe()
			must(t, err)
			must(t, cmd.Start())
			defer cmd.Process.Kill()
			dir, err := bufio.NewReader(stdout).ReadString('\n')
			must(t, err)
			dir = strings.TrimSpace(dir)
			pid := serverPID(t, dir)
			must(t, end(cmd.Process, stdin))
			cmd.Wait()
			await(t, "the server's end", func() bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) })
			await(t, "the folder's removal", func() bool {
				_, err := os.Stat(dir)
				return errors.Is(err, fs.ErrNotExist)
			})
		})
	}
}

func serverPID(t *testing.T, dir string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	must(t, err)
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	must(t, err)
	return pid
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	limit := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%s did not come", what)
		}
	}
}

func TestMissingPostgresSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := findPostgres(filepath.Join(t.TempDir(), "*", "bin"))
	if err == nil || !strings.Contains(err.Error(), "apt-get install postgresql") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v", err)
	}
}

func TestNewestPostgresIsTaken(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	root := t.TempDir()
	for _, v := range []string{"9", "15", "17"} {
		bin := filepath.Join(root, v, "bin")
		must(t, os.MkdirAll(bin, 0o755))
		if v != "17" { // only its client is installed
			must(t, os.WriteFile(filepath.Join(bin, "postgres"), nil, 0o755))
		}
	}
	got, err := findPostgres(filepath.Join(root, "*", "bin"))
	must(t, err)
	if want := filepath.Join(root, "15", "bin"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStoresAreMigratedAndPrivate(t *testing.T) {
	for range 2 {
		Each(t, func(t *testing.T, d *db.DB) {
			must(t, db.Check(t.Context(), d))
			_, err := d.ExecContext(t.Context(), "CREATE TABLE mine (a TEXT)")
			must(t, err)
			if name := filepath.Base(t.Name()); !strings.HasPrefix(name, d.Engine()) {
				t.Errorf("%s runs on %s", name, d.Engine())
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
