package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const kamailioPassword = "quiet-harbour-lantern"

// startKamailio runs Kamailio with a configuration of our own: users and their HA1 in a hash table, bindings in memory or written through to
// PostgreSQL, calls by a stateful proxy.
func startKamailio(ctx context.Context, dir string, db *database) (*server, error) {
	workers, storage := "1", `modparam("usrloc", "db_mode", 0)`
	if db != nil {
		if err := db.kamailio(ctx, "standard", "usrloc"); err != nil {
			return nil, err
		}
		workers = "8" // one would wait for the disk between any two registrations
		storage = "loadmodule \"db_postgres.so\"\n" + `modparam("usrloc", "db_mode", 1)` + "\n" + fmt.Sprintf(`modparam("usrloc", "db_url", "%s")`, db.kamailioURL("kamailio"))
	}
	return runKamailio(ctx, dir, "{workers}", workers, "{storage}", storage, "{began}", "", "{ended}", "", "{more}", "")
}

// startKeepingKamailio runs Kamailio with bindings in memory that processes of their own write to a database each second, a commit for each
// binding: eight of them to PostgreSQL, or one to a file of SQLite when there is no other.
func startKeepingKamailio(ctx context.Context, dir string, db *database) (*server, error) {
	var driver, url, writers string
	var written func(ctx context.Context) (int, error)
	if db != nil {
		if err := db.kamailio(ctx, "standard", "usrloc"); err != nil {
			return nil, err
		}
		driver, url, writers = `loadmodule "db_postgres.so"`, db.kamailioURL("kamailio"), "8"
		written = func(ctx context.Context) (int, error) { return db.sum(ctx, "kamailio", "cseq", "location") }
	} else {
		file := filepath.Join(dir, "kamailio.db")
		if err := sqliteTables(ctx, file, "standard", "usrloc"); err != nil {
			return nil, err
		}
		driver, url, writers = `loadmodule "db_sqlite.so"`, "sqlite://"+file, "1"
		written = func(ctx context.Context) (int, error) { return sumInFile(ctx, file, "cseq", "location") }
	}
	s, err := runKamailio(ctx, dir, "{workers}", "1", "{storage}", driver+fmt.Sprintf(keeping, url, writers), "{began}", "", "{ended}", "", "{more}", "")
	if err != nil {
		return nil, err
	}
	s.written = written
	return s, nil
}

const keeping = `
modparam("usrloc", "db_url", "%s")
modparam("usrloc", "db_mode", 2)
modparam("usrloc", "timer_interval", 1)
modparam("usrloc", "timer_procs", %s)
`

// sqliteTables makes a file with those tables of Kamailio's anew. Its write-ahead log is a property that the file keeps.
func sqliteTables(ctx context.Context, file string, tables ...string) error {
	for _, old := range []string{file, file + "-wal", file + "-shm"} {
		if err := os.Remove(old); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	args := []string{"-bail", file, "PRAGMA journal_mode=WAL"}
	for _, table := range tables {
		args = append(args, ".read /usr/share/kamailio/db_sqlite/"+table+"-create.sql")
	}
	if out, err := exec.CommandContext(ctx, "sqlite3", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("sqlite3: %w: %s", err, out)
	}
	return nil
}

// startRecordingKamailio runs Kamailio with what Hubline does in a call: it keeps dialogs, has rtpengine carry the sound through ports of
// its own, and writes the answer and the end to PostgreSQL, each a commit (module acc). The answer is written after the caller has heard of
// it, where Hubline writes it before.
func startRecordingKamailio(ctx context.Context, dir string, db *database) (*server, error) {
	if err := db.kamailio(ctx, "standard", "acc"); err != nil {
		return nil, err
	}
	if err := db.psql(ctx, "kamailio", "-c", "ALTER TABLE acc ADD COLUMN src_user TEXT, ADD COLUMN dst_user TEXT"); err != nil {
		return nil, err
	}
	control, err := freeUDP()
	if err != nil {
		return nil, err
	}
	sound := onFirst(ctx, "rtpengine", "--config-file=none", "--foreground", "--table=-1", "--interface=127.0.0.1", "--listen-ng="+control.String(),
		"--num-threads=1", "--port-min=30000", "--port-max=39999", "--log-level=1", "--log-stderr")
	if err := sound.Start(); err != nil {
		return nil, err
	}
	end := func() {
		sound.Process.Signal(syscall.SIGTERM)
		sound.Wait()
	}
	if err := awaitSound(control); err != nil {
		end()
		return nil, err
	}
	s, err := runKamailio(ctx, dir, "{workers}", "8", "{storage}", strings.NewReplacer("{db}", db.kamailioURL("kamailio"), "{control}", control.String()).Replace(recording),
		"{began}", recordingBegan, "{ended}", recordingEnded, "{more}", recordingMore)
	if err != nil {
		end()
		return nil, err
	}
	s.beside, s.down = sound.Process.Pid, end
	return s, nil
}

// awaitSound returns when rtpengine answers: Kamailio would do without it for a minute.
func awaitSound(control *net.UDPAddr) error {
	c, err := net.DialUDP("udp", nil, control)
	if err != nil {
		return err
	}
	defer c.Close()
	answer := make([]byte, 256)
	for range 100 {
		fmt.Fprint(c, "bench d7:command4:pinge")
		c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := c.Read(answer); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return errors.New("rtpengine did not get ready")
}

// kamailio makes the database anew, with those tables.
func (db *database) kamailio(ctx context.Context, tables ...string) error {
	if err := db.create(ctx, "kamailio"); err != nil {
		return err
	}
	for _, table := range tables {
		if err := db.load(ctx, "kamailio", "/usr/share/kamailio/postgres/"+table+"-create.sql"); err != nil {
			return err
		}
	}
	return nil
}

// runKamailio starts Kamailio with the configuration below, in which pieces are replaced.
func runKamailio(ctx context.Context, dir string, pieces ...string) (*server, error) {
	addr, err := freeUDP()
	if err != nil {
		return nil, err
	}
	modules := kamailioModules()
	if modules == "" {
		return nil, errors.New("the modules of kamailio were not found")
	}
	s := &server{addr: addr, domain: "sip.bench.test"}
	for i := range *people {
		name := fmt.Sprintf("kamailio-bench-%06d", i)
		s.users = append(s.users, &user{device: device{name: name, password: kamailioPassword, dial: name, account: i / perAccount}})
	}
	text := strings.NewReplacer(append(pieces, "{addr}", addr.String(), "{domain}", s.domain, "{modules}", modules, "{users}", fmt.Sprint(*people),
		"{password}", kamailioPassword)...).Replace(kamailioConfig)
	config := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	s.cmd = onFirst(ctx, "kamailio", "-x", "fm", "-X", "fm", "-m", "1024", "-M", "64", "-f", config, "-DD", "-E", "-Y", dir)
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, s.wait()
}

func kamailioModules() string {
	for _, pattern := range []string{"/usr/lib/*/kamailio/modules/usrloc.so", "/usr/lib/kamailio/modules/usrloc.so", "/usr/local/lib*/kamailio/modules/usrloc.so"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return filepath.Dir(found[0]) + "/"
		}
	}
	return ""
}

const kamailioConfig = `#!KAMAILIO
debug=-1
log_stderror=yes
children={workers}
disable_tcp=yes
auto_aliases=no
listen=udp:{addr}
alias="{domain}"
max_while_loops=1000000
mpath="{modules}"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "auth.so"
loadmodule "htable.so"
{storage}
modparam("usrloc", "hash_size", 14)
modparam("registrar", "max_contacts", 5)
modparam("auth", "nonce_expire", 60)
modparam("htable", "htable", "auth=>size=14;")

event_route[htable:mod-init] {
	$var(i) = 0;
	while ($var(i) < {users}) {
		$var(n) = "" + (1000000 + $var(i));
		$var(n) = "kamailio-bench-" + $(var(n){s.substr,1,0});
		$var(h) = $var(n) + ":{domain}:{password}";
		$sht(auth=>$var(n)) = $(var(h){s.md5});
		$var(i) = $var(i) + 1;
	}
}

request_route {
	if (!mf_process_maxfwd_header("10")) {
		sl_send_reply("483", "Too Many Hops");
		exit;
	}
	if (is_method("OPTIONS")) {
		sl_send_reply("200", "OK");
		exit;
	}
	if (is_method("CANCEL")) {
		if (t_check_trans()) t_relay();
		exit;
	}
	if (has_totag()) {
		if (loose_route()) {
			{ended}
			t_relay();
			exit;
		}
		if (is_method("ACK") && t_check_trans()) t_relay();
		exit;
	}
	t_check_trans();
	if (is_method("REGISTER")) {
		if (!pv_www_authenticate("{domain}", "$sht(auth=>$au)", "1")) {
			www_challenge("{domain}", "1");
			exit;
		}
		save("location");
		exit;
	}
	if (is_method("INVITE")) {
		if (!pv_proxy_authenticate("{domain}", "$sht(auth=>$au)", "1")) {
			proxy_challenge("{domain}", "1");
			exit;
		}
		consume_credentials();
		record_route();
		if (!lookup("location")) {
			sl_send_reply("404", "Not Found");
			exit;
		}
		{began}
		t_relay();
		exit;
	}
	sl_send_reply("405", "Method Not Allowed");
}
{more}
`

// What a call needs beyond a proxy.
const (
	recording = `modparam("usrloc", "db_mode", 0)
loadmodule "db_postgres.so"
loadmodule "dialog.so"
loadmodule "acc.so"
loadmodule "rtpengine.so"
modparam("dialog", "dlg_flag", 4)
modparam("acc", "db_url", "{db}")
modparam("acc", "db_flag", 1)
modparam("acc", "db_extra", "src_user=$fU;dst_user=$tU")
modparam("rtpengine", "rtpengine_sock", "udp:{control}")
`
	recordingBegan = `setflag(1);
		setflag(4);
		dlg_manage();
		rtpengine_manage("replace-origin replace-session-connection ICE=remove");
		t_on_reply("sound");`
	recordingEnded = `if (is_method("BYE")) {
				setflag(1);
				rtpengine_delete();
			}`
	recordingMore = `
onreply_route[sound] {
	if (has_body("application/sdp")) rtpengine_manage("replace-origin replace-session-connection ICE=remove");
}`
)
