package main

import (
	"bytes"
	"cmp"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bench builds and runs the tests with switches.
type bench struct {
	root, dir, overlay string
	sets               map[string]*set
}

// set is the tests of one package that a stage runs, with what each of them met when every guard was in place.
type set struct {
	dir, binary string
	list        []test
	rest        string // what the pattern of the stage says of subtests
}

// test is one test of a package: the guards that it comes by, and how long it takes.
type test struct {
	name string
	met  map[int]bool
	took time.Duration
}

// stage returns the guards that the tests do not miss. Only tests that come by a guard are run without it.
func (b *bench) stage(s stage, guards []guard) (passed []guard, err error) {
	for _, g := range guards {
		of, err := b.set(strings.ReplaceAll(s.tests, "ROOM", g.room()), strings.ReplaceAll(s.run, "ROOM", g.room()))
		if err != nil {
			return nil, err
		}
		by, tried := of.noticed(g.number)
		if by == "" {
			log.Printf("%s passes without %v (%d tests come by it)", of.dir, g, tried)
			passed = append(passed, g)
			continue
		}
		log.Printf("%s %s notices %v", of.dir, by, g)
	}
	return passed, nil
}

// set builds the tests of a package and runs each by itself with every guard in place, which says what it comes by.
func (b *bench) set(tests, run string) (*set, error) {
	if s := b.sets[tests+" "+run]; s != nil {
		return s, nil
	}
	top, rest, _ := strings.Cut(run, "/")
	s := &set{dir: filepath.Join(b.root, tests), binary: filepath.Join(b.dir, strings.ReplaceAll(tests, "/", "_")+".test"), rest: "/" + rest}
	if _, err := os.Stat(s.binary); err != nil {
		build := exec.Command("go", "test", "-c", "-o", s.binary, "-overlay", b.overlay, tests)
		build.Dir, build.Stderr = b.root, os.Stderr
		if err := build.Run(); err != nil {
			return nil, fmt.Errorf("the tests of %s with switches do not build: %w", tests, err)
		}
	}
	list := exec.Command(s.binary, "-test.list", cmp.Or(top, "."))
	list.Dir = s.dir
	names, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list the tests of %s: %w", tests, err)
	}
	began := time.Now()
	for _, name := range strings.Fields(string(names)) {
		if !strings.HasPrefix(name, "Test") {
			continue
		}
		t, err := s.record(name, filepath.Join(b.dir, "met"))
		if err != nil {
			return nil, err
		}
		s.list = append(s.list, t)
	}
	slices.SortFunc(s.list, func(a, b test) int { return cmp.Compare(a.took, b.took) })
	log.Printf("%s %s: %d tests pass with every guard in place, in %v", tests, run, len(s.list), time.Since(began).Round(time.Second))
	b.sets[tests+" "+run] = s
	return s, nil
}

// record runs one test with every guard in place.
func (s *set) record(name, file string) (test, error) {
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return test{}, err
	}
	t, began := test{name: name, met: map[int]bool{}}, time.Now()
	if ok, said := s.test([]string{name}, "GUARD_LOG="+file); !ok {
		return t, fmt.Errorf("%s of %s fails with every guard in place:\n%s", name, s.dir, said)
	}
	t.took = time.Since(began)
	text, err := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		n, _ := strconv.Atoi(strings.TrimSpace(line))
		t.met[n] = true
	}
	return t, err
}

// few is how many tests run at once without a guard, the quick ones first.
const few = 12

// failed finds the tests that a run says failed.
var failed = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)

// noticed runs the tests that come by the guard without it, and names one that fails, twice: what fails once on a busy machine tells nothing.
func (s *set) noticed(number int) (by string, tried int) {
	var names []string
	for _, t := range s.list {
		if t.met[number] {
			names = append(names, t.name)
		}
	}
	off := "GUARD_OFF=" + strconv.Itoa(number)
	for some := range slices.Chunk(names, few) {
		ok, said := s.test(some, off)
		if ok {
			continue
		}
		again := some
		if name := failed.FindStringSubmatch(said); name != nil {
			again = name[1:]
		}
		if ok, _ := s.test(again, off); !ok {
			return strings.Join(again, ", "), len(names)
		}
	}
	return "", len(names)
}

// test runs tests of the package.
func (s *set) test(names []string, env string) (bool, string) {
	cmd := exec.Command(s.binary, "-test.run", "^("+strings.Join(names, "|")+")$"+s.rest, "-test.failfast", "-test.short", "-test.timeout", "10m")
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), env)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return err == nil, out.String()
}
