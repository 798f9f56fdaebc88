package test

import (
	"context"
	"flag"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/openid"
	"hubline/base/openid/providertest"
	"hubline/base/outward"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// whom says who may use a verb at all.
type whom int

const (
	members  whom = iota // with a right in the account
	provider             // staff and the operator
	anyone               // about themselves, never about others
)

// verb calls one method of a room on things of the account harbour.
type verb struct {
	whom   whom
	right  account.Permission // who holds it in harbour may; needed where not only admins do
	writes bool               // reads rights again, so that somebody who lost theirs a moment ago is refused too
	names  bool               // names a thing of harbour; the others are about the account that the actor is in
	call   func(h *harbour, c ctx, a actor) (any, error)
}

// walk is what the isolation walk does in one room. A room of its own file adds a line to walks.
type walk struct {
	room    reflect.Type
	tables  []string                                       // that its verbs may write, besides those of the room "account"
	prepare func(t *testing.T, h *harbour) map[string]verb // makes things of harbour, and returns every method that takes an actor
}

// walks are the rooms from left to right.
var walks = []walk{accountWalk, phoneuserWalk, numberWalk, callWalk, reportWalk, supportWalk, webhookWalk}

type (
	ctx   = context.Context
	actor = account.Actor
)

// harbour is the account that only its own admin may look into and change.
type harbour struct {
	*accounttest.Rig
	admin      *accounttest.User
	joID       string
	reviewID   string // a review that goes on
	groupID    string // a group that the admin is in
	importID   string // a list of people that waits
	providerID string // a sign-in provider of the account
	issuer     string // where it is
	invitation account.Invitation
	token      string
	keyID      string
	broughtID  string         // whom harbour's directory brought
	newEmail   string         // token of the link to the admin's new address
	colleague  account.Person // of the provider
	tables     []string       // that nothing may change in
	mark       dbtest.Mark    // when they were read last
	read       map[string][]string

	broughtGroupID string // a group of the directory's
	directory      actor  // with a token that is replaced before anybody calls
}

// deadJob is a job that failed for good.
const deadJob = "deadjob"

func just[T any](v T, err error) (any, error)          { return v, err }
func just2[A, B any](v A, _ B, err error) (any, error) { return v, err }

var inviting = account.Invite{Offers: []account.Offer{{Email: "x@other.example"}}}

// stranger is somebody who has no business in harbour.
type stranger struct {
	name  string
	actor account.Actor
	// what they may do all the same
	provider bool // everything of the provider
	inside   bool // belongs to harbour: sees their own things there
	once     bool // was an admin of harbour when their request came in
	standard bool // and is a Standard user now
}

func strangers(t *testing.T, h *harbour) []stranger {
	north := h.Open("northside")
	_, northKey := h.Key(north)
	kim := h.Join(h.admin, "kim@harbour.example", account.Admin).Check()
	_, bare := h.Key(kim, account.ViewHome)
	standard, billing := h.Join(h.admin, "sta@harbour.example"), h.Join(h.admin, "bil@harbour.example", account.Billing)
	_, northDirectory := h.Rig.Directory(north)
	misplaced := northDirectory
	misplaced.Account = h.admin.Account
	_, _, err := h.NewDirectoryToken(t.Context(), h.admin.Actor(), 0)
	check(t, err)
	list := []stranger{
		{name: "the directory of another account", actor: northDirectory},
		{name: "that directory, put into harbour by mistake", actor: misplaced},
		{name: "harbour's directory with a token that was replaced a moment ago", actor: h.directory, inside: true, once: true},
		{name: "an admin of another account", actor: north.Actor()},
		{name: "that admin, put into harbour by mistake", actor: north.Actor().Inside(h.admin.Account)},
		{name: "a key of another account", actor: northKey},
		{name: "a standard user of harbour", actor: standard.Actor(), inside: true},
		{name: "a billing user of harbour", actor: billing.Actor(), inside: true},
		{name: "a key of harbour without the scope", actor: bare, inside: true},
		{name: "staff", actor: h.Staff("sam@voice.example"), provider: true},
		{name: "staff without the second factor that the console asks for", actor: restricted(h.Staff("new@voice.example"))},
		{name: "that one, put into harbour by mistake", actor: restricted(h.Staff("old@voice.example")).Inside(h.admin.Account)},
		{name: "nobody"},
	}
	for _, lost := range []string{"demoted", "deactivated", "removed"} {
		u := h.Join(h.admin, lost+"@harbour.example", account.Admin).Check()
		list = append(list, stranger{name: "an admin of harbour who was " + lost + " a moment ago", actor: u.Actor(), inside: true, once: true, standard: lost == "demoted"})
		id, err := u.ID(), error(nil)
		deactivated := account.Deactivated
		switch lost {
		case "demoted":
			_, err = h.ChangeHubUser(t.Context(), h.admin.Actor(), id, account.Change{Roles: &account.Roles{}}, 0)
		case "deactivated":
			_, err = h.ChangeHubUser(t.Context(), h.admin.Actor(), id, account.Change{State: &deactivated}, 0)
		case "removed":
			_, err = h.RemoveHubUser(t.Context(), h.admin.Actor(), id, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// restricted is somebody whose session lacks what they need to act.
func restricted(a actor) actor {
	a.Needs = []account.Need{account.NeedSecondFactor}
	return a
}

// Every method of every room that takes an actor, called with everybody who has no right to it, answers that there is no such thing or
// that it is forbidden, shows nothing and changes nothing.
func TestA9A41Isolation(t *testing.T) {
	t.Parallel()
	for _, w := range walks {
		t.Run(w.room.Elem().String(), func(t *testing.T) {
			t.Parallel()
			dbtest.Each(t, func(t *testing.T, d *db.DB) { w.run(t, d) })
		})
	}
}

func (w walk) run(t *testing.T, d *db.DB) {
	elsewhere := providertest.Serve(t)
	guard, err := outward.New(elsewhere.Host())
	if err != nil {
		t.Fatal(err)
	}
	h := &harbour{Rig: accounttest.New(t, d, accounttest.With(func(c *account.Config) { c.OpenID = openid.New(guard, nil) })), issuer: elsewhere.Issuer}
	h.admin = h.Open("harbour")
	h.joID = h.Join(h.admin, "jo@harbour.example").ID()
	if err := h.AskEmail(t.Context(), h.admin.Check().Actor(), "moved@harbour.example", h.admin.Browser()); err != nil {
		t.Fatal(err)
	}
	h.newEmail = h.EmailToken("moved@harbour.example")
	g, err := h.MakeGroup(t.Context(), h.admin.Actor(), account.NewGroup{Name: "Harbour leads"})
	if err == nil {
		g, _, err = h.AddToGroup(t.Context(), h.admin.Actor(), g.ID, account.Chosen{IDs: []string{h.admin.ID()}}, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	h.groupID = g.ID
	people, err := h.ReviewImport(t.Context(), h.admin.Actor(), "Email,Groups\nlisted@harbour.example,"+g.Name+"\n", "")
	if err == nil {
		_, err = h.Room.Invite(t.Context(), h.admin.Actor(), account.Invite{Offers: []account.Offer{{Email: "grouped@harbour.example"}}, Groups: []string{g.ID}})
	}
	if err != nil {
		t.Fatal(err)
	}
	h.importID = people.ID
	review, _, err := h.Decide(t.Context(), h.admin.Actor(), []account.Decision{{ID: h.admin.ID(), Version: 2, Verdict: account.Keep}})
	if err != nil {
		t.Fatal(err)
	}
	h.reviewID = review.ID
	own, err := h.AddProvider(t.Context(), h.admin.Actor(), account.NewProvider{Name: "Harbour ID", Issuer: h.issuer, ClientID: "harbour", Secret: "x", Domains: "harbour.example"})
	if err != nil {
		t.Fatal(err)
	}
	h.providerID = own.ID
	h.invitation, h.token = h.Invite(h.admin, "lee@harbour.example")
	_, key := h.Key(h.admin)
	h.keyID = key.KeyID
	_, h.directory = h.Rig.Directory(h.admin)
	p, err := h.BringPerson(t.Context(), h.directory, account.DirectoryPerson{UserName: "harbour-pat", Email: "pat@harbour.example", Active: true})
	if err == nil {
		g, err := h.BringGroup(t.Context(), h.directory, account.DirectoryGroup{Name: "Harbour sales"}, []string{p.ID})
		check(t, err)
		h.broughtID, h.broughtGroupID = p.ID, g.ID
	}
	check(t, err)
	if h.colleague, _, err = h.AddStaff(t.Context(), account.Operate(), "col@voice.example", "Col"); err != nil {
		t.Fatal(err)
	}
	_, err = h.DB.ExecContext(t.Context(), `INSERT INTO jobs (id, kind, args, attempts, run_at, lease, error, created_at, tried_at, dead_at) VALUES ($1, 'gone', '', 9, 0, '', 'it failed', 1, 1, 1)`, deadJob)
	check(t, err)
	verbs := w.prepare(t, h)
	covered(t, w.room, verbs)
	h.tables = accountWalk.tables
	if w.room != accountWalk.room {
		h.tables = slices.Concat(accountWalk.tables, w.tables)
	}
	calls := 0
	list := strangers(t, h)
	h.Clock.Advance(time.Minute)
	for name, v := range verbs {
		if v.whom == provider { // no admin either, in their own account
			isolated(t, h, stranger{name: "harbour's own admin", actor: h.admin.Check().Actor(), inside: true}, name, v)
		}
	}
	if w.room == accountWalk.room {
		ownThings(t, h, verbs)
	}
	for _, s := range list {
		for name, v := range verbs {
			if s.once && !v.writes && v.whom == members {
				continue // their request came in while they had the right, and reading is over in that moment
			}
			if s.provider && (v.whom == provider || strings.Contains(name, "Audit")) {
				continue
			}
			if s.inside && !s.once && s.actor.Can(v.right) || s.standard && (account.Roles{}).Allows(v.right) {
				continue
			}
			isolated(t, h, s, name, v)
			if calls++; t.Failed() && flag.Lookup("test.failfast").Value.String() == "true" {
				return
			}
		}
	}
	t.Logf("%d strangers, %d methods, %d calls, 0 let through", len(list), len(verbs), calls)
}

// covered fails when a method that takes an actor is not in the table, or no longer there.
func covered(t *testing.T, room reflect.Type, verbs map[string]verb) {
	actor, part := reflect.TypeFor[account.Actor](), reflect.TypeFor[db.Q]()
	found := map[string]bool{}
	for m := range room.Methods() {
		for i := range m.Type.NumIn() {
			if m.Type.In(i) == part {
				break // part of another verb's transaction
			}
			if m.Type.In(i) == actor {
				found[m.Name] = true
			}
		}
		if _, known := verbs[m.Name]; found[m.Name] != known {
			t.Errorf("(%s).%s takes an actor: %t, is in the table of the isolation walk: %t", room, m.Name, found[m.Name], known)
		}
	}
	if len(found) != len(verbs) {
		t.Errorf("%d methods of %s take an actor, the table has %d", len(found), room, len(verbs))
	}
}

func isolated(t *testing.T, h *harbour, s stranger, name string, v verb) {
	t.Helper()
	own, refuse := "", v.whom != anyone
	if v.whom == anyone {
		own = s.actor.PersonID
	}
	if v.whom == members && !v.names && !s.inside && s.actor.Account.ID != "" {
		own, refuse = s.actor.Account.ID, false // they may, in their own account
	}
	before := h.rows(t, own)
	shown, err := v.call(h, t.Context(), s.actor)
	after := h.rows(t, own)
	for table, was := range before {
		if is := after[table]; !slices.Equal(was, is) {
			t.Errorf("%s calls %s, and %s changes from\n%q to\n%q", s.name, name, table, was, is)
		}
	}
	if text := fmt.Sprintf("%+v", shown); !s.inside && (strings.Contains(text, "harbour") || strings.Contains(text, "Harbour")) {
		t.Errorf("%s calls %s and sees %s", s.name, name, text)
	}
	refused := fault.Is(err, fault.NotFound) || fault.Is(err, fault.Forbidden) || fault.Is(err, fault.SignedOut)
	if refuse && !refused {
		t.Errorf("%s calls %s and gets %v, %v", s.name, name, shown, err)
	}
	if _, ok := fault.Of(err); err != nil && !ok {
		t.Errorf("%s calls %s and breaks it: %v", s.name, name, err)
	}
}

// rows are those of all tables. With own, rows that name that person or account are left out, and so is what only tells of changes.
func (h *harbour) rows(t *testing.T, own string) map[string][]string {
	t.Helper()
	if mark := dbtest.Now(t, h.DB); mark == "" || mark != h.mark {
		h.mark, h.read = mark, h.readTables(t)
	}
	if own == "" {
		return h.read
	}
	all := map[string][]string{}
	for table, rows := range h.read {
		if table != "jobs" && table != "changes" && table != "audit_loose" {
			all[table] = slices.DeleteFunc(slices.Clone(rows), func(row string) bool { return strings.Contains(row, own) })
		}
	}
	return all
}

func (h *harbour) readTables(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, table := range h.tables {
		all[table] = []string{}
		found, err := h.DB.QueryContext(t.Context(), `SELECT * FROM `+table)
		if err != nil {
			t.Fatal(err)
		}
		columns, _ := found.Columns()
		for found.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := found.Scan(into...); err != nil {
				t.Fatal(err)
			}
			all[table] = append(all[table], fmt.Sprint(values))
		}
		found.Close()
		slices.Sort(all[table])
	}
	return all
}
