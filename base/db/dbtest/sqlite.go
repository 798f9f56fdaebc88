package dbtest

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"hubline/base/db"
)

// SQLite returns a migrated store in a file of its own, closed at the end of the test.
func SQLite(t testing.TB) *db.DB {
	t.Helper()
	template, err := sqliteTemplate()
	if err != nil {
		t.Fatalf("migrate the SQLite template: %v", err)
	}
	file := filepath.Join(t.TempDir(), "hubline.db")
	if err := os.WriteFile(file, template, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, "sqlite:"+file)
}

// sqliteTemplate migrates one file per test binary; every test gets a copy.
var sqliteTemplate = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "hubline-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "template.db")
	if err := migrated("sqlite:" + file); err != nil {
		return nil, err
	}
	return os.ReadFile(file) // complete without its WAL: closing the last connection writes it back
})
