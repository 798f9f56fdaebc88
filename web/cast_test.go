package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/ident"
	"hubline/base/job"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/call"
	"hubline/product/phoneuser"
	"hubline/product/support"
	"hubline/product/webhook"
)

// cast is a world with everybody whom the tests of rights and of bad input need, in a store that they can put back. Everybody's step-up
// check is fresh and a code is on its way to them.
type cast struct {
	*world
	boss     *accounttest.User // admin and billing of the account "harbour", which everything is about
	players  []*player         // each role set in each state of membership in harbour
	clerk    *player           // a person of the provider
	visitors []*player         // people of the provider whom harbour let in: to look, and to change things too
	visited  bool              // visitors are asked, too
	pin      string            // that a hub user of harbour shows
	askedOf  string            // slug of an account that the clerk asked to see
	own      *things           // of harbour
	far      *things           // of an account that none of the players belongs to; what is in it has the marks
	missing  *things           // of no account

	young, youngNumber          string    // slug and number of an account whose first admin has not accepted
	asleep                      string    // slug of a suspended account
	wish                        int64     // number of a request for more phone users
	halves                      [2]string // sign-ins of somebody whose recovery is open
	halfCode, stop              string    // a code that completes the second of them, and the token of the link that stops the recovery
	half, recovery              string    // somebody's sign-in that lacks the second factor, and a code that completes it
	file, deadJob, colleague    string    // an asset; a failed job; another person of the provider
	reset, invitation, invitee  string    // token of a link for a new password; token of an invitation and its address
	late                        string    // token of an invitation that ran out
	undo                        string    // token of a link that takes a change of address back
	setUp, provision            string    // tokens of links that set up a phone
	frozen                      *dbtest.Frozen
	farMarks, ownMarks, holders []string // words that only members of far, or of harbour, may read; names of those who can help
}

// youngNumber is a number of the account whose first admin has not accepted.
const youngNumber = "+61255500155"

// player is one person: a role set, in one state of membership.
type player struct {
	name, email, person string
	roles               account.Roles
	state               string
	session, device     string // tokens
	code                string // works in this session
	spare               string // ID of another session of theirs
	identity            string // ID of one that is linked to them
	passkey             string // ID of one of theirs
	key                 string // ID of an API key of theirs
	ended               string // token of a session that is over
	token               string // of the invitation of somebody invited
	move                string // token of the link to their new address
}

func (p *player) browser() account.Browser {
	return account.Browser{Address: accounttest.Address, UserAgent: accounttest.UserAgent, Device: p.device}
}

// visits reports whether the player is of the provider and was let into harbour.
func (p *player) visits() bool { return strings.HasPrefix(p.state, "visit") }

func (p *player) String() string {
	if p.visits() {
		return p.state
	}
	if p.state == "staff" {
		return "staff"
	}
	return p.roles.String() + ", " + p.state
}

// things are what the addresses of an account can name.
type things struct {
	slug, target, paused, invitation string
	ticket                           string // an open request
	group                            string // that target is in
	groupVersion                     int64
	review                           string // of access, going on
	bill                             string // an open request about invoice details
	visit                            string // that a person of the provider asks for
	phoneUser, device, number        string // a phone user, its one device, a number that rings it
	upload                           string // an import that was only reviewed
	list                             string // the same, of people
	call                             string // that goes on
	key                              string // an API key of its admin
	phoneUserVersion, numberVersion  int64
	name                             string // the account's
	targetVersion, invitationVersion int64
	accountVersion, directoryVersion int64
	provider                         string // of sign-ins
	lost, rescued                    string // who have a second factor; a recovery of the second is open
	lostPerson, rescuedPerson        string
	hook, delivery, resting          string // a webhook, what was to be sent to it, and one that is paused
}

// The states of membership. The invited belong to another account; the removed to none.
var memberStates = []string{"active", "deactivated", "removed", "invited"}

func newCast(t *testing.T, d *db.DB) *cast {
	t.Helper()
	c := &cast{world: newWorld(t, d), invitee: "newcomer@letters.example"}
	c.boss = c.Open("harbour")
	third := c.Open("third")
	admins := c.Join(c.boss, "second@harbour.example", account.Admin)
	c.holders = []string{c.boss.Name, admins.Name}
	c.own = c.things(c.boss, "harbour.example")
	c.far = c.things(c.Open("far"), "zanzibar.example")
	c.missing = &things{provider: randomID(), slug: "nowhere", target: randomID(), paused: randomID(), invitation: randomID(), group: randomID(), key: randomID(), groupVersion: 1, review: ident.Ordered(c.Clock.Now().UnixMilli()), ticket: randomID(), phoneUser: randomID(), device: randomID(),
		number: "+61255509999", upload: randomID(), list: randomID(), lost: randomID(), rescued: randomID(), call: ident.Ordered(c.Clock.Now().UnixMilli()), phoneUserVersion: 1, numberVersion: 1, targetVersion: 1, invitationVersion: 1, accountVersion: 1}
	c.missing.bill, c.missing.visit, c.missing.hook, c.missing.resting, c.missing.delivery = randomID(), randomID(), randomID(), randomID(), ident.Ordered(c.Clock.Now().UnixMilli())
	more, err := c.support.Open(t.Context(), third.Actor(), support.NewTicket{Kind: support.PhoneUserLimit, Wanted: 20})
	if err != nil {
		t.Fatal(err)
	}
	c.wish = more.Number
	c.farMarks, c.ownMarks = []string{"Zanzibar", "zanzibar.example"}, []string{"Harbour Group", "harbour.example"}
	for _, roles := range roleSets() {
		for _, state := range memberStates {
			c.players = append(c.players, c.player(third, roles, state))
		}
	}
	c.provide(t)
	// Terms that nobody is kept out by, and that everybody can still accept.
	if _, err := c.PublishTerms(t.Context(), account.Operate(), account.NewTerms{Terms: "Be kind", Privacy: "What is kept"}); err != nil {
		t.Fatal(err)
	}
	c.exec(`UPDATE people SET terms_version = 1`)
	const again = 40 * time.Second // a code may be asked for again, and nothing has aged
	c.Clock.Advance(again)
	c.sendCodes(t)
	c.Clock.Advance(again)
	for _, p := range append(slices.Clone(c.players), c.clerk) {
		p.identity = randomID()
		if _, err := d.ExecContext(t.Context(), `
			INSERT INTO linked_identities (person_id, id, issuer, subject, provider, email, linked_at, used_at) VALUES ($1, $2, $3, $2, 'Example ID', $4, 1, 1)`,
			p.person, p.identity, c.elsewhere.Issuer, p.email); err != nil {
			t.Fatal(err)
		}
		p.passkey = randomID() // no way in: nothing signs with it, and the pages of people with one second factor less are the same
		c.exec(`INSERT INTO passkeys (person_id, id, credential_id, public_key, name, model, attestation, transports, flags, sign_count, created_at, used_at)
			VALUES ($1, $2, $2, '', 'Laptop of ' || $3, '', 'none', '', 29, 0, 1, 1)`, p.person, p.passkey, p.name)
	}
	c.exec(`UPDATE sessions SET check_used = 0`) // asking for another address used it up
	c.frozen = dbtest.Freeze(t, d, "sessions.seen_at")
	return c
}

// in returns the cast for a subtest, so that failures end that one.
func (c *cast) in(t *testing.T) *cast {
	inner, w := *c, *c.world
	w.t, w.Rig = t, c.Rig.In(t)
	inner.world, inner.frozen = &w, c.frozen.In(t)
	return &inner
}

func randomID() string { return strings.ToLower(rand.Text()) }

// things fills an account with one of each.
func (c *cast) things(admin *accounttest.User, domain string) *things {
	c.t.Helper()
	ctx := c.t.Context()
	name := admin.Account.Name
	if domain == "zanzibar.example" {
		name = "Zanzibar Group"
		a := admin.Account
		if _, err := c.ChangeSettings(ctx, admin.Actor(), account.Settings{Name: name, TimeZone: "Australia/Perth", InvitationHours: a.Policy.InvitationHours,
			CheckMinutes: a.Policy.CheckMinutes}, 0); err != nil {
			c.t.Fatal(err)
		}
	}
	target, paused := c.Join(admin, "target@"+domain), c.Join(admin, "paused@"+domain)
	invitation, _ := c.Invite(admin, "waiting@"+domain)
	own, err := c.AddProvider(ctx, admin.Actor(), account.NewProvider{Name: "ID of " + domain, Issuer: c.elsewhere.Issuer, ClientID: domain, Secret: "x", Domains: domain})
	if err != nil {
		c.t.Fatal(err)
	}
	directory, _, err := c.TurnOnDirectory(ctx, admin.Actor(), account.DirectorySettings{Domains: domain}, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	th := &things{provider: own.ID, directoryVersion: directory.Version, slug: admin.Account.Slug, name: name, target: target.ID(), paused: paused.ID(), invitation: invitation.ID}
	label := strings.ToUpper(domain[:1]) + domain[1:strings.IndexByte(domain, '.')] + " target"
	asked, err := c.support.Open(ctx, admin.Actor(), support.NewTicket{Kind: support.Question, Subject: name + " asks about target", Description: "For " + domain})
	if err != nil {
		c.t.Fatal(err)
	}
	_, key := c.Key(admin)
	th.key = key.KeyID
	c.hookThings(admin, th, domain)
	th.ticket = asked.ID
	if asked, err = c.support.Open(ctx, admin.Actor(), support.NewTicket{Kind: support.InvoiceDetails, Subject: name + " has a new address", Description: "For " + domain}); err != nil {
		c.t.Fatal(err)
	}
	th.bill = asked.ID
	g, err := c.MakeGroup(ctx, admin.Actor(), account.NewGroup{Name: "Leads of " + domain})
	if err == nil {
		g, _, err = c.AddToGroup(ctx, admin.Actor(), g.ID, account.Chosen{IDs: []string{th.target}}, 0)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	th.group, th.groupVersion = g.ID, g.Version
	c.phoneThings(admin, th, domain)
	u, err := c.ChangeHubUser(ctx, admin.Actor(), th.target, account.Change{Name: &label}, 0)
	if err == nil {
		th.targetVersion = u.Version
		v, refused, failed := c.Decide(ctx, admin.Actor(), []account.Decision{{ID: th.paused, Version: 1, Verdict: account.Keep}})
		if failed != nil || refused != nil {
			c.t.Fatal(refused, failed)
		}
		th.review = v.ID
		state := account.Deactivated
		_, err = c.ChangeHubUser(ctx, admin.Actor(), th.paused, account.Change{State: &state}, 0)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	people, err := c.ReviewImport(ctx, admin.Actor(), "Email\nlisted@"+domain+"\n", "")
	if err != nil {
		c.t.Fatal(err)
	}
	th.list = people.ID
	lost, rescued := c.Join(admin, "lost@"+domain).Check(), c.Join(admin, "rescued@"+domain).Check()
	lost.Enrol()
	rescued.Enrol()
	th.lost, th.rescued, th.lostPerson, th.rescuedPerson = lost.ID(), rescued.ID(), lost.Actor().PersonID, rescued.Actor().PersonID
	if _, err := c.StartRecovery(ctx, admin.Actor(), th.rescued); err != nil {
		c.t.Fatal(err)
	}
	th.invitationVersion, th.accountVersion = invitation.Version, admin.Actor().Account.Version
	return th
}

// hookThings gives an account a webhook with a test that waits for it, and one that is paused.
func (c *cast) hookThings(admin *accounttest.User, th *things, domain string) {
	c.t.Helper()
	ctx, address, name, events := c.t.Context(), "https://hooks."+domain+"/in", "CRM of "+domain, []string{webhook.CallEnded}
	w, _, err := c.hooks.Add(ctx, admin.Actor(), webhook.Wanted{URL: &address, Description: &name, Events: &events})
	var d webhook.Delivery
	if err == nil {
		d, err = c.hooks.SendTest(ctx, admin.Actor(), w.ID)
	}
	if err == nil { // and one that was given up
		var lost webhook.Delivery
		if lost, err = c.hooks.SendTest(ctx, admin.Actor(), w.ID); err == nil {
			_, err = c.DB.ExecContext(ctx, `UPDATE webhook_deliveries SET state = 'failed', next_at = 0 WHERE account_id = $1 AND id = $2`, admin.Account.ID, lost.ID)
		}
	}
	var resting webhook.Webhook
	if err == nil {
		resting, _, err = c.hooks.Add(ctx, admin.Actor(), webhook.Wanted{URL: &address, Description: &name, Events: &events})
	}
	if err == nil {
		_, err = c.hooks.Pause(ctx, admin.Actor(), resting.ID)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	th.hook, th.delivery, th.resting = w.ID, d.ID, resting.ID
}

// phoneThings gives an account a number, a phone user with a device, and a list to import.
func (c *cast) phoneThings(admin *accounttest.User, th *things, domain string) {
	c.t.Helper()
	ctx, operator := c.t.Context(), account.Operate().Inside(admin.Account)
	th.number = map[string]string{"harbour.example": "+61255500142", "zanzibar.example": "+61255500143"}[domain]
	_, err := c.numbers.Assign(ctx, operator, th.number, "Line of "+domain)
	if err != nil {
		c.t.Fatal(err)
	}
	u, err := c.phones.Add(ctx, admin.Actor(), phoneuser.Settings{Extension: "101", DisplayName: "Target of " + domain, Email: "phone@" + domain,
		LocalPrefix: "02", CallerID: th.number, AppEnabled: true}, "")
	if err != nil {
		c.t.Fatal(err)
	}
	d, err := c.phones.Provide(ctx, operator, u.ID, phoneuser.App)
	if err != nil {
		c.t.Fatal(err)
	}
	n, err := c.numbers.Lead(ctx, admin.Actor(), th.number, u.ID, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	list, err := c.phones.Review(ctx, admin.Actor(), "Extension,Display name\n201,Row of "+domain+"\n")
	if err != nil {
		c.t.Fatal(err)
	}
	th.phoneUser, th.phoneUserVersion, th.device, th.upload, th.numberVersion = u.ID, u.Version, d.DeviceID, list.ID, n.Version
	began := c.Clock.Now().Add(-time.Hour).UnixMilli()
	over := call.Record{Direction: call.Inbound, Status: call.Answered, FromNumber: "+61491570156", ToNumber: th.number, ToName: u.DisplayName, ServiceNumber: th.number,
		ServiceName: "Line of " + domain, AnsweringPoint: u.DisplayName, AnsweredByID: u.ID, StartedAt: began, AnsweredAt: began + 9000, EndedAt: began + 60_000, RingMS: 9000, TalkMS: 51_000,
		Steps: []call.Step{{At: began, Kind: "ringing", Party: u.DisplayName, Status: 180}}}
	live := over
	live.Status, live.StartedAt, live.EndedAt = "", began+1, 0
	out := over
	out.Direction, out.FromNumber, out.FromName, out.ToNumber, out.ToName, out.StartedAt = call.Outbound, th.number, u.DisplayName, "+61491570156", "", began+2
	th.call = c.record(admin.Account, over, live, out)[1]
	if domain == "harbour.example" {
		_, c.provision, _ = strings.Cut(d.ProvisionURL, phoneuser.ProvisionPath)
		c.setUp = strings.TrimPrefix(c.link("phone@"+domain, "phone is ready", phoneuser.SetUpPath), phoneuser.SetUpPath)
	}
}

func (c *cast) player(third *accounttest.User, roles account.Roles, state string) *player {
	c.t.Helper()
	email := fmt.Sprintf("%s-%s@people.example", strings.ToLower(strings.Join(append(roles.Words(), "x"), "-")), state)
	home, token := c.boss, ""
	if state == "invited" {
		home = third
		_, token = c.Invite(c.boss, email, roles...)
	}
	u := c.Join(home, email, roles...)
	p := &player{name: u.Name, email: email, roles: roles, state: state, ended: u.Session(), device: u.Device(), token: token}
	p.spare = u.SignIn().Actor().SessionID
	actor := u.SignIn().Check().Actor()
	p.session, p.person = u.Session(), actor.PersonID
	k, _, err := c.MakeKey(c.t.Context(), account.Operate().Inside(u.Account), actor.MembershipID, "Key of "+state, account.Scopes(), 0)
	if p.key = k.ID; err == nil {
		err = c.SignOut(c.t.Context(), p.ended)
	}
	if err == nil {
		err = c.AskEmail(c.t.Context(), actor, "new-"+email, p.browser())
		p.move = c.EmailToken("new-" + email)
	}
	deactivated := account.Deactivated
	if err == nil && state == "deactivated" {
		_, err = c.ChangeHubUser(c.t.Context(), c.boss.Actor(), actor.MembershipID, account.Change{State: &deactivated}, 0)
	}
	if err == nil && state == "removed" {
		_, err = c.RemoveHubUser(c.t.Context(), c.boss.Actor(), actor.MembershipID, 0)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

// clerkFrom is a person of the provider with the sessions of a player.
func (c *cast) clerkFrom(email string) *player {
	c.t.Helper()
	ctx := c.t.Context()
	actor := c.Staff(email)
	p := &player{name: actor.Name, email: email, person: actor.PersonID, state: "staff"}
	var sessions [3]string
	for i := range sessions {
		in, err := c.SignIn(ctx, email, accounttest.Password, p.browser())
		if err != nil {
			c.t.Fatal(err)
		}
		sessions[i], p.device = in.Session, in.Device
	}
	spare, err := c.SignedIn(ctx, sessions[1], accounttest.Address)
	if err == nil {
		err = c.SignOut(ctx, sessions[0])
	}
	if err != nil {
		c.t.Fatal(err)
	}
	p.ended, p.spare, p.session = sessions[0], spare.SessionID, sessions[2]
	actor, err = c.SignedIn(ctx, p.session, accounttest.Address)
	if err == nil {
		err = c.SendCode(ctx, actor, p.browser())
	}
	if err == nil {
		p.session, err = c.ConfirmCode(ctx, actor, c.Code(email))
	}
	if err == nil {
		err = c.AskEmail(ctx, actor, "new-"+email, p.browser())
	}
	if err != nil {
		c.t.Fatal(err)
	}
	p.move = c.EmailToken("new-" + email)
	return p
}

// provide makes what stands outside accounts: the provider's people, a failed job, mailed links.
func (c *cast) provide(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	c.clerk = c.clerkFrom("ines@provider.example")
	c.colleague = c.Staff("colleague@provider.example").PersonID
	young, _, err := c.Room.Open(ctx, account.Operate(), account.NewAccount{Name: "Young Group", AdminEmail: "first@young.example"})
	if err != nil {
		t.Fatal(err)
	}
	c.letIn(t)
	c.young, c.youngNumber = young.Slug, young.Number
	asleep, _, err := c.Room.Open(ctx, account.Operate(), account.NewAccount{Name: "Asleep Group", AdminEmail: "first@asleep.example"})
	if err == nil {
		_, err = c.Suspend(ctx, account.Operate(), asleep.ID, "Overdue")
	}
	if err != nil {
		t.Fatal(err)
	}
	c.asleep = asleep.Slug
	if _, err := c.numbers.Assign(ctx, account.Operate().Inside(young), youngNumber, "Front desk"); err != nil {
		t.Fatal(err)
	}
	job.Handle(c.Jobs, "test.fails", func(context.Context, struct{}) error { return job.Permanent(errors.New("it fails")) })
	if err := c.DB.Tx(ctx, func(ctx context.Context, q db.Q) error { return c.Jobs.Add(ctx, q, "test.fails", struct{}{}) }); err != nil {
		t.Fatal(err)
	}
	i, token := c.Invite(c.boss, c.invitee, account.Billing)
	c.invitation = token
	late, token := c.Invite(c.boss, "late@letters.example")
	c.late = token
	if _, err := c.DB.ExecContext(ctx, `UPDATE invitations SET expires_at = created_at WHERE id = $1`, late.ID); err != nil {
		t.Fatal(err)
	}
	forgetful := c.Join(c.boss, "forgetful@letters.example")
	if err := c.AskReset(ctx, forgetful.Email, forgetful.Browser()); err != nil {
		t.Fatal(err)
	}
	c.reset = c.ResetToken(forgetful.Email)
	mover := c.Join(c.boss, "mover@letters.example")
	err = c.AskEmail(ctx, mover.Check().Actor(), "moved@letters.example", mover.Browser())
	if err == nil {
		_, err = c.ConfirmEmail(ctx, mover.Actor(), c.EmailToken("moved@letters.example"), mover.Browser())
	}
	if err != nil {
		t.Fatal(err)
	}
	c.undo = c.EmailToken(mover.Email)
	careful := c.Join(c.boss, "careful@letters.example").Check()
	c.recovery = careful.Enrol().Recovery[0]
	in, err := c.SignIn(ctx, careful.Email, accounttest.Password, careful.Browser())
	if err != nil || in.Half == "" {
		t.Fatalf("no half sign-in: %v", err)
	}
	c.half = in.Half
	for i := range c.halves {
		in, err := c.SignIn(ctx, "rescued@harbour.example", accounttest.Password, careful.Browser())
		if c.halves[i] = in.Half; err == nil && i == 1 {
			err = c.SendRecoveryCode(ctx, in.Half, careful.Browser())
		}
		if err != nil {
			t.Fatalf("no recovery: %v", err)
		}
	}
	c.halfCode, c.stop = c.Code("rescued@harbour.example"), c.RecoveryToken("rescued@harbour.example")
	c.RunJobs()
	dead, _, err := c.Jobs.Dead(ctx, "", 10)
	if err != nil || len(dead) != 1 {
		t.Fatalf("%d dead jobs beside invitation %s: %v", len(dead), i.ID, err)
	}
	c.deadJob = dead[0].ID
	c.file = strings.TrimPrefix(c.portal.assets.byName["app.css"].url, "/assets/")
}

// sendCodes mails a code to everybody's session.
func (c *cast) sendCodes(t *testing.T) {
	t.Helper()
	for _, p := range c.players {
		actor, err := c.SignedIn(t.Context(), p.session, accounttest.Address)
		if err == nil {
			err = c.SendCode(t.Context(), actor, p.browser())
		}
		if err != nil {
			t.Fatalf("a code for %s: %v", p, err)
		}
		p.code = c.Code(p.email)
	}
}

// active returns the player with the roles who belongs to harbour.
func (c *cast) active(roles ...account.Role) *player {
	for _, p := range c.players {
		if p.state == "active" && slices.Equal(p.roles, roles) {
			return p
		}
	}
	c.t.Fatalf("nobody has the roles %v", roles)
	return nil
}

// ask sends a request straight into the portal, without a network. Headers are "Name: value"; a session of "" is nobody's.
func (w *world) ask(method, target, session string, form url.Values, headers ...string) *page {
	w.t.Helper()
	return w.send(method, target, session, form.Encode(), headers...)
}

func (w *world) send(method, target, session, body string, headers ...string) *page {
	w.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	u, err := url.Parse(target)
	if err != nil {
		w.t.Fatalf("address %q: %v", target, err)
	}
	r := httptest.NewRequestWithContext(ctx, method, "/", strings.NewReader(body))
	r.URL, r.RequestURI, r.RemoteAddr = u, target, accounttest.Address+":4711"
	_, r.Host, _ = strings.Cut(w.URL, "://")
	r.Header.Set("User-Agent", accounttest.UserAgent)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if name == "Host" {
			r.Host = value
			continue
		}
		r.Header.Set(name, value)
	}
	if session != "" {
		r.AddCookie(&http.Cookie{Name: w.portal.cookieName(sessionCookie), Value: session})
	}
	out := &ear{ResponseRecorder: httptest.NewRecorder(), hearsEnough: stop}
	w.portal.ServeHTTP(out, r)
	return &page{out.Code, u, out.Header(), out.Body.String()}
}

// ear is a reader of one answer, who leaves an event stream after its first words.
type ear struct {
	*httptest.ResponseRecorder
	hearsEnough func()
}

func (e *ear) SetWriteDeadline(time.Time) error { return nil }

func (e *ear) FlushError() error {
	e.Flush()
	if e.Header().Get("Content-Type") == "text/event-stream" {
		e.hearsEnough()
	}
	return nil
}

// letIn has people of the provider ask to see accounts, and lets two of them into harbour.
func (c *cast) letIn(t *testing.T) {
	t.Helper()
	ask := func(who account.Actor, th *things) support.Visit {
		a, err := c.BySlug(t.Context(), account.Operate(), th.slug)
		if err != nil {
			t.Fatal(err)
		}
		v, err := c.support.AskVisit(t.Context(), who.Inside(a), support.VisitRequest{Reason: "Look at it", Minutes: 240, Change: true})
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	asker := c.Staff("asker@provider.example")
	c.own.visit, c.far.visit = ask(asker, c.own).ID, ask(asker, c.far).ID
	clerk, err := c.SignedIn(t.Context(), c.clerk.session, accounttest.Address)
	if err != nil {
		t.Fatal(err)
	}
	c.askedOf = c.far.slug
	ask(clerk, c.far)
	for state, change := range map[string]bool{"visit": false, "visit with changes": true} {
		p := c.clerkFrom(strings.ReplaceAll(state, " ", "-") + "@provider.example")
		actor, err := c.SignedIn(t.Context(), p.session, accounttest.Address)
		if err == nil {
			_, err = c.support.AnswerVisit(t.Context(), c.boss.Actor(), ask(actor, c.own).ID, true, change)
		}
		if err != nil {
			t.Fatal(err)
		}
		p.state = state
		c.visitors = append(c.visitors, p)
	}
	if c.pin, _, err = c.support.MakePIN(t.Context(), c.boss.Actor()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.support.GrantVisits(t.Context(), c.boss.Actor(), 4, false); err != nil {
		t.Fatal(err)
	}
}
