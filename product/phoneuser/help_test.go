package phoneuser_test

import (
	"strings"
	"testing"

	"hubline/base/fault"
)

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused fails unless err is a fault with that code whose sentence holds the words.
func refused(t *testing.T, err error, code string, words ...string) {
	t.Helper()
	f, ok := fault.Of(err)
	if !ok || f.Code != code {
		t.Errorf("got %v, want the code %s", err, code)
		return
	}
	for _, w := range words {
		if !strings.Contains(f.Message, w) {
			t.Errorf("%s says %q, without %q", code, f.Message, w)
		}
	}
}

func ptr[T any](v T) *T { return &v }
