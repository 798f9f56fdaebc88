package account_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/job"
	"hubline/base/mail"
	"hubline/base/seal"
	"hubline/product/account"
)

type noMail struct{}

func (noMail) Send(context.Context, mail.Message) error { return nil }

// lookupRoom is a room with one account and its admin Priya.
func lookupRoom(t *testing.T, d *db.DB) (*account.Room, account.Actor) {
	t.Helper()
	ring := seal.New(make([]byte, 32))
	room := account.New(account.Config{DB: d, Jobs: job.New(d, ring, nil), Keys: ring, Mail: noMail{}, BaseURL: "http://hub.example"})
	harbour, _, err := room.Open(t.Context(), account.Operate(), account.NewAccount{Name: "Harbour Dental Group", Slug: "harbour", AdminEmail: "first@harbour.example"})
	if err != nil {
		t.Fatal(err)
	}
	priya := account.Actor{Kind: account.Member, Account: harbour, PersonID: "person-priya", MembershipID: "priya", Name: "Priya Nair", Roles: account.Roles{account.Admin}}
	addMember(t, d, harbour, "priya", "Priya Nair", "priya nair", "admin")
	return room, priya
}

func addMember(t *testing.T, d *db.DB, a account.Account, id, name, search, roles string) {
	t.Helper()
	_, err := d.ExecContext(t.Context(), `
		INSERT INTO memberships (account_id, id, person_id, email, name, search, roles, state, invitation_id, invited_at, accepted_at, last_signed_in_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'active', NULL, 1, 2, 3, 1)`,
		a.ID, id, "person-"+id, id+"@harbour.example", name, search+" "+id+"@harbour.example", roles)
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsSearchedForIsNeverAPattern(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		room, priya := lookupRoom(t, d)
		addMember(t, d, priya.Account, "half_price", "Half 50% Price", "half 50% price", "")
		addMember(t, d, priya.Account, "zoe", "Zoë Brontë", "zoe bronte", "")
		addMember(t, d, priya.Account, "slash", `Back\slash`, `back\slash`, "")
		for _, tt := range []struct{ search, want string }{
			{"%", "half_price"}, {"_", "half_price"}, {"50% p", "half_price"}, {"f_p", "half_price"}, {"x_y", ""}, {"pri%nair", ""},
			{"ZOË", "zoe"}, {"bronte", "zoe"}, {"BRONTË", "zoe"}, {"zoe@harbour.example", "zoe"}, {`k\s`, "slash"}, {`\`, "slash"}, {"  priya   NAIR ", "priya"},
		} {
			list, _, err := room.People(t.Context(), priya, account.PeopleFilter{Search: tt.search, Memberships: true})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range list {
				got = append(got, l.ID)
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("search %q: %q, want %q", tt.search, got, tt.want)
			}
		}
	})
}

func TestPeopleAreFoundByAddress(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		room, priya := lookupRoom(t, d)
		addMember(t, d, priya.Account, "zoe", "Zoe", "zoe", "")
		list, _, err := room.People(t.Context(), priya, account.PeopleFilter{Addresses: []string{"zoe@harbour.example", "first@harbour.example", "nobody@harbour.example"}})
		if err != nil || len(list) != 2 {
			t.Fatalf("%v, %v, want two rows", list, err)
		}
		if first := list[0]; !first.Invited || first.Email != "first@harbour.example" || !first.Resendable(time.Now().UnixMilli()) {
			t.Errorf("the invitation: %+v", first)
		}
		if zoe := list[1]; zoe.Invited || zoe.ID != "zoe" || zoe.Resendable(time.Now().UnixMilli()) {
			t.Errorf("the hub user: %+v", zoe)
		}
	})
}

func TestAuditLogFilters(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		room, priya := lookupRoom(t, d)
		for i := range 1200 {
			_, err := d.ExecContext(t.Context(), `
				INSERT INTO audit_entries (account_id, id, at, actor_kind, actor_id, actor_name, address, action, subject_id, subject_name, before, after, search)
				VALUES ($1, $2, $3, 'hub-user', 'person-tom', 'Tom Okafor', '', $4, $5, 'Jo', 'Admin', 'Standard', 'tom okafor jo admin standard 100%')`,
				priya.Account.ID, fmt.Sprintf("%012d", i), 1000+i, []string{"hub-user.access-changed", "api-key.made"}[i%2], fmt.Sprintf("subject-%d", i%3))
			if err != nil {
				t.Fatal(err)
			}
		}
		addMember(t, d, priya.Account, "tom", "Tom Okafor", "tom okafor", "admin")
		addMember(t, d, priya.Account, "subject-0", "Once An Admin", "once an admin", "")
		addMember(t, d, priya.Account, "never", "Never An Admin", "never an admin", "")
		for _, tt := range []struct {
			name   string
			filter account.AuditFilter
			want   int
		}{
			{"all, with the opening and the first invitation", account.AuditFilter{}, 1202},
			{"area", account.AuditFilter{Area: "api-key"}, 600},
			{"subject", account.AuditFilter{SubjectID: "subject-1"}, 400},
			{"person", account.AuditFilter{ActorID: "person-tom"}, 1200},
			{"time", account.AuditFilter{Since: time.UnixMilli(1010), Until: time.UnixMilli(1020)}, 10},
			{"search", account.AuditFilter{Search: "100%"}, 1200},
			{"search for a pattern", account.AuditFilter{Search: "t%m"}, 0},
		} {
			n, last := 0, "~"
			err := room.EachAuditEntry(t.Context(), priya, tt.filter, func(e account.AuditEntry) error {
				if e.ID >= last {
					t.Errorf("%s: entry %s after %s", tt.name, e.ID, last)
				}
				n, last = n+1, e.ID
				return nil
			})
			if err != nil || n != tt.want {
				t.Errorf("%s: %d entries, %v, want %d", tt.name, n, err, tt.want)
			}
		}
		if _, _, err := room.AuditLog(t.Context(), priya, account.AuditFilter{Area: "%"}); !fault.Is(err, fault.Invalid) {
			t.Errorf("an unknown area: %v", err)
		}
		actors, err := room.AuditActors(t.Context(), priya)
		var names []string
		for _, a := range actors {
			names = append(names, a.Name)
		}
		if want := []string{"Once An Admin", "Priya Nair", "Tom Okafor"}; err != nil || !slices.Equal(names, want) {
			t.Errorf("actors %q, %v, want %q", names, err, want)
		}
	})
}
