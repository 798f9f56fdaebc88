package web

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"hubline/product/account"
)

// doorkeeper is the Guard over the room "account". It keeps nothing between requests.
type doorkeeper struct{ p *Portal }

// Viewer implements Guard.
func (d doorkeeper) Viewer(r *http.Request, slug string) (*Viewer, error) {
	token, from, room := d.p.sessionToken(r), d.p.address(r), d.p.Account
	var actor account.Actor
	var err error
	if slug == "" {
		actor, err = room.SignedIn(r.Context(), token, from)
	} else {
		actor, err = room.Enter(r.Context(), token, slug, from)
	}
	if err != nil {
		return nil, err
	}
	v := &Viewer{PersonID: actor.PersonID, Name: actor.Name, Email: actor.Email, Theme: actor.Theme, Staff: actor.Kind == account.Staff || actor.Kind == account.Visitor, Actor: actor,
		Can: func(permission string) bool { return actor.Can(account.Permission(permission)) }}
	if actor.Account.ID != "" {
		v.Zone = actor.Account.Location()
		v.Account = &Account{Slug: actor.Account.Slug, Number: actor.Account.Number, Name: actor.Account.Name, Access: actor.Roles.String()}
	}
	if actor.TimeZone != "" {
		v.Zone = account.Account{Policy: account.Policy{TimeZone: actor.TimeZone}}.Location()
	}
	if v.Staff {
		return v, nil
	}
	list, err := room.Belongings(r.Context(), actor)
	if err != nil {
		return nil, err
	}
	for _, b := range list {
		v.Accounts = append(v.Accounts, Account{Slug: b.Slug, Number: b.Number, Name: b.Name, Access: b.Roles.String()})
	}
	lastUsedFirst(v.Accounts, recent(r))
	if v.Zone == nil && len(list) > 0 { // their own pages show times as their work does
		v.Zone = account.Account{Policy: account.Policy{TimeZone: list[0].TimeZone}}.Location()
	}
	return v, nil
}

// Help implements Guard.
func (d doorkeeper) Help(ctx context.Context, v *Viewer, permission string) (Help, error) {
	names, err := d.p.Account.Admins(ctx, v.Actor)
	return Help{Access: account.Permission(permission).Holder(), People: names}, err
}

// The cookies of the portal. Over https they carry the prefix with which browsers refuse to let a neighbouring host set them.
const (
	sessionCookie = "hubline"
	deviceCookie  = "hubline_device"
	recentCookie  = "hubline_recent" // slugs of the accounts used last; a convenience, never a right

	sessionCookieLife = 30 * 24 * time.Hour // the store decides earlier
	yearCookieLife    = 365 * 24 * time.Hour
)

func (p *Portal) https() bool { return strings.HasPrefix(p.BaseURL, "https:") }

func (p *Portal) cookieName(name string) string {
	if p.https() {
		return "__Host-" + name
	}
	return name
}

// cookie makes a cookie of the portal; a negative life takes it away.
func (p *Portal) cookie(name, value string, life time.Duration) *http.Cookie {
	seconds := int(life / time.Second)
	if life < 0 {
		seconds = -1
	}
	return &http.Cookie{Name: p.cookieName(name), Value: value, Path: "/", MaxAge: seconds, HttpOnly: true, Secure: p.https(), SameSite: http.SameSiteLaxMode}
}

func (p *Portal) cookieValue(r *http.Request, name string) string {
	c, err := r.Cookie(p.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

func (p *Portal) sessionToken(r *http.Request) string { return p.cookieValue(r, sessionCookie) }

// begin goes on as somebody who has just proved who they are. If they have a second factor and have not shown it, it asks for that first, and
// the form of this request comes back afterwards when kept says so.
func (r *Request) begin(in account.Entrance, next, kept string, on func() error) error {
	if in.Half != "" {
		return r.secondStep(secondPage{Half: in.Half, Next: next, Kept: kept})
	}
	if err := r.enter(in); err != nil {
		return err
	}
	return on()
}

// enter gives the browser the cookies of a new session. A session that the browser held before ends, so that its token is worth
// nothing to whoever may have planted or copied it.
func (r *Request) enter(in account.Entrance) error {
	p := r.portal
	if old := p.sessionToken(r.Request); old != "" && old != in.Session {
		if err := p.Account.SignOut(r.Context(), old); err != nil {
			return err
		}
	}
	http.SetCookie(r.W, p.cookie(sessionCookie, in.Session, sessionCookieLife))
	http.SetCookie(r.W, p.cookie(deviceCookie, in.Device, yearCookieLife))
	return nil
}

// browser says where the request comes from.
func (r *Request) browser() account.Browser {
	return account.Browser{Address: r.portal.address(r.Request), UserAgent: r.UserAgent(), Device: r.portal.cookieValue(r.Request, deviceCookie)}
}

// address returns the network address that a request comes from, without its port. Behind proxies it is the program that sets
// RemoteAddr, as it alone knows which to believe.
func (p *Portal) address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

const recentMost = 5

func recent(r *http.Request) []string {
	c, err := r.Cookie(recentCookie)
	if err != nil {
		return nil
	}
	return strings.Split(c.Value, ".")
}

// lastUsedFirst moves the accounts that this browser showed last to the front; the others stay in order of their names.
func lastUsedFirst(list []Account, slugs []string) {
	place := func(a Account) int {
		if i := slices.Index(slugs, a.Slug); i >= 0 {
			return i
		}
		return len(slugs)
	}
	slices.SortStableFunc(list, func(a, b Account) int { return place(a) - place(b) })
}

// remember notes that this browser shows an account now.
func (r *Request) remember() {
	if r.Viewer.Account == nil || len(r.Viewer.Accounts) < 2 || r.Method != http.MethodGet {
		return
	}
	slug, slugs := r.Viewer.Account.Slug, recent(r.Request)
	if len(slugs) > 0 && slugs[0] == slug {
		return
	}
	slugs = append([]string{slug}, slices.DeleteFunc(slugs, func(s string) bool { return s == slug })...)
	slugs = slugs[:min(len(slugs), recentMost)]
	http.SetCookie(r.W, &http.Cookie{Name: recentCookie, Value: strings.Join(slugs, "."), Path: "/", MaxAge: int(yearCookieLife / time.Second),
		HttpOnly: true, Secure: r.portal.https(), SameSite: http.SameSiteLaxMode})
}
