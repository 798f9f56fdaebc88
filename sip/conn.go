package sip

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// conn is one open connection of any stream transport. Writers never wait for the peer: messages queue, and a goroutine that
// exists only while there are any writes them.
type conn struct {
	e         *Engine
	transport string
	remote    netip.AddrPort
	local     netip.AddrPort
	id        string
	flow      *Flow
	write     func(b []byte) error // one message; blocks at most for Limits.Write
	shut      func()               // closes the socket; called once
	secure    bool                 // a WebSocket behind TLS

	closed  atomic.Bool
	mu      sync.Mutex
	queue   [][]byte
	queued  int // bytes
	writing bool
	last    bool                   // close when the queue is empty
	waiting map[*Outgoing]struct{} // client transactions that end with the connection
}

func (c *conn) alive() bool { return !c.closed.Load() }

// send queues a copy of b.
func (c *conn) send(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Load() {
		return ErrFlow
	}
	if c.queued+len(b) > c.e.cfg.Limits.QueueBytes {
		go c.close() // the peer does not read
		return ErrFlow
	}
	c.queue = append(c.queue, append([]byte(nil), b...))
	c.queued += len(b)
	if !c.writing {
		c.writing = true
		go c.flush()
	}
	return nil
}

// flush writes until the queue is empty.
func (c *conn) flush() {
	c.mu.Lock()
	for len(c.queue) > 0 && !c.closed.Load() {
		batch := c.queue
		c.queue, c.queued = nil, 0
		c.mu.Unlock()
		for _, b := range batch {
			if err := c.write(b); err != nil {
				c.close()
				break
			}
		}
		c.mu.Lock()
	}
	c.writing = false
	last := c.last
	c.mu.Unlock()
	if last {
		c.close()
	}
}

// finish closes the connection when what waits is written, which may take a second.
func (c *conn) finish() {
	c.mu.Lock()
	c.last = true
	writing := c.writing
	c.mu.Unlock()
	if !writing {
		c.close()
		return
	}
	time.AfterFunc(time.Second, c.close)
}

// await remembers a transaction that nobody can answer any more once the connection is closed; false when it is already.
func (c *conn) await(o *Outgoing) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed.Load() {
		return false
	}
	if c.waiting == nil {
		c.waiting = map[*Outgoing]struct{}{}
	}
	c.waiting[o] = struct{}{}
	return true
}

func (c *conn) forget(o *Outgoing) {
	c.mu.Lock()
	delete(c.waiting, o)
	c.mu.Unlock()
}

// close ends the connection, takes it off the list and fails what waits for an answer on it (RFC 3261 17.1.4).
func (c *conn) close() {
	if c.closed.Swap(true) {
		return
	}
	c.e.conns.remove(c)
	c.shut()
	c.mu.Lock()
	waiting := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	for o := range waiting {
		go o.fail(503) // close may be called under the lock that an answer wants
	}
}

// ended is deferred by the goroutine that reads: a panic there costs this connection and nothing else.
func (c *conn) ended() {
	if p := recover(); p != nil {
		c.e.panicked("connection", p)
	}
	c.finish()
	c.e.readers.Done()
}

// connections lists what is open and keeps the limits.
type connections struct {
	mu        sync.Mutex
	limits    Limits
	open      map[string]*conn
	perSource map[netip.Addr]int
	count     int // with those that are not open yet
}

func (l *connections) init(limits Limits) {
	l.limits, l.open, l.perSource = limits, map[string]*conn{}, map[netip.Addr]int{}
}

// reserve counts a connection of the source in, unless a limit is reached; release counts it out.
func (l *connections) reserve(source netip.Addr) bool {
	source = sourceOf(source)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count >= l.limits.Connections || l.perSource[source] >= l.limits.PerSource {
		return false
	}
	l.count++
	l.perSource[source]++
	return true
}

func (l *connections) release(source netip.Addr) {
	source = sourceOf(source)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count--
	if l.perSource[source]--; l.perSource[source] == 0 {
		delete(l.perSource, source)
	}
}

func (l *connections) add(c *conn) {
	l.mu.Lock()
	l.open[c.id] = c
	l.mu.Unlock()
}

func (l *connections) remove(c *conn) {
	l.mu.Lock()
	delete(l.open, c.id)
	l.mu.Unlock()
}

func (l *connections) byID(id string) (*conn, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.open[id]
	return c, ok
}

func (l *connections) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

func (l *connections) closeAll() {
	l.mu.Lock()
	open := make([]*conn, 0, len(l.open))
	for _, c := range l.open {
		open = append(open, c)
	}
	l.mu.Unlock()
	for _, c := range open {
		c.finish()
	}
}

// newConn makes a connection known. write and shut belong to the transport; the caller has reserved its place.
func (e *Engine) newConn(transport string, local, remote netip.AddrPort, write func([]byte) error, shut func()) (*conn, error) {
	c := &conn{e: e, transport: transport, local: unmap(local), remote: unmap(remote), id: newToken(transport+"-", connLength), write: write, shut: shut}
	c.flow = &Flow{e: e, conn: c, remote: c.remote}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.isClosed() {
		return nil, ErrClosed
	}
	e.conns.add(c)
	e.readers.Add(1)
	return c, nil
}

func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }
