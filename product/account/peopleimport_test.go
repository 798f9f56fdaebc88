package account_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// outcomes are the lines of an import as "line outcome".
func outcomes(t *testing.T, r *accounttest.Rig, admin *accounttest.User, id string) (list []string) {
	t.Helper()
	must(t, r.EachImportLine(t.Context(), admin.Actor(), id, func(l account.ImportLine) error {
		list = append(list, fmt.Sprintf("%d %s", l.Line, l.Outcome))
		return nil
	}))
	return list
}

func line(t *testing.T, r *accounttest.Rig, admin *accounttest.User, id string, number int) account.ImportLine {
	t.Helper()
	list, _, err := r.ImportLines(t.Context(), admin.Actor(), id, account.LineFilter{Limit: 500})
	must(t, err)
	for _, l := range list {
		if l.Line == number {
			return l
		}
	}
	t.Fatalf("there is no line %d", number)
	return account.ImportLine{}
}

const peopleList = "E-mail address;Given name;Surname;Access;Team;Shoe size\n" +
	"jo@harbour.example;Jo;Baptiste;Admin, Billing;Front desk;39\n" + // 2
	"admin@harbour.example;Ann;Admin;Admin;;40\n" + // 3
	"waiting@harbour.example;;;;;41\n" + // 4
	"\n" +
	"not an address;Lee;Wong;;;42\n" + // 6
	"lee@harbour.example;Lee;Wong;Boss;;43\n" + // 7
	"sam@harbour.example;Sam;Okafor;;Nobody's;44\n" + // 8
	"JO@harbour.example;Jo;Again;;;45\n" + // 9
	"paused@harbour.example;;;;;46\n" + // 10
	"mary@harbour.example;Mary;Chen;standard user;;47\n" // 11

func TestImportOfPeopleSaysWhatWouldHappenAndDoesIt(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		desk := group(t, r, admin, "Front desk", account.Roles{account.Billing})
		r.Invite(admin, "waiting@harbour.example")
		paused := r.Join(admin, "paused@harbour.example")
		_, err := r.ChangeHubUser(t.Context(), admin.Actor(), paused.ID(), account.Change{State: ptr(account.Deactivated)}, 0)
		must(t, err)
		invited := scan[int](t, r, `SELECT COUNT(*) FROM invitations`)

		i, err := r.ReviewImport(t.Context(), admin.Actor(), peopleList, "Welcome.")
		must(t, err)
		want := []string{"2 to-invite", "3 already-here", "4 already-invited", "6 refused", "7 refused", "8 refused", "9 refused", "10 already-here", "11 to-invite"}
		if got := outcomes(t, r, admin, i.ID); !slices.Equal(got, want) {
			t.Fatalf("the dry run says %v, want %v", got, want)
		}
		if i.State != account.ImportReviewed || i.Lines != 9 || i.Count(account.ToInvite) != 2 || i.Count(account.LineRefused) != 4 || !slices.Equal(i.Ignored, []string{"Shoe size"}) {
			t.Errorf("the dry run is %+v", i)
		}
		for number, want := range map[int][2]string{3: {"Email", "Edit their access"}, 4: {"Email", "Resend the invitation"}, 6: {"Email", `"not an address" is not a full email address`},
			7: {"Roles", `There is no role "Boss". Write Admin`}, 8: {"Groups", `There is no group "Nobody's". Make it`}, 9: {"Email", "is also in line 2"}, 10: {"Email", "Reactivate them"}} {
			l := line(t, r, admin, i.ID, number)
			if len(l.Faults) != 1 || l.Faults[0].Column() != want[0] || !strings.Contains(l.Faults[0].Message, want[1]) {
				t.Errorf("line %d: %+v, want %v", number, l.Faults, want)
			}
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM invitations`); n != invited {
			t.Fatalf("the dry run invited %d people", n-invited)
		}
		i, err = r.CorrectImport(t.Context(), admin.Actor(), i.ID, []account.Fix{{Line: 7, Field: "roles", Value: " billing "}, {Line: 7, Field: "nonsense", Value: "x"}, {Line: 99, Field: "roles", Value: "x"}}, nil)
		must(t, err)
		if i.Count(account.ToInvite) != 3 || i.Count(account.LineRefused) != 3 || i.Message != "Welcome." {
			t.Errorf("after the correction it is %+v", i)
		}

		i, err = r.RunImport(t.Context(), admin.Actor(), i.ID)
		must(t, err)
		if i.State != account.ImportRunning || i.Total != 3 {
			t.Errorf("the import runs as %+v", i)
		}
		wantFault(t, second(r.CorrectImport(t.Context(), admin.Actor(), i.ID, nil, nil)), "import-started", "Upload the list again")
		r.RunJobs()
		i, err = r.ImportByID(t.Context(), admin.Actor(), i.ID)
		must(t, err)
		if i.State != account.ImportDone || i.Done != 3 || i.Count(account.Invited) != 3 || i.Count(account.AlreadyHere) != 2 || i.EndedAt == 0 {
			t.Errorf("the report is %+v", i)
		}
		log := actions(t, r, admin)
		entry := log[slices.IndexFunc(log, func(e account.AuditEntry) bool { return e.Action == account.HubUsersImported })]
		if entry.Sentence() != "Admin invited people by a list of 9 lines" || entry.After != "3 invited, 2 already here, 1 already invited, 3 refused" {
			t.Errorf("the audit log tells %q, %q", entry.Sentence(), entry.After)
		}
		people, _, err := r.People(t.Context(), admin.Actor(), account.PeopleFilter{Addresses: []string{"jo@harbour.example", "mary@harbour.example"}})
		must(t, err)
		if len(people) != 2 || people[0].Name != "Jo Baptiste" || people[0].Access() != "Admin, Billing (Admin given directly, Billing given directly and from Front desk)" || people[0].Groups[0].ID != desk.ID || people[1].Roles.String() != "Standard" {
			t.Errorf("the invitations are %+v", people)
		}
		if mails := r.Mails.To("jo@harbour.example"); len(mails) != 1 || !strings.Contains(mails[0].Text, "Welcome.") {
			t.Errorf("%d mails went to jo", len(mails))
		}
		if list, err := r.Imports(t.Context(), admin.Actor()); err != nil || len(list) != 1 || list[0].ID != i.ID {
			t.Errorf("imports: %v %v", list, err)
		}
	})
}

// The same list twice, and the same button twice, invite nobody twice.
func TestImportOfPeopleIsSafeToRunTwice(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		list := "Email\njo@harbour.example\nlee@harbour.example\n"
		one, err := r.ReviewImport(t.Context(), admin.Actor(), list, "")
		must(t, err)
		two, err := r.ReviewImport(t.Context(), admin.Actor(), list, "") // before the first was run
		must(t, err)
		for _, id := range []string{one.ID, one.ID, two.ID, one.ID} {
			must(t, second(r.RunImport(t.Context(), admin.Actor(), id)))
		}
		r.RunJobs()
		three, err := r.ReviewImport(t.Context(), admin.Actor(), list, "")
		must(t, err)
		if n := scan[int](t, r, `SELECT COUNT(*) FROM invitations WHERE email IN ('jo@harbour.example', 'lee@harbour.example')`); n != 2 || three.Count(account.AlreadyInvited) != 2 {
			t.Errorf("there are %d invitations, and the third time it says %v", n, three.Counts)
		}
		reported := map[account.Outcome]int{}
		for _, id := range []string{one.ID, two.ID} { // either may have been first
			i, err := r.ImportByID(t.Context(), admin.Actor(), id)
			must(t, err)
			if i.State != account.ImportDone || i.Done != 2 {
				t.Errorf("the import is %+v", i)
			}
			for o, n := range i.Counts {
				reported[o] += n
			}
		}
		if reported[account.Invited] != 2 || reported[account.AlreadyInvited] != 2 {
			t.Errorf("both imports report %v", reported)
		}
	})
}

// A list that is longer than the day's limit says so line by line; the same list goes on the day after.
func TestImportOfPeopleKeepsTheLimits(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour") // its own invitation counts
		list := "Email\na@harbour.example\nb@harbour.example\nc@harbour.example\nd@harbour.example\n"
		i, err := r.ReviewImport(t.Context(), admin.Actor(), list, "")
		must(t, err)
		if got := outcomes(t, r, admin, i.ID); !slices.Equal(got, []string{"2 to-invite", "3 to-invite", "4 refused", "5 refused"}) {
			t.Fatalf("the dry run says %v", got)
		}
		if l := line(t, r, admin, i.ID, 4); !strings.Contains(l.Why(), "3 invitations a day") || !strings.Contains(l.Why(), "tomorrow") {
			t.Errorf("line 4 says %q", l.Why())
		}
		r.Invite(admin, "before@harbour.example") // since the dry run
		must(t, second(r.RunImport(t.Context(), admin.Actor(), i.ID)))
		r.RunJobs()
		if got := outcomes(t, r, admin, i.ID); !slices.Equal(got, []string{"2 invited", "3 refused", "4 refused", "5 refused"}) {
			t.Fatalf("the report says %v", got)
		}
		r.Clock.Advance(25 * time.Hour)
		admin.SignIn()
		if i, err = r.ReviewImport(t.Context(), admin.Actor(), list, ""); err != nil || i.Count(account.AlreadyInvited) != 1 || i.Count(account.ToInvite) != 3 {
			t.Errorf("the day after it says %v, %v", i.Counts, err)
		}
	}, accounttest.With(func(c *account.Config) { c.DailyInvitations = 3 }))
}

// Who may not invite imports nothing, an import needs the check that inviting needs, and one whose starter loses the right stops where it is.
func TestImportOfPeopleNeedsTheRightsOfInviting(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		second1 := r.Join(admin, "second@harbour.example", account.Admin)
		standard := r.Join(admin, "standard@harbour.example")
		const list = "Email\njo@harbour.example\n"
		wantFault(t, second(r.ReviewImport(t.Context(), standard.Actor(), list, "")), "role-missing")
		i, err := r.ReviewImport(t.Context(), second1.Actor(), list, "")
		must(t, err)
		wantFault(t, second(r.RunImport(t.Context(), second1.Actor(), i.ID)), "check-needed")
		wantFault(t, second(r.ImportByID(t.Context(), standard.Actor(), i.ID)), "role-missing")
		far := r.Open("northside")
		if _, err := r.ImportByID(t.Context(), far.Actor(), i.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("another account finds the import: %v", err)
		}
		if _, _, err := r.ImportLines(t.Context(), far.Actor(), i.ID, account.LineFilter{}); !fault.Is(err, fault.NotFound) {
			t.Errorf("another account finds its lines: %v", err)
		}
		must(t, second(r.RunImport(t.Context(), second1.Check().Actor(), i.ID)))
		_, err = r.ChangeHubUser(t.Context(), admin.Check().Actor(), second1.ID(), account.Change{Roles: &account.Roles{}}, 0)
		must(t, err)
		r.RunJobs()
		if i, err = r.ImportByID(t.Context(), admin.Actor(), i.ID); err != nil || i.State != account.ImportStopped || i.Count(account.ToInvite) != 1 {
			t.Errorf("after its starter lost the right the import is %+v, %v", i, err)
		}
		if n := scan[int](t, r, `SELECT COUNT(*) FROM invitations WHERE email = 'jo@harbour.example'`); n != 0 {
			t.Error("an import went on without the right")
		}
	})
}

// A key that may invite and not change access can't put people into groups by a list either.
func TestImportOfPeopleByAKeyWithoutTheScope(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		g := group(t, r, admin, "Leads", account.Roles{account.Admin})
		_, key := r.Key(admin, account.ViewHome, account.InviteHubUsers)
		i, err := r.ReviewImport(t.Context(), key, "Email,Groups\njo@harbour.example,Leads\nlee@harbour.example,\n", "")
		must(t, err)
		if got := outcomes(t, r, admin, i.ID); !slices.Equal(got, []string{"2 refused", "3 to-invite"}) {
			t.Errorf("the dry run says %v", got)
		}
		wantFault(t, second(r.Room.Invite(t.Context(), key, account.Invite{Offers: []account.Offer{{Email: "jo@harbour.example"}}, Groups: []string{g.ID}})), "scope-missing")
	})
}

// Five thousand lines take no more statements than their hundreds, and seconds at most.
func TestImportOfThousandsOfPeople(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		var b strings.Builder
		b.WriteString("Email,First name,Last name,Roles\n")
		for n := range account.ImportMost {
			fmt.Fprintf(&b, "p%d@harbour.example,Person,Number %c,billing\n", n, 'A'+n%26)
		}
		i, err := r.ReviewImport(t.Context(), admin.Actor(), b.String(), "")
		must(t, err)
		if i.Count(account.ToInvite) != 199 || i.Count(account.LineRefused) != account.ImportMost-199 {
			t.Errorf("the dry run says %v", i.Counts)
		}
		if l := line(t, r, admin, i.ID, 201); l.Outcome != account.LineRefused {
			t.Errorf("line 201 is %+v", l)
		}
		b.WriteString("one@more.example,,,\n")
		wantFault(t, second(r.ReviewImport(t.Context(), admin.Actor(), b.String(), "")), "import-large", "5000 rows")
		wantFault(t, second(r.ReviewImport(t.Context(), admin.Actor(), "Name,Roles\nJo,\n", "")), "import-columns", "Email")
		wantFault(t, second(r.ReviewImport(t.Context(), admin.Actor(), "Email\n", strings.Repeat("x", 501))), "import-empty", "a row for each person")
	}, accounttest.With(func(c *account.Config) { c.DailyInvitations = 200 }))
}
