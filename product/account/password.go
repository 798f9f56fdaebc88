package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"hubline/base/fault"
	"hubline/base/seal"
)

// Lengths of a password in characters. 15 is the least for a password that is the only factor (NIST SP 800-63B-4).
const (
	PasswordLeast = 15
	PasswordMost  = 256
)

// Cost of one password hash: argon2id with 19 MiB, two passes, one lane (OWASP's minimum).
const (
	hashMemory = 19 * 1024 // KiB
	hashPasses = 2
	hashLanes  = 1
	hashSalt   = 16
	hashLength = 32
)

// hashQueue bounds how many wait for a hash, and signInQueue how many sign-ins are under way at all: once from browsers that are known,
// once from others. More are told that the server is busy, before they have cost a write.
const (
	hashQueue     = 256
	signInQueue   = 64
	queuePatience = 3 * time.Second
	spread        = 64 // different times that people wait who come together
)

// hasher turns passwords into hashes and checks them, a few at a time, so that guessing can't take all processors and memory.
type hasher struct {
	keys     *seal.Ring
	cost     hashCost // of new hashes
	workers  chan struct{}
	waiting  chan struct{}
	known    chan struct{} // sign-ins under way from browsers that signed in before
	unknown  chan struct{} // from others
	patience time.Duration // how long anybody waits for a place, half of it less or more
	waits    atomic.Int64
}

// hashCost is what stands in a hash about how it was made.
type hashCost struct {
	memory, passes uint32
	lanes          uint8
}

func newHasher(keys *seal.Ring, workers int, memory uint32) *hasher {
	if workers <= 0 {
		workers = max(1, runtime.GOMAXPROCS(0)-1)
	}
	if memory == 0 {
		memory = hashMemory
	}
	return &hasher{keys: keys, cost: hashCost{memory, hashPasses, hashLanes}, workers: make(chan struct{}, workers), waiting: make(chan struct{}, hashQueue),
		known: make(chan struct{}, signInQueue), unknown: make(chan struct{}, signInQueue), patience: queuePatience}
}

// Hash returns the password's hash in PHC string form. The store alone can't be used to guess it: a key outside the store is mixed in.
func (h *hasher) Hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, hashSalt)
	rand.Read(salt)
	var hash string
	err := h.turn(ctx, func() { hash = h.encode([]byte(password), salt, h.cost) })
	return hash, err
}

// Matches reports whether the password of the person with that address has that hash. An empty hash (nobody, or no password chosen yet) takes as
// long and never matches.
func (h *hasher) Matches(ctx context.Context, address, password, hash string) (bool, error) {
	salt, cost := h.nobodysSalt(address), h.cost
	if hash != "" {
		salt, cost = readHash(hash)
	}
	var same bool
	err := h.turn(ctx, func() {
		same = subtle.ConstantTimeCompare([]byte(h.encode([]byte(password), salt, cost)), []byte(hash)) == 1
	})
	return same && hash != "", err
}

// nobodysSalt is the salt of an address without a password: always the same for one address, another for each. Which memory argon2id reads,
// and so how long it takes (a few per cent more or less), follows from password and salt; with one salt for all the unknown, who compares
// an address with one that nobody has could tell whether both are unknown.
func (h *hasher) nobodysSalt(address string) []byte {
	return h.keys.MAC("salt of nobody", []byte(address))[:hashSalt]
}

// turn runs work when a worker is free.
func (h *hasher) turn(ctx context.Context, work func()) error {
	leave, err := h.enter(ctx, h.waiting)
	if err != nil {
		return err
	}
	defer leave()
	select {
	case h.workers <- struct{}{}:
		defer func() { <-h.workers }()
	case <-ctx.Done():
		return ctx.Err()
	}
	work()
	return nil
}

// lineUp takes a place for a sign-in. A flood from browsers that nobody knows leaves the places of known ones alone.
func (h *hasher) lineUp(ctx context.Context, known bool) (leave func(), err error) {
	if known {
		return h.enter(ctx, h.known)
	}
	return h.enter(ctx, h.unknown)
}

// enter waits a while for a place. Refusing at once would only let whoever guesses come back at once, and answering them takes
// the processor from everybody else. For the same reason those who came together are not refused together.
func (h *hasher) enter(ctx context.Context, places chan struct{}) (leave func(), err error) {
	leave = func() { <-places }
	select {
	case places <- struct{}{}: // a free place is taken, however late the machine gets here
		return leave, nil
	default:
	}
	patience := time.NewTimer(h.patience/2 + h.patience*time.Duration(h.waits.Add(1)%spread)/spread)
	defer patience.Stop()
	select {
	case places <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-patience.C:
		return nil, &fault.Fault{Kind: fault.Busy, Code: "sign-in-busy", Message: "Many people are signing in right now. Try again in a few seconds", RetryAfter: 2 * time.Second}
	}
}

func (h *hasher) encode(password, salt []byte, c hashCost) string {
	peppered := h.keys.MAC("password", password)
	sum := argon2.IDKey(peppered, salt, c.passes, c.memory, c.lanes, hashLength)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.memory, c.passes, c.lanes, b64(salt), b64(sum))
}

// readHash takes salt and cost out of a PHC string: $argon2id$v=…$m=…,t=…,p=…$salt$hash. What is no such string gets the usual cost.
func readHash(phc string) (salt []byte, c hashCost) {
	usual := hashCost{hashMemory, hashPasses, hashLanes}
	parts := strings.Split(phc, "$")
	if len(parts) != 6 {
		return nil, usual
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.lanes); err != nil || n != 3 || c.passes == 0 || c.lanes == 0 {
		return nil, usual
	}
	salt, _ = base64.RawStdEncoding.DecodeString(parts[4])
	return salt, c
}

// CheckPassword says whether a new password may be used by the person with that address and name, working in that account.
// Any characters, no composition rules, no rotation; only length, and nothing that attackers try first (NIST SP 800-63B-4).
func CheckPassword(password string, context ...string) error {
	switch length := utf8.RuneCountInString(password); {
	case length == 0:
		return fault.Field("password-empty", "password", "Choose a password")
	case length < PasswordLeast:
		return fault.Field("password-short", "password", fmt.Sprintf("Password must be %d characters or more. This one has %d. Three or four words together are easy to remember", PasswordLeast, length))
	case length > PasswordMost:
		return fault.Field("password-long", "password", fmt.Sprintf("Password must be %d characters or fewer", PasswordMost))
	}
	if reason := guessable(password, context); reason != "" {
		return fault.Field("password-common", "password", "That password is easy to guess: "+reason+". Choose another")
	}
	return nil
}
