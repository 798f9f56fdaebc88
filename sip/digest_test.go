package sip

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// The example of RFC 7616 3.9.1, both algorithms.
func TestDigestVectorsOfRFC7616(t *testing.T) {
	t.Parallel()
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		header := `Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=` + algorithm +
			`, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", ` +
			`qop=auth, response="` + want + `", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`
		c, err := ParseCredentials(header)
		if err != nil {
			t.Fatal(algorithm, err)
		}
		ha1 := HA1(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
		equal(t, algorithm+" valid", c.Valid(ha1, "GET", nil), true)
		equal(t, algorithm+" other method", c.Valid(ha1, "POST", nil), false)
		equal(t, algorithm+" other password", c.Valid(HA1(algorithm, "Mufasa", "http-auth@example.org", "circle of Life"), "GET", nil), false)
		equal(t, algorithm+" no secret", c.Valid("", "GET", nil), false)
		c.NC++
		c.count = ""
		equal(t, algorithm+" other count", c.Valid(ha1, "GET", nil), false)
	}
}

// The example of RFC 7616 3.9.2 with the response of erratum 4897. The hashed user name that it sends does not enter the response.
func TestDigestOfSHA512256(t *testing.T) {
	t.Parallel()
	c := Challenge{Realm: "api@example.org", Nonce: "5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", Algorithm: "SHA-512-256", QOP: "auth"}
	header, err := c.answer(HA1("SHA-512-256", "J\u00e4s\u00f8n Doe", "api@example.org", "Secret, or not?"), "J\u00e4s\u00f8n Doe", "GET", "/doe.json",
		"NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v", 1)
	if err != nil || !strings.Contains(header, `response="3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"`) {
		t.Errorf("%s, %v", header, err)
	}
	equal(t, "unknown algorithm", HA1("MD4", "a", "b", "c"), "")
}

func TestOurAnswersAreValid(t *testing.T) {
	t.Parallel()
	n := NewNonces([]byte("secret"), 0, nil)
	for _, algorithm := range []string{"MD5", "SHA-256", "SHA-512-256"} {
		challenge := n.Challenge("carrier.example", algorithm, "192.0.2.9", false)
		header, err := Answer(challenge, `us"er`, "pass word", "REGISTER", "sip:carrier.example", 1)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseCredentials(header)
		if err != nil {
			t.Fatal(header, err)
		}
		equal(t, "user name", c.Username, `us"er`)
		equal(t, "valid", c.Valid(HA1(algorithm, `us"er`, "carrier.example", "pass word"), "REGISTER", nil), true)
		fresh, err := n.Check(c, "192.0.2.9")
		if !fresh || err != nil || !n.Use(c) {
			t.Error("our own nonce is refused", fresh, err)
		}
	}
	old, err := Answer(`Digest realm="r", nonce="n"`, "u", "p", "INVITE", "sip:x", 1)
	if err != nil || strings.Contains(old, "qop") || strings.Contains(old, "nc=") {
		t.Error("without qop:", old, err)
	}
	for _, refused := range []string{`Basic realm="r"`, `Digest realm="r", nonce="n", qop="auth-int"`, `Digest realm="r", nonce="n", algorithm=MD5-sess`, `Digest nonce="n"`, ""} {
		if h, err := Answer(refused, "u", "p", "INVITE", "sip:x", 1); err == nil {
			t.Errorf("%q was answered: %s", refused, h)
		}
	}
}

func TestMalformedCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	const good = `Digest username="u", realm="r", nonce="n", uri="sip:x", response="0", qop=auth, cnonce="c", nc=00000001`
	if _, err := ParseCredentials(good); err != nil {
		t.Fatal(err)
	}
	for name, header := range map[string]string{
		"empty":              "",
		"another scheme":     strings.Replace(good, "Digest", "Basic", 1),
		"a user name twice":  good + `, username="admin"`,
		"no user name":       strings.Replace(good, `username="u", `, "", 1),
		"no qop":             strings.Replace(good, "qop=auth, ", "", 1),
		"auth-int":           strings.Replace(good, "qop=auth", "qop=auth-int", 1),
		"no cnonce":          strings.Replace(good, `cnonce="c", `, "", 1),
		"short nc":           strings.Replace(good, "00000001", "1", 1),
		"nc of nine digits":  strings.Replace(good, "00000001", "000000001", 1),
		"nc with a sign":     strings.Replace(good, "00000001", "+0000001", 1),
		"open quotation":     good + `, opaque="x`,
		"text behind a mark": strings.Replace(good, `"n"`, `"n"n`, 1),
		"trailing comma":     good + ",",
	} {
		if c, err := ParseCredentials(header); err == nil {
			t.Errorf("%s: accepted as %+v", name, c)
		}
	}
}

// login is what a right device sends for a challenge.
func login(t testing.TB, challenge, method string, nc uint32) Credentials {
	t.Helper()
	header, err := Answer(challenge, "d7f3k2m9", "secret", method, "sip:pbx.example.com", nc)
	if err != nil {
		t.Fatal(err)
	}
	c, err := ParseCredentials(header)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// accepts is what a registrar does with credentials.
func accepts(n *Nonces, c Credentials, source string) bool {
	fresh, err := n.Check(c, source)
	return err == nil && fresh && c.Valid(HA1(c.Algorithm, c.Username, "pbx.example.com", "secret"), "REGISTER", nil) && n.Use(c)
}

func TestS5ReplaysAreNeverAccepted(t *testing.T) {
	t.Parallel()
	const replays, devices = 100_000, 100
	at := &clock{now: time.Unix(1_800_000_000, 0)}
	n := NewNonces([]byte("secret"), time.Minute, at.Now)
	captured := make([]Credentials, devices)
	for i := range captured {
		captured[i] = login(t, n.Challenge("pbx.example.com", "MD5", "192.0.2.7", false), "REGISTER", uint32(1+i%3))
		if !accepts(n, captured[i], "192.0.2.7") {
			t.Fatal("the device itself is refused")
		}
	}
	accepted := 0
	for i := range replays {
		at.Add(2 * time.Minute / replays) // past the life of every nonce, and past the time when counters are dropped
		c, source := captured[i%devices], "192.0.2.7"
		switch i / devices % 4 {
		case 1: // with another count, which the response does not cover
			c.NC, c.count = c.NC+1, ""
		case 2: // from somewhere else
			source = "198.51.100.1"
		case 3: // with an older count
			c.NC, c.count = c.NC-1, ""
		}
		if accepts(n, c, source) {
			accepted++
		}
	}
	if accepted != 0 {
		t.Fatalf("%d of %d replays accepted", accepted, replays)
	}
	t.Logf("%d replays, %d accepted", replays, accepted)
}

// The counters of one shard change their generation between the use of a nonce and its replay.
func TestAReplayAcrossGenerationsIsRefused(t *testing.T) {
	t.Parallel()
	at := &clock{now: time.Unix(1_800_000_000, 0)}
	n := NewNonces([]byte("secret"), time.Minute, at.Now)
	use := func() (c Credentials) {
		for range usedShards * 20 { // every shard begins a generation now or before
			c = login(t, n.Challenge("pbx.example.com", "MD5", "192.0.2.7", false), "REGISTER", 5)
			if !accepts(n, c, "192.0.2.7") {
				t.Fatal("the first use is refused")
			}
		}
		return c
	}
	use()
	for range 5 {
		at.Add(59 * time.Second)
		c := use()
		at.Add(30 * time.Second)
		use()
		equal(t, "replay", accepts(n, c, "192.0.2.7"), false)
	}
}

func TestOneOfManyEqualRequestsAtOnceIsAccepted(t *testing.T) {
	t.Parallel()
	n := NewNonces([]byte("secret"), time.Minute, nil)
	c := login(t, n.Challenge("pbx.example.com", "SHA-256", "192.0.2.7", false), "REGISTER", 1)
	var wait sync.WaitGroup
	accepted := make(chan bool, 64)
	for range cap(accepted) {
		wait.Go(func() { accepted <- accepts(n, c, "192.0.2.7") })
	}
	wait.Wait()
	close(accepted)
	yes := 0
	for ok := range accepted {
		if ok {
			yes++
		}
	}
	equal(t, "accepted", yes, 1)
}

func TestNonces(t *testing.T) {
	t.Parallel()
	at := &clock{now: time.Unix(1_800_000_000, 0)}
	n := NewNonces([]byte("secret"), time.Minute, at.Now)
	challenge := n.Challenge("pbx.example.com", "MD5", "192.0.2.7", false)
	c := login(t, challenge, "REGISTER", 1)
	check := func(name string, n *Nonces, c Credentials, source string, wantFresh, wantErr bool) {
		t.Helper()
		fresh, err := n.Check(c, source)
		if fresh != wantFresh || (err != nil) != wantErr {
			t.Errorf("%s: fresh %v, %v", name, fresh, err)
		}
	}
	check("our own", n, c, "192.0.2.7", true, false)
	check("another source", n, c, "192.0.2.8", false, true)
	check("another secret", NewNonces([]byte("other"), time.Minute, at.Now), c, "192.0.2.7", false, true)
	other := c
	other.Realm = "other.example.com"
	check("another realm", n, other, "192.0.2.7", false, true)
	for i := range len(c.Nonce) {
		other = c
		other.Nonce = c.Nonce[:i] + string(c.Nonce[i]^1) + c.Nonce[i+1:]
		check(fmt.Sprintf("changed at %d", i), n, other, "192.0.2.7", false, true)
	}
	for _, nonce := range []string{"", "x", c.Nonce + "A", c.Nonce[1:], strings.Repeat("=", nonceText)} {
		other.Nonce = nonce
		check("of wrong length", n, other, "192.0.2.7", false, true)
		equal(t, "use of "+nonce, n.Use(other), false)
	}
	at.Add(time.Minute)
	check("at its last moment", n, c, "192.0.2.7", true, false)
	at.Add(time.Millisecond)
	check("too old", n, c, "192.0.2.7", false, false)
	equal(t, "stale challenge", strings.HasSuffix(n.Challenge("r", "MD5", "s", true), ", stale=true"), true)
	first, second := n.Challenge("r", "MD5", "s", false), n.Challenge("r", "MD5", "s", false)
	equal(t, "two challenges differ", first == second, false)
	equal(t, "quoted realm", strings.Contains(n.Challenge("a\"\r\nX: b", "MD5", "s", false), `realm="a\"X: b"`), true)
	equal(t, "default life", NewNonces(nil, 0, nil).life, 60*time.Second)
}

func TestUsedNoncesAreForgottenOnlyWhenTheyAreTooOld(t *testing.T) {
	t.Parallel()
	at := &clock{now: time.Unix(1_800_000_000, 0)}
	n := NewNonces([]byte("secret"), time.Minute, at.Now)
	kept := func() (all int) {
		for i := range n.used {
			all += len(n.used[i].now) + len(n.used[i].old)
		}
		return all
	}
	for range 10 {
		for range 500 {
			c := login(t, n.Challenge("pbx.example.com", "MD5", "192.0.2.7", false), "REGISTER", 1)
			at.Add(30 * time.Millisecond)
			if !accepts(n, c, "192.0.2.7") || accepts(n, c, "192.0.2.7") {
				t.Fatal("the first use is refused, or the second is not")
			}
			n.Challenge("pbx.example.com", "MD5", "192.0.2.7", false) // never answered, so it leaves nothing
		}
		at.Add(45 * time.Second)
	}
	if got := kept(); got > 2000 {
		t.Errorf("%d of 5000 used nonces are kept after 10 minutes", got)
	}
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
