package main

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

const (
	sources = 200             // addresses that the load comes from: a server may bound what one address sends
	giveUp  = 2 * time.Second // without an answer; nothing is sent twice, so a lost datagram is a failure
)

// load plays the phones of all users.
type load struct {
	s     *server
	conns []*net.UDPConn
	read  sync.WaitGroup

	begin, end func() // of what is measured
	ended      func() // right after it; nil for nothing

	mu      sync.Mutex
	calling map[string]*call // by Call-ID
}

// tally is what is counted.
type tally struct {
	mu sync.Mutex
	counted
}

func (t *tally) ended(ok bool, took time.Duration) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !ok {
		t.failed++
		return
	}
	t.done++
	t.times = append(t.times, took)
}

// state is where a user's registration stands.
type state struct {
	mu         sync.Mutex
	index      int
	conn       *net.UDPConn
	contact    string
	cseq       int
	expires    int
	began      time.Time
	waiting    bool
	challenged bool
	registered bool
	tally      *tally
}

func newLoad(s *server) (*load, error) {
	l := &load{s: s, calling: map[string]*call{}}
	for i := range sources {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 1, 0, byte(1+i))})
		if err != nil {
			return nil, err
		}
		conn.SetReadBuffer(1 << 20)
		l.conns = append(l.conns, conn)
		l.read.Go(func() { l.receive(conn) })
	}
	for i, u := range s.users {
		u.index, u.conn = i, l.conns[i%sources]
		u.contact = "<sip:" + u.name + "@" + u.conn.LocalAddr().String() + ">"
	}
	return l, nil
}

func (l *load) close() {
	for _, c := range l.conns {
		c.Close()
	}
	l.read.Wait()
}

func (l *load) receive(conn *net.UDPConn) {
	buffer := make([]byte, 4096)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer)
		if err != nil {
			return
		}
		m := buffer[:n]
		if status := statusOf(m); status == 0 {
			l.request(conn, m, from)
		} else if id := header(m, "Call-ID"); len(id) > 0 && id[0] == 'r' {
			l.registerAnswered(m, id, status)
		} else if len(id) > 0 {
			l.callAnswered(m, id, status)
		}
	}
}

// paced calls begin so many times a second, evenly, for a time.
func paced(ctx context.Context, rate int, length time.Duration, begin func(n int)) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began, n := time.Now(), 0
	for ctx.Err() == nil {
		gone := min(time.Since(began), length)
		for due := int(gone.Seconds() * float64(rate)); n < due; n++ {
			begin(n)
		}
		if gone == length {
			return
		}
		<-tick.C
	}
}

const (
	warmUp = 2 * time.Second
	rest   = 100 * time.Millisecond // for what is under way when the last one has begun
)

// through runs the warm-up, of which nothing is counted, and then what is measured.
func (l *load) through(ctx context.Context, rate int, length time.Duration, begin func(t *tally) func(n int)) *tally {
	paced(ctx, rate, warmUp, begin(nil))
	t := &tally{}
	l.begin()
	paced(ctx, rate, length, begin(t))
	time.Sleep(rest)
	l.end()
	if l.ended != nil {
		l.ended()
	}
	return t
}

// behind says how long ago that was sent, at so many registrations a second, which the database does not have yet. A registration takes two
// sequence numbers.
func (l *load) behind(ctx context.Context, rate int) string {
	written, err := l.s.written(ctx)
	if err != nil {
		return ", " + err.Error()
	}
	sent := 0
	for _, u := range l.s.users {
		u.mu.Lock()
		sent += u.cseq
		u.mu.Unlock()
	}
	return fmt.Sprintf(", the database %.1f s behind", float64(sent-written)/2/float64(rate))
}

const (
	usual    = 600 // seconds that a registration is for
	shortest = 60  // with which growing begins
)

// An expiry says for how many seconds users register when they do so for the nth time.
type expiry func(n int) int

func steady(int) int { return usual }

// comingAndGoing is for bindings that are taken away and made again.
func comingAndGoing(n int) int { return n % 2 * usual }

// growing is half as long again each time. Hubline stores a binding for twice as long as it grants it and need not write the next refresh;
// so it has to write every one, ten times in a row until its longest grant of an hour.
func growing(n int) int {
	seconds := shortest * 3 / 2
	for range n {
		seconds += seconds / 2
	}
	return seconds
}

// registers lets users register in turn.
func (l *load) registers(ctx context.Context, rate int, length time.Duration, expires expiry) (counted, error) {
	turn := 0
	begin := func(t *tally) func(int) {
		return func(int) {
			u := l.s.users[turn%len(l.s.users)]
			l.register(u, expires(turn/len(l.s.users)), t)
			turn++
		}
	}
	t := l.through(ctx, rate, length, begin)
	time.Sleep(giveUp)
	for _, u := range l.s.users {
		u.mu.Lock()
		if u.waiting {
			u.waiting = false
			u.tally.ended(false, 0)
		}
		u.mu.Unlock()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counted, ctx.Err()
}

// registerAll lets every user register once for so many seconds, and again those that got no answer.
func (l *load) registerAll(ctx context.Context, seconds int) error {
	for range 30 {
		var left []*user
		for _, u := range l.s.users {
			u.mu.Lock()
			if !u.registered {
				left = append(left, u)
			}
			u.waiting = false
			u.mu.Unlock()
		}
		if len(left) == 0 {
			return nil
		}
		const slow = 1000
		paced(ctx, slow, time.Duration(len(left))*time.Second/slow+time.Millisecond, func(n int) {
			if n < len(left) {
				l.register(left[n], seconds, nil)
			}
		})
		time.Sleep(giveUp)
	}
	return fmt.Errorf("not every user could register")
}

func (l *load) register(u *user, expires int, t *tally) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.waiting {
		u.tally.ended(false, 0)
	}
	u.waiting, u.challenged, u.expires, u.tally, u.began = true, false, expires, t, time.Now()
	u.send(l, "")
}

// send sends the next REGISTER of a user.
func (u *user) send(l *load, credentials string) {
	u.cseq++
	b := make([]byte, 0, 1024)
	b = fmt.Appendf(b, "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKr%dx%d;rport\r\nMax-Forwards: 70\r\nFrom: <sip:%s@%[1]s>;tag=r%[3]d\r\nTo: <sip:%[5]s@%[1]s>\r\nCall-ID: r%[3]d@bench\r\nCSeq: %[4]d REGISTER\r\nContact: %[6]s\r\nExpires: %[7]d\r\nUser-Agent: Bench\r\n%[8]sContent-Length: 0\r\n\r\n",
		l.s.domain, u.conn.LocalAddr(), u.index, u.cseq, u.name, u.contact, u.expires, credentials)
	u.conn.WriteToUDP(b, l.s.addr)
}

func (l *load) registerAnswered(m, id []byte, status int) {
	digits := id[1:]
	for i, c := range digits {
		if c == '@' {
			digits = digits[:i]
			break
		}
	}
	index, err := strconv.Atoi(string(digits))
	if err != nil || index >= len(l.s.users) {
		return
	}
	u := l.s.users[index]
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.waiting || cseqOf(m) != u.cseq {
		return
	}
	switch {
	case status == 401 && !u.challenged:
		u.challenged = true
		u.send(l, credentials("Authorization", u, l.s.domain, "REGISTER", "sip:"+l.s.domain, m))
	case status == 200:
		u.waiting, u.registered = false, true
		u.tally.ended(true, time.Since(u.began))
	default:
		u.waiting = false
		u.tally.ended(false, 0)
	}
}

// credentials answers the challenge in a response (RFC 7616, MD5 with qop=auth).
func credentials(name string, u *user, realm, method, uri string, challenge []byte) string {
	nonce := quoted(challenge, "nonce=")
	ha1 := hash(u.name + ":" + realm + ":" + u.password)
	response := hash(ha1 + ":" + nonce + ":00000001:c0ffee:auth:" + hash(method+":"+uri))
	return name + `: Digest username="` + u.name + `", realm="` + realm + `", nonce="` + nonce + `", uri="` + uri + `", response="` + response +
		`", algorithm=MD5, qop=auth, nc=00000001, cnonce="c0ffee"` + "\r\n"
}

func hash(text string) string {
	sum := md5.Sum([]byte(text))
	return hex.EncodeToString(sum[:])
}
