package api

import (
	"sync"
	"time"
)

// limiter is a set of token buckets, one for each key, kept in this process: two nodes allow twice as much.
type limiter[K comparable] struct {
	rate  float64 // tokens a second
	burst float64
	most  int // buckets

	mu      sync.Mutex
	buckets map[K]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// level is how a bucket stands after somebody asked.
type level struct {
	ok   bool
	left int           // whole tokens
	wait time.Duration // until there is one, 0 if there is
	full time.Duration // until there are as many as can be
}

func newLimiter[K comparable](rate float64, burst, most int) *limiter[K] {
	return &limiter[K]{rate: rate, burst: float64(burst), most: most, buckets: map[K]bucket{}}
}

// take takes one token of the key's bucket, making a full bucket for a new key.
func (l *limiter[K]) take(key K, now time.Time) level {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, known := l.filled(key, now)
	if !known && len(l.buckets) >= l.most {
		l.sweep(now)
	}
	at := level{ok: b.tokens >= 1}
	if at.ok {
		b.tokens--
	}
	l.buckets[key] = b
	return l.measure(at, b)
}

// look is take without taking.
func (l *limiter[K]) look(key K, now time.Time) level {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, _ := l.filled(key, now)
	return l.measure(level{ok: b.tokens >= 1}, b)
}

// has reports whether the key has a bucket.
func (l *limiter[K]) has(key K) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.buckets[key]
	return ok
}

func (l *limiter[K]) drop(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.buckets, key)
}

// filled returns the bucket with what has run into it since it was last used.
func (l *limiter[K]) filled(key K, now time.Time) (bucket, bool) {
	b, known := l.buckets[key]
	if !known {
		return bucket{l.burst, now}, false
	}
	if since := now.Sub(b.at); since > 0 {
		b.tokens, b.at = min(l.burst, b.tokens+since.Seconds()*l.rate), now
	}
	return b, true
}

func (l *limiter[K]) measure(at level, b bucket) level {
	at.left = int(b.tokens)
	if b.tokens < 1 {
		at.wait = l.time(1 - b.tokens)
	}
	at.full = l.time(l.burst - b.tokens)
	return at
}

func (l *limiter[K]) time(tokens float64) time.Duration {
	return time.Duration(tokens / l.rate * float64(time.Second))
}

// sweep forgets full buckets, which say nothing, and if all are in use some of them: better generous than out of memory.
func (l *limiter[K]) sweep(now time.Time) {
	for key := range l.buckets {
		if b, _ := l.filled(key, now); b.tokens >= l.burst {
			delete(l.buckets, key)
		}
	}
	for key := range l.buckets {
		if len(l.buckets) < l.most {
			return
		}
		delete(l.buckets, key)
	}
}
