package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"hubline/base/db"
)

const (
	startLimit = 60 * time.Second // for initdb and for the server to answer, on a machine under load
	maxSocket  = 107              // bytes of a socket's path (unix(7), sun_path)
	socketName = ".s.PGSQL.5432"
	template   = "hubline_template"

	roomInMemory = 2 << 30 // bytes; two servers with all the databases of tests that run at once stay far below
)

// Postgres returns a migrated store in a database of its own, closed and dropped at the end of the test.
func Postgres(t testing.TB) *db.DB {
	t.Helper()
	return open(t, PostgresURL(t))
}

// PostgresURL makes a migrated database of its own and returns its address, for tests that start the real program.
// The database is dropped at the end of the test.
func PostgresURL(t testing.TB) string {
	t.Helper()
	s, err := postgres()
	if err != nil {
		t.Fatal(err)
	}
	name := "t_" + strings.ToLower(rand.Text())
	if _, err := s.admin.ExecContext(t.Context(), "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatalf("create the test's database: %v", err)
	}
	t.Cleanup(func() {
		// The test's context has ended. FORCE: a program under test may have died with its connections open.
		if _, err := s.admin.ExecContext(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return s.url(name)
}

// server is the one PostgreSQL of a test binary.
type server struct {
	dir   string
	alive io.Closer // the pipe whose end stops the server; kept here so that it is not collected as garbage
	admin *sql.DB
}

func (s *server) url(database string) string {
	return "postgres://hubline@/" + database + "?" + url.Values{"host": {s.dir}}.Encode()
}

// postgres starts the server at first use. It ends with the test process, however that ends: see script.
var postgres = sync.OnceValues(func() (*server, error) {
	bin, err := findPostgres("/usr/lib/postgresql/*/bin")
	if err != nil {
		return nil, err
	}
	owner, err := owner()
	if err != nil {
		return nil, err
	}
	dir, err := serverDir(owner)
	if err != nil {
		return nil, fmt.Errorf("make a folder for PostgreSQL: %w", err)
	}
	s := &server{dir: dir}
	if err := s.start(bin, owner); err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w\n%s", err, s.log())
	}
	if _, err := s.admin.Exec("CREATE DATABASE " + template); err != nil {
		return nil, fmt.Errorf("create the PostgreSQL template: %w", err)
	}
	if err := migrated(s.url(template)); err != nil {
		return nil, fmt.Errorf("migrate the PostgreSQL template: %w", err)
	}
	return s, nil
})

// findPostgres returns the folder of initdb and postgres: the one on PATH, or the newest of Debian's versioned folders,
// which are not on PATH.
func findPostgres(versioned string) (string, error) {
	candidates, _ := filepath.Glob(versioned)
	slices.SortFunc(candidates, func(a, b string) int { return version(b) - version(a) })
	if initdb, err := exec.LookPath("initdb"); err == nil {
		if initdb, err = filepath.EvalSymlinks(initdb); err == nil {
			candidates = append([]string{filepath.Dir(initdb)}, candidates...)
		}
	}
	for _, dir := range candidates {
		if _, err := exec.LookPath(filepath.Join(dir, "postgres")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("PostgreSQL is missing and the tests need it: apt-get install postgresql (Debian, Ubuntu) or brew install postgresql (macOS)")
}

func version(bin string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(bin)))
	return n
}

// owner returns the user for the server, nil for the present one: PostgreSQL refuses to run as root.
func owner() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root and needs the user postgres: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// serverDir makes the server's folder, for its data and its socket: in memory where there is room, because making a
// database is making some three hundred files. The system's own folder for temporary files comes last, as its path may
// be too long for a socket or closed to the server's user.
func serverDir(owner *syscall.Credential) (string, error) {
	parent := "/tmp"
	if free("/dev/shm") > roomInMemory {
		parent = "/dev/shm"
	} else if _, err := os.Stat(parent); err != nil {
		parent = os.TempDir()
	}
	dir, err := os.MkdirTemp(parent, "hl-")
	if err != nil {
		return "", err
	}
	if len(filepath.Join(dir, socketName)) > maxSocket {
		return "", fmt.Errorf("%s is too long for a socket; set TMPDIR to a shorter path", dir)
	}
	if owner != nil {
		return dir, os.Chown(dir, int(owner.Uid), int(owner.Gid))
	}
	return dir, nil
}

// free returns the bytes free at path, 0 when there is no such file system.
func free(path string) uint64 {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return 0
	}
	return fs.Bavail * uint64(fs.Bsize)
}

// script runs the server until its standard input ends, then removes the folder. Only the test process holds the other
// end of that pipe, so the kernel closes it even when the process is killed.
const script = `
exec 3<&0
if "$1/initdb" -D "$2/data" -U hubline -A trust -E UTF8 --locale=C --no-sync >"$2/log" 2>&1
then
	"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= \
		-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c wal_level=minimal -c max_wal_senders=0 \
		-c min_wal_size=32MB -c max_wal_size=64MB -c max_connections=300 -c shared_buffers=64MB -c jit=off >>"$2/log" 2>&1 &
	server=$!
	{ read -r _; while kill -QUIT $server; do sleep 0.1; done; } <&3 2>/dev/null &
	wait $server
fi
touch "$2/ended"
read -r _ <&3
rm -rf "$2"
`

func (s *server) start(bin string, owner *syscall.Credential) error {
	cmd := exec.Command("/bin/sh", "-c", script, "sh", bin, s.dir)
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	// A session of its own: Ctrl-C reaches the test process only, and the script still tidies up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: owner}
	var err error
	if s.alive, err = cmd.StdinPipe(); err != nil { // never written to and never closed
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	admin, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	s.admin = admin
	admin.SetMaxOpenConns(2)
	return s.wait()
}

func (s *server) wait() error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(filepath.Join(s.dir, "ended")); err == nil {
			return errors.New("it ended at once")
		}
		err := s.admin.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer after %v: %w", startLimit, err)
		case <-tick.C:
		}
	}
}

func (s *server) log() string {
	log, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(log)
}
