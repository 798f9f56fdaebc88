package phoneuser

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
)

// Credential is what checking a device's sign-in needs. HA1 is a secret; printing a Credential does not show it.
type Credential struct {
	AccountID, AccountSlug, PhoneUserID, DeviceID, Username, Algorithm string
	HA1                                                                string // of the installation's domain as realm
	Extension, DisplayName                                             string
	Enabled                                                            bool // false while the app is off: refuse, and tell nobody why
}

// String names the device and no secret.
func (c Credential) String() string { return "credential of " + c.Username }

// GoString implements fmt.GoStringer.
func (c Credential) GoString() string { return c.String() }

// LogValue implements slog.LogValuer.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

const (
	cacheMost    = 100_000         // credentials kept in memory
	unknownMost  = 10_000          // names kept that nobody has
	cacheLife    = 5 * time.Minute // while Run hears of changes
	cacheUnheard = time.Second     // while nobody tells of changes made elsewhere
	unknownLife  = 2 * time.Second
)

var usernameForm = regexp.MustCompile(`^[` + markMD5 + markSHA256 + `][a-z2-7]{20}$`)

// cache keeps credentials that were read lately. What it holds is dropped by this process's own writes at once, and by those of other
// nodes when Run hears of them.
type cache struct {
	mu      sync.RWMutex
	known   map[string]kept  // by user name
	unknown map[string]int64 // names that nobody has, and until when that is believed
	drops   uint64           // how often something was dropped: what was read before a drop is not kept after it
}

type kept struct {
	Credential
	until int64
}

func newCache() *cache {
	return &cache{known: map[string]kept{}, unknown: map[string]int64{}}
}

// get returns what is kept for a name, whether it is known that nobody has it, and the count of drops to give to put.
func (c *cache) get(username string, now int64) (found Credential, ok, nobody bool, drops uint64) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if k, is := c.known[username]; is && now < k.until {
		return k.Credential, true, false, c.drops
	}
	return found, false, now < c.unknown[username], c.drops
}

func (c *cache) put(username string, k kept, found bool, drops uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if drops != c.drops {
		return
	}
	if !found {
		makeRoom(c.unknown, unknownMost)
		c.unknown[username] = k.until
		return
	}
	makeRoom(c.known, cacheMost)
	delete(c.unknown, username)
	c.known[username] = k
}

// makeRoom takes a tenth out of a map that is full; which tenth does not matter.
func makeRoom[K comparable, V any](m map[K]V, most int) {
	if len(m) < most {
		return
	}
	n := most / 10
	for name := range m {
		if delete(m, name); n == 0 {
			return
		}
		n--
	}
}

// drop forgets what the topics name: a device, a phone user, or everything for a bare prefix.
func (c *cache) drop(topics ...string) {
	named := make(map[string]bool, len(topics))
	for _, topic := range topics {
		named[topic] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drops++
	clear(c.unknown)
	if named[devicePrefix] || named[userPrefix] {
		clear(c.known)
		return
	}
	for name, k := range c.known {
		if named[devicePrefix+k.DeviceID] || named[userPrefix+k.PhoneUserID] {
			delete(c.known, name)
		}
	}
}

// Run hears what other nodes change and forgets what it concerns, until ctx ends.
func (r *Room) Run(ctx context.Context) {
	if r.Feed == nil {
		<-ctx.Done()
		return
	}
	devices, cancelDevices := r.Feed.SubscribePrefix(devicePrefix)
	defer cancelDevices()
	users, cancelUsers := r.Feed.SubscribePrefix(userPrefix)
	defer cancelUsers()
	r.cache.drop(devicePrefix)
	var others sync.WaitGroup
	others.Go(func() { r.seats.known.Listen(ctx, r.Feed, userPrefix) })
	others.Go(func() { r.working.Listen(ctx, r.Feed, account.StateTopics) })
	defer others.Wait()
	r.watching.Store(true)
	defer r.watching.Store(false)
	for {
		select {
		case <-ctx.Done():
			return
		case topic := <-devices:
			r.cache.drop(append(waiting(devices), topic)...)
		case topic := <-users:
			r.cache.drop(append(waiting(users), topic)...)
		}
	}
}

// waiting takes what else has come.
func waiting(ch <-chan string) (topics []string) {
	for {
		select {
		case topic := <-ch:
			topics = append(topics, topic)
		default:
			return topics
		}
	}
}

// Kept returns the credential with that user name if it is in memory, for whoever must not wait for the store.
func (r *Room) Kept(username string) (Credential, bool) {
	c, ok, _, _ := r.cache.get(username, r.now())
	return c, ok
}

// Credential returns the credential with that user name. One that nobody has, or whose device or phone user ended, is not found.
func (r *Room) Credential(ctx context.Context, username string) (c Credential, err error) {
	now := r.now()
	c, ok, nobody, drops := r.cache.get(username, now)
	if ok {
		return c, nil
	}
	if nobody || !usernameForm.MatchString(username) {
		return c, notFound()
	}
	if c, err = r.readCredential(ctx, username); err != nil && !fault.Is(err, fault.NotFound) {
		return Credential{}, err
	}
	life := unknownLife
	switch {
	case err != nil:
	case r.watching.Load():
		life = cacheLife
	default:
		life = cacheUnheard
	}
	r.cache.put(strings.Clone(username), kept{c, now + life.Milliseconds()}, err == nil, drops)
	return c, err
}

func (r *Room) readCredential(ctx context.Context, username string) (c Credential, err error) {
	defer fault.Wrap(&err, "phoneuser.Credential")
	var stored string
	err = r.DB.QueryRowContext(ctx, `
		SELECT d.account_id, a.slug, d.phone_user_id, d.id, d.username, d.algorithm, d.ha1, p.extension, p.display_name, p.app_enabled
		FROM devices d
		JOIN phone_users p ON p.account_id = d.account_id AND p.id = d.phone_user_id AND p.deleted_at = 0
		JOIN accounts a ON a.id = d.account_id
		WHERE d.username = $1 AND d.ended_at = 0`, username).
		Scan(&c.AccountID, &c.AccountSlug, &c.PhoneUserID, &c.DeviceID, &c.Username, &c.Algorithm, &stored, &c.Extension, &c.DisplayName, (*flag)(&c.Enabled))
	if errors.Is(err, sql.ErrNoRows) {
		return c, notFound()
	}
	if err != nil {
		return c, err
	}
	digest, err := r.Keys.Open(sealed(username), stored)
	c.HA1 = string(digest)
	return c, err
}
