package api_test

import (
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"hubline/api"
	"hubline/base/db/dbtest"
	"hubline/product/account"
)

func TestDocumentIsComplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), func(c *api.Config) { c.BaseURL, c.Hosts = "https://hub.example.com", []string{"hubline.example"} })
	doc, text := document(t, w.url)
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || len(doc.Servers) != 1 || doc.Servers[0].URL != "https://hub.example.com/api/v1" {
		t.Errorf("OpenAPI %s at %+v", doc.OpenAPI, doc.Servers)
	}
	compare(t, filepath.Join("..", "docs", "api", "openapi.json"), text)

	routes := map[string]api.Route{}
	for _, rt := range api.Routes() {
		routes[rt.Method+" "+rt.Path] = rt
	}
	for _, op := range doc.operations() {
		name := op.method + " " + op.path
		rt, known := routes[name]
		if delete(routes, name); !known {
			t.Errorf("%s is not in the table of routes", name)
			continue
		}
		checkOperation(t, name, rt, op)
	}
	for name := range routes {
		t.Errorf("%s is not in the document", name)
	}
	for name, schema := range doc.Components.Schemas {
		for field, p := range schema.Properties {
			if p.Description == "" && p.Ref == "" {
				t.Errorf("%s.%s has no description", name, field)
			}
		}
	}
	if strings.Contains(text, "uniqueItems") {
		t.Error("uniqueItems makes huma panic on lists of objects")
	}
}

func checkOperation(t *testing.T, name string, rt api.Route, op operation) {
	t.Helper()
	if op.OperationID == "" || op.Summary == "" || len(op.Description) < 20 || len(op.Tags) != 1 {
		t.Errorf("%s lacks a name, a summary, a description or a tag", name)
	}
	if op.Permission != string(rt.Permission) || rt.Permission == "" {
		t.Errorf("%s needs %v, the table says %q", name, op.Permission, rt.Permission)
	}
	if len(op.Security) != 1 || !slices.Equal(op.Security[0]["key"], []string{string(rt.Permission)}) {
		t.Errorf("%s does not ask for a key with %s: %v", name, rt.Permission, op.Security)
	}
	for _, p := range op.Parameters {
		if p.Description == "" {
			t.Errorf("%s: the parameter %s has no description", name, p.Name)
		}
		if len(p.Schema.Examples) == 0 && p.Name != "after" {
			t.Errorf("%s: the parameter %s has no example", name, p.Name)
		}
	}
	if op.RequestBody != nil && op.RequestBody.Content["application/json"].Example == nil {
		t.Errorf("%s: the body has no example", name)
	}
	for status, response := range op.Responses {
		for kind, media := range response.Content {
			if media.Example == nil {
				t.Errorf("%s: the answer %s as %s has no example", name, status, kind)
			}
		}
	}
	for _, status := range []string{"401", "403", "404", "422", "429", "500", "503"} {
		if op.Responses[status] == nil {
			t.Errorf("%s does not say that it may answer %s", name, status)
		}
	}
	if write := rt.Method != http.MethodGet; write != hasParameter(op, "Idempotency-Key") || write && (op.Responses["409"] == nil || op.Responses["413"] == nil) {
		t.Errorf("%s: what it says about repeats does not fit its method", name)
	}
}

func hasParameter(op operation, name string) bool {
	return slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Name == name })
}

// undeclared are rights that no operation names: what they allow is done on pages alone, or is a part of an operation that the room
// asks for by itself, as where a number leads.
var undeclared = []account.Permission{account.ChangeNumbers, account.AskForChanges, account.AskInvoiceDetails, account.ShowPIN, account.AllKeys}

// Every verb of the table of rights that the room knows can be reached, and no route is open to whoever lacks its permission.
func TestRoutesDeclarePermissions(t *testing.T) {
	t.Parallel()
	used := map[account.Permission]bool{}
	for _, rt := range api.Routes() {
		used[rt.Permission] = true
		if !slices.ContainsFunc(account.Rights, func(r account.Right) bool { return r.Permission == rt.Permission }) {
			t.Errorf("%s %s: the room account knows no permission %q", rt.Method, rt.Path, rt.Permission)
		}
	}
	for _, right := range account.Rights {
		if used[right.Permission] == slices.Contains(undeclared, right.Permission) {
			t.Errorf("%s: either an operation of the API needs it, or it is in the list of those that none needs", right.Permission)
		}
	}
}

func TestReferenceIsReadableWithoutOtherHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t), nil)
	for _, path := range []string{"/api/v1/docs", "/api/v1/problems", "/api/v1/problems/last-admin"} {
		r := send(t, w.url, "GET", path, nil).want(200, nil)
		if policy := r.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'self'; script-src 'self'") {
			t.Errorf("%s: policy %q", path, policy)
		}
		for _, bad := range []string{"<script", " style=", " onclick", "<no value>", "%!", "{{"} {
			if strings.Contains(r.body, bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
		for _, m := range regexp.MustCompile(`(?:href|src)="([^"]*)"`).FindAllStringSubmatch(r.body, -1) {
			switch {
			case strings.HasPrefix(m[1], "#"):
				if !strings.Contains(r.body, ` id="`+m[1][1:]+`"`) {
					t.Errorf("%s links to %s, which is not there", path, m[1])
				}
			case strings.HasPrefix(m[1], "/api/v1/"):
				send(t, w.url, "GET", m[1], nil).want(200, nil)
			default:
				t.Errorf("%s links to %q", path, m[1])
			}
		}
	}
	text := send(t, w.url, "GET", "/api/v1/docs", nil).body
	for _, rt := range api.Routes() {
		for _, want := range []string{`id="` + rt.ID + `"`, "<code>" + rt.Path + "</code>", rt.Summary} {
			if !strings.Contains(text, want) && !strings.Contains(text, strings.ReplaceAll(want, "'", "&#39;")) {
				t.Errorf("the reference lacks %s", want)
			}
		}
	}
	yaml := send(t, w.url, "GET", "/api/v1/openapi.yaml", nil).want(200, nil)
	if !strings.HasPrefix(yaml.body, "openapi: 3.1.") && !strings.Contains(yaml.body, "\nopenapi: 3.1.") {
		t.Errorf("YAML begins %.60q", yaml.body)
	}
	again := send(t, w.url, "GET", "/api/v1/docs", nil, "If-None-Match", send(t, w.url, "GET", "/api/v1/docs", nil).header.Get("ETag"))
	again.want(304, nil)
}
