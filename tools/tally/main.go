// Command tally runs "go test -json" with the arguments it is given, prints a line for each package and the output of what
// failed, and counts results. It knows nothing of the project; ./check runs it and adds up the counts.
//
// A test that has subtests is counted through them. A test that neither passed nor failed (its process died), a package that
// does not build and a package that fails outside its tests count as one failure each. Skipped tests count as failures under
// -strict, because a check must not pass by skipping.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	strict := flag.Bool("strict", false, "count skipped tests as failures")
	counts := flag.String("counts", "", "write «passed failed» to this file")
	flag.Parse()

	cmd := exec.Command("go", append([]string{"test", "-json"}, flag.Args()...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(2)
	}
	t := newTally(os.Stdout, *strict)
	if err := t.read(out); err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		t.failed++
	}
	if err := cmd.Wait(); err != nil && t.failed == 0 {
		fmt.Println("FAIL go test:", err)
		t.failed++
	}
	if *counts != "" {
		if err := os.WriteFile(*counts, fmt.Appendf(nil, "%d %d\n", t.passed, t.failed), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, "tally:", err)
			os.Exit(2)
		}
	}
	if t.failed > 0 {
		os.Exit(1)
	}
}

// event is one line of "go test -json" (see "go doc test2json").
type event struct {
	Action, Package, Test, Output string
	ImportPath, FailedBuild       string
	Elapsed                       float64
}

// result is what is known of one test, or of a package outside its tests.
type result struct {
	action string // "" while it runs
	output []string
}

type tally struct {
	w              io.Writer
	strict         bool
	passed, failed int

	tests  map[string]map[string]*result // package, then test; the test "" is the package itself
	builds map[string][]string           // compiler output by import path
}

func newTally(w io.Writer, strict bool) *tally {
	return &tally{w: w, strict: strict, tests: map[string]map[string]*result{}, builds: map[string][]string{}}
}

func (t *tally) read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(t.w, lines.Text()) // older messages of the go command are plain text
			continue
		}
		t.note(e)
	}
	for _, pkg := range sortedKeys(t.tests) { // packages whose process never reported an end
		t.finish(event{Package: pkg, Action: "fail"})
	}
	return lines.Err()
}

func (t *tally) note(e event) {
	switch e.Action {
	case "build-output":
		t.builds[e.ImportPath] = append(t.builds[e.ImportPath], e.Output)
		return
	case "build-fail":
		return
	}
	tests := t.tests[e.Package]
	if tests == nil {
		tests = map[string]*result{}
		t.tests[e.Package] = tests
	}
	r := tests[e.Test]
	if r == nil {
		r = &result{}
		tests[e.Test] = r
	}
	switch e.Action {
	case "output":
		r.output = append(r.output, e.Output)
	case "pass", "fail", "skip":
		r.action = e.Action
		if e.Test == "" {
			t.finish(e)
		}
	}
}

// finish counts a package whose end is known and prints its line.
func (t *tally) finish(e event) {
	tests := t.tests[e.Package]
	delete(t.tests, e.Package)
	var passed, failed int
	var trouble []string
	for _, name := range sortedKeys(tests) {
		r := tests[name]
		if name == "" || hasSubtests(tests, name) && !failsAlone(tests, name) {
			continue
		}
		switch {
		case r.action == "pass":
			passed++
		case r.action == "skip" && !t.strict:
			trouble = append(trouble, "SKIP "+e.Package+" "+name+"\n", strings.Join(r.output, ""))
		default:
			failed++
			trouble = append(trouble, "FAIL "+e.Package+" "+name+"\n", strings.Join(r.output, ""))
		}
	}
	if e.Action == "fail" && failed == 0 {
		failed++
		trouble = append(trouble, "FAIL "+e.Package+"\n", strings.Join(t.builds[e.FailedBuild], ""))
		if r := tests[""]; r != nil {
			trouble = append(trouble, strings.Join(r.output, ""))
		}
	}
	t.passed += passed
	t.failed += failed
	fmt.Fprint(t.w, strings.Join(trouble, ""))
	if passed+failed > 0 {
		fmt.Fprintf(t.w, "     %-34s %5d passed %3d failed %7.1f s\n", e.Package, passed, failed, e.Elapsed)
	}
}

func hasSubtests(tests map[string]*result, name string) bool {
	for other := range tests {
		if strings.HasPrefix(other, name+"/") {
			return true
		}
	}
	return false
}

// failsAlone reports whether a test with subtests did not pass although all of them did.
func failsAlone(tests map[string]*result, name string) bool {
	if tests[name].action == "pass" || tests[name].action == "skip" {
		return false
	}
	for other, r := range tests {
		if strings.HasPrefix(other, name+"/") && r.action != "pass" && r.action != "skip" {
			return false
		}
	}
	return true
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
