package account_test

import (
	"slices"
	"testing"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

func TestPeopleByStatus(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		away := r.Join(admin, "away@harbour.example")
		r.Invite(admin, "open@harbour.example")
		deactivated := account.Deactivated
		_, err := r.ChangeHubUser(t.Context(), admin.Actor(), away.ID(), account.Change{State: &deactivated}, 0)
		must(t, err)
		for _, tt := range []struct {
			filter account.PeopleFilter
			want   []string
		}{
			{account.PeopleFilter{}, []string{"admin", "away", "open"}},
			{account.PeopleFilter{Status: account.OnlyActive}, []string{"admin"}},
			{account.PeopleFilter{Status: account.OnlyDeactivated}, []string{"away"}},
			{account.PeopleFilter{Status: account.OnlyInvited}, []string{"open"}},
			{account.PeopleFilter{Status: account.NeedsAttention}, nil},
			{account.PeopleFilter{Memberships: true}, []string{"admin", "away"}},
			{account.PeopleFilter{Memberships: true, Status: account.OnlyDeactivated}, []string{"away"}},
			{account.PeopleFilter{Invitations: true}, []string{"open"}},
		} {
			list, _, err := r.People(t.Context(), admin.Actor(), tt.filter)
			must(t, err)
			var got []string
			for _, l := range list {
				got = append(got, l.Email[:len(l.Email)-len("@harbour.example")])
			}
			if slices.Sort(got); !slices.Equal(got, tt.want) {
				t.Errorf("%+v: %v, want %v", tt.filter, got, tt.want)
			}
		}
		for _, f := range []account.PeopleFilter{{Status: "gone"}, {Memberships: true, Status: account.OnlyInvited},
			{Invitations: true, Status: account.OnlyActive}, {Invitations: true, Status: account.OnlyDeactivated}} {
			_, _, err := r.People(t.Context(), admin.Actor(), f)
			wantFault(t, err, "status-unknown")
		}
	})
}

func TestSettingsAreReadAnew(t *testing.T) {
	each(t, func(t *testing.T, r *accounttest.Rig) {
		admin := r.Open("harbour")
		before := admin.Actor()
		changed, err := r.ChangeSettings(t.Context(), before, account.Settings{Name: "Harbour Two", TimeZone: "Australia/Perth", InvitationHours: 2, CheckMinutes: 30}, 0)
		must(t, err)
		got, err := r.Settings(t.Context(), before)
		if err != nil || got != changed || got.Version != before.Account.Version+1 {
			t.Errorf("%+v, %v; want %+v", got, err, changed)
		}
		standard := r.Join(admin, "jo@harbour.example")
		_, err = r.Settings(t.Context(), standard.Actor())
		wantFault(t, err, "role-missing")
	})
}
