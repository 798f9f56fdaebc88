package switchboard

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unique"

	"hubline/product/phoneuser"
	"hubline/sip"
)

// Limits of what a REGISTER may ask for.
const (
	leastExpires    = 30 * time.Second
	usualExpires    = 10 * time.Minute
	mostExpires     = time.Hour
	behindNAT       = 2 * time.Minute // a UDP phone behind a NAT, whose mapping would not live longer unasked
	longestContact  = 512
	longestUserText = 128
)

// register does a REGISTER (RFC 3261 10.3) of a device that proved who it is.
func (b *Board) register(ctx context.Context, t *sip.Incoming, who phoneuser.Credential) {
	m := t.Request
	t.Stateless()
	reg, status, reason := b.registration(m, who)
	if status != 0 {
		b.refuseRegister(t, status, reason)
		return
	}
	now := b.now()
	at := seat{who.AccountID, who.PhoneUserID}
	bound := b.registrar.bindings(at, who.DeviceID, now)
	if reg.removeAll || len(reg.contacts) > 0 {
		var batch *batch
		var err error
		bound, batch, err = b.registrar.register(reg, now)
		if errors.Is(err, errOutOfOrder) {
			t.Refuse(500, "A later request was here before")
			return
		}
		if batch != nil && batch.wait(ctx) != nil {
			b.registrar.undo(reg)
			t.Refuse(503, "", "Retry-After", "5")
			return
		}
	}
	t.Reply(registered(m, bound, now))
}

// registered is the answer to a REGISTER: what is bound now.
func registered(m *sip.Message, bound []binding, now time.Time) *sip.Message {
	res := m.Respond(200, "")
	for _, bd := range sorted(bound) {
		seconds := max(1, (bd.ExpiresAt-now.UnixMilli())/1000)
		res.Add("Contact", "<"+bd.Contact+">;expires="+strconv.FormatInt(seconds, 10))
	}
	return res
}

func (b *Board) refuseRegister(t *sip.Incoming, status int, reason string) {
	if status == 423 {
		t.Refuse(status, reason, "Min-Expires", strconv.Itoa(int(leastExpires.Seconds())))
		return
	}
	t.Refuse(status, reason)
}

// registration reads what a REGISTER asks for; status is 0, or why it cannot be done.
func (b *Board) registration(m *sip.Message, who phoneuser.Credential) (reg registration, status int, reason string) {
	cseq, _ := m.CSeq()
	reg.of = phoneuser.Location{
		AccountID: who.AccountID, PhoneUserID: who.PhoneUserID, DeviceID: who.DeviceID,
		Flow: m.Flow.Token(), CallID: strings.Clone(m.CallID()), CSeq: cseq,
		UserAgent: unique.Make(clip(m.Get("User-Agent"), longestUserText)).Value(), Address: sourceOf(m.Flow), Node: b.node,
	}
	list := m.Contacts()
	if len(list) == 0 && m.Get("Contact") != "" {
		return reg, 400, "Malformed Contact"
	}
	header, hasHeader := m.Expires()
	if slices.ContainsFunc(list, isStar) {
		if len(list) != 1 || !hasHeader || header != 0 {
			return reg, 400, "Contact * needs Expires 0 and stands alone"
		}
		reg.removeAll = true
		return reg, 0, ""
	}
	if len(list) > mostContacts {
		return reg, 403, "Too many contacts"
	}
	for _, a := range list {
		c, status, reason := readContact(a, header, hasHeader, m.Flow)
		if status != 0 {
			return reg, status, reason
		}
		reg.contacts = append(reg.contacts, c)
	}
	return reg, 0, ""
}

func isStar(a sip.Address) bool { return a.URI.Scheme == "" && a.URI.Host == "*" }

func readContact(a sip.Address, header int, hasHeader bool, flow *sip.Flow) (c contact, status int, reason string) {
	if a.URI.Scheme != "sip" && a.URI.Scheme != "sips" || a.URI.Headers != "" {
		return c, 400, "A contact is a SIP address"
	}
	a.URI.Password = ""
	c.uri = a.URI.String()
	if len(c.uri) > longestContact {
		return c, 400, "The contact is too long"
	}
	if c.key = contactKey(a); c.key == c.uri {
		c.key = c.uri // of most phones: one text for both, as long as the binding lives
	}
	c.ttl = usualExpires
	if hasHeader {
		c.ttl = time.Duration(header) * time.Second
	}
	if text, ok := a.Params.Get("expires"); ok {
		if n, err := strconv.ParseUint(text, 10, 32); err == nil { // a malformed one counts as absent (RFC 3261 10.2.1.1)
			c.ttl = time.Duration(n) * time.Second
		}
	}
	if c.ttl == 0 {
		return c, 0, ""
	}
	if c.ttl < leastExpires {
		return c, 423, ""
	}
	c.ttl = min(c.ttl, longest(a.URI, flow))
	return c, 0, ""
}

// longest is how long a binding may live unrefreshed, which is also how long a phone that vanished still rings.
func longest(u sip.URI, flow *sip.Flow) time.Duration {
	switch flow.Transport() {
	case "ws":
		return usualExpires
	case "udp":
		if addr, ok := u.Addr(); !ok || addr != flow.Remote() {
			return behindNAT
		}
	}
	return mostExpires
}

// contactKey is what makes two contacts the same binding: the instance and its registration where the phone names them (RFC 5626 6), so that
// a phone which comes back with another address replaces itself; else the URI.
func contactKey(a sip.Address) string {
	instance, ok1 := a.Params.Get("+sip.instance")
	reg, ok2 := a.Params.Get("reg-id")
	if ok1 && ok2 && len(instance) <= longestUserText {
		return strings.Clone(instance + ";" + reg)
	}
	u := sip.URI{Scheme: a.URI.Scheme, User: a.URI.User, Host: strings.ToLower(a.URI.Host), Port: a.URI.Port}
	if transport, ok := a.URI.Params.Get("transport"); ok {
		u.Params = sip.Params{{Name: "transport", Value: strings.ToLower(transport)}}
	}
	return u.String()
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}

// sorted puts the contact that lives longest first, so that answers look the same each time.
func sorted(bindings []binding) []binding {
	slices.SortFunc(bindings, func(a, b binding) int {
		if a.ExpiresAt != b.ExpiresAt {
			return int(b.ExpiresAt - a.ExpiresAt)
		}
		return strings.Compare(a.Contact, b.Contact)
	})
	return bindings
}
