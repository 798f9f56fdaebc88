package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hubline/product/account/accounttest"
	"hubline/product/phoneuser"
	"hubline/product/phoneuser/phoneusertest"
)

// setUpLinks makes the links that are mailed to phone users, and the addresses from which apps fetch what signs them in.
func (v *vault) setUpLinks(t *testing.T) []secret {
	t.Helper()
	r := phoneusertest.With(t, v.Rig)
	r.Seats(v.harbour, 100)
	actor := v.harbour.Actor()
	made := 0
	user := func() phoneuser.User {
		made++
		return r.Add(v.harbour, fmt.Sprint(200+made), fmt.Sprintf("Phone %d", made))
	}
	take := func(token, kind string) phoneuser.Details {
		d, err := r.Phones.TakeDetails(t.Context(), token, kind, "", "")
		check(t, err)
		return d
	}
	document := func(token string) string {
		return strings.TrimPrefix(take(token, phoneuser.App).ProvisionURL, accounttest.BaseURL+phoneuser.ProvisionPath)
	}
	links, documents := map[string][]string{}, map[string][]string{}
	for range many / 2 {
		u := user()
		links["superseded"] = append(links["superseded"], r.Link(u.Email))
		_, err := r.Phones.Reset(t.Context(), actor, u.ID)
		check(t, err)
		used := r.Link(u.Email)
		fetched := document(used)
		links["replayed"] = append(links["replayed"], used)
		_, err = r.Phones.Provision(t.Context(), fetched)
		check(t, err)
		documents["replayed"] = append(documents["replayed"], fetched)
		_, err = r.Phones.SendDetails(t.Context(), actor, u.ID)
		check(t, err)
		ended := document(r.Link(u.Email))
		_, err = r.Phones.Reset(t.Context(), actor, u.ID)
		check(t, err)
		documents["ended"] = append(documents["ended"], ended)
		links["expired"] = append(links["expired"], r.Link(u.Email))
		documents["expired"] = append(documents["expired"], document(r.Link(user().Email)))
	}
	off := user()
	links["app off"] = []string{r.Link(off.Email)}
	no := false
	_, err := r.Phones.Change(t.Context(), actor, off.ID, phoneuser.Change{AppEnabled: &no}, 0)
	check(t, err)
	v.Clock.Advance(49 * time.Hour)
	v.everybodySignsIn()
	seats := []phoneuser.User{}
	check(t, r.Phones.Each(t.Context(), actor, phoneuser.Filter{Limit: 3}, func(u phoneuser.User) error { seats = append(seats, u); return nil }))
	link := func(u phoneuser.User) string {
		_, err := r.Phones.SendDetails(t.Context(), actor, u.ID)
		check(t, err)
		return r.Link(u.Email)
	}
	return []secret{
		{kind: "set-up link", dead: links, arm: func() []string { return []string{link(seats[0]), link(seats[1])} }, opens: func(token string) bool {
			_, err := r.Phones.SetUp(t.Context(), token)

			return err == nil
		}},
		{kind: "provisioning link", dead: documents, arm: func() []string { return []string{document(link(seats[2]))} }, opens: func(token string) bool {
			_, err := r.Phones.Provision(t.Context(), token)
			return err == nil
		}},
	}
}
