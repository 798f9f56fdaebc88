package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// call is one call of a user to another, as its caller sees it.
type call struct {
	l         *load
	id        string
	from, to  *user
	tally     *tally
	mu        sync.Mutex
	began     time.Time
	setUp     time.Duration
	cseq      int
	uri       string
	remote    string   // To with the other side's tag
	target    string   // the other side's Contact
	routes    []string // in the order of a request
	state     callState
	deadline  *time.Timer
	challenge bool
}

type callState int

const (
	inviting callState = iota
	talking
	ending
	over
)

// calls lets users call others of their account.
func (l *load) calls(ctx context.Context, rate int, length time.Duration) (counted, error) {
	turn := 0
	begin := func(t *tally) func(int) {
		return func(int) {
			from := l.s.users[turn*7%len(l.s.users)]
			first := from.account * perAccount
			size := min(perAccount, len(l.s.users)-first)
			turn++
			l.call(turn, from, l.s.users[first+(from.index-first+size/2+turn%(size/2))%size], t)
		}
	}
	t := l.through(ctx, rate, length, begin)
	time.Sleep(*hold + 2*giveUp) // those that got no answer fail by their timer
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counted, ctx.Err()
}

func (l *load) call(n int, from, to *user, t *tally) {
	c := &call{l: l, id: fmt.Sprintf("c%d-%x", n, time.Now().UnixNano()), from: from, to: to, tally: t, began: time.Now(), uri: "sip:" + to.dial + "@" + l.s.domain}
	l.mu.Lock()
	l.calling[c.id] = c
	l.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = time.AfterFunc(giveUp, c.expire)
	c.invite("")
}

// expire ends a call whose answer, or end, did not come.
func (c *call) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end(false)
}

func (c *call) end(ok bool) {
	if c.state == over {
		return
	}
	c.state = over
	c.deadline.Stop()
	c.tally.ended(ok, c.setUp)
	c.l.mu.Lock()
	delete(c.l.calling, c.id)
	c.l.mu.Unlock()
}

func (c *call) invite(credentials string) {
	c.cseq++
	body := description(c.from.conn)
	c.send("INVITE", c.uri, "<"+c.uri+">", c.cseq, credentials+"Content-Type: application/sdp\r\n", body)
}

func description(conn *net.UDPConn) string {
	ip := conn.LocalAddr().(*net.UDPAddr).IP
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n", ip)
}

// send sends a request of the caller. The ACK to a refusal has the branch of its INVITE, as all others of a sequence number have one.
func (c *call) send(method, uri, to string, cseq int, more, body string) {
	branch := fmt.Sprintf("%s%d%s", c.id, cseq, map[string]string{"BYE": "b"}[method])
	if method == "ACK" && c.state != inviting {
		branch += "a"
	}
	b := make([]byte, 0, 1500)
	b = fmt.Appendf(b, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\n", method, uri, c.from.conn.LocalAddr(), branch)
	for _, r := range c.routes {
		b = append(append(append(b, "Route: "...), r...), "\r\n"...)
	}
	b = fmt.Appendf(b, "Max-Forwards: 70\r\nFrom: <sip:%s@%s>;tag=t%[3]s\r\nTo: %s\r\nCall-ID: %[3]s\r\nCSeq: %[5]d %s\r\nContact: %s\r\nUser-Agent: Bench\r\n%sContent-Length: %d\r\n\r\n%s",
		c.from.name, c.l.s.domain, c.id, to, cseq, method, c.from.contact, more, len(body), body)
	c.from.conn.WriteToUDP(b, c.l.s.addr)
}

func (l *load) callAnswered(m, id []byte, status int) {
	l.mu.Lock()
	c := l.calling[string(id)]
	l.mu.Unlock()
	if c == nil || status < 200 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	invite := bytes.HasSuffix(header(m, "CSeq"), []byte("INVITE"))
	switch {
	case !invite:
		if c.state == ending {
			c.end(status == 200)
		}
	case status == 200 && c.state == inviting:
		c.setUp = time.Since(c.began)
		c.remote, c.target = string(header(m, "To")), uriOf(header(m, "Contact"))
		for _, r := range headers(m, "Record-Route") {
			c.routes = append([]string{string(r)}, c.routes...)
		}
		c.state = talking
		c.send("ACK", c.target, c.remote, c.cseq, "", "")
		c.deadline.Stop()
		c.deadline = time.AfterFunc(*hold, c.hangUp)
	case status == 200:
		c.send("ACK", c.target, c.remote, c.cseq, "", "")
	case c.state != inviting || cseqOf(m) != c.cseq: // a repetition
		c.send("ACK", c.uri, string(header(m, "To")), cseqOf(m), "", "")
	case status == 407 && !c.challenge:
		c.challenge = true
		c.send("ACK", c.uri, string(header(m, "To")), c.cseq, "", "")
		c.invite(credentials("Proxy-Authorization", c.from, c.l.s.domain, "INVITE", c.uri, m))
	default:
		c.send("ACK", c.uri, string(header(m, "To")), c.cseq, "", "")
		c.end(false)
	}
}

func (c *call) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != talking {
		return
	}
	c.state = ending
	c.cseq++
	c.deadline = time.AfterFunc(giveUp, c.expire)
	c.send("BYE", c.target, c.remote, c.cseq, "", "")
}

// request answers what comes to a called user, without remembering anything: ringing and the answer to INVITE at once, 200 to the rest.
func (l *load) request(conn *net.UDPConn, m []byte, from netip.AddrPort) {
	switch {
	case bytes.HasPrefix(m, []byte("INVITE ")):
		conn.WriteToUDPAddrPort(respond(m, conn, "180 Ringing", ""), from)
		conn.WriteToUDPAddrPort(respond(m, conn, "200 OK", description(conn)), from)
	case bytes.HasPrefix(m, []byte("ACK ")):
	default:
		conn.WriteToUDPAddrPort(respond(m, conn, "200 OK", ""), from)
	}
}

func respond(m []byte, conn *net.UDPConn, status, body string) []byte {
	b := append(append([]byte("SIP/2.0 "), status...), "\r\n"...)
	copies := func(name string) {
		for _, v := range headers(m, name) {
			b = append(append(append(append(b, name...), ": "...), v...), "\r\n"...)
		}
	}
	for _, name := range []string{"Via", "Record-Route", "From"} {
		copies(name)
	}
	to := header(m, "To")
	b = append(append(b, "To: "...), to...)
	if !bytes.Contains(to, []byte(";tag=")) {
		b = append(append(b, ";tag=u"...), header(m, "Call-ID")...)
	}
	b = append(b, "\r\n"...)
	copies("Call-ID")
	copies("CSeq")
	b = fmt.Appendf(b, "Contact: <sip:%s>\r\n", conn.LocalAddr())
	if body != "" {
		b = append(b, "Content-Type: application/sdp\r\n"...)
	}
	return fmt.Appendf(b, "Content-Length: %d\r\n\r\n%s", len(body), body)
}

// What follows reads only messages of the two servers, which write headers in their long form.

func statusOf(m []byte) int {
	if len(m) < 12 || !bytes.HasPrefix(m, []byte("SIP/2.0 ")) {
		return 0
	}
	n, _ := strconv.Atoi(string(m[8:11]))
	return n
}

func header(m []byte, name string) []byte {
	for _, v := range headers(m, name) {
		return v
	}
	return nil
}

func headers(m []byte, name string) (list [][]byte) {
	key := []byte("\r\n" + name + ": ")
	for {
		i := bytes.Index(m, key)
		if i < 0 {
			return list
		}
		m = m[i+len(key):]
		end := bytes.Index(m, []byte("\r\n"))
		if end < 0 {
			return list
		}
		list = append(list, m[:end])
	}
}

func cseqOf(m []byte) int {
	digits, _, _ := bytes.Cut(header(m, "CSeq"), []byte(" "))
	n, _ := strconv.Atoi(string(digits))
	return n
}

func quoted(m []byte, name string) string {
	_, rest, _ := bytes.Cut(m, []byte(name+`"`))
	value, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(value)
}

func uriOf(contact []byte) string {
	_, rest, _ := bytes.Cut(contact, []byte("<"))
	uri, _, _ := bytes.Cut(rest, []byte(">"))
	return string(uri)
}
