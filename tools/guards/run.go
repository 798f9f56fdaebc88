package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// bench builds and runs the tests with switches.
type bench struct {
	root, dir, overlay string
	sets               map[string]*set
	atOnce             int
}

// set is the tests of one package that a stage runs, with what each of them met when every guard was in place.
type set struct {
	tests, dir, binary string
	list               []test
	rest               string // what the pattern of the stage says of subtests
}

// test is one test of a package: the guards that it comes by, and how long it takes.
type test struct {
	name string
	met  map[int]bool
	took time.Duration
}

// stage returns the guards that the tests do not miss. Only tests that come by a guard are run without it.
func (b *bench) stage(s stage, guards []guard) (passed []guard, err error) {
	of := make([]*set, len(guards))
	for i, g := range guards {
		if of[i], err = b.set(strings.ReplaceAll(s.tests, "ROOM", g.room()), strings.ReplaceAll(s.run, "ROOM", g.room())); err != nil {
			return nil, err
		}
	}
	noticed := make([]bool, len(guards))
	b.each(len(guards), func(i int) {
		by, tried := of[i].noticed(guards[i].number)
		if noticed[i] = by != ""; noticed[i] {
			log.Printf("%s %s notices %v", of[i].tests, by, guards[i])
		} else {
			log.Printf("%s passes without %v (%d tests come by it)", of[i].tests, guards[i], tried)
		}
	})
	for i, g := range guards {
		if !noticed[i] {
			passed = append(passed, g)
		}
	}
	return passed, nil
}

// each calls fn with the numbers below n, some at the same time.
func (b *bench) each(n int, fn func(int)) {
	var all sync.WaitGroup
	slots := make(chan bool, b.atOnce)
	for i := range n {
		slots <- true
		all.Go(func() {
			fn(i)
			<-slots
		})
	}
	all.Wait()
}

// set builds the tests of a package and runs each by itself with every guard in place, which says what it comes by.
func (b *bench) set(tests, run string) (*set, error) {
	if s := b.sets[tests+" "+run]; s != nil {
		return s, nil
	}
	top, rest, _ := strings.Cut(run, "/")
	s := &set{tests: tests, dir: filepath.Join(b.root, tests), binary: filepath.Join(b.dir, strings.ReplaceAll(tests, "/", "_")+".test"), rest: "/" + rest}
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
		if strings.HasPrefix(name, "Test") {
			s.list = append(s.list, test{name: name, met: map[int]bool{}})
		}
	}
	errs := make([]error, len(s.list))
	b.each(len(s.list), func(i int) { errs[i] = s.record(&s.list[i], filepath.Join(b.dir, s.list[i].name+".met")) })
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.SortFunc(s.list, func(a, b test) int { return cmp.Compare(a.took, b.took) })
	log.Printf("%s %s: %d tests pass with every guard in place, in %v", tests, run, len(s.list), time.Since(began).Round(time.Second))
	b.sets[tests+" "+run] = s
	return s, nil
}

// record runs one test with every guard in place.
func (s *set) record(t *test, file string) error {
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		return err
	}
	began := time.Now()
	if ok, said := s.test([]string{t.name}, "GUARD_LOG="+file); !ok {
		return fmt.Errorf("%s of %s fails with every guard in place:\n%s", t.name, s.tests, said)
	}
	t.took = time.Since(began)
	text, err := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		n, _ := strconv.Atoi(strings.TrimSpace(line))
		t.met[n] = true
	}
	return err
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
