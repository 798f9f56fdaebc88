package ident_test

import (
	"slices"
	"testing"

	"hubline/base/ident"
)

func TestOrderedIDsSortByTheirMaking(t *testing.T) {
	t.Parallel()
	var ids []string
	for ms := range int64(50) {
		for range 20 {
			ids = append(ids, ident.Ordered(1_700_000_000_000+ms))
		}
	}
	if !slices.IsSorted(ids) {
		t.Error("IDs of later times or later makings sort before earlier ones")
	}
}

func TestA13A14A15HashTakesOnlyWholeTokensOfItsPurpose(t *testing.T) {
	t.Parallel()
	token, hash := ident.Token("inv")
	if ident.Hash("inv", token) != hash || hash == "" {
		t.Fatal("a token does not have its own hash")
	}
	for name, wrong := range map[string]string{
		"another purpose": "key" + token[3:], "cut": token[:len(token)-1], "longer": token + "A", "empty": "", "bare secret": token[4:],
		"line break": token[:20] + "\n" + token[20:], "alphabet": token[:len(token)-1] + "!",
	} {
		if ident.Hash("inv", wrong) != "" {
			t.Errorf("%s: has a hash", name)
		}
	}
	if ident.Hash("key", token) != "" {
		t.Error("a token works for another purpose")
	}
}
