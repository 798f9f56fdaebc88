package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// A newcomer finds what takes weeks elsewhere: staff who ask, were and are let in, and a review of access that is done.
func TestDemoHasVisitsAndAReview(t *testing.T) {
	t.Parallel()
	d := startDemo(t, seeded(t))
	states := func(slug, key, list string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.about.API+"/accounts/"+slug+"/"+list, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var page struct {
			Items []struct {
				State string `json:"state"`
				Kept  int    `json:"kept"`
			} `json:"items"`
		}
		if err := json.NewDecoder(answer.Body).Decode(&page); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("%s of %s: %s, %v", list, slug, answer.Status, err)
		}
		var words []string
		for _, one := range page.Items {
			words = append(words, one.State+strings.Repeat("+", one.Kept))
		}
		return strings.Join(words, " ")
	}
	for _, c := range []struct {
		account    int
		list, want string
	}{{0, "visits", "asked ended"}, {1, "visits", "allowed"}, {0, "access-reviews", "++++"}, {1, "access-reviews", ""}} {
		a := d.about.Accounts[c.account]
		if got := states(a.Slug, a.APIKey, c.list); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.list, a.Slug, got, c.want)
		}
	}
}
