package account

import (
	"bytes"
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/job"
	"hubline/base/seal"
)

func TestHashes(t *testing.T) {
	t.Parallel()
	ring := seal.New(make([]byte, seal.KeySize))
	h := newHasher(ring, 2, 64)
	one, err := h.Hash(t.Context(), "wattle tram quince 41")
	if err != nil {
		t.Fatal(err)
	}
	two, _ := h.Hash(t.Context(), "wattle tram quince 41")
	if one == two || !strings.HasPrefix(one, "$argon2id$v=19$m=64,t=2,p=1$") || strings.Contains(one, "wattle") {
		t.Errorf("hashes are %s and %s", one, two)
	}
	strong, _ := newHasher(ring, 1, 0).Hash(t.Context(), "wattle tram quince 41")
	if !strings.HasPrefix(strong, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the usual hash is %s", strong)
	}
	key := make([]byte, seal.KeySize)
	key[0] = 1
	for _, c := range []struct {
		name     string
		hasher   *hasher
		password string
		hash     string
		want     bool
	}{
		{"the right one", h, "wattle tram quince 41", one, true},
		{"made at another cost", h, "wattle tram quince 41", strong, true},
		{"a wrong one", h, "wattle tram quince 42", one, false},
		{"an empty one", h, "", one, false},
		{"with another key outside the store", newHasher(seal.New(key), 1, 64), "wattle tram quince 41", one, false},
		{"nobody's", h, "wattle tram quince 41", "", false},
		{"no hash", h, "wattle tram quince 41", "wattle tram quince 41", false},
		{"a hash of no cost", h, "wattle tram quince 41", "$argon2id$v=19$m=64,t=0,p=0$AAAA$AAAA", false},
	} {
		if got, err := c.hasher.Matches(t.Context(), "jo@harbour.example", c.password, c.hash); err != nil || got != c.want {
			t.Errorf("%s: %t, %v", c.name, got, err)
		}
	}
}

// The unknown are hashed like the known: each address with a salt of its own, which stays, as if it had a password.
func TestA50SaltsOfNobody(t *testing.T) {
	t.Parallel()
	h := newHasher(seal.New(make([]byte, seal.KeySize)), 1, 0)
	one, again, other := h.nobodysSalt("jo@harbour.example"), h.nobodysSalt("jo@harbour.example"), h.nobodysSalt("kim@harbour.example")
	if len(one) != hashSalt || !bytes.Equal(one, again) || bytes.Equal(one, other) {
		t.Errorf("salts %x, again %x, of another address %x", one, again, other)
	}
}

// Guessing takes neither all processors nor all memory: few hash at once, few wait, others are told to come back.
func TestHashQueue(t *testing.T) {
	t.Parallel()
	h := newHasher(seal.New(make([]byte, seal.KeySize)), 2, 64)
	h.patience = 10 * time.Millisecond
	var running, most, done int
	var mu sync.Mutex
	gate := make(chan struct{})
	var wait sync.WaitGroup
	for range hashQueue {
		wait.Go(func() {
			err := h.turn(t.Context(), func() {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				<-gate
				mu.Lock()
				running--
				done++
				mu.Unlock()
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for len(h.waiting) < hashQueue {
		runtime.Gosched()
	}
	err := h.turn(t.Context(), func() { t.Error("one too many ran") })
	if f, ok := fault.Of(err); !ok || f.Kind != fault.Busy || f.RetryAfter == 0 {
		t.Errorf("one too many: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	close(gate)
	wait.Wait()
	if most != 2 || done != hashQueue {
		t.Errorf("%d ran at once, %d in all", most, done)
	}
	h.workers <- struct{}{}
	h.workers <- struct{}{}
	if err := h.turn(gone, func() {}); err != context.Canceled {
		t.Errorf("somebody who left: %v", err)
	}
}

// A flood of sign-ins is answered with "busy" before it costs a hash or a write, and leaves browsers alone that signed in before.
func TestSignInIsBusy(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	ring := seal.New(make([]byte, seal.KeySize))
	room := New(Config{DB: d, Keys: ring, Jobs: job.New(d, ring, nil), HashMemory: 64})
	room.hash.patience = 10 * time.Millisecond
	for range signInQueue {
		if _, err := room.hash.lineUp(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	_, err := room.SignIn(t.Context(), "jo@harbour.example", "a wrong 7 password", Browser{Address: "192.0.2.1"})
	f, ok := fault.Of(err)
	if !ok || f.Kind != fault.Busy || f.Code != "sign-in-busy" || f.RetryAfter <= 0 || !strings.Contains(f.Message, "Try again") {
		t.Errorf("one too many: %v", err)
	}
	var spent int
	if err := d.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM throttles`).Scan(&spent); err != nil || spent != 0 {
		t.Errorf("a sign-in that was not tried cost %d tries, %v", spent, err)
	}
	leave, err := room.hash.lineUp(t.Context(), true)
	if err != nil {
		t.Fatalf("a known browser has no place: %v", err)
	}
	leave()
}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	about := []string{"priya.nair@harbourdental.example", "Priya Nair", "Harbour Dental Group"}
	for password, code := range map[string]string{
		"":                                 "password-empty",
		"fourteen chars":                   "password-short",
		"äöüäöüäöüäöüäö":                   "password-short", // characters count, not bytes
		strings.Repeat("aB3$ xyz", 33):     "password-long",
		"aaaaaaaaaaaaaaaaaaaa":             "password-common",
		"abcabcabcabcabcabc":               "password-common",
		"passwordpassword":                 "password-common",
		"password1234567":                  "password-common",
		"qwertyuiop12345":                  "password-common",
		"123456789012345":                  "password-common",
		"harbourdental12":                  "password-common",
		"HarbourDental!!":                  "password-common",
		"priya.nair@harbourdental.example": "password-common",
		"wattle tram quince":               "",
		"correct horse battery staple":     "",
		"Tr0ub4dor&3 is too short":         "",
		"äöüß éèê ñ 12 ŵŷ zz":              "",
		"             x z 9":               "",
		"密码 is not one word 好":             "",
	} {
		err := CheckPassword(password, about...)
		if code == "" {
			if err != nil {
				t.Errorf("%q is refused: %v", password, err)
			}
			continue
		}
		f, ok := fault.Of(err)
		if !ok || f.Code != code || f.Field != "password" {
			t.Errorf("%q: %v, want %s", password, err, code)
		}
	}
}
