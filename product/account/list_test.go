package account_test

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// crowd fills an account with people and invitations in every state, many of them with equal sort keys.
func crowd(t *testing.T, r *accounttest.Rig, accountID string, n int) {
	t.Helper()
	now := r.Clock.Now().UnixMilli()
	names := []string{"Zoë Söhne", "zoe sohne", "ZOE SOHNE", "Ångström Lee", "Lee 100%", "Lee_100", "Ɛ. O'Neil", "李 明"}
	folded := []string{"zoe sohne", "zoe sohne", "zoe sohne", "angstrom lee", "lee 100%", "lee_100", "ɛ. o'neil", "李 明"}
	must(t, r.DB.Tx(t.Context(), func(ctx ctx, q db.Q) error {
		for i := range n {
			email := fmt.Sprintf("p%d@crowd.example", i/2)
			state := []string{"active", "active", "deactivated", "removed"}[i%4]
			if _, err := q.ExecContext(ctx, `
				INSERT INTO memberships (account_id, id, person_id, email, name, search, roles, state, invited_at, accepted_at, last_signed_in_at, version)
				VALUES ($1, $2, $3, $4, $5, $6, '', $7, $8, $9, $10, 1)`,
				accountID, fmt.Sprintf("m%03d%s", i*37%n, accountID[:4]), fmt.Sprintf("p%d", i), email, names[i%8], folded[i%8]+" "+email, state, now-int64(i/10), now-int64(i/20), int64(i%3)); err != nil {
				return err
			}
			state = []string{"pending", "declined", "voided", "cancelled", "accepted", "pending"}[i%6]
			expires, delivery := now+int64(i%2*2-1)*1000, []string{"queued", "sent", "refused"}[i/6%3]
			if _, err := q.ExecContext(ctx, `
				INSERT INTO invitations (account_id, id, email, name, search, roles, message, state, generation, resends, delivery, delivery_note,
					inviter_kind, inviter_id, inviter_name, inviter_email, form_key, created_at, sent_at, expires_at, ended_at, version)
				VALUES ($1, $2, $3, '', $4, 'admin', '', $5, 1, 0, $6, '', 'hub-user', '', '', '', '', $7, $7, $8, 0, 1)`,
				accountID, fmt.Sprintf("i%03d%s", i*37%n, accountID[:4]), fmt.Sprintf("q%d@crowd.example", i), folded[i%8]+fmt.Sprintf(" q%d@crowd.example", i), state, delivery, now-int64(i/10), expires); err != nil {
				return err
			}
		}
		return nil
	}))
	accounttest.Recount(t, r.DB)
}

// key is what a row is sorted by.
func key(l account.Listed, by account.Sort) (text string, number int64) {
	switch by {
	case account.BySent:
		return "", l.SentAt
	case account.ByAccepted:
		return "", l.AcceptedAt
	case account.BySeen:
		return "", l.SeenAt
	}
	return strings.ToLower(l.Email), 0 // not the real one: rows of ByName are compared page by page only
}

// Every filter in every order, page by page in any size, is the same list: nothing twice, nothing left out, ties included.
func TestPeoplePageByPage(t *testing.T) {
	each(t, pageByPage)
}

// The same on a PostgreSQL database that sorts as people do, which is not how bytes do.
func TestPeoplePageByPageInALanguagesOrder(t *testing.T) {
	t.Parallel()
	pageByPage(t, accounttest.New(t, languageOrder(t)))
}

// languageOrder returns a migrated PostgreSQL store whose texts sort by the rules of a language.
func languageOrder(t *testing.T) *db.DB {
	t.Helper()
	first := dbtest.PostgresURL(t)
	admin, err := db.Open(t.Context(), first)
	must(t, err)
	u, err := url.Parse(first)
	must(t, err)
	name := strings.TrimPrefix(u.Path, "/") + "_icu"
	_, err = admin.ExecContext(t.Context(), `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-AU'`)
	must(t, err)
	u.Path = "/" + name
	d, err := db.Open(t.Context(), u.String())
	must(t, err)
	t.Cleanup(func() {
		d.Close()
		if _, err := admin.ExecContext(background, `DROP DATABASE `+name); err != nil {
			t.Error(err)
		}
		admin.Close()
	})
	must(t, db.Migrate(t.Context(), d))
	return d
}

func pageByPage(t *testing.T, r *accounttest.Rig) {
	harbour, north := r.Open("harbour"), r.Open("northside")
	crowd(t, r, harbour.Account.ID, 60)
	crowd(t, r, north.Account.ID, 60)
	actor := harbour.Actor()
	lists, pages := 0, 0
	for _, by := range []account.Sort{"", account.ByName, account.BySent, account.ByAccepted, account.BySeen} {
		for _, down := range []bool{false, true} {
			for _, f := range []account.PeopleFilter{{}, {Status: account.OnlyActive}, {Status: account.OnlyDeactivated}, {Status: account.OnlyInvited}, {Status: account.NeedsAttention},
				{Memberships: true}, {Invitations: true}, {Search: "zoe"}, {Search: "q1", Status: account.NeedsAttention}, {Addresses: []string{"p1@crowd.example", "q2@crowd.example"}}} {
				f.Sort, f.Descending, f.Limit = by, down, 500
				whole, next, err := r.People(t.Context(), actor, f)
				must(t, err)
				if next != "" || len(whole) == 0 {
					t.Fatalf("%+v: %d rows, next %q", f, len(whole), next)
				}
				lists++
				sorted(t, f, whole)
				for _, size := range []int{1, 7, 30} {
					if size == 1 && f.Search == "" && f.Status == "" {
						continue // many, and 7 shows the same
					}
					got := []account.Listed{}
					f.Limit, f.After = size, ""
					for {
						list, next, err := r.People(t.Context(), actor, f)
						must(t, err)
						pages++
						got = append(got, list...)
						if f.After = next; next == "" {
							break
						}
					}
					if !slices.EqualFunc(got, whole, func(a, b account.Listed) bool { return a.ID == b.ID && a.Invited == b.Invited }) {
						t.Fatalf("%+v: %d rows in pages of %d, %d in one", f, len(got), size, len(whole))
					}
				}
			}
		}
	}
	t.Logf("%d lists, %d pages", lists, pages)
}

// sorted checks the order of a list, and that every row belongs in it.
func sorted(t *testing.T, f account.PeopleFilter, list []account.Listed) {
	t.Helper()
	for i, l := range list {
		if strings.HasSuffix(l.Email, "northside.example") {
			t.Fatalf("%+v shows another account's %s", f, l.Email)
		}
		if fits := map[account.Status]bool{
			account.Everyone: l.State != "removed" && l.State != "cancelled" && l.State != "accepted", account.OnlyActive: l.State == "active", account.OnlyDeactivated: l.State == "deactivated",
			account.OnlyInvited:    l.State == "pending" && l.Delivery != account.Refused && l.ExpiresAt > accounttest.Start.UnixMilli(),
			account.NeedsAttention: l.State == "declined" || l.State == "voided" || l.State == "pending" && (l.Delivery == account.Refused || l.ExpiresAt <= accounttest.Start.UnixMilli()),
		}[f.Status]; !fits || f.Memberships && l.Invited || f.Invitations && !l.Invited {
			t.Errorf("%+v shows %+v", f, l)
		}
		if i == 0 || f.Sort == "" || f.Sort == account.ByName {
			continue
		}
		_, before := key(list[i-1], f.Sort)
		_, now := key(l, f.Sort)
		order := cmp.Or(cmp.Compare(before, now), cmp.Compare(list[i-1].ID, l.ID))
		if f.Descending {
			order = -order
		}
		if order >= 0 {
			t.Fatalf("%+v: row %d (%d, %s) comes after (%d, %s)", f, i, now, l.ID, before, list[i-1].ID)
		}
	}
}

// Every order and every page size, walked to the end and back, shows the same pages.
func TestPagesLeadBack(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		crowd(t, r, admin.Account.ID, 60)
		for _, f := range []account.PeopleFilter{{Limit: 7}, {Limit: 10, Sort: account.BySent, Descending: true}, {Limit: 4, Sort: account.BySeen},
			{Limit: 3, Status: account.OnlyActive}, {Limit: 5, Search: "zoe", Descending: true}, {Limit: 500}} {
			read := func(f account.PeopleFilter) (account.PeoplePage, string) {
				page, err := r.PeoplePage(t.Context(), admin.Actor(), f)
				must(t, err)
				ids := ""
				for _, l := range page.Rows {
					ids += l.ID + " "
				}
				return page, ids
			}
			var there []string
			page, ids := read(f)
			if page.Prev != "" {
				t.Errorf("%+v: the first page leads back", f)
			}
			for there = append(there, ids); page.Next != ""; there = append(there, ids) {
				f.After = page.Next
				page, ids = read(f)
			}
			for i := len(there) - 2; i >= 0; i-- {
				if page.Prev == "" {
					t.Fatalf("%+v: page %d leads nowhere back", f, i+1)
				}
				f.Before = page.Prev
				if page, ids = read(f); ids != there[i] || page.Next == "" {
					t.Fatalf("%+v: back on page %d is %q, there it was %q", f, i, ids, there[i])
				}
			}
			if page.Prev != "" {
				t.Errorf("%+v: the first page leads back when reached from behind", f)
			}
		}
	})
}

func TestCountsAreWhatTheFiltersShow(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		harbour, north := r.Open("harbour"), r.Open("northside")
		crowd(t, r, harbour.Account.ID, 60)
		crowd(t, r, north.Account.ID, 30)
		count := func(f account.PeopleFilter) (n int) {
			must(t, r.EachPerson(t.Context(), harbour.Actor(), f, func(account.Listed) error { n++; return nil }))
			return n
		}
		got, err := r.CountPeople(t.Context(), harbour.Actor())
		must(t, err)
		want := account.Counts{All: count(account.PeopleFilter{}), Active: count(account.PeopleFilter{Status: account.OnlyActive}),
			Invited: count(account.PeopleFilter{Status: account.OnlyInvited}), Attention: count(account.PeopleFilter{Status: account.NeedsAttention})}
		if got != want || got.Attention == 0 || got.Invited == 0 {
			t.Errorf("counts %+v, the lists have %+v", got, want)
		}
	})
}

func TestEachPersonShowsEveryone(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		crowd(t, r, admin.Account.ID, 1000)
		seen := map[string]bool{}
		must(t, r.EachPerson(t.Context(), admin.Actor(), account.PeopleFilter{Sort: account.BySent, Limit: 3, After: "x"}, func(l account.Listed) error {
			if seen[l.ID] {
				t.Errorf("%s twice", l.ID)
			}
			seen[l.ID] = true
			return nil
		}))
		if c, _ := r.CountPeople(t.Context(), admin.Actor()); len(seen) != c.All || c.All < 1000 {
			t.Errorf("%d of %d rows", len(seen), c.All)
		}
		stop := fmt.Errorf("stop")
		if err := r.EachPerson(t.Context(), admin.Actor(), account.PeopleFilter{}, func(account.Listed) error { return stop }); err != stop {
			t.Errorf("stopping gives %v", err)
		}
	})
}

func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		for i, name := range []string{"Zoë Ångström", "Lee 100%", "Lee_100", `back\slash`, "İpek Şahin", "Ｆｕｌｌ", "O'Neil"} {
			_, err := r.Room.Invite(t.Context(), admin.Actor(), account.Invite{Offers: []account.Offer{{Email: fmt.Sprintf("p%d@harbour.example", i), Name: name}}})
			must(t, err)
		}
		for search, want := range map[string]string{
			"zoe": "p0", "ZOË": "p0", "angstrom": "p0", "zoë  ång": "p0", "e a": "p0", "100%": "p1", "%": "p1", "_": "p2", `\`: "p3", "ipek": "p4", "sahin": "p4", "full": "p5",
			"o'neil": "p6", "'; DROP TABLE people; --": "", "p3@harbour": "p3", "nobody": "", "\x00": "admin p0 p1 p2 p3 p4 p5 p6", " ": "admin p0 p1 p2 p3 p4 p5 p6",
		} {
			list, _, err := r.People(t.Context(), admin.Actor(), account.PeopleFilter{Search: search})
			must(t, err)
			var got []string
			for _, l := range list {
				got = append(got, strings.TrimSuffix(l.Email, "@harbour.example"))
			}
			if slices.Sort(got); strings.Join(got, " ") != want {
				t.Errorf("%q finds %v, want %s", search, got, want)
			}
		}
	})
}

func TestListRefusals(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		for _, f := range []account.PeopleFilter{{Sort: "id; --"}, {Status: "removed"}, {After: "x"}, {Memberships: true, Status: account.OnlyInvited}, {Invitations: true, Status: account.OnlyActive}} {
			if err := third(r.People(t.Context(), admin.Actor(), f)); !fault.Is(err, fault.Invalid) {
				t.Errorf("%+v: %v", f, err)
			}
		}
		wantFault(t, third(r.AuditLog(t.Context(), admin.Actor(), account.AuditFilter{Area: "x"})), "area-unknown")
		wantFault(t, third(r.AuditLog(t.Context(), admin.Actor(), account.AuditFilter{After: "x"})), "cursor-unknown")
	})
}

// A cursor continues the list it came from, of its account, and no other.
func TestA42ForeignCursors(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		harbour, north := r.Open("harbour"), r.Open("northside")
		crowd(t, r, harbour.Account.ID, 20)
		crowd(t, r, north.Account.ID, 20)
		_, people, err := r.People(t.Context(), harbour.Actor(), account.PeopleFilter{Limit: 2})
		must(t, err)
		_, audit, err := r.AuditLog(t.Context(), harbour.Actor(), account.AuditFilter{Limit: 1})
		must(t, err)
		_, accounts, err := r.Accounts(t.Context(), account.Operate(), "", "", 1)
		must(t, err)
		must(t, third(r.People(t.Context(), harbour.Actor(), account.PeopleFilter{Limit: 2, After: people})))
		must(t, third(r.AuditLog(t.Context(), harbour.Actor(), account.AuditFilter{After: audit})))
		for what, err := range map[string]error{
			"another account's people":   third(r.People(t.Context(), north.Actor(), account.PeopleFilter{After: people})),
			"another account's log":      third(r.AuditLog(t.Context(), north.Actor(), account.AuditFilter{After: audit})),
			"another order":              third(r.People(t.Context(), harbour.Actor(), account.PeopleFilter{After: people, Sort: account.BySeen})),
			"another direction":          third(r.People(t.Context(), harbour.Actor(), account.PeopleFilter{After: people, Descending: true})),
			"another filter":             third(r.People(t.Context(), harbour.Actor(), account.PeopleFilter{After: people, Status: account.OnlyActive})),
			"the log's among people":     third(r.People(t.Context(), harbour.Actor(), account.PeopleFilter{After: audit})),
			"people's in the log":        third(r.AuditLog(t.Context(), harbour.Actor(), account.AuditFilter{After: people})),
			"the provider's in people":   third(r.People(t.Context(), harbour.Actor(), account.PeopleFilter{After: accounts})),
			"people's for the provider":  third(r.Accounts(t.Context(), account.Operate(), "", people, 1)),
			"one with a line break":      third(r.People(t.Context(), harbour.Actor(), account.PeopleFilter{After: people[:9] + "\n" + people[9:]})),
			"one with a letter too many": third(r.People(t.Context(), harbour.Actor(), account.PeopleFilter{After: people + "A"})),
		} {
			if f, ok := fault.Of(err); !ok || f.Code != "cursor-unknown" || f.Field != "after" {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}
