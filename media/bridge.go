package media

import "context"

// bridge joins two endpoints; an endpoint belongs to at most one, and a packet is passed on only while both ends agree which.
type bridge struct{ a, b *Endpoint }

func (br *bridge) other(e *Endpoint) *Endpoint {
	if br.a == e {
		return br.b
	}
	return br.a
}

// Bridge passes packets from each of the two endpoints to the other, telephone events included. Endpoints may be bridged anew without
// stopping first: the last Bridge wins. stop undoes this bridge only and may be called any number of times.
func Bridge(a, b *Endpoint) (stop func()) {
	br := &bridge{a, b}
	a.join(br)
	b.join(br)
	return func() {
		a.leave(br)
		b.leave(br)
	}
}

func (e *Endpoint) join(br *bridge) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.bridge, e.far = br, br.other(e)
	}
}

func (e *Endpoint) leave(br *bridge) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.bridge == br {
		e.bridge, e.far = nil, nil
	}
}

// Echo sends the peer what comes from it until ctx ends, the endpoint is closed or bridged. It replaces the endpoint's bridge.
func (e *Endpoint) Echo(ctx context.Context) error {
	stop := Bridge(e, e)
	defer stop()
	return e.wait(ctx)
}

func (e *Endpoint) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-e.done:
		return ErrClosed
	}
}
