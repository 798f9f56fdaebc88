package sip

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Outgoing is a client transaction: a request sent and what comes back (RFC 3261 17.1, RFC 6026 7.2).
type Outgoing struct {
	Request *Message // as sent

	e         *Engine
	key       txKey
	flow      *Flow
	invite    bool
	responses chan *Message
	deliver   func(*Message) // instead of responses; called without the lock, sees every 2xx of an INVITE

	mu           sync.Mutex
	state        txState
	wire         []byte // what is repeated: the request, then the ACK
	timer        timer
	interval     time.Duration
	giveUp       time.Time
	delivered    bool // the final answer
	cancelWanted bool
	cancelSent   bool
	cancelWith   []string // headers of the CANCEL
	stop         func() bool
}

// roomForResponses holds what one transaction can answer before its owner reads; further provisional answers are dropped, the
// final one always has a place.
const roomForResponses = 16

// Send begins a client transaction: a Via with a new branch goes on top, Call-ID, CSeq, Max-Forwards and User-Agent are added
// where missing, and UDP repeats the request until it is answered. req belongs to the engine afterwards. When ctx ends first, an
// INVITE is cancelled and any other request is given up. An ACK is sent without a transaction and has no responses.
func (e *Engine) Send(ctx context.Context, flow *Flow, req *Message) (*Outgoing, error) {
	o := &Outgoing{responses: make(chan *Message, roomForResponses)}
	if err := e.begin(o, flow, req); err != nil {
		return nil, err
	}
	o.watch(ctx)
	return o, nil
}

// Responses returns the answers in order and closes after the final one. A 408 is made up when none came in time, a 503 when the
// flow broke; what was made up has no Flow. For an INVITE it yields one final answer; forks are the business of Call.
func (o *Outgoing) Responses() <-chan *Message { return o.responses }

// Cancel takes an INVITE back: CANCEL is sent as soon as the peer has shown a sign of life (RFC 3261 9.1). The final answer still
// comes, usually 487; a 2xx may have been faster.
func (o *Outgoing) Cancel() { o.cancel() }

// begin sends the request. A deliver function must be set before. Transport failures are answers, not errors.
func (e *Engine) begin(o *Outgoing, flow *Flow, req *Message) error {
	if e.isClosed() {
		return ErrClosed
	}
	if flow == nil {
		return ErrFlow
	}
	branch := newToken(magicCookie, branchLength)
	req.Prepend("Via", flow.via(branch))
	e.complete(req)
	o.Request, o.e, o.flow, o.invite = req, e, flow, req.Method == "INVITE"
	req.Flow = flow
	if req.Method == "ACK" {
		close(o.responses)
		o.delivered = true
		return flow.sendMessage(req)
	}
	return o.start(branch)
}

// complete adds what every request of ours has (RFC 3261 8.1.1).
func (e *Engine) complete(req *Message) {
	if req.find(hCallID) == nil {
		req.set(hCallID, newToken("", callIDLength))
	}
	if req.find(hCSeq) == nil {
		req.set(hCSeq, "1 "+req.Method)
	}
	if req.find(hMaxForwards) == nil {
		req.set(hMaxForwards, "70")
	}
	if e.cfg.UserAgent != "" && req.find(hUserAgent) == nil {
		req.set(hUserAgent, e.cfg.UserAgent)
	}
}

// start enters the transaction and sends the request for the first time: timers A and B, or E and F.
func (o *Outgoing) start(branch string) error {
	e := o.e
	o.key = e.keys.of(branch, o.Request.Method)
	o.wire = o.Request.AppendTo(make([]byte, 0, 1024))
	if _, added := e.clients.add(o.key, o); !added {
		return ErrState
	}
	e.count.clientTxs.Add(1)
	o.mu.Lock()
	o.interval = e.cfg.T1
	o.giveUp = time.Now().Add(e.cfg.TransactionTimeout)
	err := o.flow.send(o.wire)
	if c := o.flow.conn; err == nil && c != nil && !c.await(o) {
		err = ErrFlow
	}
	switch {
	case err != nil:
		o.mu.Unlock()
		go o.fail(503) // the caller may hold the lock that deliver wants
		return nil
	case o.flow.reliable():
		o.wire = nil
		e.wheel.set(&o.timer, e.cfg.TransactionTimeout, o, timerEnd)
	default:
		e.wheel.set(&o.timer, o.interval, o, timerResend)
	}
	o.mu.Unlock()
	return nil
}

// watch ties the transaction to a context.
func (o *Outgoing) watch(ctx context.Context) {
	if ctx.Done() == nil {
		return
	}
	stop := context.AfterFunc(ctx, func() {
		if o.invite {
			o.cancel()
			return
		}
		o.fail(408)
	})
	o.mu.Lock()
	o.stop = stop
	done := o.delivered
	o.mu.Unlock()
	if done {
		stop()
	}
}

// via writes a Via for requests through the flow. rport asks for the source the peer sees (RFC 3581).
func (f *Flow) via(branch string) string {
	transport := "UDP"
	if f.conn != nil {
		transport = f.conn.viaTransport()
	}
	return "SIP/2.0/" + transport + " " + f.host() + ";rport;branch=" + branch
}

// response gives a response to the transaction whose branch and method it has (RFC 3261 17.1.3); others are dropped.
func (e *Engine) response(m *Message) {
	_, method := m.CSeq()
	if o, ok := e.clients.get(e.keys.of(m.Branch(), method)); ok {
		o.response(m)
	}
}

func (o *Outgoing) response(m *Message) {
	o.mu.Lock()
	var pass bool
	if o.invite {
		pass = o.inviteResponse(m)
	} else {
		pass = o.otherResponse(m)
	}
	o.hand(m, pass)
}

// inviteResponse moves an INVITE transaction on (RFC 3261 17.1.1.2, RFC 6026 7.2) and tells whether the owner sees the response.
func (o *Outgoing) inviteResponse(m *Message) bool {
	e := o.e
	switch {
	case o.state == txTerminated:
		return false
	case m.Status >= 200 && m.Status < 300:
		if o.state == txCompleted {
			return false
		}
		if o.state != txAccepted {
			o.state, o.wire = txAccepted, nil
			e.wheel.set(&o.timer, e.cfg.TransactionTimeout, o, timerEnd) // timer M
		}
		return o.deliver != nil || !o.delivered
	case o.state == txAccepted:
		return false
	case m.Status < 200:
		if o.state == txCompleted {
			return false
		}
		o.state, o.wire = txProceeding, nil
		if o.cancelSent {
			return true
		}
		e.wheel.set(&o.timer, e.cfg.RingTimeout, o, timerRing)
		if o.cancelWanted {
			o.sendCancel()
		}
		return true
	case o.state == txCompleted:
		o.flow.send(o.wire)
		return false
	}
	o.state = txCompleted
	o.wire = o.ackRefusal(m).AppendTo(nil)
	o.flow.send(o.wire)
	if o.flow.reliable() {
		o.terminate()
	} else {
		e.wheel.set(&o.timer, e.cfg.TransactionTimeout, o, timerEnd) // timer D
	}
	return true
}

// otherResponse moves any other transaction on (RFC 3261 17.1.2.2). Timer K is not needed: a response that comes again finds no
// transaction and is dropped as timer K would have it.
func (o *Outgoing) otherResponse(m *Message) bool {
	if o.state >= txCompleted {
		return false
	}
	if m.Status < 200 {
		o.state = txProceeding
		return true
	}
	o.terminate()
	return true
}

// hand gives a response to the owner. It is called with the lock held and releases it.
func (o *Outgoing) hand(m *Message, pass bool) {
	if !pass || o.delivered && (o.deliver == nil || m.Status < 200) {
		o.mu.Unlock()
		return
	}
	final := m.Status >= 200 && !o.delivered
	if final {
		o.delivered = true
		if o.stop != nil {
			defer o.stop()
		}
	}
	if o.deliver == nil {
		if final || len(o.responses) < roomForResponses-1 {
			o.responses <- m
		}
		if final {
			close(o.responses)
		}
	}
	o.mu.Unlock()
	if o.deliver != nil {
		o.deliver(m)
	}
}

// expire runs timers A to F, M and C.
func (o *Outgoing) expire(which uint8) {
	o.mu.Lock()
	switch {
	case o.state == txTerminated:
	case which == timerResend && time.Now().Before(o.giveUp):
		if o.state == txCalling || !o.invite && o.state == txProceeding {
			o.resend()
		}
	case which == timerRing:
		if o.state == txProceeding {
			o.sendCancel()
		}
	case o.state == txCompleted || o.state == txAccepted:
		o.terminate()
	default:
		o.mu.Unlock()
		o.e.count.timeouts.Add(1)
		o.fail(408)
		return
	}
	o.mu.Unlock()
}

// resend is timer A, which doubles without bound, and timer E, which stops at T2 and stays there once the peer answered 1xx.
func (o *Outgoing) resend() {
	o.flow.send(o.wire)
	o.interval *= 2
	if !o.invite {
		o.interval = min(o.interval, o.e.cfg.T2)
		if o.state == txProceeding {
			o.interval = o.e.cfg.T2
		}
	}
	o.e.wheel.set(&o.timer, min(o.interval, max(0, time.Until(o.giveUp))), o, timerResend)
}

// fail ends the transaction with a made-up answer.
func (o *Outgoing) fail(status int) {
	o.mu.Lock()
	o.terminate()
	res := o.Request.Respond(status, "")
	res.Flow = nil
	o.hand(res, true)
}

func (o *Outgoing) terminate() {
	if o.state == txTerminated {
		return
	}
	o.state, o.wire = txTerminated, nil
	o.e.wheel.clear(&o.timer)
	if o.flow.conn != nil {
		o.flow.conn.forget(o)
	}
	o.e.clients.delete(o.key)
	o.e.count.clientTxs.Add(-1)
}

// cancel sends CANCEL, or notes that it is to be sent after the first provisional answer.
func (o *Outgoing) cancel(header ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.invite || o.state > txProceeding || o.cancelWanted {
		return
	}
	o.cancelWanted, o.cancelWith = true, header
	if o.state == txProceeding {
		o.sendCancel()
	}
}

// sendCancel takes the INVITE back (RFC 3261 9.1). When no final answer follows, timer B's time is all that we wait.
func (o *Outgoing) sendCancel() {
	if o.cancelSent {
		return
	}
	o.cancelSent, o.cancelWanted = true, true
	o.e.wheel.set(&o.timer, o.e.cfg.TransactionTimeout, o, timerEnd)
	req := o.follow("CANCEL")
	addHeaders(req, o.cancelWith)
	c := &Outgoing{Request: req, e: o.e, flow: o.flow, deliver: func(*Message) {}}
	_ = c.start(req.Branch()) // fails only for a branch that is taken, by a CANCEL that is under way
}

// ackRefusal is the ACK for a final answer of 300 or more (RFC 3261 17.1.1.3).
func (o *Outgoing) ackRefusal(m *Message) *Message {
	ack := o.follow("ACK")
	ack.set(hTo, m.get(hTo))
	return ack
}

// follow makes the CANCEL or ACK of an INVITE: the same top Via, Route, From, To, Call-ID and sequence number.
func (o *Outgoing) follow(method string) *Message {
	n, _ := o.Request.CSeq()
	req := NewRequest(method, o.Request.Target)
	req.set(hVia, o.Request.get(hVia))
	for _, route := range o.Request.All("Route") {
		req.Add("Route", route)
	}
	req.set(hFrom, o.Request.get(hFrom))
	req.set(hTo, o.Request.get(hTo))
	req.set(hCallID, o.Request.get(hCallID))
	req.set(hCSeq, strconv.FormatUint(uint64(n), 10)+" "+method)
	o.e.complete(req)
	return req
}

// viaTransport is the transport as Via spells it.
func (c *conn) viaTransport() string {
	if c.secure {
		return "WSS"
	}
	return strings.ToUpper(c.transport)
}
