package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"hubline/api"
	"hubline/base/db"
	"hubline/base/db/dbtest"
)

// directory is a world with directory sync turned on.
type directory struct {
	*world
	token string
}

func eachDirectory(t *testing.T, fn func(t *testing.T, d *directory)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, store *db.DB) {
		w := newWorld(t, store, func(c *api.Config) { c.RateLimit.Burst = 1000 })
		token, _ := w.Directory(w.admin)
		fn(t, &directory{w, token})
	})
}

// ask makes a request as the directory does.
func (d *directory) ask(method, path, body string, headers ...string) reply {
	d.t.Helper()
	var content any
	if body != "" {
		content = body
	}
	return send(d.t, d.url, method, "/scim/v2"+path, content, append([]string{"Authorization", "Bearer " + d.token, "Content-Type", "application/scim+json"}, headers...)...)
}

// resource is what tests read of users, groups and lists.
type resource struct {
	Schemas     []string
	ID          string
	UserName    string
	ExternalID  string
	DisplayName string
	Active      *bool
	Name        any
	Emails      []struct {
		Value, Type string
		Primary     bool
	}
	Members      []struct{ Value, Display string }
	Meta         struct{ ResourceType, Location, Created, LastModified string }
	TotalResults int
	StartIndex   int
	ItemsPerPage int
	Resources    []resource
}

// part is a part of a user's name.
func (v resource) part(name string) string {
	parts, _ := v.Name.(map[string]any)
	text, _ := parts[name].(string)
	return text
}

// made checks the status and returns what came back.
func made(r reply, status int) (v resource) {
	r.t.Helper()
	r.want(status, &v)
	if kind := r.header.Get("Content-Type"); kind != "application/scim+json" {
		r.t.Errorf("%s: an answer of type %q", r.what, kind)
	}
	return v
}

// refused checks that the answer is a SCIM error.
func refused(r reply, status int, kind string) {
	r.t.Helper()
	var e struct {
		Schemas                  []string
		Status, ScimType, Detail string
	}
	r.want(status, &e)
	if e.ScimType != kind || e.Status != fmt.Sprint(status) || e.Detail == "" || !slices.Equal(e.Schemas, []string{"urn:ietf:params:scim:api:messages:2.0:Error"}) || r.header.Get("Content-Type") != "application/scim+json" {
		r.t.Errorf("%s: %s, want %d %s", r.what, r.body, status, kind)
	}
}

func filter(text string) string { return "?filter=" + url.QueryEscape(text) }

// What Okta sends, in its order: a test of the connection, a look whether the user exists, the user, a changed profile, a group with its
// people, a new name for it, deactivation by patch, and activation again.
func TestSCIMOkta(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d *directory) {
		if v := made(d.ask("GET", "/Users?startIndex=1&count=2", ""), 200); v.TotalResults != 0 || v.StartIndex != 1 || v.Schemas[0] != "urn:ietf:params:scim:api:messages:2.0:ListResponse" {
			t.Errorf("an empty list: %+v", v)
		}
		made(d.ask("GET", "/Groups?startIndex=1&count=100", ""), 200)
		if v := made(d.ask("GET", "/Users"+filter(`userName eq "pat.lind@harbour.example"`)+"&startIndex=1&count=100", ""), 200); v.TotalResults != 0 || v.Resources == nil {
			t.Errorf("nobody: %+v", v)
		}
		profile := func(family string, active bool) string {
			return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"pat.lind@harbour.example","name":{"givenName":"Pat","familyName":%q},
				"emails":[{"primary":true,"value":"pat.lind@harbour.example","type":"work"}],"displayName":"Pat %s","locale":"en-AU","externalId":"00u1abcd","groups":[],"password":"1mz050nq","active":%t}`, family, family, active)
		}
		r := d.ask("POST", "/Users", profile("Lind", true))
		pat := made(r, 201)
		if pat.ID == "" || r.header.Get("Location") != "https://hubline.example/scim/v2/Users/"+pat.ID || pat.Meta.Location != r.header.Get("Location") || pat.Meta.ResourceType != "User" || !*pat.Active {
			t.Errorf("made: %+v at %s", pat, r.header.Get("Location"))
		}
		if strings.Contains(r.body, "1mz050nq") {
			t.Error("a password comes back")
		}
		refused(d.ask("POST", "/Users", profile("Lind", true)), 409, "uniqueness")
		user := d.AcceptOffer(d.admin.Account, "pat.lind@harbour.example")
		if v := made(d.ask("GET", "/Users/"+pat.ID, ""), 200); v.part("familyName") != "Lind" || v.ExternalID != "00u1abcd" || !*v.Active {
			t.Errorf("after agreeing: %+v", v)
		}
		if v := made(d.ask("PUT", "/Users/"+pat.ID, profile("Brown", true)), 200); v.part("familyName") != "Brown" || v.ID != pat.ID {
			t.Errorf("replaced: %+v", v)
		}
		if hub, _ := d.user(user.ID()); hub.Name != "Pat Brown" {
			t.Errorf("the account calls them %s", hub.Name)
		}

		group := made(d.ask("POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Reception","members":[{"value":"`+pat.ID+`","display":"pat.lind@harbour.example"}]}`), 201)
		if len(group.Members) != 1 || group.Members[0].Value != pat.ID {
			t.Errorf("group: %+v", group)
		}
		d.ask("PATCH", "/Groups/"+group.ID, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"id":"`+group.ID+`","displayName":"Front desk"}}]}`).want(204, nil)
		d.ask("PATCH", "/Groups/"+group.ID, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members[value eq \"`+pat.ID+`\"]"},{"op":"add","path":"members","value":[{"value":"`+pat.ID+`","display":"Pat"}]}]}`).want(204, nil)
		if v := made(d.ask("PUT", "/Groups/"+group.ID, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Front desk","members":[]}`), 200); v.DisplayName != "Front desk" || len(v.Members) != 0 {
			t.Errorf("the group: %+v", v)
		}

		off := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`
		if v := made(d.ask("PATCH", "/Users/"+pat.ID, off), 200); *v.Active {
			t.Errorf("deactivated: %+v", v)
		}
		if hub, _ := d.user(scan(t, d.world, `SELECT id FROM memberships WHERE email = 'pat.lind@harbour.example'`)); hub.State != "deactivated" {
			t.Errorf("the hub user is %s", hub.State)
		}
		if v := made(d.ask("PUT", "/Users/"+pat.ID, profile("Brown", true)), 200); !*v.Active {
			t.Errorf("activated: %+v", v)
		}
		user.Actor()
	})
}

func scan(t *testing.T, w *world, query string) (text string) {
	t.Helper()
	if err := w.DB.QueryRowContext(t.Context(), query).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

// What Entra sends, in its order, with the habits of its own: capital names of operations, "False" for false, flags in the address, groups
// read without their members, an attribute at a time, and soft deletion before deletion.
func TestSCIMEntra(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d *directory) {
		if v := made(d.ask("GET", "/Users"+filter(`userName eq "a3f6c1de-70aa-4a51-8e7b-2f7d05c2a111"`)+"&aadOptscim062020=", ""), 200); v.TotalResults != 0 {
			t.Errorf("a made-up user of the connection test: %+v", v)
		}
		lee := made(d.ask("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"externalId":"lee",
			"userName":"lee@contoso.example","active":true,"displayName":"Lee Park","emails":[{"primary":true,"type":"work","value":"Lee@harbour.example"}],"meta":{"resourceType":"User"},
			"name":{"formatted":"Lee Park","familyName":"Park","givenName":"Lee"},"roles":[],"title":"Nurse","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Ward 3","manager":{"value":"x"}}}`), 201)
		if lee.UserName != "lee@contoso.example" || lee.Emails[0].Value != "lee@harbour.example" { // the address invited is the work address, not the user name
			t.Errorf("made: %+v", lee)
		}
		d.AcceptOffer(d.admin.Account, "lee@harbour.example")
		if v := made(d.ask("GET", "/Users"+filter(`externalId eq "lee"`), ""), 200); v.TotalResults != 1 || v.Resources[0].ID != lee.ID {
			t.Errorf("by externalId: %+v", v)
		}
		patch := func(operations string) reply {
			return d.ask("PATCH", "/Users/"+lee.ID, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+operations+`]}`)
		}
		v := made(patch(`{"op":"Replace","path":"userName","value":"lee.park@contoso.example"},{"op":"Replace","path":"emails[type eq \"work\"].value","value":"lee@harbour.example"},
			{"op":"Replace","path":"name.familyName","value":"Park-Jones"},{"op":"Add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department","value":"Ward 4"},{"op":"Add","path":"title","value":"Lead"},{"op":"Remove","path":"displayName"}`), 200)
		if v.UserName != "lee.park@contoso.example" || v.part("familyName") != "Park-Jones" || v.DisplayName != "" || !*v.Active {
			t.Errorf("patched: %+v", v)
		}
		refused(patch(`{"op":"Replace","path":"emails[type eq \"work\"].value","value":"other@harbour.example"}`), 400, "mutability")
		refused(patch(`{"op":"Replace","path":"emails[type eq \"home\"].value","value":"other@harbour.example"}`), 400, "noTarget")
		if v := made(patch(`{"op":"Replace","path":"active","value":"False"}`), 200); *v.Active {
			t.Errorf("disabled: %+v", v)
		}
		if v := made(d.ask("GET", "/Users"+filter(`userName eq "LEE.PARK@contoso.example"`), ""), 200); v.TotalResults != 1 || *v.Resources[0].Active {
			t.Errorf("a disabled user by filter: %+v", v)
		}
		if v := made(patch(`{"op":"Add","value":{"active":"True","name.givenName":"Leigh"}}`), 200); !*v.Active || v.part("givenName") != "Leigh" {
			t.Errorf("enabled: %+v", v)
		}

		if v := made(d.ask("GET", "/Groups?excludedAttributes=members&filter="+url.QueryEscape(`displayName eq "Nurses"`), ""), 200); v.TotalResults != 0 {
			t.Errorf("no group: %+v", v)
		}
		nurses := made(d.ask("POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group","http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],"externalId":"8aa1a0c0","displayName":"Nurses","meta":{"resourceType":"Group"}}`), 201)
		members := func(operation string) {
			d.ask("PATCH", "/Groups/"+nurses.ID, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`+operation+`]}`).want(204, nil)
		}
		members(`{"op":"Add","path":"members","value":[{"$ref":null,"value":"` + lee.ID + `"}]}`)
		if v := made(d.ask("GET", "/Groups/"+nurses.ID, ""), 200); len(v.Members) != 1 || v.ExternalID != "8aa1a0c0" {
			t.Errorf("nurses: %+v", v)
		}
		if v := made(d.ask("GET", "/Groups/"+nurses.ID+"?excludedAttributes=members", ""), 200); v.Members != nil || v.DisplayName != "Nurses" {
			t.Errorf("nurses without members: %+v", v)
		}
		members(`{"op":"Remove","path":"members","value":[{"$ref":null,"value":"` + lee.ID + `"}]}`)
		members(`{"op":"Replace","path":"displayName","value":"Ward nurses"}`)
		if v := made(d.ask("GET", "/Groups/"+nurses.ID, ""), 200); len(v.Members) != 0 || v.DisplayName != "Ward nurses" {
			t.Errorf("nurses: %+v", v)
		}
		d.ask("DELETE", "/Groups/"+nurses.ID, "").want(204, nil)
		refused(d.ask("GET", "/Groups/"+nurses.ID, ""), 404, "")
		d.ask("DELETE", "/Users/"+lee.ID, "").want(204, nil)
		refused(d.ask("GET", "/Users/"+lee.ID, ""), 404, "")
		refused(d.ask("DELETE", "/Users/"+lee.ID, ""), 404, "")
	})
}

func TestSCIMLists(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d *directory) {
		for i := range 5 {
			made(d.ask("POST", "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"p%d@harbour.example"}`, i)), 201)
			d.Clock.Advance(1e6)
		}
		names := func(query string) (all []string) {
			v := made(d.ask("GET", "/Users"+query, ""), 200)
			if v.ItemsPerPage != len(v.Resources) {
				t.Errorf("%s: %+v", query, v)
			}
			for _, one := range v.Resources {
				name, _, _ := strings.Cut(one.UserName, "@")
				all = append(all, name)
			}
			return append(all, fmt.Sprint(v.TotalResults))
		}
		for query, want := range map[string]string{"": "p0 p1 p2 p3 p4 5", "?startIndex=2&count=2": "p1 p2 5", "?startIndex=-3&count=1": "p0 5", "?count=0": "5", "?count=-1": "5", "?startIndex=9": "5", "?count=9999": "p0 p1 p2 p3 p4 5",
			filter(`userName sw "p1" or userName eq "p3@harbour.example"`): "p1 p3 2", "?sortBy=userName&sortOrder=descending": "p0 p1 p2 p3 p4 5"} {
			if got := strings.Join(names(query), " "); got != want {
				t.Errorf("%s: %s, want %s", query, got, want)
			}
		}
		for query, kind := range map[string]string{"?startIndex=x": "invalidValue", "?count=1e3": "invalidValue", filter(`userName`): "invalidFilter", filter(`password eq "x"`): "invalidFilter", "?filter=a+pr&filter=b+pr": "invalidFilter", "?filter=%zz": "invalidValue"} {
			refused(d.ask("GET", "/Users"+query, ""), 400, kind)
		}
		r := d.ask("GET", "/Users?count=1&attributes=userName,emails.value", "").want(200, nil)
		var list struct{ Resources []map[string]any }
		if err := json.Unmarshal([]byte(r.body), &list); err != nil || len(list.Resources[0]) != 4 { // schemas, id and the two
			t.Errorf("attributes chosen: %s", r.body)
		}
		r = d.ask("GET", "/Users?count=1&excludedAttributes=urn:ietf:params:scim:schemas:core:2.0:User:emails,id", "").want(200, nil)
		if strings.Contains(r.body, "emails") || !strings.Contains(r.body, `"id"`) {
			t.Errorf("attributes left out: %s", r.body)
		}
	})
}

func TestSCIMDescribesItself(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d *directory) {
		var config map[string]any
		d.ask("GET", "/ServiceProviderConfig", "").want(200, &config)
		for part, want := range map[string]bool{"patch": true, "filter": true, "bulk": false, "sort": false, "etag": false, "changePassword": false} {
			if got := config[part].(map[string]any)["supported"]; got != want {
				t.Errorf("%s: %v", part, got)
			}
		}
		if v := made(d.ask("GET", "/ResourceTypes", ""), 200); v.TotalResults != 2 {
			t.Errorf("%+v", v)
		}
		made(d.ask("GET", "/ResourceTypes/User", ""), 200)
		refused(d.ask("GET", "/ResourceTypes/Device", ""), 404, "")
		if v := made(d.ask("GET", "/Schemas", ""), 200); v.TotalResults != 2 {
			t.Errorf("%+v", v)
		}
		made(d.ask("GET", "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group", ""), 200)
		refused(d.ask("GET", "/Schemas"+filter(`id eq "x"`), ""), 403, "")
		for _, left := range []string{"POST /Bulk", "GET /Me", "POST /.search", "POST /Users/.search"} {
			method, path, _ := strings.Cut(left, " ")
			refused(d.ask(method, path, map[string]string{"POST": "{}"}[method]), 501, "")
		}
		refused(d.ask("GET", "/Devices", ""), 404, "")
		refused(d.ask("DELETE", "/Users", ""), 405, "")
		refused(d.ask("GET", "/Users/", ""), 404, "")
	})
}

func TestSCIMErrors(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d *directory) {
		user := `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`
		jo := made(d.ask("POST", "/Users", `{`+user+`,"userName":"jo@harbour.example"}`), 201)
		admin := made(d.ask("POST", "/Users", `{`+user+`,"userName":"`+d.admin.Email+`"}`), 201)
		for _, tt := range []struct {
			method, path, body string
			status             int
			kind               string
		}{
			{"POST", "/Users", `{"userName":"x@harbour.example"}`, 400, "invalidSyntax"},
			{"POST", "/Users", `{` + user + `,`, 400, "invalidSyntax"},
			{"POST", "/Users", "{\"a\":\"\xff\"}", 400, "invalidSyntax"},
			{"POST", "/Users", `{` + user + `}`, 400, "invalidValue"},
			{"POST", "/Users", `{` + user + `,"userName":"x@other.example"}`, 400, "invalidValue"},
			{"POST", "/Users", `{` + user + `,"userName":"not an address"}`, 400, "invalidValue"},
			{"POST", "/Users", `{` + user + `,"userName":"x@harbour.example","active":"maybe"}`, 400, "invalidValue"},
			{"POST", "/Users", `{` + user + `,"userName":"x@harbour.example","displayName":"a\u0000b"}`, 400, "invalidValue"},
			{"POST", "/Users", `{` + user + `,"userName":"x@harbour.example\r\nBcc: y@harbour.example"}`, 400, "invalidValue"},
			{"POST", "/Users", `{` + user + `,"userName":"JO@harbour.example"}`, 409, "uniqueness"},
			{"POST", "/Users", `{` + user + `,"userName":"other","emails":[{"value":"jo@harbour.example"}]}`, 409, "uniqueness"},
			{"POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]}`, 400, "invalidValue"},
			{"POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"www.example.com"}`, 400, "invalidValue"},
			{"POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"X","members":[{"value":"nobody"}]}`, 400, "invalidValue"},
			{"PATCH", "/Users/" + jo.ID, `{}`, 400, "invalidSyntax"},
			{"PATCH", "/Users/" + jo.ID, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"shoeSize","value":1}]}`, 400, "invalidPath"},
			{"PATCH", "/Users/" + jo.ID, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"userName"}]}`, 400, "mutability"},
			{"PATCH", "/Users/" + admin.ID, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"active","value":false}]}`, 409, ""},
			{"DELETE", "/Users/" + admin.ID, ``, 409, ""},
			{"GET", "/Users/" + strings.Repeat("a", 26), ``, 404, ""},
			{"GET", "/Users/..%2f", ``, 404, ""},
			{"PATCH", "/Groups/" + strings.Repeat("a", 26), `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"remove","path":"members"}]}`, 404, ""},
			{"POST", "/Users", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, 413, ""},
		} {
			refused(d.ask(tt.method, tt.path, tt.body), tt.status, tt.kind)
		}
		refused(d.ask("POST", "/Users", `{}`, "Content-Type", "text/plain"), 415, "")
		refused(d.ask("GET", "/Users", "", "Host", "elsewhere.example"), 421, "")
	})
}

// NUL is no text to PostgreSQL. Wherever a directory may put it, it is told so.
func TestSCIMRefusesNUL(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d *directory) {
		const patch = `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[`
		var made resource
		d.ask("POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Front desk"}`).want(201, &made)
		for _, tt := range [][3]string{
			{"GET", `/Users?filter=externalId+eq+%22%5Cu0000%22`, ""},
			{"GET", `/Users?filter=id+eq+%22%5Cu0000%22`, ""},
			{"GET", `/Groups?filter=members+eq+%22%5Cu0000%22`, ""},
			{"POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"A","members":[{"value":"\u0000"}]}`},
			{"PATCH", "/Groups/" + made.ID, patch + `{"op":"add","path":"members","value":[{"value":"\u0000"}]}]}`},
			{"PATCH", "/Groups/" + made.ID, patch + `{"op":"add","path":"members","value":"\u0000"}]}`},
			{"PATCH", "/Groups/" + made.ID, patch + `{"op":"remove","path":"members[value eq \"\\u0000\"]"}]}`},
		} {
			d.ask(tt[0], tt[1], tt[2]).want(400, nil)
		}
	})
}

// Changing a user name that is the address moves an offer that nobody has accepted, and nobody's sign-in.
func TestSCIMUserNameThatIsTheAddress(t *testing.T) {
	eachDirectory(t, func(t *testing.T, d *directory) {
		mo := made(d.ask("POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"mo@harbour.example"}`), 201)
		rename := func(to string) reply {
			return d.ask("PATCH", "/Users/"+mo.ID, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","path":"userName","value":"`+to+`"}]}`)
		}
		if v := made(rename("maureen@harbour.example"), 200); v.Emails[0].Value != "maureen@harbour.example" {
			t.Errorf("renamed before agreeing: %+v", v)
		}
		d.AcceptOffer(d.admin.Account, "maureen@harbour.example")
		refused(rename("m@harbour.example"), 400, "mutability")
		if v := made(d.ask("GET", "/Users/"+mo.ID, ""), 200); v.UserName != "maureen@harbour.example" {
			t.Errorf("after the refusal: %+v", v)
		}
	})
}

// The page docs/scim.md names a test for what it says; each must be there.
func TestSCIMTableNamesTests(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/scim.md")
	if err != nil {
		t.Fatal(err)
	}
	var sources strings.Builder
	for _, file := range []string{"scim_test.go", "scimmatrix_test.go", "../base/scim/scim_test.go", "../product/account/directory_test.go", "../test/tokens_test.go", "../test/isolation_test.go", "../web/directory_test.go"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sources.Write(text)
	}
	names := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(string(page), -1)
	if len(names) < 20 {
		t.Errorf("the table names %d tests", len(names))
	}
	for _, name := range names {
		if !strings.Contains(sources.String(), "func "+name[1]+"(") {
			t.Errorf("docs/scim.md names %s, which is not there", name[1])
		}
	}
	for i, line := range strings.Split(string(page), "\n") {
		if cells := strings.Split(line, "|"); len(cells) == 6 && strings.HasPrefix(line, "| 7") && !strings.Contains(cells[4], "`") {
			t.Errorf("docs/scim.md, line %d: no test", i+1)
		}
	}
}
