package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// A test event reaches the demo's receiver within seconds, at the first start and where the demo listens later; the page shows it.
func TestDemoReceivesWebhooks(t *testing.T) {
	t.Parallel()
	d := startDemo(t, seeded(t)) // on another port than the seeding one
	harbour := d.about.Accounts[0]
	ask := func(method, url string) []byte {
		t.Helper()
		r, err := http.NewRequest(method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+harbour.APIKey)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode >= 300 {
			t.Fatalf("%s %s: %d %v %s", method, url, answer.StatusCode, err, body)
		}
		return body
	}
	at := d.about.API + "/accounts/harbour/webhooks"
	var list struct {
		Items []struct{ ID, URL string } `json:"items"`
	}
	if err := json.Unmarshal(ask("GET", at), &list); err != nil || len(list.Items) != 1 || list.Items[0].URL != d.about.Webhooks {
		t.Fatalf("%v: the webhooks are %+v, want one for %s", err, list, d.about.Webhooks)
	}
	ask("POST", at+"/"+list.Items[0].ID+"/test")
	eventually(t, "the test event", func() bool {
		var events []demoEvent
		err := json.Unmarshal(ask("GET", d.about.Webhooks+".json"), &events)
		return err == nil && len(events) > 0 && events[0].Type == "test" && strings.HasPrefix(events[0].Signature, "v1,")
	})
	if page := string(ask("GET", d.about.Webhooks)); !strings.Contains(page, "<h2>test</h2>") {
		t.Errorf("the receiver's page lacks the event: %s", page)
	}
}
