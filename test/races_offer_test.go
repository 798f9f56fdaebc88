package test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// What can happen to an offer. accept follows the link of a generation.
type (
	accept  struct{ link int }
	cancel  struct{}
	decline struct{ link int }
	resend  struct{}
	expire  struct{} // the clock reaches the end of the first link
	look    struct{}

	acceptNewest struct{} // follows the link of the newest mail
	acceptNew    struct{} // by somebody who has no password yet
)

// offer is an invitation as it should be. Times are in seconds since it was sent.
type offer struct {
	state     string
	fate      string // what its link tells: the state that ended it
	link      int    // the generation that works
	ends      [3]int // of each generation
	sent, now int
	members   int
}

const (
	life  = 7 * 24 * 60 * 60
	pause = 60 // how long after sending every race begins, so that resending is allowed
)

var offers = porcupine.Model{
	Init: func() any { return offer{state: "pending", link: 1, ends: [3]int{0, life}, now: pause} },
	Step: func(state, input, output any) (bool, any) {
		o := state.(offer)
		out := output.(string)
		switch in := input.(type) {
		case accept:
			return o.join(in.link, out)
		case acceptNewest: // by the page behind it, which tells that it was used
			return o.follow(o.link, out, "accepted")
		case acceptNew:
			if out == "person-known" { // the other one was quicker by a moment
				return o.state == "accepted", o
			}
			return o.follow(1, out, "accepted")
		case decline:
			return o.follow(in.link, out, "declined")
		case cancel:
			if o.state != "pending" && o.state != "declined" {
				return out == "invitation-"+o.state, o
			}
			return out == "ok", o.end("cancelled")
		case resend:
			switch {
			case o.state != "pending":
				return out == "invitation-"+o.state, o
			case o.now-o.sent < pause:
				return out == "resend-soon", o
			}
			o.link, o.sent = o.link+1, o.now
			o.ends[o.link] = o.now + life
			return out == "ok", o
		case expire:
			o.now = max(o.now, life)
		case look:
			return out == fmt.Sprintf("%s, %d members", o.state, o.members), o
		}
		return true, o
	},
}

// join is lee accepting. Doing so again changes nothing and is answered alike.
func (o offer) join(link int, out string) (bool, any) {
	if o.state == "accepted" && link == o.link {
		return out == "ok" || out == "invitation-expired" && o.now >= o.ends[link], o
	}
	return o.follow(link, out, "accepted")
}

// follow is what somebody with a link does, and what they are told.
func (o offer) follow(link int, out, to string) (bool, any) {
	if !o.allows(link, out) {
		return false, o
	}
	if out == "ok" {
		o = o.end(to)
	}
	return true, o
}

func (o offer) end(state string) offer {
	if o.state == "pending" {
		o.fate = state
	}
	if o.state = state; state == "accepted" {
		o.members++
	}
	return o
}

// allows reports whether whoever follows a link may be answered so. The clock is no part of the store: that the time has run out
// may be said whatever else became of the offer, but nobody gets in then.
func (o offer) allows(link int, out string) bool {
	expired := o.now >= o.ends[link]
	switch {
	case out == "invitation-expired":
		return expired
	case link < o.link:
		return out == "invitation-superseded"
	case o.state != "pending":
		return out == "invitation-"+o.fate
	}
	return out == "ok" && !expired
}

// track is the account northside, into which lee is invited again and again, by a program, which needs no checks.
type track struct {
	*accounttest.Rig
	t     *testing.T
	north account.Account
	admin account.Actor
	lee   account.Actor

	invitation account.Invitation
	tokens     [3]string // of each generation
	shown      string
}

func newTrack(t *testing.T, r *accounttest.Rig) *track {
	t.Helper()
	north := r.Open("northside")
	lee := r.Join(r.Open("harbour"), "lee@harbour.example")
	_, key := r.Key(north)
	return &track{Rig: r, t: t, north: north.Account, admin: key, lee: lee.Actor()}
}

// invite ends the race before and sends the next invitation.
func (k *track) invite(email string) {
	t, c := k.t, k.t.Context()
	list, _, err := k.People(c, k.admin, account.PeopleFilter{Memberships: true})
	check(t, err)
	for _, l := range list {
		if l.Email != "admin@northside.example" {
			_, err := k.RemoveHubUser(c, k.admin, l.ID, 0)
			check(t, err)
		}
	}
	k.Forget()
	k.Clock.Advance(8 * 24 * time.Hour) // what is still pending makes way, and no limit is near
	sent, err := k.Room.Invite(c, k.admin, account.Invite{Offers: []account.Offer{{Email: email}}})
	check(t, err)
	k.invitation = sent[0]
	k.tokens = [3]string{1: k.Token(sent[0].ID)}
	w, err := k.Welcome(c, k.tokens[1])
	check(t, err)
	k.shown = w.Shown
	k.Clock.Advance(pause * time.Second)
}

func (k *track) accept(link int) act {
	return act{accept{link}, func() string {
		_, err := k.AcceptAs(k.t.Context(), k.lee, k.tokens[link], k.shown)
		return answer(err)
	}}
}

func (k *track) cancel() act {
	return act{cancel{}, func() string {
		_, err := k.Cancel(k.t.Context(), k.admin, k.invitation.ID, 0)
		return answer(err)
	}}
}

func (k *track) decline() act {
	return act{decline{1}, func() string {
		_, err := k.Decline(k.t.Context(), k.tokens[1], k.invitation.Email)
		return answer(err)
	}}
}

func (k *track) resend() act {
	return act{resend{}, func() string {
		_, err := k.Resend(k.t.Context(), k.admin, k.invitation.ID, 0)
		return answer(err)
	}}
}

// expire waits about as long as the others need for their first looks at the store.
func (k *track) expire(random *rand.Rand) act {
	end, looks := time.UnixMilli(k.invitation.SentAt).Add(life*time.Second), random.IntN(6)
	return act{expire{}, func() string {
		for range looks {
			k.Welcome(k.t.Context(), k.tokens[1])
		}
		k.Clock.Set(end)
		return "ok"
	}}
}

// look tells what is left behind: the invitation's state and how many joined by it.
func (k *track) look() act {
	return act{look{}, func() string {
		i, err := k.InvitationByID(k.t.Context(), k.admin, k.invitation.ID)
		if err != nil {
			return answer(err)
		}
		var members int
		err = k.DB.QueryRowContext(k.t.Context(), `SELECT COUNT(*) FROM memberships WHERE account_id = $1 AND invitation_id = $2 AND state = 'active'`,
			k.north.ID, i.ID).Scan(&members)
		if err != nil {
			return answer(err)
		}
		return fmt.Sprintf("%s, %d members", i.State, members)
	}}
}

func acceptAccept(t *testing.T, r *accounttest.Rig) course {
	k := newTrack(t, r)
	return course{model: offers, start: func(*rand.Rand) ([]act, []act) {
		k.invite("lee@harbour.example")
		return []act{k.accept(1), k.accept(1), k.accept(1)}, []act{k.look(), k.accept(1)}
	}}
}

func acceptCancel(t *testing.T, r *accounttest.Rig) course {
	k := newTrack(t, r)
	return course{model: offers, start: func(*rand.Rand) ([]act, []act) {
		k.invite("lee@harbour.example")
		return []act{k.accept(1), k.cancel()}, []act{k.look(), k.accept(1)}
	}}
}

func acceptExpire(t *testing.T, r *accounttest.Rig) course {
	k := newTrack(t, r)
	return course{model: offers, start: func(random *rand.Rand) ([]act, []act) {
		k.invite("lee@harbour.example")
		return []act{k.accept(1), k.expire(random), k.accept(1)}, []act{k.look(), k.accept(1)}
	}}
}

// The link that the resent mail holds works afterwards if, and only if, nobody accepted the old one before.
func acceptResend(t *testing.T, r *accounttest.Rig) course {
	k := newTrack(t, r)
	return course{model: offers, start: func(*rand.Rand) ([]act, []act) {
		k.invite("lee@harbour.example")
		return []act{k.accept(1), k.resend(), k.accept(1)}, []act{k.look(), k.accept(1), k.acceptNewest(), k.look()}
	}}
}

func (k *track) acceptNewest() act {
	return act{acceptNewest{}, func() string {
		token := k.Token(k.invitation.ID)
		w, err := k.Welcome(k.t.Context(), token)
		if err == nil {
			_, err = k.AcceptAs(k.t.Context(), k.lee, token, w.Shown)
		}
		return answer(err)
	}}
}

func acceptAll(t *testing.T, r *accounttest.Rig) course {
	k := newTrack(t, r)
	return course{model: offers, start: func(random *rand.Rand) ([]act, []act) {
		k.invite("lee@harbour.example")
		acts := []act{k.accept(1), k.accept(1), k.cancel(), k.decline(), k.resend(), k.expire(random)}
		random.Shuffle(len(acts), func(i, j int) { acts[i], acts[j] = acts[j], acts[i] })
		return acts[:3+random.IntN(4)], []act{k.look(), k.accept(1)}
	}}
}

// Somebody presses the button twice, or two people share the mail.
func newNew(t *testing.T, r *accounttest.Rig) course {
	k := newTrack(t, r)
	n := 0
	return course{model: offers, share: 4, start: func(*rand.Rand) ([]act, []act) {
		n++
		k.invite(fmt.Sprintf("new%d@northside.example", n))
		press := act{acceptNew{}, func() string {
			_, _, err := k.AcceptNew(t.Context(), k.tokens[1], k.shown, "New Person", accounttest.Password, account.Browser{Address: accounttest.Address})
			return answer(err)
		}}
		return []act{press, press}, []act{k.look()}
	}}
}
