// Package flood sends hostile messages at the real server from many addresses while people call each other, and counts the calls that were
// set up: all of them. It knows phones and the text of messages, and nothing of what stops the flood.
package flood

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hubline/sip"
	"hubline/test/handset"
	"hubline/test/node"
)

var (
	flood = flag.Duration("flood", 3*time.Second, "how long hostile messages come")
	rate  = flag.Int("rate", 2000, "hostile messages a second")
)

const (
	sources = 100 // addresses that send a little
	share   = 2   // one of so many messages is from the one address that sends a lot
	most    = 50 << 20
)

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		*flood = min(*flood, time.Second)
	}
	code := m.Run()
	node.Remove()
	os.Exit(code)
}

// TestS10EveryCallIsSetUpInAFlood: a call a second among hostile messages, and memory that does not grow.
func TestS10EveryCallIsSetUpInAFlood(t *testing.T) {
	system := node.New(t, "sqlite:")
	at := node.Free(t)
	seats := system.Phones(t, 2).Seats(t, 2, 1)
	server := system.Start(t, node.PhoneFlags("one", at)...)
	var phones []*handset.Phone
	for i, s := range seats {
		rack := handset.Open(t, fmt.Sprintf("127.0.0.%d", 11+i), at)
		phones = append(phones, rack.Phone(s.Devices[0]))
		phones[i].OnRing(func(leg *sip.Leg, _ int) {
			_ = leg.Ring(180, nil)
			_ = leg.Answer(rack.SDP())
			go drain(leg)
		})
		if status, err := phones[i].Register(t.Context(), 1); status != 200 {
			t.Fatalf("REGISTER: %d %v", status, err)
		}
	}
	for range 5 { // what a first call takes is no growth
		setUp(t, phones[0], seats[1].Extension)
	}
	before := server.Resident(t)
	a := newAttack(t, at)
	ctx, stop := context.WithTimeout(t.Context(), *flood)
	defer stop()
	var work sync.WaitGroup
	work.Go(func() { a.send(ctx, t) })
	work.Go(func() { a.linger(ctx, at) })
	var took []time.Duration
	asked := 0
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for ctx.Err() == nil {
		asked++
		if d, ok := setUp(t, phones[asked%2], seats[(asked+1)%2].Extension); ok {
			took = append(took, d)
		}
		select {
		case <-every.C:
		case <-ctx.Done():
		}
	}
	work.Wait()
	growth := server.Resident(t) - before
	slices.Sort(took)
	t.Logf("%d hostile messages in %v (%d a second) from %d addresses, %d answered; %d of %d calls set up, the slowest after %v, half within %v; memory %d MiB, grown by %.1f MiB",
		a.sent.Load(), *flood, int(float64(a.sent.Load())/flood.Seconds()), sources+1, a.answered.Load(), len(took), asked,
		last(took).Round(time.Millisecond), took[len(took)/2].Round(time.Millisecond), (before+growth)>>20, float64(growth)/(1<<20))
	if len(took) < asked {
		t.Errorf("%d of %d calls were not set up", asked-len(took), asked)
	}
	if growth > most {
		t.Errorf("memory grew by %d MiB, at most %d", growth>>20, most>>20)
	}
	if a.answered.Load() == 0 {
		t.Error("no hostile message was answered: they may not have arrived")
	}
	if status, err := phones[0].Register(t.Context(), 1); status != 200 {
		t.Errorf("afterwards a phone gets %d %v", status, err)
	}
}

func last(list []time.Duration) time.Duration { return list[len(list)-1] }

// setUp makes a call and returns how long it took to be answered.
func setUp(t *testing.T, caller *handset.Phone, number string) (time.Duration, bool) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	began := time.Now()
	leg, err := caller.Call(ctx, number)
	if err != nil {
		t.Logf("a call was not set up: %v", err)
		return 0, false
	}
	took := time.Since(began)
	leg.Hangup()
	return took, true
}

func drain(leg *sip.Leg) {
	for range leg.Events() {
	}
}

// attack is a set of sockets with what they send.
type attack struct {
	torture        [][]byte
	quiet          []net.Conn
	loud           net.Conn
	sent, answered atomic.Int64
}

func newAttack(t *testing.T, at netip.AddrPort) *attack {
	a := &attack{}
	files, err := filepath.Glob("../../sip/testdata/torture/*.dat")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d torture messages (%v)", len(files), err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		a.torture = append(a.torture, text)
	}
	for i := range sources {
		a.quiet = append(a.quiet, a.dial(t, fmt.Sprintf("127.0.%d.%d", 1+i/50, 1+i%50), at))
	}
	a.loud = a.dial(t, "127.0.9.9", at)
	return a
}

// dial opens a socket at an address and counts what is answered to it.
func (a *attack) dial(t *testing.T, ip string, at netip.AddrPort) net.Conn {
	conn, err := net.DialUDP("udp", &net.UDPAddr{IP: net.ParseIP(ip)}, net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buffer := make([]byte, 4096)
		for {
			if _, err := conn.Read(buffer); err != nil {
				return
			}
			a.answered.Add(1)
		}
	}()
	return conn
}

// send keeps the rate until ctx ends.
func (a *attack) send(ctx context.Context, t *testing.T) {
	began := time.Now()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for due := int(time.Since(began).Seconds() * float64(*rate)); n < due; n++ {
			conn := a.loud
			if n%share != 0 {
				conn = a.quiet[n%len(a.quiet)]
			}
			if _, err := conn.Write(a.message(n)); err != nil {
				t.Errorf("send: %v", err)
				return
			}
			a.sent.Add(1)
		}
	}
}

// message is the n-th: half are mutated torture messages, the others requests of strangers.
func (a *attack) message(n int) []byte {
	if n%4 < 2 {
		return mutate(slices.Clone(a.torture[rand.IntN(len(a.torture))]))
	}
	method := []string{"REGISTER", "INVITE", "INVITE", "OPTIONS", "SUBSCRIBE", "BYE", "CANCEL"}[rand.IntN(7)]
	user := fmt.Sprint(1000 + rand.IntN(9000))
	m := sip.NewRequest(method, sip.URI{Scheme: "sip", User: user, Host: node.Domain})
	m.Set("Via", fmt.Sprintf("SIP/2.0/UDP 192.0.2.%d:5060;branch=z9hG4bK%d;rport", n%256, rand.Int64()))
	m.Set("From", fmt.Sprintf("<sip:%s@%s>;tag=%d", user, node.Domain, n))
	m.Set("To", fmt.Sprintf("<sip:900441234567%d@%s>", n%100, node.Domain))
	m.Set("Call-ID", fmt.Sprint(rand.Int64()))
	m.Set("CSeq", "1 "+method)
	m.Set("Max-Forwards", "70")
	m.Set("Contact", "<sip:"+user+"@192.0.2.1>")
	switch rand.IntN(4) {
	case 0:
		m.Set("Authorization", fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%d", uri="sip:%s", response="%032x", algorithm=MD5, qop=auth, nc=00000001, cnonce="a"`,
			user, node.Domain, n, node.Domain, rand.Int64()))
	case 1:
		m.Set("User-Agent", "friendly-scanner")
	case 2:
		m.Set("Subject", strings.Repeat("x", rand.IntN(1000)))
	}
	return m.AppendTo(nil)
}

// mutate changes, cuts or repeats a part.
func mutate(text []byte) []byte {
	for range 1 + rand.IntN(8) {
		if len(text) < 2 {
			return text
		}
		at := rand.IntN(len(text))
		switch rand.IntN(4) {
		case 0:
			text[at] = byte(rand.IntN(256))
		case 1:
			text = text[:at]
		case 2:
			text = slices.Insert(text, at, text[at:min(len(text), at+rand.IntN(60))]...)
		case 3:
			text = slices.Delete(text, at, min(len(text), at+rand.IntN(20)))
		}
	}
	return text
}

// linger opens connections, sends half a message on each and stays.
func (a *attack) linger(ctx context.Context, at netip.AddrPort) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var open []net.Conn
	for ctx.Err() == nil {
		if conn, err := net.DialTimeout("tcp", at.String(), time.Second); err == nil {
			open = append(open, conn)
			_, _ = conn.Write([]byte("INVITE sip:101@" + node.Domain + " SIP/2.0\r\nVia: "))
			a.sent.Add(1)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	for _, conn := range open {
		conn.Close()
	}
}
