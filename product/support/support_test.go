package support_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/mail"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/support"
)

// desk is the room with an account, its admin, and a person of the provider.
type desk struct {
	*support.Room
	rig   *accounttest.Rig
	admin *accounttest.User
	sam   account.Actor
	t     *testing.T
}

func each(t *testing.T, fn func(t *testing.T, d *desk)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.DB) { fn(t, newDesk(t, store)) })
}

func newDesk(t *testing.T, store *db.DB) *desk {
	t.Helper()
	rig := accounttest.New(t, store)
	c := rig.Room.Config
	d := &desk{rig: rig, t: t, Room: support.New(support.Config{DB: rig.DB, Jobs: rig.Jobs, Keys: rig.Keys, Account: rig.Room, Mail: rig.Mails, Now: rig.Clock.Now,
		BaseURL: c.BaseURL, Provider: c.Provider})}
	d.admin, d.sam = rig.Open("harbour"), rig.Staff("sam@voice.example")
	rig.RunJobs()
	rig.Mails.Clear()
	return d
}

// more is a request for 20 phone users.
var more = support.NewTicket{Kind: support.PhoneUserLimit, Wanted: 20, Description: "A new branch opens", FormKey: "form-1"}

func question(subject string) support.NewTicket {
	return support.NewTicket{Kind: support.Question, Subject: subject, Description: "How does it work?"}
}

func (d *desk) open(in support.NewTicket) support.Ticket {
	d.t.Helper()
	return d.must(d.Open(d.t.Context(), d.admin.Actor(), in))
}

func (d *desk) must(t support.Ticket, err error) support.Ticket {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	return t
}

// inside is the person of the provider, inside the account as it is now.
func (d *desk) inside() account.Actor {
	d.t.Helper()
	a, err := d.rig.BySlug(d.t.Context(), d.sam, d.admin.Account.Slug)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.sam.Inside(a)
}

func wantFault(t *testing.T, err error, code string, words ...string) {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok || f.Code != code {
		t.Fatalf("got %v, want the fault %s", err, code)
	}
	for _, w := range words {
		if !strings.Contains(f.Message, w) {
			t.Errorf("%s says %q, which lacks %q", code, f.Message, w)
		}
	}
}

// log is the account's audit log, newest first.
func (d *desk) log() (lines []string) {
	d.t.Helper()
	entries, _, err := d.rig.AuditLog(d.t.Context(), d.admin.Actor(), account.AuditFilter{})
	if err != nil {
		d.t.Fatal(err)
	}
	for _, e := range entries {
		lines = append(lines, e.Sentence())
	}
	return lines
}

// Row B02: the request carries account, requester and roles; raising the limit answers it, in one commit with the mail.
func TestAskForMore(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		ticket := d.open(more)
		if ticket.Number != 1001 || ticket.State != support.Open || ticket.Subject != "More phone users: 20 instead of 10" || ticket.RequesterEmail != d.admin.Email ||
			ticket.RequesterName != "Admin" || !ticket.RequesterRoles.Equal(account.Roles{account.Admin, account.Billing}) || ticket.RequesterID != d.admin.ID() {
			t.Errorf("%+v", ticket)
		}
		if again := d.open(more); again.ID != ticket.ID {
			t.Error("the same form made two requests")
		}
		second := more
		second.FormKey = "form-2"
		_, err := d.Open(ctx, d.admin.Actor(), second)
		wantFault(t, err, "limit-request-open", "1001")
		if open, found, err := d.LimitRequest(ctx, d.admin.Actor()); err != nil || !found || open.ID != ticket.ID {
			t.Errorf("the open request: %+v %t %v", open, found, err)
		}

		list, _, err := d.Queue(ctx, d.sam, support.Filter{State: support.Open})
		if err != nil || len(list) != 1 || list[0].AccountName != "Harbour Group" || list[0].Slug != "harbour" || !list[0].RequesterRoles.Has(account.Billing) {
			t.Fatalf("the queue: %+v %v", list, err)
		}
		_, err = d.RaiseLimit(ctx, d.inside(), ticket.ID, support.Raise{Limit: 10})
		wantFault(t, err, "limit-not-raised", "10")
		raise := support.Raise{Limit: 15, Text: "15 for now.", FormKey: "raise-1"}
		for range 2 { // the second press finds that the first has done it
			if ticket = d.must(d.RaiseLimit(ctx, d.inside(), ticket.ID, raise)); ticket.State != support.Closed || len(ticket.Messages) != 1 || ticket.Messages[0].Author != "Sam" {
				t.Errorf("%+v", ticket)
			}
		}
		raise.FormKey, raise.Limit = "raise-2", 30
		_, err = d.RaiseLimit(ctx, d.inside(), ticket.ID, raise)
		wantFault(t, err, "ticket-closed")
		if limit := d.admin.Actor().Account.PhoneUserLimit; limit != 15 {
			t.Errorf("the plan holds %d", limit)
		}
		if log := d.log(); !slices.Equal(log[:3], []string{"Provider staff closed the request 1001", "Provider staff changed the plan from 10 to 15 phone users", "Admin opened the request 1001"}) {
			t.Errorf("the log: %q", log)
		}
		d.rig.RunJobs()
		if mails := d.rig.Mails.Subjects(d.admin.Email); !slices.Equal(mails, []string{"We have your request 1001", "Your plan now holds 15 phone users"}) {
			t.Errorf("mails: %q", mails)
		}
		all := d.rig.Mails.To(d.admin.Email) // in the order in which workers got to them
		last := all[slices.IndexFunc(all, func(m mail.Message) bool { return strings.HasPrefix(m.Subject, "Your plan") })]
		for _, want := range []string{"15 for now.", accounttest.BaseURL + "/harbour/support/" + ticket.ID, "Harbour Group", "1001, More phone users"} {
			if !strings.Contains(last.Text, want) {
				t.Errorf("the mail lacks %q:\n%s", want, last.Text)
			}
		}
		second.Wanted = 15
		_, err = d.Open(ctx, d.admin.Actor(), second)
		wantFault(t, err, "wanted-range", "15 phone users")
		second.Wanted = 16
		d.open(second)
	})
}

// Nothing of raising the plan happens unless all of it does.
func TestRaisingIsOneCommit(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		ticket, inside := d.open(more), d.inside()
		if _, err := d.rig.DB.ExecContext(ctx, `ALTER TABLE jobs RENAME TO jobs_away`); err != nil {
			t.Fatal(err)
		}
		if _, err := d.RaiseLimit(ctx, inside, ticket.ID, support.Raise{Limit: 15}); err == nil {
			t.Fatal("it was raised without a mail")
		}
		if now := d.inside(); now.Account.PhoneUserLimit != 10 {
			t.Errorf("the plan holds %d", now.Account.PhoneUserLimit)
		}
		if after := d.must(d.ByID(ctx, inside, ticket.ID)); after.State != support.Open || after.Messages != nil {
			t.Errorf("%+v", after)
		}
	})
}

// Row A07: what a person may not change they may not ask for either, and staff read the roles of the moment of asking.
func TestOnlyAdminsAsk(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		ticket := d.open(more)
		_, key := d.rig.Key(d.admin, account.ViewTickets)
		lost := d.rig.Join(d.admin, "lost@harbour.example", account.Admin)
		before := lost.Actor()
		if _, err := d.rig.ChangeHubUser(ctx, d.admin.Actor(), lost.ID(), account.Change{Roles: &account.Roles{}}, 0); err != nil {
			t.Fatal(err)
		}
		for name, actor := range map[string]account.Actor{
			"standard": d.rig.Join(d.admin, "sta@harbour.example").Actor(), "billing": d.rig.Join(d.admin, "bil@harbour.example", account.Billing).Actor(),
			"a key without the scope": key, "demoted a moment ago": before, "staff": d.inside(), "nobody": {},
		} {
			for _, in := range []support.NewTicket{question("Cancel number 02 5550 0142"), {Kind: support.PhoneUserLimit, Wanted: 40}} {
				if _, err := d.Open(ctx, actor, in); !fault.Is(err, fault.Forbidden) {
					t.Errorf("%s asks and gets %v", name, err)
				}
			}
			if _, err := d.Answer(ctx, actor, ticket.ID, support.Answer{Text: "x"}); name != "staff" && !fault.Is(err, fault.Forbidden) && !(name == "billing" && fault.Is(err, fault.NotFound)) {
				t.Errorf("%s answers and gets %v", name, err)
			}
		}
		admin := d.rig.Join(d.admin, "adm@harbour.example", account.Admin)
		asked := d.must(d.Open(ctx, admin.Actor(), question("Numbers")))
		if _, err := d.rig.ChangeHubUser(ctx, d.admin.Actor(), admin.ID(), account.Change{Roles: &account.Roles{account.Billing}}, 0); err != nil {
			t.Fatal(err)
		}
		shown, a, err := d.ByNumber(ctx, d.sam, asked.Number)
		if err != nil || !shown.RequesterRoles.Equal(account.Roles{account.Admin}) || a.Slug != "harbour" {
			t.Errorf("staff see %+v of %s: %v", shown, a.Slug, err)
		}
		_, _, err = d.ByNumber(ctx, d.sam, 7)
		wantFault(t, err, "not-found")
	})
}

func TestConversation(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		ticket := d.open(question("Hold  music"))
		d.rig.Clock.Advance(time.Minute)
		answered := d.must(d.Answer(ctx, d.inside(), ticket.ID, support.Answer{Text: "Under Sounds.\r\nUpload a file.", FormKey: "a"}))
		if m := answered.Messages[0]; answered.State != support.Answered || answered.Subject != "Hold music" || m.Author != "Sam" || !m.Staff || m.Text != "Under Sounds.\nUpload a file." {
			t.Errorf("%+v", answered)
		}
		for range 2 {
			answered = d.must(d.Answer(ctx, d.admin.Actor(), ticket.ID, support.Answer{Text: "Thanks. Which format?", FormKey: "b"}))
		}
		if m := answered.Messages; answered.State != support.Open || len(m) != 2 || m[0].Author != "Southern Cross Voice" || m[0].AuthorID != "" || m[1].Author != "Admin" || m[1].Staff {
			t.Errorf("the customer sees %+v", answered)
		}
		_, err := d.Answer(ctx, d.admin.Actor(), ticket.ID, support.Answer{Text: "x", Version: 2})
		wantFault(t, err, "changed-meanwhile")
		d.must(d.Answer(ctx, d.inside(), ticket.ID, support.Answer{Text: "WAV.", Version: 3, State: support.Closed}))
		for range 2 { // closing what is closed does nothing
			answered = d.must(d.Answer(ctx, d.admin.Actor(), ticket.ID, support.Answer{State: support.Closed}))
		}
		if answered.State != support.Closed || len(answered.Messages) != 3 {
			t.Errorf("%+v", answered)
		}
		_, err = d.Answer(ctx, d.admin.Actor(), ticket.ID, support.Answer{Text: "One more thing"})
		wantFault(t, err, "ticket-closed", "1001")
		for _, in := range []support.Answer{{}, {Text: " \n "}, {Text: "x", State: "gone"}, {Text: "x", State: support.Answered}} {
			if _, err := d.Answer(ctx, d.admin.Actor(), ticket.ID, in); !fault.Is(err, fault.Invalid) {
				t.Errorf("%+v: %v", in, err)
			}
		}
		d.rig.RunJobs()
		if mails := d.rig.Mails.Subjects(d.admin.Email); !slices.Equal(mails, []string{"Southern Cross Voice answered your request 1001", "Southern Cross Voice answered your request 1001", "We have your request 1001"}) {
			t.Errorf("mails: %q", mails)
		}
		secret, only := d.rig.Key(d.admin, account.OpenTickets)
		mine := d.must(d.Open(ctx, only, question("By a key")))
		if got := d.must(d.Answer(ctx, only, mine.ID, support.Answer{Text: "More"})); got.Messages != nil || got.RequesterName != "Admin" || secret == "" {
			t.Errorf("a key that may not read gets %+v", got)
		}
	})
}

// Whoever may not read the requests any more gets no answers by mail.
func TestMailsFollowRights(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		for i, change := range []account.Change{{Roles: &account.Roles{account.Billing}}, {State: new(account.Deactivated)}, {}} {
			u := d.rig.Join(d.admin, fmt.Sprintf("lost%d@harbour.example", i), account.Admin)
			ticket := d.must(d.Open(ctx, u.Actor(), question("Numbers")))
			d.must(d.Answer(ctx, d.inside(), ticket.ID, support.Answer{Text: "Here they are"}))
			var err error
			if id := u.ID(); change == (account.Change{}) {
				_, err = d.rig.RemoveHubUser(ctx, d.admin.Actor(), id, 0)
			} else {
				_, err = d.rig.ChangeHubUser(ctx, d.admin.Actor(), id, change, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
			d.rig.RunJobs()
			for _, subject := range d.rig.Mails.Subjects(u.Email) {
				if strings.Contains(subject, "request") {
					t.Errorf("%s is told %q", u.Email, subject)
				}
			}
		}
	})
}

func TestBounds(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx, long := t.Context(), strings.Repeat("é", support.TextMost)
		for _, c := range []struct {
			in   support.NewTicket
			code string
		}{
			{support.NewTicket{Kind: "refund", Description: "x"}, "ticket-kind"},
			{support.NewTicket{Kind: support.Question, Description: "x"}, "subject-empty"},
			{support.NewTicket{Kind: support.Question, Subject: strings.Repeat("a", 121), Description: "x"}, "subject-long"},
			{support.NewTicket{Kind: support.Question, Subject: "a"}, "text-empty"},
			{support.NewTicket{Kind: support.Question, Subject: "a", Description: long + "é"}, "text-long"},
			{support.NewTicket{Kind: support.Question, Subject: "a\u202eb", Description: "x"}, "text-characters"},
			{support.NewTicket{Kind: support.Question, Subject: "a", Description: "a\x00b"}, "text-characters"},
			{support.NewTicket{Kind: support.Question, Subject: "a\xff", Description: "x"}, "text-characters"},
			{support.NewTicket{Kind: support.PhoneUserLimit}, "wanted-range"},
			{support.NewTicket{Kind: support.PhoneUserLimit, Wanted: 10}, "wanted-range"},
			{support.NewTicket{Kind: support.PhoneUserLimit, Wanted: account.MostPhoneUsers + 1}, "wanted-range"},
		} {
			_, err := d.Open(ctx, d.admin.Actor(), c.in)
			wantFault(t, err, c.code)
		}
		first := d.open(support.NewTicket{Kind: support.Question, Subject: "Long", Description: long})
		for i := range 19 {
			d.open(question(fmt.Sprint("Question ", i)))
		}
		_, err := d.Open(ctx, d.admin.Actor(), question("One too many"))
		wantFault(t, err, "tickets-waiting", "20")
		for i := range 80 { // opened and closed again, it still counts for the day
			d.must(d.Answer(ctx, d.admin.Actor(), first.ID, support.Answer{State: support.Closed}))
			first = d.open(question(fmt.Sprint("Again ", i)))
		}
		d.must(d.Answer(ctx, d.admin.Actor(), first.ID, support.Answer{State: support.Closed}))
		_, err = d.Open(ctx, d.admin.Actor(), question("One too many today"))
		wantFault(t, err, "tickets-daily", "100")
		d.rig.Clock.Advance(24*time.Hour + time.Minute)
		d.admin.SignIn()
		ticket := d.open(question("Tomorrow"))
		for i := range 200 {
			d.must(d.Answer(ctx, d.admin.Actor(), ticket.ID, support.Answer{Text: fmt.Sprint("More ", i)}))
		}
		_, err = d.Answer(ctx, d.admin.Actor(), ticket.ID, support.Answer{Text: "And more"})
		wantFault(t, err, "ticket-full", "200")
		d.must(d.Answer(ctx, d.admin.Actor(), ticket.ID, support.Answer{State: support.Closed}))
	})
}

func TestListsGoPageByPage(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		ctx := t.Context()
		north := d.rig.Open("northside")
		for i := range 7 {
			if i%2 == 0 {
				d.rig.Clock.Advance(time.Second) // some share their time
			}
			d.open(question(fmt.Sprint("Question ", i)))
		}
		d.must(d.Open(ctx, north.Actor(), question("Of another account")))
		closed := d.open(question("Closed"))
		d.must(d.Answer(ctx, d.inside(), closed.ID, support.Answer{State: support.Closed}))
		var all []string
		for f := (support.Filter{Limit: 3}); ; {
			list, next, err := d.List(ctx, d.admin.Actor(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, ticket := range list {
				all = append(all, ticket.Subject)
			}
			if f.After = next; next == "" {
				break
			}
		}
		sorted := slices.Sorted(slices.Values(all))
		if len(all) != 8 || len(slices.Compact(sorted)) != 8 || slices.Contains(all, "Of another account") || !strings.HasSuffix(all[7], " 0") && !strings.HasSuffix(all[7], " 1") {
			t.Errorf("the list: %q", all)
		}
		if list, _, err := d.List(ctx, d.admin.Actor(), support.Filter{State: support.Closed}); err != nil || len(list) != 1 || list[0].ID != closed.ID {
			t.Errorf("the closed: %+v %v", list, err)
		}
		var queued []int64
		for f := (support.Filter{State: support.Open, Limit: 3}); ; {
			list, next, err := d.Queue(ctx, d.sam, f)
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range list {
				queued = append(queued, q.UpdatedAt)
			}
			if f.After = next; next == "" {
				break
			}
		}
		if len(queued) != 8 || !slices.IsSorted(queued) {
			t.Errorf("the queue: %v", queued)
		}
		if counts, err := d.Waiting(ctx, d.sam); err != nil || counts[support.Open] != 8 || counts[support.Closed] != 1 {
			t.Errorf("%v %v", counts, err)
		}
		for _, f := range []support.Filter{{State: "gone"}, {State: support.Open, After: "forged"}} {
			if _, _, err := d.Queue(ctx, d.sam, f); !fault.Is(err, fault.Invalid) {
				t.Errorf("%+v: %v", f, err)
			}
			if _, _, err := d.List(ctx, d.admin.Actor(), f); !fault.Is(err, fault.Invalid) {
				t.Errorf("%+v: %v", f, err)
			}
		}
	})
}

// However many press at once, there is one open request for more, and every request has a number of its own.
func TestManyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d *desk) {
		actor := d.admin.Actor()
		var group sync.WaitGroup
		var mu sync.Mutex
		numbers, made := map[int64]bool{}, 0
		for i := range 12 {
			group.Go(func() {
				in := more
				if in.FormKey = fmt.Sprint("form-", i); i%2 == 0 {
					in = question("At once")
				}
				ticket, err := d.Open(context.Background(), actor, in)
				mu.Lock()
				defer mu.Unlock()
				switch f, _ := fault.Of(err); {
				case err == nil && in.Kind == support.PhoneUserLimit:
					made++
					fallthrough
				case err == nil:
					numbers[ticket.Number] = true
				case f == nil || f.Code != "limit-request-open":
					t.Errorf("%v", err)
				}
			})
		}
		group.Wait()
		if made != 1 || len(numbers) != 7 {
			t.Errorf("%d requests for more, %d numbers", made, len(numbers))
		}
	})
}
