package web

import (
	"context"
	"sync"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
)

const (
	streamsPerSession = 20
	streamBeat        = 25 * time.Second // shorter than the minute after which proxies give up on a quiet connection
)

// streams are the open event streams of this process.
type streams struct {
	mu      sync.Mutex
	count   map[string]int // by session
	closing chan struct{}
}

// Close ends all event streams, so that a server can stop without waiting for them. Requests go on being served.
func (p *Portal) Close() {
	p.streams.mu.Lock()
	defer p.streams.mu.Unlock()
	select {
	case <-p.streams.closing:
	default:
		close(p.streams.closing)
	}
}

// open counts a stream of a session; the function that it returns gives the place back.
func (s *streams) open(session string) (done func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count[session] >= streamsPerSession {
		return nil, false
	}
	s.count[session]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.count[session]--; s.count[session] == 0 {
			delete(s.count, session)
		}
	}, true
}

// events tells an open page what changed in its account, and ends with the right to be there.
func (p *Portal) events(r *Request) error {
	actor := r.Viewer.Actor
	done, ok := p.streams.open(actor.SessionID)
	if !ok {
		return fault.New(fault.TooMany, "too-many-pages", "You have many pages of this portal open. Close some to let this one follow changes")
	}
	defer done()
	var notices <-chan string
	if p.Changes != nil {
		var cancel func()
		notices, cancel = p.Changes.Subscribe(account.AccountTopic(actor.Account.ID), account.PersonTopic(actor.PersonID), account.PhoneTopic(actor.Account.ID))
		defer cancel()
	}
	stream, err := r.Stream()
	if err != nil {
		return nil // the reader is gone
	}
	p.follow(r, stream, notices)
	return nil
}

// follow ends when the viewer's rights, the page or the portal do. It looks at the rights first: they may have gone between the
// request's own look and the subscription. A failed write is a reader who went away.
func (p *Portal) follow(r *Request, stream *Stream, notices <-chan string) {
	actor := r.Viewer.Actor
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	calm := &calm{topic: account.PhoneTopic(actor.Account.ID)}
	for topic, more := "", true; more; topic, more = p.hear(r.Context(), notices, beat.C, calm) {
		why, err := p.lost(r.Context(), actor)
		switch {
		case r.Context().Err() != nil:
			return
		case err != nil:
			p.report(r, err)
			return
		case why != "":
			_ = stream.Send("ended", why)
			return
		case topic == account.AccountTopic(actor.Account.ID):
			err = stream.Send("changed", "hub-users")
		case topic == calm.topic:
			err = stream.Send("changed", "phones")
		default:
			err = stream.Beat()
		}
		if err != nil {
			return
		}
	}
}

// hear waits for something to tell, "" for nothing but that the stream lives. There is no more when the reader or the portal went.
func (p *Portal) hear(ctx context.Context, notices <-chan string, beat <-chan time.Time, calm *calm) (topic string, more bool) {
	for {
		select {
		case <-ctx.Done():
			return "", false
		case <-p.streams.closing:
			return "", false
		case topic = <-notices:
			if topic != calm.topic {
				return topic, true
			}
			calm.wait()
		case calm.told = <-calm.due:
			calm.due = nil
			return calm.topic, true
		case <-beat: // sessions also end by time, which nobody notices
			return "", true
		}
	}
}

// calm keeps a topic to once in callPause, however much happens: an account can have a hundred calls a second.
type calm struct {
	topic string
	told  time.Time        // when it last was
	due   <-chan time.Time // when it will be; nil when nothing new is known
}

const callPause = time.Second

func (c *calm) wait() {
	if c.due == nil {
		c.due = time.After(callPause - time.Since(c.told))
	}
}

// lost says what a viewer has lost since their page was made, in the words of the event "ended"; "" is nothing.
func (p *Portal) lost(ctx context.Context, before account.Actor) (string, error) {
	now, err := p.Account.Again(ctx, before)
	switch {
	case fault.Is(err, fault.SignedOut):
		return "signed-out", nil
	case fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) || err == nil && (now.Restricted() || !now.Roles.Equal(before.Roles)):
		return "access", nil // with other roles the page shows a menu that is no longer theirs
	}
	return "", err
}

// newStreams is empty and open.
func newStreams() *streams { return &streams{count: map[string]int{}, closing: make(chan struct{})} }
