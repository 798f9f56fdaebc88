package sip

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// receive takes one message from a transport through admission to the transaction, the leg or the handler that it is for. It runs
// on the goroutine that read the message, in the order of arrival, and never waits.
func (e *Engine) receive(m *Message) {
	defer func() {
		if p := recover(); p != nil {
			e.panicked("receive", p)
			if !m.IsResponse() && m.Method != "ACK" {
				e.replyStateless(m.Respond(500, ""))
			}
		}
	}()
	if status, reason := Admit(m); status != 0 {
		e.count.malformed.Add(1)
		if status > 0 {
			m.StampVia(m.Flow.remote)
			e.replyStateless(m.Answer(status, reason))
		}
		return
	}
	if m.IsResponse() {
		e.count.responses.Add(1)
		e.response(m)
		return
	}
	e.count.requests.Add(1)
	e.request(m)
}

// request finds what a request belongs to: RFC 3261 17.2.3 (transactions), 12.2.2 (dialogs), 8.2 (new ones).
func (e *Engine) request(m *Message) {
	if m.Method == "ACK" {
		e.ack(m)
		return
	}
	m.StampVia(m.Flow.remote)
	if m.Method == "CANCEL" {
		e.cancel(m)
		return
	}
	key := e.keys.server(m, m.Method)
	if tx, ok := e.servers.get(key); ok {
		e.count.retransmitted.Add(1)
		tx.retransmitted()
		return
	}
	if e.answered.resend(key, m.Flow) {
		e.count.retransmitted.Add(1)
		return
	}
	if tag := m.ToTag(); tag != "" {
		if leg, ok := e.legs.get(tag); ok && leg.owns(m) {
			if tx := e.newServerTx(m, key); tx != nil {
				leg.request(m, tx)
			}
			return
		}
		if needsDialog(m.Method) {
			e.replyStateless(m.Respond(481, ""))
			return
		}
	}
	e.newRequest(m, key)
}

// needsDialog names the methods that mean nothing outside a dialog, when they name one.
func needsDialog(method string) bool {
	switch method {
	case "INVITE", "BYE", "INFO", "UPDATE", "PRACK", "REFER":
		return true
	}
	return false
}

// newRequest asks Before, and gives what is left to the handler.
func (e *Engine) newRequest(m *Message, key txKey) {
	if e.draining.Load() {
		e.overloaded(m)
		return
	}
	if m.Method == "BYE" { // outside any dialog (RFC 3261 15.1.2)
		e.replyStateless(m.Respond(481, ""))
		return
	}
	if e.cfg.Before != nil {
		if reply, handled := e.cfg.Before(m, m.Flow); handled {
			if reply != nil {
				e.replyTogether(reply)
			}
			return
		}
	}
	if e.count.serverTxs.Load() >= int64(e.cfg.Limits.Transactions) {
		e.overloaded(m)
		return
	}
	if m.Method == "INVITE" {
		if res := e.tooShort(m); res != nil {
			e.replyStateless(res)
			return
		}
	}
	tx := e.newServerTx(m, key)
	if tx == nil {
		return
	}
	if !tx.unmerged(m) {
		tx.reply(m.Respond(482, "Merged Request"))
		return
	}
	tx.expectAnswer()
	e.dispatch(&Incoming{Request: m, tx: tx})
}

// overloaded answers before any memory is kept.
func (e *Engine) overloaded(m *Message) {
	e.count.overload.Add(1)
	res := m.Respond(503, "")
	res.Set("Retry-After", "5")
	e.replyStateless(res)
}

// replyStateless sends a response without a transaction (RFC 3261 8.2.7): the To tag is made of the request, so that a
// retransmission is answered alike.
func (e *Engine) replyStateless(res *Message) {
	e.stampStateless(res)
	if res.Flow != nil {
		res.Flow.sendMessage(res)
	}
}

// replyTogether is replyStateless for what is the only answer to its request and may leave with others. Only the goroutine that read the
// request calls it.
func (e *Engine) replyTogether(res *Message) {
	if f := res.Flow; f != nil && f.udp != nil {
		e.stampStateless(res)
		f.udp.out.answer(res, f.remote)
		return
	}
	e.replyStateless(res)
}

func (e *Engine) stampStateless(res *Message) {
	if res.Status > 100 && res.ToTag() == "" {
		k := e.keys.of(res.get(hVia), res.get(hCallID))
		res.SetToTag(strconv.FormatUint(k.a, 36))
	}
	e.stampServer(res)
}

func (e *Engine) stampServer(res *Message) {
	if e.cfg.UserAgent != "" && res.find(hServer) == nil {
		res.set(hServer, e.cfg.UserAgent)
	}
}

// ack goes to the INVITE transaction it ends when that was refused, and to the leg when it was accepted (RFC 3261 17.2.1, 13.3.1.4).
func (e *Engine) ack(m *Message) {
	if tx, ok := e.servers.get(e.keys.server(m, "INVITE")); ok && tx.ack() {
		return
	}
	if leg, ok := e.legs.get(m.ToTag()); ok && leg.owns(m) {
		leg.ack(m)
	}
}

// cancel answers a CANCEL and takes the INVITE back (RFC 3261 9.2). It needs no transaction: a retransmission finds the same.
func (e *Engine) cancel(m *Message) {
	tx, ok := e.servers.get(e.keys.server(m, "INVITE"))
	if !ok {
		e.replyStateless(m.Respond(481, ""))
		return
	}
	res := m.Respond(200, "")
	res.SetToTag(tx.localTag())
	e.replyStateless(res)
	tx.cancel(m)
}

// dispatch gives a request to a goroutine that waits for one, or to a new one. Used ones are kept because their stacks have
// already grown.
func (e *Engine) dispatch(t *Incoming) {
	select {
	case e.workers <- t:
	default:
		go e.work(t)
	}
}

// idleWorkers is how many goroutines wait for requests at most.
const idleWorkers = 64

func (e *Engine) work(t *Incoming) {
	for {
		e.handle(t)
		t = nil
		if e.idle.Add(1) > idleWorkers {
			e.idle.Add(-1)
			return
		}
		select {
		case t = <-e.workers:
			e.idle.Add(-1)
		case <-e.closed:
			return
		}
	}
}

// handle runs the handler. However it ends, the request gets an answer.
func (e *Engine) handle(t *Incoming) {
	defer func() {
		if p := recover(); p != nil {
			e.panicked("handler of "+t.Request.Method, p)
			t.tx.abandon()
		}
	}()
	e.cfg.Handler(t)
	if !t.tx.hasLeg() {
		t.tx.abandon()
	}
}

// server makes the key of a server transaction (RFC 3261 17.2.3): top branch, sent-by and method. Branches without the magic
// cookie are from before RFC 3261 and prove nothing; then the whole of Via, From tag, Call-ID and the number of CSeq count.
func (k keyer) server(m *Message, method string) txKey {
	via := m.Via()
	if strings.HasPrefix(via.Branch, magicCookie) {
		return k.of(via.Branch, via.Host, strconv.Itoa(via.Port), method)
	}
	n, _ := m.CSeq()
	return k.of(m.get(hVia), m.FromTag(), m.CallID(), strconv.FormatUint(uint64(n), 10), method)
}

const magicCookie = "z9hG4bK"

// answered remembers the last responses of transactions that were forgotten at once (Incoming.Stateless), so that a phone whose
// 200 was lost gets the same one again instead of being seen as a replay of its nonce count. A ring with a fixed number of places
// needs no timers: at 4,000 requests a second an answer lives for a second, which is longer than the first two retransmissions.
type answered struct {
	mu   sync.Mutex
	at   map[txKey]int
	ring []forgotten
	next int
}

type forgotten struct {
	key  txKey
	wire []byte
}

// mostAnswered bounds the memory to about 3 MB.
const mostAnswered = 4096

func newAnswered() *answered { return &answered{at: map[txKey]int{}} }

// put remembers a response; wire is copied.
func (a *answered) put(key txKey, wire []byte) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.ring) < mostAnswered {
		a.ring = append(a.ring, forgotten{})
	}
	place := &a.ring[a.next]
	if place.wire != nil {
		delete(a.at, place.key)
	}
	place.key, place.wire = key, append(place.wire[:0], wire...)
	a.at[key] = a.next
	a.next = (a.next + 1) % mostAnswered
}

// resend answers a retransmission from memory.
func (a *answered) resend(key txKey, flow *Flow) bool {
	a.mu.Lock()
	i, ok := a.at[key]
	if !ok {
		a.mu.Unlock()
		return false
	}
	wire := slices.Clone(a.ring[i].wire)
	a.mu.Unlock()
	flow.send(wire)
	return true
}
