package sip

import (
	"slices"
	"strconv"
	"sync"
	"time"
)

// Incoming is a new request and its server transaction (RFC 3261 17.2).
type Incoming struct {
	Request *Message
	Leg     *Leg // set when the request came inside the dialog of a leg that does not handle its method: REFER, MESSAGE, …
	tx      *serverTx
}

// Flow returns the way the request came and its responses go.
func (t *Incoming) Flow() *Flow { return t.Request.Flow }

// Reply sends a response, provisional or final, with a To tag if it has none. It returns ErrState after a final one.
func (t *Incoming) Reply(res *Message) error { return t.tx.reply(res) }

// Refuse replies with a final status and no body. An empty reason becomes the usual one; header lists names and values in turn.
func (t *Incoming) Refuse(status int, reason string, header ...string) error {
	res := t.Request.Respond(status, reason)
	addHeaders(res, header)
	return t.tx.reply(res)
}

// Cancelled is closed when the peer takes its INVITE back (200 and 487 were sent by the engine), or the transaction is over.
func (t *Incoming) Cancelled() <-chan struct{} { return t.tx.cancelled() }

// Stateless makes the engine forget the transaction right after its final answer instead of keeping it for 64*T1. Say it before
// Reply, for requests whose answer may be given again: REGISTER, OPTIONS, and every 401 and 407. The last few thousand such
// answers are remembered and repeated when the request is.
func (t *Incoming) Stateless() {
	t.tx.mu.Lock()
	t.tx.stateless = true
	t.tx.mu.Unlock()
}

// addHeaders adds pairs of names and values.
func addHeaders(m *Message, pairs []string) {
	for pair := range slices.Chunk(pairs, 2) {
		if len(pair) == 2 {
			m.Add(pair[0], pair[1])
		}
	}
}

type txState uint8

// States of RFC 3261 17.1, 17.2 and RFC 6026 7. Trying of the server is proceeding here: it differs in nothing we do.
const (
	txCalling txState = iota
	txProceeding
	txCompleted
	txConfirmed
	txAccepted
	txTerminated
)

// What a timer of a transaction is for.
const (
	timerTrying uint8 = iota // 100 for an INVITE that nobody answered within 200 ms
	timerResend              // A, E, G
	timerEnd                 // B, D, F, H, I, J, K, L, M
	timerRing                // C
)

// serverTx is a server transaction. Its lock is taken after that of a leg, never before.
type serverTx struct {
	e      *Engine
	key    txKey
	merge  txKey // in Engine.merged; zero for none
	flow   *Flow
	invite bool

	mu         sync.Mutex
	state      txState
	request    *Message // until the final answer
	tag        string   // ours, of To
	last       []byte   // what a retransmission is answered with
	stateless  bool
	wasCancel  bool
	done       chan struct{} // of Incoming.Cancelled, made when asked for
	doneClosed bool
	leg        *Leg // until the final answer
	attached   bool // there was a leg
	timer      timer
	interval   time.Duration
	giveUp     time.Time
}

// newServerTx begins a transaction; nil when another goroutine has just begun it for the same request.
func (e *Engine) newServerTx(m *Message, key txKey) *serverTx {
	tx := &serverTx{e: e, key: key, flow: m.Flow, invite: m.Method == "INVITE", state: txProceeding, request: m}
	if _, added := e.servers.add(key, tx); !added {
		return nil
	}
	e.count.serverTxs.Add(1)
	return tx
}

// unmerged is false when the same request came another way already (RFC 3261 8.2.2.2).
func (tx *serverTx) unmerged(m *Message) bool {
	if m.ToTag() != "" || m.Method == "REGISTER" || m.Method == "OPTIONS" {
		return true
	}
	merge := tx.e.keys.of(m.FromTag(), m.CallID(), m.get(hCSeq))
	if have, added := tx.e.merged.add(merge, tx.key); !added {
		return have == tx.key
	}
	tx.merge = merge
	return true
}

// expectAnswer arranges a 100 for an INVITE that is not answered within 200 ms (RFC 3261 17.2.1).
func (tx *serverTx) expectAnswer() {
	if tx.invite {
		tx.e.wheel.set(&tx.timer, tx.e.cfg.T1*2/5, tx, timerTrying)
	}
}

// reply sends a response and moves on: RFC 3261 17.2.1 and 17.2.2, RFC 6026 7.1.
func (tx *serverTx) reply(res *Message) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.state != txProceeding {
		return ErrState
	}
	if res.Status > 100 {
		res.SetToTag(tx.tagLocked())
	}
	tx.e.stampServer(res)
	wire := buffers.Get().(*[]byte)
	defer buffers.Put(wire)
	*wire = res.AppendTo((*wire)[:0])
	err := tx.flow.send(*wire)
	if res.Status < 200 {
		tx.last = append(tx.last[:0], *wire...)
		return err
	}
	tx.request, tx.leg = nil, nil
	tx.closeDone()
	switch {
	case tx.stateless || !tx.invite && tx.flow.reliable():
		if !tx.flow.reliable() {
			tx.e.answered.put(tx.key, *wire)
		}
		tx.terminate()
	case tx.invite && res.Status < 300:
		tx.state, tx.last = txAccepted, nil // the leg repeats the 2xx
		tx.e.wheel.set(&tx.timer, tx.e.cfg.TransactionTimeout, tx, timerEnd)
	case tx.invite:
		tx.state, tx.last = txCompleted, slices.Clone(*wire)
		tx.awaitACK()
	default:
		tx.state, tx.last = txCompleted, slices.Clone(*wire)
		tx.e.wheel.set(&tx.timer, tx.e.cfg.TransactionTimeout, tx, timerEnd)
	}
	return err
}

// awaitACK starts timers G and H.
func (tx *serverTx) awaitACK() {
	tx.giveUp = time.Now().Add(tx.e.cfg.TransactionTimeout)
	tx.interval = tx.e.cfg.T1
	if tx.flow.reliable() {
		tx.e.wheel.set(&tx.timer, tx.e.cfg.TransactionTimeout, tx, timerEnd)
		return
	}
	tx.e.wheel.set(&tx.timer, tx.interval, tx, timerResend)
}

// expire runs timers G, H, I, J and L, and the 200 ms before a 100.
func (tx *serverTx) expire(which uint8) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	switch {
	case which == timerTrying:
		if tx.state == txProceeding && tx.last == nil {
			tx.tryingLocked()
		}
	case which == timerResend && tx.state == txCompleted && time.Now().Before(tx.giveUp):
		tx.flow.send(tx.last)
		tx.interval = min(2*tx.interval, tx.e.cfg.T2)
		tx.e.wheel.set(&tx.timer, tx.interval, tx, timerResend)
	case which == timerResend && tx.state == txCompleted, which == timerEnd:
		tx.terminate()
	}
}

func (tx *serverTx) tryingLocked() {
	res := tx.request.Respond(100, "")
	tx.e.stampServer(res)
	tx.last = res.AppendTo(nil)
	tx.flow.send(tx.last)
}

// retransmitted answers a repeated request with the last response; an accepted INVITE is the leg's business (RFC 6026 7.1).
func (tx *serverTx) retransmitted() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	switch {
	case tx.state == txProceeding && tx.last == nil && tx.invite:
		tx.tryingLocked()
	case tx.state == txProceeding && tx.last != nil, tx.state == txCompleted:
		tx.flow.send(tx.last)
	case tx.state == txTerminated: // at this moment
		tx.e.answered.resend(tx.key, tx.flow)
	}
}

// ack ends the repetition of a refusal (RFC 3261 17.2.1); false when the ACK is for a leg.
func (tx *serverTx) ack() bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	switch tx.state {
	case txCompleted:
		if tx.flow.reliable() {
			tx.terminate()
			return true
		}
		tx.state, tx.last = txConfirmed, nil
		tx.e.wheel.set(&tx.timer, tx.e.cfg.T4, tx, timerEnd)
		return true
	case txAccepted:
		return false
	}
	return true
}

// cancel takes an INVITE back that has no final answer yet (RFC 3261 9.2).
func (tx *serverTx) cancel(m *Message) {
	tx.mu.Lock()
	if !tx.invite || tx.state != txProceeding || tx.wasCancel {
		tx.mu.Unlock()
		return
	}
	tx.wasCancel = true
	tx.closeDone()
	leg, request := tx.leg, tx.request
	tx.mu.Unlock()
	if leg != nil {
		leg.cancelled(m, tx)
		return
	}
	tx.reply(request.Respond(487, ""))
}

// attach makes the transaction a leg's; cancelled tells that the peer was faster.
func (tx *serverTx) attach(l *Leg) (tag string, cancelled bool) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.leg, tx.attached = l, true
	return tx.tagLocked(), tx.wasCancel || tx.state != txProceeding
}

func (tx *serverTx) hasLeg() bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.attached
}

// abandon answers what nobody answered.
func (tx *serverTx) abandon() {
	tx.mu.Lock()
	leg := tx.leg
	tx.mu.Unlock()
	if leg != nil {
		leg.Refuse(500, "")
		return
	}
	tx.abandonWith(500)
}

// abandonWith refuses a request that is still open.
func (tx *serverTx) abandonWith(status int) {
	tx.mu.Lock()
	request := tx.request
	tx.mu.Unlock()
	if request != nil {
		tx.reply(request.Respond(status, ""))
	}
}

func (tx *serverTx) localTag() string {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.tagLocked()
}

func (tx *serverTx) tagLocked() string {
	if tx.tag == "" {
		tx.tag = newToken("", tagLength)
	}
	return tx.tag
}

func (tx *serverTx) cancelled() <-chan struct{} {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.done == nil {
		tx.done = make(chan struct{})
		if tx.doneClosed {
			close(tx.done)
		}
	}
	return tx.done
}

func (tx *serverTx) closeDone() {
	if !tx.doneClosed {
		tx.doneClosed = true
		if tx.done != nil {
			close(tx.done)
		}
	}
}

// terminate forgets the transaction.
func (tx *serverTx) terminate() {
	if tx.state == txTerminated {
		return
	}
	tx.state, tx.last, tx.request, tx.leg = txTerminated, nil, nil, nil
	tx.closeDone()
	tx.e.wheel.clear(&tx.timer)
	tx.e.servers.delete(tx.key)
	if tx.merge != (txKey{}) {
		tx.e.merged.delete(tx.merge)
	}
	tx.e.count.serverTxs.Add(-1)
}

// seconds writes a duration for a header, at least 1.
func seconds(d time.Duration) string { return strconv.Itoa(max(1, int(d/time.Second))) }
