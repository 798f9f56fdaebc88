package phones

import (
	"embed"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"text/template"
	"time"
)

//go:embed sipp/*.xml
var scenarios embed.FS

// play is what a scenario's template may ask for.
type play struct {
	Status int    // that is expected, or sent
	Talk   int    // milliseconds
	Ring   int    // milliseconds
	Reason string // regular expression for the header of a CANCEL
}

// script is one run of SIPp: a device that calls, or that is called.
type script struct {
	as       device
	scenario string
	to       string // what it dials
	port     int    // 0: a free one
	address  string // "": 127.0.0.1
	password string // "": the device's own
	play     play
}

// run is a SIPp at work.
type run struct {
	t     *testing.T
	name  string
	dir   string
	ended chan struct{}
	err   error
	port  int
}

// sippLimit ends a SIPp that waits for what never comes, over the longest thing that a scenario waits for: 30 s of ringing.
const sippLimit = "100s"

// sipp starts SIPp with one of our scenarios for one call.
func (d *demo) sipp(s script) *run {
	t := d.t
	t.Helper()
	program := installed(t, "sipp", "sip-tester")
	r := &run{t: t, name: s.scenario + " as " + s.as.Username, dir: t.TempDir(), ended: make(chan struct{}), port: s.port}
	if r.port == 0 {
		r.port = freePort(t)
	}
	if s.address == "" {
		s.address = "127.0.0.1"
	}
	if s.password == "" {
		s.password = s.as.Password
	}
	if s.to == "" {
		s.to = "nobody"
	}
	file, err := os.Create(filepath.Join(r.dir, "scenario.xml"))
	must(t, err)
	filled, err := template.ParseFS(scenarios, "sipp/"+s.scenario+".xml")
	must(t, err)
	must(t, filled.Execute(file, s.play))
	must(t, file.Close())
	cmd := exec.Command(program, d.SIP, "-sf", file.Name(), "-m", "1", "-l", "1", "-nostdin", "-i", s.address, "-bind_local", "-p", strconv.Itoa(r.port),
		"-s", s.to, "-key", "user", s.as.Username, "-key", "domain", d.Domain, "-au", s.as.Username, "-ap", s.password,
		"-timeout", sippLimit, "-timeout_error", "-trace_msg", "-message_file", r.file("messages"), "-trace_err", "-error_file", r.file("errors"))
	cmd.Dir = r.dir
	must(t, cmd.Start())
	go func() { defer close(r.ended); r.err = cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-r.ended
	})
	return r
}

func (r *run) file(name string) string { return filepath.Join(r.dir, name) }

// passed waits until the scenario is over and fails the test if it went another way.
func (r *run) passed() {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(2 * patience):
		r.t.Errorf("%s does not end", r.name)
	}
	if r.err == nil {
		return
	}
	errors, _ := os.ReadFile(r.file("errors"))
	messages, _ := os.ReadFile(r.file("messages"))
	r.t.Fatalf("%s: %v\n%s\n%s", r.name, r.err, errors, messages)
}

// listening waits until SIPp has its port.
func (r *run) listening() *run {
	r.t.Helper()
	until(r.t, "SIPp's port", func() bool {
		select {
		case <-r.ended:
			r.passed()
			r.t.Fatalf("%s ended before anybody called", r.name)
		default:
		}
		c, err := net.ListenPacket("udp", net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port)))
		if err != nil {
			return true
		}
		c.Close()
		return false
	})
	return r
}

// calls signs a device in from a port, and calls from there by a scenario.
func (d *demo) calls(s script) *run {
	d.t.Helper()
	in := d.sipp(script{as: s.as, scenario: "register", play: play{Status: 200}})
	in.passed()
	s.port = in.port
	return d.sipp(s)
}

// called signs a device in from a port, and answers what comes there by a scenario.
func (d *demo) called(as device, scenario string, p play) *run {
	d.t.Helper()
	in := d.sipp(script{as: as, scenario: "register", play: play{Status: 200}})
	in.passed()
	return d.sipp(script{as: as, scenario: scenario, port: in.port, play: p}).listening()
}
