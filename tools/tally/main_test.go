package main

import (
	"strings"
	"testing"
)

func TestTallyCounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, events   string
		strict         bool
		passed, failed int
		prints         string
	}{
		{name: "leaf tests only",
			events: `{"Action":"run","Package":"p","Test":"A"}
				{"Action":"run","Package":"p","Test":"A/x"}
				{"Action":"pass","Package":"p","Test":"A/x"}
				{"Action":"pass","Package":"p","Test":"A"}
				{"Action":"run","Package":"p","Test":"B"}
				{"Action":"pass","Package":"p","Test":"B"}
				{"Action":"pass","Package":"p"}`, passed: 2},
		{name: "a failing subtest is one failure",
			events: `{"Action":"run","Package":"p","Test":"A/x"}
				{"Action":"output","Package":"p","Test":"A/x","Output":"want 1\n"}
				{"Action":"fail","Package":"p","Test":"A/x"}
				{"Action":"fail","Package":"p","Test":"A"}
				{"Action":"fail","Package":"p"}`, failed: 1, prints: "want 1"},
		{name: "a parent that fails by itself",
			events: `{"Action":"pass","Package":"p","Test":"A/x"}
				{"Action":"fail","Package":"p","Test":"A"}
				{"Action":"fail","Package":"p"}`, passed: 1, failed: 1},
		{name: "a process that died",
			events: `{"Action":"run","Package":"p","Test":"A"}
				{"Action":"output","Package":"p","Test":"A","Output":"panic: boom\n"}`, failed: 1, prints: "boom"},
		{name: "a package that does not build",
			events: `{"Action":"build-output","ImportPath":"p [p.test]","Output":"undefined: x\n"}
				{"Action":"build-fail","ImportPath":"p [p.test]"}
				{"Action":"start","Package":"p"}
				{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`, failed: 1, prints: "undefined: x"},
		{name: "a package that fails after its tests",
			events: `{"Action":"pass","Package":"p","Test":"A"}
				{"Action":"output","Package":"p","Output":"exit status 3\n"}
				{"Action":"fail","Package":"p"}`, passed: 1, failed: 1, prints: "exit status 3"},
		{name: "skipped", events: `{"Action":"skip","Package":"p","Test":"A"}
				{"Action":"pass","Package":"p"}`, prints: "SKIP p A"},
		{name: "skipped, strict", events: `{"Action":"skip","Package":"p","Test":"A"}
				{"Action":"pass","Package":"p"}`, strict: true, failed: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			tally := newTally(&out, c.strict)
			if err := tally.read(strings.NewReader(c.events)); err != nil {
				t.Fatal(err)
			}
			if tally.passed != c.passed || tally.failed != c.failed {
				t.Errorf("counted %d passed, %d failed; want %d and %d", tally.passed, tally.failed, c.passed, c.failed)
			}
			if !strings.Contains(out.String(), c.prints) {
				t.Errorf("printed %q, which lacks %q", out.String(), c.prints)
			}
		})
	}
}
