package change

import (
	"context"
	"strings"
	"sync"
	"time"
)

const (
	heardLife   = 5 * time.Minute // of what is kept while Listen hears of changes
	unheardLife = time.Second     // while nobody tells of changes made elsewhere
)

// Memory keeps what was read from the store, by its ID, until a notice says that it may have changed. Its methods may be called from many
// goroutines.
type Memory[V any] struct {
	most int
	now  func() time.Time

	mu    sync.RWMutex
	kept  map[string]memory[V]
	drops uint64 // how often something was dropped: what was read before a drop is not kept after it
	heard bool
}

type memory[V any] struct {
	value V
	until int64
}

// NewMemory returns a memory of at most so many values.
func NewMemory[V any](most int, now func() time.Time) *Memory[V] {
	return &Memory[V]{most: most, now: now, kept: map[string]memory[V]{}}
}

// Get returns what is kept of an ID, or the mark to give to Put when it was read. Take the mark before you read.
func (m *Memory[V]) Get(id string) (v V, ok bool, mark uint64) {
	now := m.now().UnixMilli()
	m.mu.RLock()
	defer m.mu.RUnlock()
	k, ok := m.kept[id]
	if !ok || now >= k.until {
		return v, false, m.drops
	}
	return k.value, true, m.drops
}

// Put keeps what was read after the mark was taken, unless something was dropped since.
func (m *Memory[V]) Put(id string, v V, mark uint64) {
	now := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	if mark != m.drops {
		return
	}
	if len(m.kept) >= m.most {
		m.makeRoom()
	}
	life := unheardLife
	if m.heard {
		life = heardLife
	}
	m.kept[strings.Clone(id)] = memory[V]{v, now.Add(life).UnixMilli()}
}

// makeRoom takes a tenth out of the full memory; which tenth does not matter.
func (m *Memory[V]) makeRoom() {
	n := m.most/10 + 1
	for id := range m.kept {
		if n == 0 {
			return
		}
		delete(m.kept, id)
		n--
	}
}

// Drop forgets IDs. Whoever changes the store calls it when the change is committed, so that its own process obeys at once.
func (m *Memory[V]) Drop(ids ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drops++
	for _, id := range ids {
		delete(m.kept, id)
	}
}

// clear forgets everything and notes whether changes are heard of from now on.
func (m *Memory[V]) clear(heard bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drops++
	clear(m.kept)
	m.heard = heard
}

// Listen forgets what the feed tells of under the prefix, a topic being prefix and ID, until ctx ends.
func (m *Memory[V]) Listen(ctx context.Context, f *Feed, prefix string) {
	topics, cancel := f.SubscribePrefix(prefix)
	defer cancel()
	m.clear(true)
	defer m.clear(false)
	for {
		select {
		case <-ctx.Done():
			return
		case topic := <-topics:
			if topic == prefix { // too many to name
				m.clear(true)
				continue
			}
			m.Drop(strings.TrimPrefix(topic, prefix))
		}
	}
}
