package account_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
	"hubline/base/fault"
	"hubline/product/account"
	"hubline/product/account/accounttest"
)

const (
	minute = time.Minute
	day    = 24 * time.Hour
)

type ctx = context.Context

// background outlives the test's own context, for tidying up.
var background = context.Background()

// each runs a test on both engines, with a room on a store of its own.
func each(t *testing.T, fn func(t *testing.T, r *accounttest.Rig), options ...accounttest.Option) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { fn(t, accounttest.New(t, d, options...)) })
}

// wantFault checks that err is the fault with that code and that its sentence holds the words.
func wantFault(t *testing.T, err error, code string, words ...string) *fault.Fault {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok || f.Code != code {
		t.Fatalf("got %v, want the fault %s", err, code)
	}
	for _, w := range words {
		if !strings.Contains(f.Message, w) {
			t.Errorf("%s says %q, which lacks %q", code, f.Message, w)
		}
	}
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ptr[T any](v T) *T { return &v }

// browser is a browser nobody has signed in from, at an address of its own.
func browser(address string) account.Browser {
	return account.Browser{Address: address, UserAgent: accounttest.UserAgent}
}

// scan reads one value from the store, to look behind what verbs say.
func scan[T any](t *testing.T, r *accounttest.Rig, query string, args ...any) (v T) {
	t.Helper()
	if err := r.DB.QueryRowContext(t.Context(), query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// actions lists what the audit log of the admin's account tells, oldest first, without the opening of the account and the first
// admin's acceptance.
func actions(t *testing.T, r *accounttest.Rig, admin *accounttest.User) []account.AuditEntry {
	t.Helper()
	list, _, err := r.AuditLog(t.Context(), admin.Actor(), account.AuditFilter{Limit: 500})
	must(t, err)
	var late []account.AuditEntry
	for i := len(list) - 1 - 3; i >= 0; i-- {
		late = append(late, list[i])
	}
	return late
}
