package change

import (
	"slices"
	"strings"
	"sync"
)

// prefixRoom is how many topics of a prefix can wait for their subscriber before it is told of the prefix as a whole.
const prefixRoom = 256

// A subscriber's channel has room for each of its topics, and holds each at most once.
type subscriber struct {
	mu     sync.Mutex
	ch     chan string
	closed bool
	prefix string // not empty: of a subscription by prefix
}

// Subscribe returns a channel that carries a topic once for any number of notices which came since it was last
// received. Subscribe first and read the store then, and nothing is missed. A topic may come without news. cancel ends
// the subscription and closes the channel; it may be called more than once.
func (f *Feed) Subscribe(topics ...string) (ch <-chan string, cancel func()) {
	wanted := make(map[string]bool, len(topics))
	for _, topic := range topics {
		wanted[topic] = true
	}
	s := &subscriber{ch: make(chan string, len(wanted))}
	f.mu.Lock()
	defer f.mu.Unlock()
	for topic := range wanted {
		if f.topics[topic] == nil {
			f.topics[topic] = make(map[*subscriber]bool)
		}
		f.topics[topic][s] = true
	}
	return s.ch, func() { f.drop(s, wanted) }
}

// SubscribePrefix is Subscribe for every topic that begins with the prefix, which must not be empty. When too many wait to be received,
// or when notices may have been missed, the prefix itself comes instead: anything below it may have changed.
func (f *Feed) SubscribePrefix(prefix string) (ch <-chan string, cancel func()) {
	s := &subscriber{ch: make(chan string, prefixRoom), prefix: prefix}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.prefixes[s] = true
	return s.ch, func() { f.drop(s, nil) }
}

func (f *Feed) drop(s *subscriber, topics map[string]bool) {
	f.mu.Lock()
	delete(f.prefixes, s)
	for topic := range topics {
		delete(f.topics[topic], s)
		if len(f.topics[topic]) == 0 {
			delete(f.topics, topic)
		}
	}
	f.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.ch)
	}
}

// wanted reports whether anybody listens.
func (f *Feed) wanted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.topics)+len(f.prefixes) > 0
}

// subscribed returns every topic and every prefix that somebody listens to.
func (f *Feed) subscribed() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	topics := make([]string, 0, len(f.topics))
	for topic := range f.topics {
		topics = append(topics, topic)
	}
	for s := range f.prefixes {
		topics = append(topics, s.prefix)
	}
	return topics
}

// tell hands topics to their subscribers and waits for nobody.
func (f *Feed) tell(topics []string) {
	f.mu.Lock()
	told := make(map[*subscriber][]string)
	for _, topic := range topics {
		for s := range f.topics[topic] {
			told[s] = append(told[s], topic)
		}
		for s := range f.prefixes {
			if strings.HasPrefix(topic, s.prefix) {
				told[s] = append(told[s], topic)
			}
		}
	}
	f.mu.Unlock()
	for s, topics := range told {
		s.put(topics)
	}
}

// put merges topics with those still waiting in the channel. Only put sends, so the channel always has room.
func (s *subscriber) put(topics []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	topics = append(s.take(), topics...)
	waiting := make(map[string]bool, len(topics))
	if s.prefix != "" && (len(topics) > cap(s.ch) || slices.Contains(topics, s.prefix)) {
		topics = []string{s.prefix}
	}
	for _, topic := range topics {
		if !waiting[topic] {
			waiting[topic] = true
			s.ch <- topic
		}
	}
}

// take empties the channel.
func (s *subscriber) take() (topics []string) {
	for {
		select {
		case topic := <-s.ch:
			topics = append(topics, topic)
		default:
			return topics
		}
	}
}
