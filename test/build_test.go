package test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Threat S21: whoever swaps a release is found out by anybody who builds it again. Two builders in two folders get the same bytes, and
// everything that they build from is pinned by its hash. Short runs compare one package instead of the program.
func TestS21TwoBuildersGetTheSameBytes(t *testing.T) {
	t.Parallel()
	what := "./cmd/hubline"
	if testing.Short() {
		what = "./base/merkle"
	}
	var built [2][]byte
	for i, folder := range []string{"a", "another/folder"} {
		dir := filepath.Join(t.TempDir(), folder)
		copyModule(t, dir)
		out := filepath.Join(t.TempDir(), "out")
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-o", out, what)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
		if said, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, said)
		}
		var err error
		if built[i], err = os.ReadFile(out); err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(built[i], []byte(dir)) {
			t.Errorf("the build names the folder %s", dir)
		}
	}
	if !bytes.Equal(built[0], built[1]) {
		t.Errorf("two builds differ: %d and %d bytes", len(built[0]), len(built[1]))
	}
	t.Logf("%s: %d bytes, twice the same", what, len(built[0]))
}

// copyModule copies what the module is built from.
func copyModule(t *testing.T, to string) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if name := entry.Name(); path != ".." && (strings.HasPrefix(name, ".") || hasModule(path)) {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, strings.TrimPrefix(path, "..")), 0o755)
		}
		if strings.HasSuffix(path, "_test.go") || !entry.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, strings.TrimPrefix(path, "..")), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
