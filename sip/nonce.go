package sip

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"sync"
	"time"
)

// Nonces makes and checks the nonces of digest challenges. A nonce is its time, randomness and a MAC over both, the realm and the source
// that was challenged, so an unanswered challenge costs no memory. Only a nonce that was used with right credentials is kept, until it
// would be refused for its age anyway, so that its counter can only rise (RFC 7616 5.12).
type Nonces struct {
	life  time.Duration
	now   func() time.Time
	start time.Time
	macs  sync.Pool
	used  [usedShards]usedNonces
}

const (
	nonceTime   = 6  // bytes: Unix milliseconds
	nonceRandom = 10 // bytes
	nonceMAC    = 16 // bytes of HMAC-SHA-256
	nonceLen    = nonceTime + nonceRandom + nonceMAC
	nonceText   = (nonceLen*8 + 5) / 6 // characters of unpadded base64

	usedShards = 16
	usedMost   = 1 << 16 // nonces in one generation of one shard; more are refused rather than forgotten
)

// DefaultNonceLife is used when NewNonces is given none.
const DefaultNonceLife = 60 * time.Second

var errNonce = errors.New("sip: nonce is not ours")

// NewNonces returns a Nonces whose nonces live that long. The secret should be made anew at every start, because the counters of used
// nonces do not outlive the process either.
func NewNonces(secret []byte, life time.Duration, now func() time.Time) *Nonces {
	if life <= 0 {
		life = DefaultNonceLife
	}
	if now == nil {
		now = time.Now
	}
	key := append([]byte(nil), secret...)
	n := &Nonces{life: life, now: now, start: now()}
	n.macs.New = func() any { return &macer{Hash: hmac.New(sha256.New, key)} }
	return n
}

// macer is a keyed hash with the room for its input, kept for the next nonce.
type macer struct {
	hash.Hash
	in []byte
}

// clock is the time in Unix milliseconds, counted on from the start, so that a wall clock that is set back or forth cannot make an old
// nonce young again after its counter was dropped.
func (n *Nonces) clock() int64 {
	return n.start.UnixMilli() + n.now().Sub(n.start).Milliseconds()
}

// Challenge returns the value of a WWW-Authenticate or Proxy-Authenticate header with a fresh nonce for that realm and source. The source
// is whatever the caller binds challenges to: an address, or address and port. stale says that only the nonce was wrong.
func (n *Nonces) Challenge(realm, algorithm, source string, stale bool) string {
	var room [256]byte
	b := appendQuoted(append(room[:0], `Digest realm=`...), realm)
	b = append(b, `, nonce="`...)
	b = n.appendNonce(b, realm, source)
	b = append(b, `", algorithm=`...)
	b = appendToken(b, algorithm)
	b = append(b, `, qop="auth"`...)
	if stale {
		b = append(b, `, stale=true`...)
	}
	return string(b)
}

func (n *Nonces) appendNonce(b []byte, realm, source string) []byte {
	var raw [nonceLen]byte
	putMilliseconds(raw[:nonceTime], n.clock())
	_, _ = rand.Read(raw[nonceTime : nonceTime+nonceRandom]) // never fails (crypto/rand)
	n.mac(raw[:nonceTime+nonceRandom], realm, source, raw[nonceTime+nonceRandom:])
	return base64.RawURLEncoding.AppendEncode(b, raw[:])
}

// mac writes the first bytes of the MAC over head, realm and source into out. The realm's length goes in too, so that no two pairs are one.
func (n *Nonces) mac(head []byte, realm, source string, out []byte) {
	h := n.macs.Get().(*macer)
	h.in = append(h.in[:0], head...)
	h.in = binary.BigEndian.AppendUint32(h.in, uint32(len(realm)))
	h.in = append(h.in, realm...)
	h.in = append(h.in, source...)
	h.Reset()
	h.Write(h.in)
	h.in = h.Sum(h.in[:0])
	copy(out, h.in)
	n.macs.Put(h)
}

// Check tells whether the nonce in c is one of ours for that realm and source (else err), and whether it is young enough; if it is not, a
// challenge with stale=true lets the client answer again without asking anybody for a password.
func (n *Nonces) Check(c Credentials, source string) (fresh bool, err error) {
	raw, ok := decodeNonce(c.Nonce)
	if !ok {
		return false, errNonce
	}
	var want [nonceMAC]byte
	n.mac(raw[:nonceTime+nonceRandom], c.Realm, source, want[:])
	if !hmac.Equal(want[:], raw[nonceTime+nonceRandom:]) {
		return false, errNonce
	}
	age := n.clock() - milliseconds(raw[:nonceTime])
	return age >= 0 && age <= n.life.Milliseconds(), nil
}

func decodeNonce(s string) (raw [nonceLen]byte, ok bool) {
	if len(s) != nonceText {
		return raw, false
	}
	var text [nonceText]byte
	copy(text[:], s)
	k, err := base64.RawURLEncoding.Strict().Decode(raw[:], text[:])
	return raw, err == nil && k == nonceLen
}

// Use notes that the nonce was used with right credentials and tells whether its counter rose; false is a replay. Call it after Check and
// Valid said yes.
func (n *Nonces) Use(c Credentials) bool {
	raw, ok := decodeNonce(c.Nonce)
	if !ok || c.NC == 0 {
		return false
	}
	key := nonceKey(raw[:nonceTime+nonceRandom])
	return n.used[key[nonceTime]%usedShards].rise(key, c.NC, n.clock(), n.life.Milliseconds())
}

type nonceKey [nonceTime + nonceRandom]byte

// usedNonces holds the counters of one shard in two generations, each as long as a nonce lives: when the older one is dropped, every
// nonce in it is too old for Check.
type usedNonces struct {
	mu       sync.Mutex
	began    int64 // Unix milliseconds
	now, old map[nonceKey]uint32
}

func (u *usedNonces) rise(key nonceKey, count uint32, at, life int64) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if past := at - u.began; u.now == nil || past >= life {
		u.old = u.now
		if past >= 2*life {
			u.old = nil
		}
		u.now, u.began = make(map[nonceKey]uint32), at
	}
	last, known := u.now[key]
	if !known {
		last = u.old[key]
	}
	if count <= last || !known && len(u.now) >= usedMost {
		return false
	}
	u.now[key] = count
	return true
}

func putMilliseconds(b []byte, ms int64) {
	for i := range b {
		b[i] = byte(ms >> (8 * (len(b) - 1 - i)))
	}
}

func milliseconds(b []byte) (ms int64) {
	for _, c := range b {
		ms = ms<<8 | int64(c)
	}
	return ms
}
