package web

import (
	"encoding/csv"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// exec changes the store behind the room's back, for what would take a test months or ten thousand mails.
func (w *world) exec(query string, args ...any) {
	w.t.Helper()
	if _, err := w.DB.ExecContext(w.t.Context(), query, args...); err != nil {
		w.t.Fatal(err)
	}
}

// rows are the lines of the list that a page shows, as text.
func (p *page) rows() []string {
	var rows []string
	body, _, _ := strings.Cut(p.body[strings.Index(p.body, "<tbody")+1:], "</tbody>")
	for _, row := range strings.Split(body, "<tr ")[1:] {
		rows = append(rows, wordsOf("<"+row))
	}
	return rows
}

// row is the line of a list that holds a word.
func (v *visitor) row(word string) string {
	v.world.t.Helper()
	for _, row := range v.rows() {
		if strings.Contains(row, word) {
			return row
		}
	}
	v.world.t.Fatalf("no row has %q: %s", word, v.text())
	return ""
}

var linkTag = regexp.MustCompile(`(?s)<a ([^>]*)>(.*?)</a>`)

// link is the address of the first link with these words.
func (p *page) link(words string) string {
	for _, m := range linkTag.FindAllStringSubmatch(p.body, -1) {
		if wordsOf(m[2]) == words {
			return attributes(m[1])["href"]
		}
	}
	return ""
}

// follow opens the first link with these words.
func (v *visitor) follow(words string) *visitor {
	v.world.t.Helper()
	to := v.link(words)
	if to == "" {
		v.world.t.Fatalf("%s has no link %q", v.url, words)
	}
	at, err := v.url.Parse(to)
	if err != nil {
		v.world.t.Fatal(err)
	}
	return v.open(at.RequestURI())
}

// office is an account with somebody in every state of the list.
func (w *world) office() (admin *accounttest.User, ids map[string]string) {
	w.t.Helper()
	ids = map[string]string{}
	admin = w.Rig.Open("harbour")
	invite := func(email string) string {
		i, _ := w.Invite(admin, email)
		ids[email] = i.ID
		return i.ID
	}
	tom := w.Join(admin, "tom@harbour.example", account.Admin)
	mary := w.Join(admin, "mary@harbour.example")
	ids["tom"], ids["mary"] = tom.ID(), mary.ID()
	inactive := account.Deactivated
	if _, err := w.ChangeHubUser(w.t.Context(), admin.Actor(), ids["mary"], account.Change{State: &inactive}, 0); err != nil {
		w.t.Fatal(err)
	}
	invite("late@harbour.example")
	declined, token := w.Invite(admin, "paul@harbour.example", account.Billing)
	ids["paul@harbour.example"] = declined.ID
	if _, err := w.Decline(w.t.Context(), token, declined.Email); err != nil {
		w.t.Fatal(err)
	}
	w.RunJobs()
	w.Clock.Advance(8 * 24 * time.Hour)
	admin.SignIn().Check()
	tom.SignIn().Check()
	stopped, err := w.Room.Invite(w.t.Context(), tom.Actor(), account.Invite{Offers: []account.Offer{{Email: "stopped@harbour.example"}}})
	if err != nil {
		w.t.Fatal(err)
	}
	ids["stopped@harbour.example"] = stopped[0].ID
	none := account.Roles{}
	if _, err := w.ChangeHubUser(w.t.Context(), admin.Actor(), ids["tom"], account.Change{Roles: &none}, 0); err != nil {
		w.t.Fatal(err)
	}
	invite("jo@harbour.example")
	invite("bounce@harbour.example")
	w.RunJobs()
	return admin, ids
}

func TestHubUsersListSaysWhereEverybodyStands(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin, _ := w.office()
		v := w.as(admin).open("/harbour/hub-users").shows(200, "/harbour/hub-users", "All 8", "Active 2", "Invited 1", "Needs attention 4", "8 people",
			"Sydney time", "What the columns, roles and actions mean")
		for who, wanted := range map[string][]string{
			"admin@harbour.example":   {"(you)", "Admin, Billing", "Active", "Today, 9:00 am", "Edit", "Your password and devices"},
			"tom@harbour.example":     {"Standard", "Active", "22 Nov", "Edit access for Tom", "Deactivate…", "Remove from account…"},
			"mary@harbour.example":    {"Standard", "Deactivated", "Edit access for Mary", "Reactivate", "Remove from account…"},
			"jo@harbour.example":      {"Standard", "Invited, 7 days left", "Not yet", "Resend invitation to jo@harbour.example", "Change access", "Cancel invitation…"},
			"late@harbour.example":    {"Invite expired", "Resend", "Change access", "Cancel invitation…"},
			"bounce@harbour.example":  {"Email bounced", "Resend", "Change access", "Cancel invitation…"},
			"paul@harbour.example":    {"Billing", "Declined", "Invite again", "Take off the list"},
			"stopped@harbour.example": {"Stopped", "Invite again", "Take off the list"},
		} {
			row := v.row(who)
			for _, word := range wanted {
				if !strings.Contains(row, word) {
					t.Errorf("the row of %s lacks %q: %s", who, word, row)
				}
			}
		}
		for who, never := range map[string][]string{
			"admin@": {"Remove", "Deactivate…", "Resend"}, "tom@": {"Resend", "Reactivate", "Cancel"}, "mary@": {"Deactivate…", "Resend"},
			"jo@": {"Edit", "Remove", "Invite again"}, "paul@": {"Resend", "Change access", "Cancel"},
		} {
			for _, word := range never {
				if row := v.row(who); strings.Contains(row, word) {
					t.Errorf("the row of %s offers %q: %s", who, word, row)
				}
			}
		}
		if buttons := regexp.MustCompile(`<button[^>]*>(\s*<svg.*?</svg>)?\s*</button>`).FindAllString(v.body, -1); len(buttons) > 0 {
			for _, b := range buttons {
				if !strings.Contains(b, "aria-label=") {
					t.Errorf("a button without a name: %s", b)
				}
			}
		}
	})
}

func TestHubUsersFiltersAreLinksWithCounts(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin, _ := w.office()
		v := w.as(admin)
		for _, tt := range []struct {
			link, query, tally string
			rows               int
		}{
			{"Active 2", "status=active", "2 people", 2}, {"Invited 1", "status=invited", "1 person", 1}, {"Needs attention 4", "status=attention", "4 people", 4}, {"All 8", "", "8 people", 8},
		} {
			v.open("/harbour/hub-users").follow(tt.link).shows(200, "/harbour/hub-users", tt.tally)
			if v.url.RawQuery != tt.query || len(v.rows()) != tt.rows {
				t.Errorf("%s: %s shows %d rows: %q", tt.link, v.url, len(v.rows()), v.rows())
			}
		}
		v.open("/harbour/hub-users?status=attention&q=paul&sort=-name").shows(200, "/harbour/hub-users", "1 person")
		v.follow("All 8").shows(200, "/harbour/hub-users", "1 person")
		if q := v.url.Query(); q.Get("q") != "paul" || q.Get("sort") != "-name" || q.Has("status") {
			t.Errorf("the filter lost what was searched or how it was sorted: %s", v.url)
		}
		v.open("/harbour/hub-users?status=nonsense&sort=shoe-size&after=what").shows(200, "/harbour/hub-users", "8 people")
	})
}

func TestHubUsersSearch(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		for email, name := range map[string]string{"zoe@harbour.example": "Zoë Brontë", "half_price@harbour.example": "Half 50% Price", "obrien@harbour.example": "Pat O'Brien <b>"} {
			u := w.Join(admin, email)
			w.exec(`UPDATE memberships SET name = $1, search = $2 WHERE email = $3`, name, strings.ToLower(strings.NewReplacer("ë", "e").Replace(name))+" "+email, email)
			_ = u
		}
		w.Invite(admin, "invited@harbour.example")
		v := w.as(admin)
		for _, tt := range []struct {
			q    string
			want []string
		}{
			{"zoe", []string{"zoe@"}}, {"ZOË", []string{"zoe@"}}, {"bronte", []string{"zoe@"}}, {"%", []string{"half_price@"}}, {"_", []string{"half_price@"}},
			{"invited@", []string{"invited@"}}, {"o'b", []string{"obrien@"}}, {"<b>", []string{"obrien@"}}, {"  50%   price ", []string{"half_price@"}}, {`\`, nil}, {"nobody here", nil},
		} {
			v.open("/harbour/hub-users?q="+url.QueryEscape(tt.q)).shows(200, "/harbour/hub-users")
			if tt.want == nil {
				v.shows(200, "/harbour/hub-users", "Nobody matches “"+tt.q+"”", "Show everybody")
				continue
			}
			if rows := v.rows(); len(rows) != len(tt.want) || !strings.Contains(rows[0], tt.want[0]) {
				t.Errorf("search %q: %q", tt.q, rows)
			}
			if !strings.Contains(v.body, `name="q" value="`+html.EscapeString(strings.TrimSpace(tt.q))+`"`) && !strings.ContainsAny(tt.q, `'`) {
				t.Errorf("search %q is gone from the field", tt.q)
			}
		}
		v.open("/harbour/hub-users?q=%3Cscript%3E").shows(200, "/harbour/hub-users", "Nobody matches “<script>”")
	})
}

func TestHubUsersSort(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		for i, name := range []string{"cara", "ann", "ben"} {
			u := w.Join(admin, name+"@harbour.example")
			at := w.Clock.Now().UnixMilli() + int64(i+1)*1000
			w.exec(`UPDATE memberships SET invited_at = $1, accepted_at = $2, last_signed_in_at = $3 WHERE id = $4`, at, at+500-int64(i)*2000, at+int64(i)*10_000, u.ID())
		}
		v := w.as(admin)
		for _, tt := range []struct{ query, column, state, order string }{
			{"", "name", "ascending", "admin ann ben cara"}, {"?sort=-name", "name", "descending", "cara ben ann admin"},
			{"?sort=sent", "sent", "ascending", "admin cara ann ben"}, {"?sort=-sent", "sent", "descending", "ben ann cara admin"},
			{"?sort=accepted", "accepted", "ascending", "ben admin ann cara"}, {"?sort=seen", "seen", "ascending", "admin cara ann ben"},
		} {
			v.open("/harbour/hub-users" + tt.query)
			var order []string
			for _, row := range v.rows() {
				order = append(order, strings.ToLower(strings.Fields(row)[0]))
			}
			if got := strings.Join(order, " "); got != tt.order {
				t.Errorf("%q: %s, want %s", tt.query, got, tt.order)
			}
			if n := strings.Count(v.body, `aria-sort="`+tt.state+`"`); n != 1 {
				t.Errorf("%q: %d columns are %s", tt.query, n, tt.state)
			}
			if again := map[string]string{"ascending": "-" + tt.column, "descending": tt.column}[tt.state]; !strings.Contains(v.body, "sort="+again+`"`) {
				t.Errorf("%q: no link sorts the other way round", tt.query)
			}
		}
	})
}

// crowd fills an account up to ten thousand members through SQL.
func (w *world) crowd(a account.Account, n int) {
	w.t.Helper()
	const chunk = 500
	for from := 0; from < n; from += chunk {
		var values []string
		var args []any
		for i := from; i < min(n, from+chunk); i++ {
			k := len(args)
			email := fmt.Sprintf("person%05d@crowd.example", i)
			args = append(args, a.ID, fmt.Sprintf("crowd%021d", i), email, fmt.Sprintf("person %05d %s", i, email))
			values = append(values, fmt.Sprintf("($%d, $%d, $%d, $%d, 'Person', $%d, '', 'active', NULL, %d, 2, 3, 1)", k+1, k+2, k+2, k+3, k+4, i%7))
		}
		w.exec(`INSERT INTO memberships (account_id, id, person_id, email, name, search, roles, state, invitation_id, invited_at, accepted_at, last_signed_in_at, version)
			VALUES `+strings.Join(values, ", "), args...)
	}
	accounttest.Recount(w.t, w.DB)
}

func TestHubUsersOverTenThousand(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin := w.Rig.Open("harbour")
		w.crowd(admin.Account, 10_000)
		for i := range 60 {
			w.Invite(admin, fmt.Sprintf("invited%02d@crowd.example", i))
		}
		v := w.as(admin)
		for view, want := range map[string]int{"?sort=sent": 10_061, "?sort=-seen&status=active&q=person+00": 1000} {
			seen, slowest := map[string]bool{}, time.Duration(0)
			v.open("/harbour/hub-users" + view)
			for {
				for _, row := range v.rows() {
					who := regexp.MustCompile(`\S+@crowd\.example|admin@`).FindString(row)
					if seen[who] || who == "" {
						t.Fatalf("%s: %q twice, or nobody: %s", view, who, row)
					}
					seen[who] = true
				}
				next := v.link("Next page")
				if next == "" {
					break
				}
				if len(v.rows()) != 50 {
					t.Fatalf("%s: a page of %d rows", view, len(v.rows()))
				}
				start := time.Now()
				v.open(next)
				slowest = max(slowest, time.Since(start))
			}
			if len(seen) != want {
				t.Errorf("%s: %d people on all pages, want %d", view, len(seen), want)
			}
			t.Logf("%s: %d people, slowest page %v", view, len(seen), slowest)
		}
		v.open("/harbour/hub-users").shows(200, "/harbour/hub-users", "1–50 of 10,061 people", "All 10,061", "Invited 60").lacks("Previous page")
		v.follow("Next page").shows(200, "/harbour/hub-users", "51–100 of 10,061 people").follow("Next page").shows(200, "/harbour/hub-users", "101–150 of 10,061 people")
		v.follow("Previous page").shows(200, "/harbour/hub-users", "51–100 of 10,061 people").follow("Previous page").shows(200, "/harbour/hub-users", "1–50 of 10,061 people").lacks("Previous page", "First page")
		v.follow("Show 25 rows").shows(200, "/harbour/hub-users", "1–25 of 10,061 people").follow("Next page").shows(200, "/harbour/hub-users", "26–50 of 10,061 people")
		v.open("/harbour/hub-users?q=person+00&rows=100").shows(200, "/harbour/hub-users", "People 1–100").follow("Next page").shows(200, "/harbour/hub-users", "People 101–200")
		v.open("/harbour/hub-users?rows=7&from=-3&before=x").shows(200, "/harbour/hub-users", "1–50 of 10,061 people")
		v.open("/harbour/hub-users")
		if v.follow("Next page").link("First page") == "" {
			t.Error("no way back to the first page")
		}
		v.follow("First page").shows(200, "/harbour/hub-users", "1–50 of 10,061 people")
		if lines := strings.Count(v.open("/harbour/hub-users.csv?q=person+00").body, "\r\n"); lines != 1001 {
			t.Errorf("the CSV of the search has %d lines", lines)
		}
		if lines := strings.Count(v.open("/harbour/hub-users.csv").body, "\r\n"); lines != 10_062 {
			t.Errorf("the CSV has %d lines", lines)
		}
	})
}

func TestHubUsersCSV(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin, _ := w.office()
		tricks := []string{"=HYPERLINK(1)", "+61", "-1+1", "@SUM(A1)", "\tTab", "\rReturn", "Plain, with \"quotes\""}
		for i, name := range tricks {
			u := w.Join(admin, fmt.Sprintf("trick%d@harbour.example", i))
			w.exec(`UPDATE memberships SET name = $1, search = $2 WHERE id = $3`, name, fmt.Sprintf("trick%d@harbour.example", i), u.ID())
		}
		v := w.as(admin).open("/harbour/hub-users.csv")
		if v.status != 200 || v.header.Get("Content-Type") != "text/csv; charset=utf-8" ||
			v.header.Get("Content-Disposition") != `attachment; filename="harbour-hub-users-2026-11-30.csv"` {
			t.Fatalf("%d %v", v.status, v.header)
		}
		table, err := csv.NewReader(strings.NewReader(v.body)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(table[0], "|"); got != "Email|Name|Access|Comes from|Status|Second factor|Invitation sent (Australia/Sydney)|Accepted (Australia/Sydney)|Last signed in (Australia/Sydney)" {
			t.Errorf("columns %s", got)
		}
		byEmail := map[string][]string{}
		for _, row := range table[1:] {
			byEmail[row[0]] = row
		}
		if len(byEmail) != 8+len(tricks) {
			t.Errorf("%d people", len(byEmail))
		}
		for i, name := range tricks[:6] {
			if got := byEmail[fmt.Sprintf("trick%d@harbour.example", i)][1]; got != "'"+strings.TrimPrefix(name, "\r") {
				t.Errorf("%q is written as %q", name, got)
			}
		}
		if got := byEmail["trick6@harbour.example"][1]; got != tricks[6] {
			t.Errorf("a plain cell became %q", got)
		}
		if got := strings.Join(byEmail["jo@harbour.example"], "|"); got != "jo@harbour.example||Standard||Invited, 7 days left||2026-11-30 09:00||" {
			t.Errorf("an invitation: %s", got)
		}
		if got := strings.Join(byEmail["admin@harbour.example"], "|"); got != "admin@harbour.example|Admin|Admin, Billing||Active|No|2026-11-22 09:00|2026-11-22 09:00|2026-11-30 09:00" {
			t.Errorf("a hub user: %s", got)
		}
		filtered, err := csv.NewReader(strings.NewReader(w.as(admin).open("/harbour/hub-users.csv?status=attention&sort=-name").body)).ReadAll()
		if err != nil || len(filtered) != 5 || filtered[1][0] != "stopped@harbour.example" {
			t.Errorf("filtered: %v %v", filtered, err)
		}
		w.as(w.Join(admin, "std@harbour.example")).open("/harbour/hub-users.csv").shows(403, "/harbour/hub-users.csv", "You need Account admin access")
	})
}

func TestHubUsersEmptyStates(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		v := w.as(w.Rig.Open("harbour"))
		v.open("/harbour/hub-users").shows(200, "/harbour/hub-users", "Only you so far", "Invite people")
		v.open("/harbour/hub-users?status=invited").shows(200, "/harbour/hub-users", "No invitations are open", "Show everybody").lacks("Download as CSV")
		v.open("/harbour/hub-users?status=attention").shows(200, "/harbour/hub-users", "Nothing needs attention")
		v.open("/harbour/hub-users?q=marly").shows(200, "/harbour/hub-users", "Nobody matches “marly”").lacks("Only you so far")
	})
}

func TestHubUsersPartForHtmx(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin, _ := w.office()
		v := w.as(admin)
		req, err := http.NewRequest("GET", w.URL+"/harbour/hub-users?q=tom&status=active", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("HX-Request", "true")
		req.Header.Set("HX-Target", "rows")
		resp, err := v.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		part := &page{body: string(text)}
		if strings.Contains(part.body, "<html") || !strings.HasPrefix(part.body, `<div class="rows" id="rows"`) || len(part.rows()) != 1 {
			t.Errorf("the part: %s", part.body)
		}
		if !strings.Contains(part.body, `data-refresh="hub-users"`) || !strings.Contains(part.body, `id="people-filters" hx-swap-oob="true"`) || !strings.Contains(part.body, "q=tom") {
			t.Errorf("the part lacks what keeps the page right: %s", part.body)
		}
	})
}

func TestPaletteFindsPeople(t *testing.T) {
	worlds(t, func(t *testing.T, w *world) {
		admin, ids := w.office()
		v := w.as(admin).open("/harbour/palette/people?q=jo%40")
		if want := `[{"label":"jo@harbour.example","kind":"Invited, 7 days left","icon":"user","path":"/harbour/invitations/` + ids["jo@harbour.example"] + `"}]`; v.body != want {
			t.Errorf("palette: %s, want %s", v.body, want)
		}
		v.open("/harbour/palette/people?q=tom")
		if !strings.Contains(v.body, `"Tom · tom@harbour.example"`) || !strings.Contains(v.body, "/harbour/hub-users/"+ids["tom"]) {
			t.Errorf("palette: %s", v.body)
		}
		if v.open("/harbour/palette/people?q=+").body != "[]" {
			t.Errorf("palette without a search: %s", v.body)
		}
		if !strings.Contains(v.open("/harbour/").body, `data-people="/harbour/palette/people"`) {
			t.Error("an admin's palette does not look for people")
		}
		std := w.as(w.Join(admin, "std@harbour.example"))
		if strings.Contains(std.open("/harbour/").body, "palette/people") {
			t.Error("a standard user's palette looks for people")
		}
		std.open("/harbour/palette/people?q=tom").shows(403, "/harbour/palette/people")
	})
}
