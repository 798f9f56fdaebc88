package test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/openid"
	"hubline/base/openid/providertest"
	"hubline/base/outward"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

var wrongTokens = flag.Int("tokens", 10_000, "wrong tokens of each kind on SQLite; PostgreSQL gets a tenth")

// A secret is one kind of token: some that work, some that did once, and what they open.
type secret struct {
	kind   string
	arm    func() []string     // makes those that work, once the others are made
	live   []string            // each works
	dead   map[string][]string // by what became of them: none works any more
	opens  func(token string) bool
	before func()                    // runs before every fourth try, to keep other guards out of the way
	means  func(token string) string // what a token is read as; nil: every letter counts
}

// Nothing but a live token of the right kind opens anything: not one that is cut, changed, of another kind, of another account,
// replayed, superseded, cancelled or expired.
func TestWrongTokens(t *testing.T) { wrongTokensOf(t, (*vault).secrets) }

// The same for people's own ways in, for changes of address and for what is read out on the telephone.
func TestWrongTokensOfWaysIn(t *testing.T) { wrongTokensOf(t, (*vault).ways) }

func wrongTokensOf(t *testing.T, kinds func(*vault, *testing.T) []secret) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		n := *wrongTokens
		if testing.Short() {
			n = min(n, 2000)
		}
		if d.Engine() == db.Postgres {
			n = max(1, n/10)
		}
		elsewhere := providertest.Serve(t)
		guard, err := outward.New(elsewhere.Host())
		check(t, err)
		r := accounttest.New(t, d, accounttest.With(func(c *account.Config) {
			c.OpenID = openid.New(guard, nil)
			c.Providers = []account.SignInProvider{{ID: "example", Name: "Example ID", Issuer: elsewhere.Issuer, ClientID: "hub", Secret: "s3cret", Enabled: true}}
		}))
		v := newVault(t, r)
		secrets := kinds(v, t)
		for i := range secrets {
			secrets[i].live = secrets[i].arm()
		}
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 0))
		for _, s := range secrets {
			tried := map[string]int{}
			for total := 0; total < n; total++ {
				how, token := wrong(random, s, secrets)
				if slices.Contains(s.live, s.reads(token)) { // by chance
					total--
					continue
				}
				if s.before != nil && total%4 == 0 {
					s.before()
				}
				if s.opens(token) {
					t.Fatalf("seed %d: a %s token, %s, opens: %q", seed, s.kind, how, token)
				}
				tried[how]++
			}
			v.alive(t, s)
			t.Logf("%s: %s: %s, 0 accepted", d.Engine(), s.kind, counts(tried))
		}
	})
}

func (s secret) reads(token string) string {
	if s.means == nil {
		return token
	}
	return s.means(token)
}

func counts(tried map[string]int) string {
	total, parts := 0, []string{}
	for how, n := range tried {
		total += n
		parts = append(parts, fmt.Sprintf("%s %d", how, n))
	}
	slices.Sort(parts)
	return fmt.Sprintf("%d wrong (%s)", total, strings.Join(parts, ", "))
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// wrong makes a token that must not work from those that do, or takes one that did.
func wrong(random *rand.Rand, s secret, all []secret) (how, token string) {
	good := s.live[random.IntN(len(s.live))]
	at := random.IntN(len(good))
	letter := string(alphabet[random.IntN(len(alphabet))])
	ways := []func() (string, string){
		func() (string, string) { return "cut", good[:at] },
		func() (string, string) { return "cut", good[at+1:] },
		func() (string, string) { return "cut", good[:at] + good[at+1:] },
		func() (string, string) { return "longer", good[:at] + letter + good[at:] },
		func() (string, string) { return "longer", good + strings.Repeat(letter, 1+random.IntN(2000)) },
		func() (string, string) {
			return "spelt otherwise", good[:at] + []string{"\n", "\r\n", " ", "\x00", "=", "%", "\u200b", "A\u0301"}[random.IntN(8)] + good[at:]
		},
		func() (string, string) { return "spelt otherwise", swapCase(good, at) },
		func() (string, string) { return "flipped", flip(good, at, letter) },
		func() (string, string) { return "flipped", flip(good, len(good)-1, letter) },
		func() (string, string) { return "made up", random64(random, good) },
		func() (string, string) {
			other := all[random.IntN(len(all))]
			if other.kind == s.kind {
				return "other purpose", "hx" + good[min(2, len(good)):]
			}
			of := other.live[random.IntN(len(other.live))]
			if len(of) > 3 && len(good) > 3 && random.IntN(2) == 0 {
				of = good[:3] + of[3:] // its secret, under our prefix
			}
			return "other purpose", of
		},
	}
	for _, what := range sortedKeys(s.dead) { // each as often as two of the others
		dead := func() (string, string) { return what, s.dead[what][random.IntN(len(s.dead[what]))] }
		ways = append(ways, dead, dead)
	}
	return ways[random.IntN(len(ways))]()
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func flip(token string, at int, letter string) string {
	if token[at:at+1] == letter {
		letter = map[bool]string{true: "B", false: "A"}[letter == "A"]
	}
	return token[:at] + letter + token[at+1:]
}

func swapCase(token string, at int) string {
	for i := range token {
		c := token[(at+i)%len(token)]
		if low := c | 0x20; low >= 'a' && low <= 'z' {
			at = (at + i) % len(token)
			return token[:at] + string(c^0x20) + token[at+1:]
		}
	}
	return token + "x"
}

// random64 is a token of the same form that nobody was given.
func random64(random *rand.Rand, like string) string {
	b := []byte(like)
	for i := min(3, len(b)-1); i < len(b); i++ {
		if '0' <= b[i] && b[i] <= '9' && len(b) == 6 {
			b[i] = byte('0' + random.IntN(10))
		} else {
			b[i] = alphabet[random.IntN(len(alphabet))&^3] // the last letter of 43 has two spare bits
		}
	}
	return string(b)
}

// alive checks that what must work does, so that a test that lets nothing in can't pass.
func (v *vault) alive(t *testing.T, s secret) {
	t.Helper()
	for _, token := range s.live {
		if s.before != nil {
			s.before()
		}
		if !s.opens(token) {
			t.Errorf("a live %s token does not open", s.kind)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func isFault(err error, code string) bool {
	f, ok := fault.Of(err)
	return ok && f.Code == code
}
