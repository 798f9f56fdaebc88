package sip

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// expired lets Close end everything at once.
var expired = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func TestRefusalIsRepeatedUntilTheACK(t *testing.T) {
	t.Parallel()
	e, addr := engine(t, Config{Handler: func(t *Incoming) { t.Refuse(486, "", "Retry-After", "9") }})
	p := newPeer(t, addr)
	p.send("INVITE", "1", 1, "")
	var last *Message
	for range 3 {
		last = p.want("486 INVITE")
	}
	if last.Get("Retry-After") != "9" || last.ToTag() == "" {
		t.Errorf("the refusal lacks its header or To tag:\n%s", last)
	}
	p.send("ACK", "1", 1, last.ToTag())
	eventually(t, "the ACK ends timer G, timer I the transaction", func() bool { return e.Stats().Transactions == 0 })
	p.never("487 INVITE")
	p.send("INVITE", "2", 2, "") // nobody sends an ACK to this one: timer H
	p.want("486 INVITE")
	eventually(t, "timer H", func() bool { return e.Stats().Transactions == 0 })
}

func TestRetransmittedRequestsReachTheHandlerOnce(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	release := make(chan struct{})
	e, addr := engine(t, Config{Handler: func(t *Incoming) {
		calls.Add(1)
		t.Reply(t.Request.Respond(183, ""))
		<-release
		t.Refuse(404, "")
	}})
	p := newPeer(t, addr)
	p.send("INVITE", "1", 1, "")
	p.want("183 INVITE")
	for range 3 {
		p.send("INVITE", "1", 1, "")
		p.want("183 INVITE")
	}
	close(release)
	p.want("404 INVITE")
	p.send("OPTIONS", "3", 1, "")
	first := p.want("404 OPTIONS").String()
	p.send("OPTIONS", "3", 1, "")
	if again := p.want("404 OPTIONS").String(); again != first {
		t.Errorf("timer J's time: the answer differs:\n%s\n%s", first, again)
	}
	if calls.Load() != 2 {
		t.Errorf("the handler ran %d times, want 2", calls.Load())
	}
	eventually(t, "timers H and J", func() bool { return e.Stats().Transactions == 0 })
}

func TestTryingComesWhenNobodyAnswers(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	_, addr := engine(t, Config{Handler: func(*Incoming) { <-release }})
	p := newPeer(t, addr)
	p.send("INVITE", "1", 1, "", "Timestamp: 54")
	if m := p.want("100 INVITE"); m.ToTag() != "" || m.Get("Timestamp") != "54" {
		t.Errorf("100 has a To tag or no Timestamp:\n%s", m)
	}
	close(release)
	p.want("500 INVITE") // the handler forgot to answer
}

// A registration that was answered is not kept; its retransmission is answered from memory, because the registrar would take it for a replay.
func TestStatelessTransactionsAreForgottenYetAnsweredAgain(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	e, addr := engine(t, Config{Budget: Budget{PerSecond: -1}, Handler: func(t *Incoming) {
		t.Stateless()
		res := t.Request.Respond(200, "")
		res.Set("Expires", fmt.Sprint(calls.Add(1)))
		t.Reply(res)
	}})
	p := newPeer(t, addr)
	p.send("REGISTER", "1", 1, "")
	first := p.want("200 REGISTER").String()
	p.send("REGISTER", "1", 1, "")
	if again := p.want("200 REGISTER").String(); again != first {
		t.Errorf("another answer:\n%s\n%s", first, again)
	}
	for i := range 2 * mostAnswered {
		p.send("REGISTER", fmt.Sprint("m", i), 2+i, "")
		p.want("200 REGISTER")
	}
	if n := e.Stats().Transactions; n > 1 {
		t.Errorf("%d transactions are kept", n)
	}
	e.answered.mu.Lock() // the last answer left before it was remembered
	defer e.answered.mu.Unlock()
	if n := len(e.answered.at); n != mostAnswered {
		t.Errorf("%d answers are remembered, want %d", n, mostAnswered)
	}
}

func TestAPanicIsOne500(t *testing.T) {
	t.Parallel()
	e, addr := engine(t, Config{
		Before: func(m *Message, _ *Flow) (*Message, bool) {
			if m.Get("Subject") == "before" {
				panic("before")
			}
			return nil, false
		},
		Handler: func(t *Incoming) {
			if t.Request.Get("Subject") == "handler" {
				panic("handler")
			}
			t.Refuse(200, "")
		},
	})
	p := newPeer(t, addr)
	p.send("OPTIONS", "1", 1, "", "Subject: handler")
	p.want("500 OPTIONS")
	p.send("OPTIONS", "2", 2, "", "Subject: before")
	p.want("500 OPTIONS")
	p.send("OPTIONS", "3", 3, "")
	p.want("200 OPTIONS")
	if n := e.Stats().Panics; n != 2 {
		t.Errorf("%d panics counted, want 2", n)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	_, addr := engine(t, Config{Handler: func(t *Incoming) {
		t.Reply(t.Request.Respond(180, ""))
		<-t.Cancelled()
	}})
	p := newPeer(t, addr)
	p.send("CANCEL", "1", 1, "")
	p.want("481 CANCEL")
	p.send("INVITE", "1", 1, "")
	tag := p.want("180 INVITE").ToTag()
	p.send("CANCEL", "1", 1, "")
	if m := p.want("200 CANCEL"); m.ToTag() != tag {
		t.Errorf("To tags of 180 and CANCEL's 200 differ: %q, %q", tag, m.ToTag())
	}
	if m := p.want("487 INVITE"); m.ToTag() != tag {
		t.Errorf("To tags of 180 and 487 differ: %q, %q", tag, m.ToTag())
	}
	p.send("CANCEL", "1", 1, "") // late, and once more
	p.want("200 CANCEL")
	p.send("ACK", "1", 1, tag)
}

func TestMergedAndMisledRequests(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	_, addr := engine(t, Config{Handler: func(t *Incoming) {
		t.Reply(t.Request.Respond(180, ""))
		<-release
	}})
	p := newPeer(t, addr)
	p.send("INVITE", "1", 1, "")
	p.want("180 INVITE")
	p.send("INVITE", "another-way", 1, "")
	p.want("482 INVITE")
	for _, method := range []string{"BYE", "INFO", "UPDATE", "INVITE"} {
		p.send(method, "unknown", 7, "no-dialog")
		p.want("481 " + method)
	}
	p.write(strings.Replace(p.text("MESSAGE", "loop", 8, ""), "Max-Forwards: 70", "Max-Forwards: 0", 1))
	p.want("483 MESSAGE")
	p.write(strings.Replace(p.text("INVITE", "rel", 9, ""), "Max-Forwards: 70", "Max-Forwards: 70\r\nRequire: 100rel", 1))
	if m := p.want("420 INVITE"); m.Get("Unsupported") != "100rel" {
		t.Errorf("420 without Unsupported:\n%s", m)
	}
}

func TestAnswersGoToTheSource(t *testing.T) {
	t.Parallel()
	_, addr := engine(t, Config{})
	p := newPeer(t, addr)
	p.write(strings.Replace(p.text("OPTIONS", "1", 1, ""), "UDP "+p.addr().String(), "UDP 192.0.2.1:1", 1))
	via := p.want("404 OPTIONS").Via()
	if via.Received != "127.0.0.1" || via.RPort != int(p.addr().Port()) || via.Host != "192.0.2.1" {
		t.Errorf("the Via does not tell the source: %+v", via)
	}
}

func TestBeforeNeedsNoTransaction(t *testing.T) {
	t.Parallel()
	e, addr := engine(t, Config{UserAgent: "Test", Before: func(m *Message, _ *Flow) (*Message, bool) {
		if m.Method == "SUBSCRIBE" {
			return nil, true
		}
		return m.Respond(401, ""), true
	}})
	p := newPeer(t, addr)
	p.send("SUBSCRIBE", "0", 1, "")
	p.send("INVITE", "1", 2, "")
	first := p.want("401 INVITE")
	if first.Get("Server") != "Test" || first.ToTag() == "" {
		t.Errorf("no Server or To tag:\n%s", first)
	}
	p.send("ACK", "1", 2, first.ToTag())
	p.send("INVITE", "1", 2, "")
	if again := p.want("401 INVITE"); again.ToTag() != first.ToTag() {
		t.Error("a retransmission got another To tag")
	}
	if e.Stats().Transactions != 0 {
		t.Error("a transaction was made")
	}
}

func TestKeepAliveIsAnswered(t *testing.T) {
	t.Parallel()
	_, addr := engine(t, Config{})
	p := newPeer(t, addr)
	p.write("\x00")
	p.write("\r\n\r\n")
	buf := make([]byte, 10)
	p.pc.SetReadDeadline(time.Now().Add(patience))
	if n, err := p.pc.Read(buf); err != nil || string(buf[:n]) != "\r\n" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

// Over its budget a source is not read any more, except for what ends things.
func TestBudgetOfASource(t *testing.T) {
	t.Parallel()
	start := time.Now()
	var later atomic.Int64 // the engine's reader looks at the clock too
	e, addr := engine(t, Config{Budget: Budget{PerSecond: 10, Burst: 5}, Now: func() time.Time { return start.Add(time.Duration(later.Load())) }})
	p := newPeer(t, addr)
	for i := range 9 {
		p.send("OPTIONS", fmt.Sprint(i), i+1, "")
	}
	p.send("BYE", "bye", 20, "no-dialog")
	p.want("481 BYE")
	if got := e.Stats().OverBudget; got != 4 {
		t.Errorf("%d dropped, want 4", got)
	}
	other := e.budget
	if !other.take(netip.MustParseAddr("192.0.2.1")) {
		t.Error("another source has no budget")
	}
	later.Store(int64(100 * time.Millisecond))
	p.send("OPTIONS", "later", 30, "")
	p.want("404 OPTIONS")
}

func TestIPv6SourcesShareTheirNetwork(t *testing.T) {
	t.Parallel()
	b := newBudget(Budget{PerSecond: 1, Burst: 2}, func() time.Time { return time.Unix(1, 0) })
	left := 0
	for i := range 100 {
		if b.take(netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", i))) {
			left++
		}
	}
	if left != 2 {
		t.Errorf("a /64 sent %d, want 2", left)
	}
}

// Keep-alives and requests from 200,000 addresses leave at most ten bytes each behind, the budget table included.
func TestMemoryOfManySources(t *testing.T) { // alone, because it reads the heap
	e, _ := engine(t, Config{Before: func(m *Message, _ *Flow) (*Message, bool) { return nil, true }})
	s := (*e.udp.Load())[0]
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	message := []byte(newPeer(t, s.local).text("OPTIONS", "1", 1, ""))
	s.datagram(message, netip.MustParseAddrPort("192.0.2.1:5060"))
	const sources = 200_000
	before := heap()
	for i := range sources {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060)
		s.datagram([]byte("\x00"), from)
		s.datagram(message, from)
	}
	each := float64(heap()-before+e.Stats().BudgetBytes) / sources
	t.Logf("%.2f bytes per address", each)
	if each > 10 {
		t.Errorf("%.1f bytes per address are kept, want at most 10", each)
	}
	if e.Stats().Requests < sources/2 {
		t.Errorf("only %d requests were read", e.Stats().Requests)
	}
}

func TestOverloadIsAnsweredWith503(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	e, addr := engine(t, Config{Limits: Limits{Transactions: 2}, Handler: func(t *Incoming) {
		t.Reply(t.Request.Respond(180, ""))
		<-release
	}})
	for i := range 2 {
		p := newPeer(t, addr)
		p.send("INVITE", "1", i+1, "")
		p.want("180 INVITE")
	}
	p := newPeer(t, addr)
	p.send("INVITE", "1", 1, "")
	if m := p.want("503 INVITE"); m.Get("Retry-After") == "" || e.Stats().Overload == 0 {
		t.Errorf("no Retry-After, or not counted:\n%s", m)
	}
}
