package switchboard

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"hubline/base/fault"
	"hubline/product/phoneuser"
	"hubline/sip"
)

// allowed lists what phones and carriers may send us; what stands here and nothing else is written into Allow.
const allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, UPDATE"

// before sees every request outside a dialog first, on the goroutine that reads the network. It keeps nothing and asks no store: a stranger
// gets a challenge made of the request alone, the same for a known, an unknown and a disabled name.
func (b *Board) before(m *sip.Message, flow *sip.Flow) (reply *sip.Message, handled bool) {
	if isScanner(m.Get("User-Agent")) {
		return nil, true
	}
	switch {
	case m.Method == "OPTIONS":
		return b.options(m), true
	case m.Method == "INVITE" && b.draining.Load():
		res := m.Respond(503, "")
		res.Set("Retry-After", "10")
		return res, true
	}
	c, found := b.credentials(m)
	if !found {
		if m.Method == "INVITE" && b.carriers.of(flow.Remote()) != nil {
			return nil, false
		}
		return b.challenge(m, flow, claimed(m), false), true
	}
	if !strings.EqualFold(algorithm(c), phoneuser.AlgorithmOf(c.Username)) {
		return b.challenge(m, flow, c.Username, false), true
	}
	fresh, err := b.nonces.Check(c, sourceOf(flow))
	if err != nil || !fresh {
		return b.challenge(m, flow, c.Username, err == nil), true
	}
	if b.guesses.blocked(flow.Remote().Addr(), c.Username) && !b.plan.Emergency(m.Target.User) {
		return nil, true
	}
	if m.Method == "REGISTER" {
		return b.refresh(m, c)
	}
	return nil, false
}

// refresh answers the REGISTER that phones send all day, which only keeps alive what is bound, at once: without a transaction and a
// goroutine. A repetition of the last one, whose answer was lost, is answered again and changes nothing; any other replay is challenged.
func (b *Board) refresh(m *sip.Message, c sip.Credentials) (reply *sip.Message, handled bool) {
	who, known := b.phones.Kept(c.Username)
	if !known || !who.Enabled || !c.Valid(who.HA1, m.Method, m.Body) || !b.speaksFor(m, c, who) {
		return nil, false
	}
	reg, status, _ := b.registration(m, who)
	if status != 0 || !b.registrar.refreshes(reg) {
		return nil, false
	}
	if !b.nonces.Use(c) {
		return b.replayed(m, c, who), true
	}
	now := b.now()
	bound, wait, err := b.registrar.register(reg, now)
	if err != nil {
		return m.Respond(500, "A later request was here before"), true
	}
	if wait != nil { // it changed in between: the phone registers again with the next challenge
		return b.challenge(m, m.Flow, c.Username, true), true
	}
	return registered(m, bound, now), true
}

// replayed answers credentials that were used before: a challenge, unless it is the last REGISTER of its contacts once more.
func (b *Board) replayed(m *sip.Message, c sip.Credentials, who phoneuser.Credential) *sip.Message {
	if m.Method == "REGISTER" && b.speaksFor(m, c, who) {
		if reg, status, _ := b.registration(m, who); status == 0 && b.registrar.repeats(reg) {
			now := b.now()
			return registered(m, b.registrar.bindings(seat{who.AccountID, who.PhoneUserID}, who.DeviceID, now), now)
		}
	}
	return b.challenge(m, m.Flow, c.Username, true)
}

// speaksFor tells whether a request is the device's own: its From, what its credentials were made for, and the To of a REGISTER.
func (b *Board) speaksFor(m *sip.Message, c sip.Credentials, who phoneuser.Credential) bool {
	return b.isOurs(m.From().URI, who.Username, m.Flow) && aimedAt(c.URI, m.Target) &&
		(m.Method != "REGISTER" || b.isOurs(m.To().URI, who.Username, m.Flow))
}

// scanners are the names that widespread attack tools give themselves.
var scanners = []string{"friendly-scanner", "friendly-request", "sipvicious", "sundayddr", "sip-scan", "sipsak", "iwar", "sipcli", "vaxsipuseragent", "pplsip"}

func isScanner(agent string) bool {
	if agent == "" {
		return false
	}
	agent = strings.ToLower(agent)
	for _, s := range scanners {
		if strings.Contains(agent, s) {
			return true
		}
	}
	return false
}

func (b *Board) options(m *sip.Message) *sip.Message {
	res := m.Respond(200, "")
	res.Set("Allow", allowed)
	res.Set("Accept", "application/sdp")
	res.Set("Supported", "timer")
	return res
}

// claimed is the name that a request says it comes from.
func claimed(m *sip.Message) string {
	if m.Method == "REGISTER" {
		return m.To().URI.User
	}
	return m.From().URI.User
}

// sourceOf is what a challenge is bound to: the address, not the port, which a NAT may change at any time.
func sourceOf(flow *sip.Flow) string { return flow.Remote().Addr().String() }

// challenge asks for credentials: one challenge, in the algorithm that can be told from the name (RFC 8760 allows several; deployed phones
// do not stand them).
func (b *Board) challenge(m *sip.Message, flow *sip.Flow, name string, stale bool) *sip.Message {
	status, header := 407, "Proxy-Authenticate"
	if m.Method == "REGISTER" {
		status, header = 401, "WWW-Authenticate"
	}
	res := m.Respond(status, "")
	res.Set(header, b.nonces.Challenge(b.domain, phoneuser.AlgorithmOf(name), sourceOf(flow), stale))
	return res
}

// credentials finds those for our realm.
func (b *Board) credentials(m *sip.Message) (c sip.Credentials, found bool) {
	for _, name := range []string{"Proxy-Authorization", "Authorization"} {
		first := m.Get(name)
		if first == "" {
			continue
		}
		if c, err := sip.ParseCredentials(first); err == nil && c.Realm == b.domain {
			return c, true
		}
		for _, text := range m.All(name)[1:] {
			if c, err := sip.ParseCredentials(text); err == nil && c.Realm == b.domain {
				return c, true
			}
		}
	}
	return c, false
}

func algorithm(c sip.Credentials) string {
	if c.Algorithm == "" {
		return "MD5"
	}
	return c.Algorithm
}

// authenticate tells whose request it is. What it is refused with is the same for a wrong password, a name that nobody has and one whose
// app is off.
func (b *Board) authenticate(ctx context.Context, m *sip.Message) (who phoneuser.Credential, refuse *sip.Message) {
	c, found := b.credentials(m)
	if !found {
		return who, b.challenge(m, m.Flow, claimed(m), false)
	}
	who, err := b.phones.Credential(ctx, c.Username)
	if err != nil && !fault.Is(err, fault.NotFound) {
		if !errors.Is(err, context.Canceled) {
			b.log.Error("a device could not be looked up", "error", err)
		}
		res := m.Respond(503, "")
		res.Set("Retry-After", "5")
		return who, res
	}
	known := err == nil && who.Enabled
	if !known {
		who.HA1 = b.nobody // the same arithmetic, so that the time tells nothing
	}
	if right := c.Valid(who.HA1, m.Method, m.Body); !right || !known {
		b.guesses.wrong(m.Flow.Remote().Addr(), c.Username)
		return who, b.challenge(m, m.Flow, c.Username, false)
	}
	if !b.nonces.Use(c) {
		return who, b.replayed(m, c, who)
	}
	b.guesses.right(m.Flow.Remote().Addr(), c.Username)
	if !b.speaksFor(m, c, who) {
		return who, m.Respond(403, "Not your identity")
	}
	return who, nil
}

// isOurs tells whether a URI is the one of that device. Phones that were set up with an address instead of the domain write the address.
func (b *Board) isOurs(u sip.URI, username string, flow *sip.Flow) bool {
	return u.User == username && b.isHere(u.Host, flow)
}

// isHere tells whether a host means this installation.
func (b *Board) isHere(host string, flow *sip.Flow) bool {
	if strings.EqualFold(host, b.domain) {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && (addr.Unmap() == flow.Local().Addr().Unmap() || addr.Unmap() == b.address || flow.Local().Addr().IsUnspecified() || addr.IsLoopback())
}

// aimedAt tells whether credentials were made for this Request-URI, as far as they name a user: some clients hash the server's address only.
func aimedAt(uri string, target sip.URI) bool {
	u, err := sip.ParseURI(uri)
	return err != nil || u.User == "" || u.User == target.User
}
