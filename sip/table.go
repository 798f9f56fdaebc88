package sip

import (
	"hash/maphash"
	"sync"
)

const tableShards = 16

// table is a map in shards, each with a lock of its own.
type table[K comparable, V any] struct {
	seed   maphash.Seed
	shards [tableShards]struct {
		sync.Mutex
		m map[K]V
	}
}

func (t *table[K, V]) init() {
	t.seed = maphash.MakeSeed()
	for i := range t.shards {
		t.shards[i].m = map[K]V{}
	}
}

func (t *table[K, V]) shard(k K) *struct {
	sync.Mutex
	m map[K]V
} {
	return &t.shards[maphash.Comparable(t.seed, k)%tableShards]
}

func (t *table[K, V]) get(k K) (V, bool) {
	s := t.shard(k)
	s.Lock()
	v, ok := s.m[k]
	s.Unlock()
	return v, ok
}

// add puts v in unless k is taken, and returns what k then leads to.
func (t *table[K, V]) add(k K, v V) (have V, added bool) {
	s := t.shard(k)
	s.Lock()
	defer s.Unlock()
	if have, ok := s.m[k]; ok {
		return have, false
	}
	s.m[k] = v
	return v, true
}

func (t *table[K, V]) delete(k K) {
	s := t.shard(k)
	s.Lock()
	delete(s.m, k)
	s.Unlock()
}

// each calls f for every value, without holding a lock.
func (t *table[K, V]) each(f func(V)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.Lock()
		values := make([]V, 0, len(s.m))
		for _, v := range s.m {
			values = append(values, v)
		}
		s.Unlock()
		for _, v := range values {
			f(v)
		}
	}
}

// txKey identifies a transaction: 128 bits of keyed hash over what RFC 3261 17.1.3 and 17.2.3 compare. A hash holds on to no
// text of the message and costs the garbage collector nothing; the key is random per process, so nobody can aim at a collision.
type txKey struct{ a, b uint64 }

type keyer struct{ a, b maphash.Seed }

func newKeyer() keyer { return keyer{maphash.MakeSeed(), maphash.MakeSeed()} }

// of hashes the parts; none of them may contain a zero byte, which separates them.
func (k keyer) of(parts ...string) txKey {
	var a, b maphash.Hash
	a.SetSeed(k.a)
	b.SetSeed(k.b)
	for _, p := range parts {
		a.WriteString(p)
		a.WriteByte(0)
		b.WriteString(p)
		b.WriteByte(0)
	}
	return txKey{a.Sum64(), b.Sum64()}
}
