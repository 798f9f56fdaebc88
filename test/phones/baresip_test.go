package phones

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubline/media/mediatest"
)

// phone is a baresip of the test's own: it plays a tone into every call and records what it hears.
type phone struct {
	t    *testing.T
	dir  string
	log  *output
	conn net.Conn // ctrl_tcp: commands and events in netstrings of JSON

	mu     sync.Mutex
	events []event
	seen   int // events that were waited for already
}

type event struct {
	Type  string `json:"type"`
	Peer  string `json:"peeruri"`
	Name  string `json:"peerdisplayname"`
	Param string `json:"param"`
}

// ports gives each phone a range of RTP ports, below those that the system hands out.
var ports atomic.Int64

const (
	firstPort  = 10_000
	portsEach  = 20
	portRanges = 300
)

// phone starts a phone with a device, and waits until it is registered.
func (d *demo) phone(as device, hz int, transport string) *phone {
	t := d.t
	t.Helper()
	program := installed(t, "baresip", "baresip-core")
	p := &phone{t: t, dir: t.TempDir(), log: &output{}}
	must(t, mediatest.WriteWAV(filepath.Join(p.dir, "tone.wav"), mediatest.Tone(hz, 8000, 20*time.Second), 8000))
	control := freePort(t)
	low := firstPort + portsEach*(int(ports.Add(1))+os.Getpid())%(portRanges*portsEach)
	must(t, os.WriteFile(filepath.Join(p.dir, "config"), []byte(strings.NewReplacer(
		"{dir}", p.dir, "{sip}", strconv.Itoa(freePort(t)), "{control}", strconv.Itoa(control), "{modules}", modules(t),
		"{rtp}", fmt.Sprintf("%d-%d", low, low+portsEach-1), "{authority}", d.authority).Replace(baresipConfig)), 0o600))
	must(t, os.WriteFile(filepath.Join(p.dir, "accounts"), fmt.Appendf(nil,
		"<sip:%s@%s;transport=%s>;auth_pass=%s;outbound=\"sip:%s;transport=%[3]s\";regint=600;audio_codecs=pcma,pcmu;answermode=manual\n",
		as.Username, as.Domain, transport, as.Password, d.SIP), 0o600))
	must(t, os.WriteFile(filepath.Join(p.dir, "contacts"), nil, 0o600))
	cmd := exec.Command(program, "-f", p.dir)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	must(t, cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	t.Cleanup(func() {
		if p.conn != nil {
			p.do("quit", "")
		}
		select {
		case <-ended:
		case <-time.After(3 * time.Second): // its calls may be stuck
			cmd.Process.Kill()
			<-ended
		}
		if p.conn != nil {
			p.conn.Close()
		}
		if t.Failed() {
			t.Logf("the phone with %d Hz said:\n%s", hz, level.ReplaceAllString(p.log.String(), ""))
		}
	})
	until(t, "the phone's control port", func() bool {
		select {
		case <-ended:
			t.Fatal("the phone ended")
		default:
		}
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(control)))
		p.conn = conn
		return err == nil
	})
	go p.listen()
	until(t, "the registration", func() bool { return strings.Contains(p.log.String(), "[1 binding]") })
	return p
}

// level is what baresip prints ten times a second during a call.
var level = regexp.MustCompile(`\[\d+:\d\d:\d\d\] audio=\d+/\d+ \(bit/s\)\s*`)

const baresipConfig = `poll_method epoll
sip_listen 127.0.0.1:{sip}
sip_cafile {authority}
sip_verify_server yes
call_local_timeout 120
call_max_calls 4
audio_player aubridge,ear
audio_alert aubridge,bell
audio_source aufile,{dir}/tone.wav
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp}
net_interface 127.0.0.1
module_path {modules}
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
module_tmp uuid.so
module_tmp account.so
module_app ctrl_tcp.so
module_app menu.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {dir}
`

// modules is the folder of baresip's modules, which every distribution puts elsewhere.
func modules(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/baresip/modules", "/usr/lib/*/baresip/modules", "/usr/local/lib/baresip/modules", "/opt/*/lib/baresip/modules"} {
		if found, _ := filepath.Glob(filepath.Join(pattern, "ctrl_tcp.so")); len(found) > 0 {
			return filepath.Dir(found[0])
		}
	}
	t.Fatal("the modules of baresip were not found (Debian: apt-get install baresip-core)")
	return ""
}

// do tells the phone something.
func (p *phone) do(command, params string) {
	text, _ := json.Marshal(map[string]string{"command": command, "params": params})
	fmt.Fprintf(p.conn, "%d:%s,", len(text), text)
}

// listen collects events until the phone ends.
func (p *phone) listen() {
	var buffer []byte
	chunk := make([]byte, 4096)
	for {
		n, err := p.conn.Read(chunk)
		if err != nil {
			return
		}
		buffer = append(buffer, chunk[:n]...)
		for {
			head, rest, ok := strings.Cut(string(buffer), ":")
			size, err := strconv.Atoi(head)
			if !ok || err != nil || len(rest) < size+1 {
				break
			}
			var e event
			if json.Unmarshal([]byte(rest[:size]), &e) == nil && e.Type != "" {
				p.mu.Lock()
				p.events = append(p.events, e)
				p.mu.Unlock()
			}
			buffer = []byte(rest[size+1:])
		}
	}
}

// wait returns the next event of that kind, over all others.
func (p *phone) wait(kind string) (found event) {
	p.t.Helper()
	until(p.t, "the phone's "+kind, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for i := p.seen; i < len(p.events); i++ {
			if p.events[i].Type == kind {
				found, p.seen = p.events[i], i+1
				return true
			}
		}
		return false
	})
	return found
}

// recordings are those of what was heard, one for each call.
func (p *phone) recordings() []string {
	found, _ := filepath.Glob(filepath.Join(p.dir, "dump-*-dec.wav"))
	return found
}

// hasHeard waits until the newest recording has that much sound.
func (p *phone) hasHeard(length time.Duration) {
	p.t.Helper()
	until(p.t, "a recording of "+length.String(), func() bool {
		all := p.recordings()
		if len(all) == 0 {
			return false
		}
		info, err := os.Stat(all[len(all)-1])
		return err == nil && info.Size() >= 2*8000*int64(length)/int64(time.Second)
	})
}
