package sip

import "context"

// Outgoing is a client transaction: a request sent and what comes back.
type Outgoing struct {
	Request   *Message
	responses chan *Message
}

// Send begins a client transaction: a Via with a new branch goes on top, Max-Forwards and User-Agent are added where missing, and
// UDP repeats the request until it is answered. req belongs to the engine afterwards. When ctx ends first, an INVITE is cancelled
// and any other request is given up. An ACK is sent without a transaction and has no responses.
func (e *Engine) Send(ctx context.Context, flow *Flow, req *Message) (*Outgoing, error) {
	return nil, ErrClosed
}

// Responses returns the answers in order and closes after the final one. A 408 without a Via is made up when none came in time, a
// 503 when the flow broke. For an INVITE it yields one final answer; forks are the business of Call.
func (o *Outgoing) Responses() <-chan *Message { return o.responses }

// Cancel takes an INVITE back: CANCEL is sent as soon as the peer has shown a sign of life (RFC 3261 9.1). The final answer still
// comes, usually 487; a 2xx may have been faster.
func (o *Outgoing) Cancel() {}
