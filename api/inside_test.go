package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/base/idempotent"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

// trap is a door with the given routes, the secret of a key for it, and its log.
func trap(t *testing.T, routes ...Route) (http.Handler, string, *bytes.Buffer) {
	t.Helper()
	rig := accounttest.New(t, dbtest.SQLite(t))
	secret, _ := rig.Key(rig.Open("harbour"))
	log := &bytes.Buffer{}
	d, err := build(Config{Account: rig.Room, Idempotency: &idempotent.Store{DB: rig.DB, Keys: rig.Keys}, BaseURL: accounttest.BaseURL,
		Log: slog.New(slog.NewJSONHandler(log, nil))}, routes)
	if err != nil {
		t.Fatal(err)
	}
	return d.around(http.HandlerFunc(d.dispatch)), secret, log
}

func failing(method string, err error) Route {
	return Route{Method: method, Path: "/accounts/{slug}/trap", Permission: account.ViewHome, ID: "trap", Tag: tagAccount,
		register: serve(func(*door, context.Context, account.Actor, *InAccount) (*listing[RightRows], error) {
			if err == nil {
				panic("secret stays in the log")
			}
			return nil, err
		})}
}

func TestErrorsOfOursAreOneProblemAndOneLine(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]error{"error": errors.New("no such table: secret"), "panic": nil, "fault of no kind": &fault.Fault{Message: "secret"}} {
		h, secret, log := trap(t, failing("POST", cause))
		r := httptest.NewRequest("POST", accounttest.BaseURL+"/api/v1/accounts/harbour/trap", nil)
		r.Header.Set("Authorization", "Bearer "+secret)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var p Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != 500 || p.Type != "/api/v1/problems/internal" || strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		id := w.Header().Get("X-Request-Id")
		var errorLines int
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, `"level":"ERROR"`) {
				errorLines++
				if !strings.Contains(line, id) || !strings.Contains(line, "secret") || (cause == nil) != strings.Contains(line, "inside_test.go") {
					t.Errorf("%s: logged %s", name, line)
				}
			}
		}
		if errorLines != 1 || strings.Contains(log.String(), secret) || !strings.Contains(log.String(), `"status":500`) || !strings.Contains(log.String(), `"fault":"internal"`) {
			t.Errorf("%s: %d lines of errors in\n%s", name, errorLines, log)
		}
	}
}

func TestFaultsBecomeTheirStatus(t *testing.T) {
	t.Parallel()
	for kind, want := range map[fault.Kind]int{fault.Invalid: 422, fault.NotFound: 404, fault.Forbidden: 403, fault.Conflict: 409, fault.TooMany: 429,
		fault.SignedOut: 401, fault.StepUp: 403, fault.Changed: 412, fault.Busy: 503} {
		h, secret, log := trap(t, failing("GET", &fault.Fault{Kind: kind, Code: "x", Message: "So it is"}))
		r := httptest.NewRequest("GET", accounttest.BaseURL+"/api/v1/accounts/harbour/trap", nil)
		r.Header.Set("Authorization", "Bearer "+secret)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want || strings.Contains(log.String(), "ERROR") {
			t.Errorf("%s: %d %s", kind, w.Code, w.Body)
		}
		if waits := want == 429 || want == 503; waits != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%s: Retry-After %q", kind, w.Header().Get("Retry-After"))
		}
		if (want == 401) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%s: %v", kind, w.Header())
		}
	}
	if len(statuses) != 9 {
		t.Errorf("%d kinds of faults have a status; this test knows 9", len(statuses))
	}
}

// A request that is given up leaves its key for repeats taken: nobody knows whether it took effect.
func TestAPanicKeepsTheKeyForRepeats(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{nil, context.DeadlineExceeded, errors.New("commit: connection lost")} {
		h, secret, _ := trap(t, failing("POST", cause))
		var codes []int
		var replayed string
		for range 2 {
			r := httptest.NewRequest("POST", accounttest.BaseURL+"/api/v1/accounts/harbour/trap", nil)
			r.Header.Set("Authorization", "Bearer "+secret)
			r.Header.Set("Idempotency-Key", "a")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			codes, replayed = append(codes, w.Code), w.Header().Get("Idempotency-Replayed")
		}
		if (cause == nil) == (replayed == "true") {
			t.Errorf("%v: replayed %q", cause, replayed)
		}
		want := map[error][]int{nil: {500, 409}, context.DeadlineExceeded: {504, 504}}[cause]
		if want == nil {
			want = []int{500, 500}
		}
		if !slices.Equal(codes, want) {
			t.Errorf("%v: %v, want %v", cause, codes, want)
		}
	}
}

func TestRoutesWithoutPermissionAreRefused(t *testing.T) {
	t.Parallel()
	rig := accounttest.New(t, dbtest.SQLite(t))
	good := failing("GET", nil)
	for name, spoil := range map[string]func(*Route){
		"no permission":      func(r *Route) { r.Permission = "" },
		"unknown permission": func(r *Route) { r.Permission = "everything" },
		"no account":         func(r *Route) { r.Path = "/trap" },
		"no name":            func(r *Route) { r.ID = "" },
		"no handler":         func(r *Route) { r.register = nil },
		"another name":       func(r *Route) { r.register = rename(r.register) },
	} {
		bad := good
		spoil(&bad)
		c := Config{Account: rig.Room, Idempotency: &idempotent.Store{DB: rig.DB, Keys: rig.Keys}, BaseURL: accounttest.BaseURL}
		if _, err := build(c, []Route{bad}); err == nil {
			t.Errorf("%s: the API was built", name)
		}
		if _, err := build(c, []Route{good, good}); err == nil {
			t.Error("the same route twice: the API was built")
		}
	}
	for _, c := range []Config{{}, {Account: rig.Room, BaseURL: "https://hub.example"}, {Account: rig.Room, Idempotency: &idempotent.Store{}, BaseURL: "hub.example"}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v: the API was built", c)
		}
	}
}

func rename(register func(*door, huma.Operation)) func(*door, huma.Operation) {
	return func(d *door, op huma.Operation) {
		op.OperationID = "unlisted"
		register(d, op)
	}
}

// Half a file must not look like a whole one.
func TestABrokenOffFileIsCutOff(t *testing.T) {
	t.Parallel()
	for lines, want := range map[int]int{0: 500, 3: 200, 2000: 200} {
		route := Route{Method: "GET", Path: "/accounts/{slug}/trap.csv", Permission: account.ViewHome, ID: "trap", Tag: tagAccount,
			register: serve(func(d *door, _ context.Context, _ account.Actor, _ *InAccount) (*stream, error) {
				return d.csv("trap.csv", []string{"n"}, func(_ context.Context, write func(...string) error) error {
					for n := range lines {
						if err := write(strconv.Itoa(n)); err != nil {
							return err
						}
					}
					return errors.New("the store went away")
				}), nil
			})}
		h, secret, log := trap(t, route)
		server := httptest.NewServer(h)
		r, _ := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/api/v1/accounts/harbour/trap.csv", nil)
		r.Host = "hubline.example"
		r.Header.Set("Authorization", "Bearer "+secret)
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			var text bytes.Buffer
			_, err = text.ReadFrom(response.Body)
			response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%d lines: %d", lines, response.StatusCode)
			}
		}
		if (err == nil) != (lines == 0) {
			t.Errorf("%d lines: the client sees %v", lines, err)
		}
		server.Close()
		if !strings.Contains(log.String(), "the store went away") {
			t.Errorf("%d lines: logged %s", lines, log)
		}
	}
}

// elsewhere are codes of faults that no operation of the API can meet.
var elsewhere = []string{
	"account-number-form", "first-admin", "slug-form", "slug-reserved", "slug-taken", "number-taken", // opening accounts
	"methods-own", "second-factor-own", "second-factor-unknown", "session-hours", // the portal's settings
	"check-stronger", "half-ended", "last-way-in", "no-second-factor", "recovery-wrong", "second-factor-asked", "totp-locked", "totp-wrong", // second factors
	"passkey-known", "passkey-late", "passkey-limit", "passkey-missing", "passkey-none", "passkey-unfit", "passkey-wrong", "passkeys-off", // passkeys
	"recovery-early", "recovery-just-started", "recovery-link-unknown", "recovery-needless", "recovery-none", "recovery-own", "recovery-provider", "recovery-running", "recovery-waits", // recoveries
	"check-not-needed", "code-empty", "code-ended", "code-just-sent", "code-wrong", // step-up
	"invitation-account", "decline-address", "invitation-changed", "invitation-other-address", "invitation-unknown", "invitation-superseded", "person-known", "staff-join", // accepting
	"account-closed", "account-number-typed", "account-state", "note-empty", "note-form", "pin-form", "pin-wrong", "visit-excluded", "visit-minutes", "visit-read-only", "visit-open", "visit-ticket", // the provider's, and letting it in
	"account-settled", "key-life", "limit-not-raised", "scope-unknown", "staff-known", "staff-member", // the provider's
	"password-common", "password-empty", "password-link-unknown", "password-long", "password-short", "password-wrong",
	"set-up-unknown", "set-up-deleted", "set-up-used", "set-up-replaced", "set-up-expired", "set-up-app-off", "device-kind", "device-limit", // setting up a phone
	"phone-number-empty", "phone-number-form", "phone-number-kind", "phone-number-assigned", "phone-number-taken", // the provider's
	"email-link-unknown", "email-same", "email-taken", "undo-link-unknown", // own address
	"credential-empty", "credential-form", "domain-form", "domains-empty", "domains-many", "identity-limit", "identity-taken", "issuer-empty", "issuer-form", "issuer-silent", "issuer-tenant", "provider-answer-unknown", "provider-cancelled", "provider-domain", "provider-email-unverified", "provider-known", "provider-limit", "provider-no-email", "provider-nobody", "provider-other-address", "provider-unknown", "session-confined", "staff-link", // signing in with other services
	"terms-characters", "terms-date", "terms-empty", "terms-long", "terms-same", "terms-version", // terms of use
	"invitation-open",                                        // asking again
	"keys-all", "keys-own", "scope-too-much", "scopes-empty", // making keys
	"directory-admin", "directory-domain", "directory-email", "directory-full", "directory-group-taken", "directory-member", "directory-off", "directory-on", "directory-text", "directory-unknown", "directory-user-empty", "directory-user-taken", "scim-left-out", "scim-no-filter", // directory sync: SCIM has errors of its own
	"person-needed", "sign-in-busy", "sign-in-failed", "signed-out", "theme-unknown", "favourite-unknown", "favourites-full", "number-form-unknown", "too-many-tries",
}

// Every code of a fault has a page that explains it, or is listed as one that programs never meet.
func TestEveryProblemIsExplained(t *testing.T) {
	t.Parallel()
	found := map[string]string{}
	for _, dir := range []string{".", "../base/db", "../base/idempotent", "../base/listing", "../base/sheet", "../product/account", "../product/phoneuser", "../product/number",
		"../product/call", "../product/report", "../product/support", "../product/webhook"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				codesIn(t, file, found)
			}
		}
	}
	if len(found) < 80 {
		t.Errorf("only %d codes were found in the sources", len(found))
	}
	for code, where := range found {
		_, explained := meanings[code]
		if explained == slices.Contains(elsewhere, code) {
			t.Errorf("%s: the code %q needs a meaning, or a place in the list of those that programs never meet; not both", where, code)
		}
	}
	form := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for code, m := range meanings {
		if !form.MatchString(code) || m.title == "" || !strings.HasSuffix(m.text, ".") || http.StatusText(m.status) == "" {
			t.Errorf("%q: %+v", code, m)
		}
		if _, used := found[code]; !used && !strings.HasPrefix(code, "invitation-") && code != "check-needed" {
			t.Errorf("nothing has the code %q", code)
		}
	}
}

// codesIn collects the codes of the faults and problems that a file makes.
func codesIn(t *testing.T, path string, found map[string]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	note := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			code, _ := strconv.Unquote(lit.Value)
			found[code] = set.Position(lit.Pos()).String()
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			switch name := called(n); {
			case name == "fault.New" || name == "refuse":
				note(n.Args[1])
			case name == "fault.Field":
				note(n.Args[0])
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
				note(n.Value)
			}
		case *ast.CompositeLit: // findings
			if _, named := n.Type.(*ast.Ident); n.Type == nil && !named && len(n.Elts) == 3 && strings.HasSuffix(path, "findings.go") {
				note(n.Elts[1])
			}
		}
		return true
	})
}

func called(c *ast.CallExpr) string {
	switch fn := c.Fun.(type) {
	case *ast.Ident:
		return fn.Name
	case *ast.SelectorExpr:
		if pkg, ok := fn.X.(*ast.Ident); ok {
			return pkg.Name + "." + fn.Sel.Name
		}
	}
	return ""
}

func TestLimiter(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	l := newLimiter[int](2, 3, 4)
	for want := 2; want >= 0; want-- {
		if at := l.take(1, now); !at.ok || at.left != want {
			t.Errorf("%+v, want %d left", at, want)
		}
	}
	if at := l.take(1, now); at.ok || at.wait != 500*time.Millisecond || at.full != 1500*time.Millisecond {
		t.Errorf("empty: %+v", at)
	}
	if at := l.take(1, now.Add(499*time.Millisecond)); at.ok {
		t.Errorf("too early: %+v", at)
	}
	if at := l.take(1, now.Add(500*time.Millisecond)); !at.ok || at.left != 0 {
		t.Errorf("in time: %+v", at)
	}
	if at := l.take(1, now.Add(-time.Hour)); at.ok {
		t.Errorf("a clock that goes back gives tokens: %+v", at)
	}
	for key := range 1000 {
		l.take(key, now)
		if len(l.buckets) > 4 {
			t.Fatalf("%d buckets", len(l.buckets))
		}
	}
	for key := 2000; key < 2004; key++ { // full ones go first
		l.take(key, now.Add(time.Hour))
	}
	if at := l.take(2000, now.Add(time.Hour)); at.left != 1 {
		t.Errorf("a bucket in use was forgotten: %+v", at)
	}
}
