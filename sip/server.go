package sip

import (
	"sync"
)

// Incoming is a new request and its server transaction (RFC 3261 17.2).
type Incoming struct {
	Request *Message
	Leg     *Leg // set when the request came inside the dialog of a leg that does not handle its method: REFER, MESSAGE, …
	tx      *serverTx
}

type serverTx struct {
	mu sync.Mutex
}

// Flow returns the way the request came and its responses go.
func (t *Incoming) Flow() *Flow { return t.Request.Flow }

// Reply sends a response, provisional or final, with a To tag if it has none. It returns ErrState after a final one.
func (t *Incoming) Reply(res *Message) error { return nil }

// Refuse replies with a final status and no body. An empty reason becomes the usual one; header lists names and values in turn.
func (t *Incoming) Refuse(status int, reason string, header ...string) error { return nil }

// Cancelled is closed when the peer takes its INVITE back (200 and 487 were sent by the engine), or the transaction is over.
func (t *Incoming) Cancelled() <-chan struct{} { return nil }

// Stateless makes the engine forget the transaction right after its final answer instead of keeping it for 64*T1. Say it before
// Reply, for what may be asked again without harm.
func (t *Incoming) Stateless() {}
