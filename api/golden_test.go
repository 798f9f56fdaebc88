package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hubline/api"
	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/product/account"
	"hubline/product/account/accounttest"
	"hubline/product/call"
	"hubline/product/phoneuser"
	"hubline/product/report"
	"hubline/product/support"
)

var update = flag.Bool("update", false, "write the golden files and the OpenAPI document anew")

var (
	auditIDs  = regexp.MustCompile(`\b01[0-9a-f]{14}[a-z2-7]{12}\b`)
	ids       = regexp.MustCompile(`\b[a-z2-7]{26}\b`)
	usernames = regexp.MustCompile(`"username":"([ms])[a-z2-7]+"`)
	hashes    = regexp.MustCompile(`[A-Za-z0-9+/]{43}=`)
	signed    = regexp.MustCompile(` [A-Za-z0-9+/]{90,}=*`)
	logKeys   = regexp.MustCompile(`\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}`)
	cursors   = regexp.MustCompile(`"next":"[^"]+"`)
)

// masks replaces what is random by something of the same form: the first ID that appears is always the same one, and so on.
type masks map[string]string

func (m masks) apply(text string) string {
	text = cursors.ReplaceAllString(text, `"next":"mhA1Xq0cZ2fXk0b9eyJ0IjoibWFyeSBjaGVuIn0"`)
	text = logKeys.ReplaceAllString(text, "+3d1c3a9e+AfWw4sC0F2yZk1nN0pQvVd8m2o5x7s9u1w3y5A7C9E1G")
	text = signed.ReplaceAllString(text, " PRwanpIBYY7u0x9mtsTV1tsGVQ0dKLjV0k6bqZz0x5v8y1B4E7H0K3N6Q9T2W5Z8c1f4i7l0o3r6u9x2A5D8G1J4M7P=")
	text = hashes.ReplaceAllString(text, "aFB2Q7Q/WaSKeb1/QES2phDFutzuE++Mi5evnvjeQ4c=")
	text = auditIDs.ReplaceAllStringFunc(text, func(id string) string { return "01a2001f97000000" + m.other(id)[:12] })
	return ids.ReplaceAllStringFunc(text, m.other)
}

func (m masks) other(id string) string {
	if m[id] == "" {
		sum := sha256.Sum256(fmt.Append(nil, "id ", len(m)))
		m[id] = strings.ToLower(base32.StdEncoding.EncodeToString(sum[:]))[:26]
		m[m[id]] = m[id] // already masked
	}
	return m[id]
}

// golden compares an answer with the file of that name, or writes it.
func (r reply) golden(m masks, name string) {
	r.t.Helper()
	got := m.apply(r.body)
	if strings.HasSuffix(name, ".json") {
		var b bytes.Buffer
		if err := json.Indent(&b, []byte(strings.TrimSpace(got)), "", "  "); err != nil {
			r.t.Fatalf("%s: %v in %s", r.what, err, r.body)
		}
		got = b.String() + "\n"
	}
	compare(r.t, filepath.Join("golden", name), got)
}

func compare(t testing.TB, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test ./api -update writes it", err)
	}
	if got != string(want) {
		t.Errorf("%s is not up to date, or the answer is wrong. It begins to differ at\n%s\nwant\n%s", file, difference(got, string(want)), difference(string(want), got))
	}
}

// difference returns what text has where it begins to differ from other, from the start of that line on.
func difference(text, other string) string {
	at := 0
	for at < len(text) && at < len(other) && text[at] == other[at] {
		at++
	}
	at = strings.LastIndexByte(text[:at], '\n') + 1
	return text[at:min(len(text), at+400)]
}

// TestGoldenAnswers goes through an account's life and keeps one answer of every operation. They are the examples of the reference.
func TestGoldenAnswers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if *update && d.Engine() != db.SQLite {
			return // both write the same; one is enough
		}
		w := &world{Rig: accounttest.New(t, d), t: t}
		w.admin = w.OpenFor("harbour", "mary.chen@harbourdental.example")
		w.key, _ = w.Key(w.admin)
		server := httptest.NewServer(w.handler(func(c *api.Config) { c.BaseURL, c.Hosts = "https://hub.example.com", []string{"hubline.example"} }))
		t.Cleanup(server.Close)
		w.url = server.URL
		m := masks{}
		examples := map[string]string{}
		for _, rt := range api.Routes() {
			examples[rt.ID] = rt.Example
		}
		const in = "/accounts/harbour"
		mary := w.admin.ID()

		w.send("PATCH", in, examples["change-account"]).want(200, nil).golden(m, "change-account.json")
		w.send("GET", in, nil).want(200, nil).golden(m, "get-account.json")
		w.send("GET", in+"/roles", nil).want(200, nil).golden(m, "list-rights.json")

		w.send("PATCH", in+"/hub-users/"+mary, `{"name":"Mary Chen"}`).want(200, nil)
		w.Clock.Advance(time.Minute)
		jo := w.Join(w.admin, "jo.baptiste@harbourdental.example").ID()
		w.send("PATCH", in+"/hub-users/"+jo, `{"name":"Jo Baptiste"}`).want(200, nil)
		w.send("PATCH", in+"/hub-users/"+jo, examples["change-hub-user"]).want(200, nil).golden(m, "change-hub-user.json")
		w.send("GET", in+"/hub-users/"+jo, nil).want(200, nil).golden(m, "get-hub-user.json")
		w.send("GET", in+"/hub-users?limit=1&sort=-name", nil).want(200, nil).golden(m, "list-hub-users.json")
		w.send("GET", in+"/hub-users.csv", nil).want(200, nil).golden(m, "download-hub-users.csv")

		w.Clock.Advance(time.Hour)
		var sam api.Invitation
		w.send("POST", in+"/invitations", examples["invite"]).want(201, &sam).golden(m, "invite.json")
		w.RunJobs()
		w.send("GET", in+"/invitations/"+sam.ID, nil).want(200, nil).golden(m, "get-invitation.json")
		w.send("PATCH", in+"/invitations/"+sam.ID, examples["change-invitation"]).want(200, nil).golden(m, "change-invitation.json")
		w.Clock.Advance(time.Hour)
		w.send("POST", in+"/invitations/"+sam.ID+"/resend", nil).want(200, nil).golden(m, "resend-invitation.json")
		w.send("GET", in+"/invitations", nil).want(200, nil).golden(m, "list-invitations.json")

		w.goldenPhones(m, examples)
		w.goldenCalls(m)

		var more, music api.Ticket
		w.send("POST", in+"/tickets", examples["open-ticket"]).want(201, &more).golden(m, "open-ticket.json")
		w.send("POST", in+"/tickets", examples["open-ticket"]).want(409, nil).golden(m, "problems/limit-request-open.json")
		w.Clock.Advance(time.Minute)
		w.send("POST", in+"/tickets", `{"kind":"question","subject":"Hold music","description":"How do we change it?"}`).want(201, &music)
		staff := w.Staff("sam@voice.example").Inside(w.admin.Account)
		w.Clock.Advance(time.Minute)
		if _, err := w.Support.Answer(t.Context(), staff, music.ID, support.Answer{Text: "Under Sounds, with a file of yours."}); err != nil {
			t.Fatal(err)
		}
		w.Clock.Advance(time.Minute)
		w.send("POST", in+"/tickets/"+music.ID+"/answers", examples["answer-ticket"]).want(200, nil).golden(m, "answer-ticket.json")
		w.send("GET", in+"/tickets/"+music.ID, nil).want(200, nil).golden(m, "get-ticket.json")
		w.send("GET", in+"/tickets?limit=1", nil).want(200, nil).golden(m, "list-tickets.json")

		w.send("GET", in+"/audit-log?limit=2&area=invitation", nil).want(200, nil).golden(m, "list-audit-log.json")
		w.send("GET", in+"/audit-log.csv?area=invitation", nil).want(200, nil).golden(m, "download-audit-log.csv")

		var keys api.APIKeys
		w.send("GET", in+"/api-keys", nil).want(200, &keys).golden(m, "list-api-keys.json")
		w.send("POST", in+"/audit-log/checkpoint", nil).want(200, nil).golden(m, "sign-audit-log.json")
		w.send("GET", in+"/audit-log/checkpoint", nil).want(200, nil).golden(m, "get-audit-checkpoint.json")
		whole := w.send("GET", in+"/audit-log.jsonl", nil).want(200, nil)
		if _, err := account.CheckAudit(strings.NewReader(whole.body), account.AuditCheck{}); err != nil {
			t.Error(err)
		}
		lines := strings.SplitAfter(whole.body, "\n")
		whole.body = strings.Join(append(lines[:3], lines[len(lines)-2]), "") // the rest is like these
		whole.golden(m, "download-audit-log-proof.jsonl")

		w.send("GET", in+"/nothing", nil).want(404, nil).golden(m, "problems/no-such-address.json")
		w.send("PUT", in, `{}`).want(405, nil).golden(m, "problems/method.json")
		w.send("GET", in, nil, "Authorization", "Bearer hk_x").want(401, nil).golden(m, "problems/key-unknown.json")
		w.send("GET", in, nil, "Authorization", "").want(401, nil).golden(m, "problems/key-missing.json")
		w.send("GET", "/accounts/northside", nil).want(404, nil).golden(m, "problems/not-found.json")
		w.send("DELETE", in+"/invitations/"+sam.ID, nil, "If-Match", `"1-sent-pending"`).want(412, nil).golden(m, "problems/changed-meanwhile.json")
		w.send("POST", in+"/invitations", `{"email":"x","name":"www.example.com","roles":["boss"]}`).want(422, nil).golden(m, "problems/field-choice.json")
		w.send("POST", in+"/invitations", `{"email":"x","name":"","message":"`+strings.Repeat("a", 501)+`"}`).want(422, nil).golden(m, "problems/email-form.json")
		w.send("POST", in+"/invitations", `{"role":[],"email":1}`).want(422, nil).golden(m, "problems/field-type.json")
		w.send("PATCH", in+"/hub-users/"+mary, `{"roles":[]}`).want(409, nil).golden(m, "problems/last-admin.json")

		w.goldenGroups(m, examples)
		w.goldenReviews(m, examples)
		w.goldenVisits(m, examples)
		w.goldenImports(m, examples)
		w.send("DELETE", in+"/invitations/"+sam.ID, nil).want(204, nil)
		w.send("DELETE", in+"/hub-users/"+jo+"/sessions", nil).want(204, nil)
		w.send("DELETE", in+"/hub-users/"+jo, nil).want(204, nil)
		w.goldenWebhooks(m, examples)
	})
}

// goldenGroups keeps the answers about groups.
func (w *world) goldenGroups(m masks, examples map[string]string) {
	const in = "/accounts/harbour"
	var g api.Group
	var people api.HubUsers
	w.send("POST", in+"/groups", examples["make-group"]).want(201, &g).golden(m, "make-group.json")
	at := in + "/groups/" + g.ID
	w.send("POST", at+"/hub-users", examples["add-to-group"]).want(200, nil).golden(m, "add-to-group.json")
	w.send("GET", in+"/groups", nil).want(200, nil).golden(m, "list-groups.json")
	w.send("GET", at+"/hub-users", nil).want(200, &people).golden(m, "list-group-people.json")
	w.send("PATCH", at, examples["change-group"]).want(200, nil).golden(m, "change-group.json")
	w.send("GET", at, nil).want(200, nil).golden(m, "get-group.json")
	w.send("DELETE", at+"/hub-users/"+people.Items[0].ID, nil).want(204, nil)
	w.send("DELETE", at, nil, "If-Match", `"2"`).want(412, nil)
	w.send("DELETE", at, nil).want(204, nil)
}

// goldenImports keeps the answers about lists of people and of phone users.
func (w *world) goldenImports(m masks, examples map[string]string) {
	const in = "/accounts/harbour"
	var people api.HubUserImport
	w.send("POST", in+"/hub-user-imports", strings.ReplaceAll(examples["import-hub-users"], "sam.", "sue.")).want(201, &people).golden(m, "import-hub-users.json")
	at := in + "/hub-user-imports/" + people.ID
	w.send("GET", at+"/lines?outcome=refused", nil).want(200, nil).golden(m, "list-hub-user-import-lines.json")
	w.send("PATCH", at, examples["change-hub-user-import"]).want(200, nil).golden(m, "change-hub-user-import.json")
	w.send("POST", at+"/run", nil).want(200, nil).golden(m, "run-hub-user-import.json")
	w.RunJobs()
	w.send("GET", at, nil).want(200, nil).golden(m, "get-hub-user-import.json")
	w.send("GET", in+"/hub-user-imports", nil).want(200, nil).golden(m, "list-hub-user-imports.json")
	w.send("PATCH", at, examples["change-hub-user-import"]).want(409, nil).golden(m, "problems/import-started.json")
	w.send("POST", in+"/hub-user-imports", `{"csv":"Name\nSam\n"}`).want(422, nil).golden(m, "problems/import-columns.json")

	var phones api.PhoneUserImport
	w.send("POST", in+"/phone-user-imports", examples["import-phone-users"]).want(201, &phones).golden(m, "import-phone-users.json")
	at = in + "/phone-user-imports/" + phones.ID
	w.send("GET", at+"/lines?outcome=problem", nil).want(200, nil).golden(m, "list-phone-user-import-lines.json")
	w.send("PATCH", at, examples["change-phone-user-import"]).want(200, nil).golden(m, "change-phone-user-import.json")
	w.send("POST", at+"/run", examples["run-phone-user-import"]).want(200, nil).golden(m, "run-phone-user-import.json")
	w.RunJobs()
	w.send("GET", at, nil).want(200, nil).golden(m, "get-phone-user-import.json")
	w.send("GET", in+"/phone-user-imports", nil).want(200, nil).golden(m, "list-phone-user-imports.json")
}

// goldenWebhooks keeps the answers about webhooks. Nothing is sent, as nobody runs the room.
func (w *world) goldenWebhooks(m masks, examples map[string]string) {
	const in = "/accounts/harbour/webhooks"
	var hook, again api.SecretWebhook
	w.send("POST", in, examples["add-webhook"], "Idempotency-Key", "hook").want(201, &hook).golden(m, "add-webhook.json")
	w.send("POST", in, examples["add-webhook"], "Idempotency-Key", "hook").want(201, &again)
	if again.ID != hook.ID || again.Secret != hook.Secret {
		w.t.Errorf("the repeat added %+v, the first %+v", again, hook)
	}
	var sent api.WebhookDelivery
	at := in + "/" + hook.ID
	w.send("POST", at+"/test", nil).want(200, &sent).golden(m, "test-webhook.json")
	w.send("GET", at, nil).want(200, nil).golden(m, "get-webhook.json")
	w.send("GET", in, nil).want(200, nil).golden(m, "list-webhooks.json")
	w.send("GET", at+"/deliveries?state=waiting&event=test", nil).want(200, nil).golden(m, "list-webhook-deliveries.json")
	w.send("GET", at+"/deliveries/"+sent.ID, nil).want(200, nil).golden(m, "get-webhook-delivery.json")
	w.send("POST", at+"/deliveries/"+sent.ID+"/replay", nil).want(200, nil).golden(m, "replay-webhook-delivery.json")
	w.send("POST", at+"/replay-failed", nil).want(409, nil).golden(m, "problems/webhook-none-failed.json")
	if _, err := w.DB.ExecContext(w.t.Context(), `UPDATE webhook_deliveries SET state = 'failed', next_at = 0 WHERE id = $1`, sent.ID); err != nil {
		w.t.Fatal(err)
	}
	w.send("POST", at+"/replay-failed", nil).want(200, nil).golden(m, "replay-failed-deliveries.json")
	w.send("POST", at+"/renew-secret", nil).want(200, &again).golden(m, "renew-webhook-secret.json")
	if again.Secret == hook.Secret || len(again.Secret) != len(hook.Secret) {
		w.t.Errorf("the secret is renewed from %q to %q", hook.Secret, again.Secret)
	}
	w.send("PATCH", at, examples["change-webhook"]).want(200, nil).golden(m, "change-webhook.json")
	w.send("PATCH", at, `{"url":"https://10.0.0.1/hooks"}`).problem(422, "url-inner", "url")
	w.send("PATCH", at, `{"events":[]}`).problem(422, "events-empty", "events")
	w.send("PATCH", at, `{"description":"x"}`, "If-Match", `"1"`).want(412, nil)
	w.send("POST", at+"/pause", nil).want(200, nil).golden(m, "pause-webhook.json")
	w.send("POST", at+"/test", nil).want(409, nil).golden(m, "problems/webhook-paused.json")
	w.send("POST", at+"/resume", nil).want(200, nil).golden(m, "resume-webhook.json")
	w.send("DELETE", at, nil).want(204, nil)
	w.send("GET", at, nil).want(404, nil)
}

// goldenPhones keeps the answers about phone users and numbers.
func (w *world) goldenPhones(m masks, examples map[string]string) {
	const in = "/accounts/harbour"
	inside := account.Operate().Inside(w.admin.Account)
	for e164, name := range map[string]string{"+61255500142": "Main line", "+61491570156": "Mary's mobile"} {
		if _, err := w.Numbers.Assign(w.t.Context(), inside, e164, name); err != nil {
			w.t.Fatal(err)
		}
	}
	var mary, priya api.PhoneUser
	w.send("POST", in+"/phone-users", `{"extension":"101","display_name":"Mary Chen","email":"mary.chen@harbourdental.example","local_prefix":"02",
		"caller_id":"02 5550 0142","sms_number":"0491 570 156","app_enabled":true}`).want(201, &mary)
	w.RunJobs()
	for _, kind := range []string{phoneuser.Phone, phoneuser.PhoneSHA256} {
		w.Clock.Advance(time.Minute)
		if _, err := w.Phones.Provide(w.t.Context(), inside, mary.ID, kind); err != nil {
			w.t.Fatal(err)
		}
	}
	w.send("POST", in+"/phone-users", examples["add-phone-user"]).want(201, &priya).golden(m, "add-phone-user.json")
	w.send("POST", in+"/phone-users", examples["add-phone-user"]).want(422, nil).golden(m, "problems/extension-taken.json")
	w.send("POST", in+"/phone-users", `{"extension":"108","display_name":"","caller_id":"1300 975 707","app_enabled":true}`).want(422, nil).golden(m, "problems/display-name-empty.json")
	w.send("GET", in+"/phone-users/"+mary.ID, nil).want(200, nil).golden(m, "get-phone-user.json")
	w.send("GET", in+"/phone-users?limit=1&q=5550%200142", nil).want(200, nil).golden(m, "list-phone-users.json")
	w.send("GET", in+"/phone-users.csv", nil).want(200, nil).golden(m, "download-phone-users.csv")
	w.send("PATCH", in+"/phone-users/"+mary.ID, examples["change-phone-user"]).want(200, nil).golden(m, "change-phone-user.json")
	w.send("PATCH", in+"/phone-users/"+mary.ID, `{"extension":"102"}`).want(422, nil).golden(m, "problems/extension-fixed.json")
	w.Clock.Advance(time.Minute)
	w.send("POST", in+"/phone-users/"+mary.ID+"/send-details", nil).want(200, nil).golden(m, "send-details.json")
	var devices api.Devices
	list := w.send("GET", in+"/phone-users/"+mary.ID+"/devices", nil).want(200, &devices)
	list.body = usernames.ReplaceAllString(list.body, `"username":"${1}k3vq5zr2yb7m4xw6ct2a"`)
	list.golden(m, "list-devices.json")
	w.send("DELETE", in+"/phone-users/"+mary.ID+"/devices/"+devices.Items[0].ID, nil).want(204, nil)
	w.send("POST", in+"/phone-users/"+mary.ID+"/reset-password", nil).want(200, nil).golden(m, "reset-password.json")
	w.send("DELETE", in+"/phone-users/"+priya.ID, nil).want(204, nil)

	w.send("PATCH", in+"/numbers/+61255500142", `{"route":{"kind":"phone-user","phone_user_id":"`+mary.ID+`"}}`).want(200, nil)
	w.send("PATCH", in+"/numbers/+61255500142", examples["change-number"]).want(200, nil).golden(m, "change-number.json")
	w.send("GET", in+"/numbers/+61255500142", nil).want(200, nil).golden(m, "get-number.json")
	w.send("GET", in+"/numbers", nil).want(200, nil).golden(m, "list-numbers.json")
	w.send("GET", in+"/numbers.csv", nil).want(200, nil).golden(m, "download-numbers.csv")
}

// goldenCalls keeps the answers about calls.
func (w *world) goldenCalls(m masks) {
	const in = "/accounts/harbour"
	begin := w.Clock.Now().Add(-time.Hour).UnixMilli()
	ms := func(seconds int64) int64 { return begin + seconds*1000 }
	mary := call.Record{AccountID: w.admin.Account.ID, Direction: call.Inbound, Status: call.Answered, FromNumber: "+61491570156", ToNumber: "+61255500142",
		ToName: "Mary Chen", ServiceNumber: "+61255500142", ServiceName: "Main line", AnsweringPoint: "Mary Chen", StartedAt: ms(0), AnsweredAt: ms(9), EndedAt: ms(104),
		RingMS: 9000, TalkMS: 95_000, Cause: "hung-up", EndedBy: "caller", SIPStatus: 200,
		Steps: []call.Step{{At: ms(0), Kind: "dialled", Party: "Mary Chen"}, {At: ms(0), Kind: "ringing", Party: "Mary Chen", Status: 180},
			{At: ms(9), Kind: "answered", Party: "Mary Chen", Status: 200}, {At: ms(104), Kind: "ended", Party: "caller", Text: "hung-up"}}}
	missed := mary
	missed.Status, missed.AnsweringPoint, missed.AnsweredAt, missed.TalkMS, missed.Steps = call.Unanswered, "", 0, 0, nil
	missed.StartedAt, missed.EndedAt, missed.RingMS, missed.Cause, missed.EndedBy, missed.SIPStatus = ms(600), ms(630), 30_000, "no-answer", "system", 480
	out := call.Record{AccountID: mary.AccountID, Direction: call.Outbound, Status: call.Answered, FromNumber: "+61255500142", FromName: "Mary Chen", ToNumber: "+61491570156",
		ServiceNumber: "+61255500142", ServiceName: "Main line", AnsweringPoint: "0491 570 156", StartedAt: ms(1200), AnsweredAt: ms(1205), EndedAt: ms(1265),
		RingMS: 5000, TalkMS: 60_000, Cause: "hung-up", EndedBy: "callee", SIPStatus: 200}
	live := call.Record{AccountID: mary.AccountID, Direction: call.Internal, FromNumber: "101", FromName: "Mary Chen", ToNumber: "102", ToName: "Tom Okafor", StartedAt: ms(3595)}
	answered := w.Record(w.t, mary)
	for _, c := range []call.Record{missed, out} {
		w.Record(w.t, c)
	}
	ongoing := w.Record(w.t, live)
	w.send("GET", in+"/calls/"+answered, nil).want(200, nil).golden(m, "get-call.json")
	w.send("GET", in+"/calls?limit=1&number=0491%20570%20156", nil).want(200, nil).golden(m, "list-calls.json")
	w.send("GET", in+"/calls.csv", nil).want(200, nil).golden(m, "download-calls.csv")
	w.send("GET", in+"/live-calls", nil).want(200, nil).golden(m, "list-live-calls.json")
	w.send("DELETE", in+"/live-calls/"+ongoing, nil).want(204, nil)
	w.send("DELETE", in+"/live-calls/"+answered, nil).want(409, nil).golden(m, "problems/call-over.json")
	for _, kind := range report.Kinds {
		w.send("GET", in+"/reports/"+kind.Name+"?days=3&limit=2", nil).want(200, nil).golden(m, "report-"+kind.Name+".json")
		w.send("GET", in+"/reports/"+kind.Name+".csv?days=3", nil).want(200, nil).golden(m, "download-"+kind.Name+".csv")
	}
}
