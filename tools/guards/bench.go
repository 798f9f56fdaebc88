package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

const helper = `package %s

import (
	"os"
	"strconv"
%s)

var guardNumber = os.Getenv("GUARD_OFF")

func guardOff(n int) bool { return guardNumber != "" && guardNumber == strconv.Itoa(n) }

func guardPassed(n int, err error) error {
	if guardOff(n) {
		return nil
	}
	return err
}

func guardWeaker(n int, p %sPermission) %sPermission {
	if guardOff(n) {
		return %sViewHome
	}
	return p
}

func guardPerson(n int, err error) error {
	if f, ok := fault.Of(err); guardOff(n) && ok && f.Code == "session-confined" {
		return nil
	}
	return err
}

func guardAnd(n int, x bool, y func() bool) bool {
	if guardOff(n) {
		return x || y()
	}
	return x && y()
}

func guardOr(n int, x bool, y func() bool) bool {
	if guardOff(n) {
		return x && y()
	}
	return x || y()
}
`

// overlay writes the files with switches and returns the file that tells the go command of them.
func overlay(root, dir string, guards []guard) (string, error) {
	replace, files := map[string]string{}, map[string][]guard{}
	for _, g := range guards {
		files[g.file] = append(files[g.file], g)
	}
	write := func(name string, text []byte) error {
		at := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		replace[filepath.Join(root, name)] = at
		return os.WriteFile(at, text, 0o600)
	}
	for name, guards := range files {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return "", err
		}
		room, imports, from := path.Dir(name), "\t\"hubline/base/fault\"\n", ""
		if room != rooms[0] {
			imports, from = imports+"\t\"hubline/product/account\"\n", "account."
		}
		if err := write(name, switched(text, guards)); err != nil {
			return "", err
		}
		if err := write(room+"/guards_off.go", fmt.Appendf(nil, helper, path.Base(room), imports, from, from, from)); err != nil {
			return "", err
		}
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, text, 0o600)
}

// bench builds and runs the tests with switches.
type bench struct {
	root, dir, overlay string
	built              map[string]bool // binaries, and the tests that pass with every guard in place
}

// stage returns the guards that the tests do not miss.
func (b *bench) stage(s stage, guards []guard) (passed []guard, err error) {
	for _, g := range guards {
		tests, run := strings.ReplaceAll(s.tests, "ROOM", g.room()), strings.ReplaceAll(s.run, "ROOM", g.room())
		binary := filepath.Join(b.dir, strings.ReplaceAll(tests, "/", "_")+".test")
		if !b.built[binary] {
			build := exec.Command("go", "test", "-c", "-o", binary, "-overlay", b.overlay, tests)
			build.Dir, build.Stderr = b.root, os.Stderr
			if err := build.Run(); err != nil {
				return nil, fmt.Errorf("the tests of %s with switches do not build: %w", tests, err)
			}
			b.built[binary] = true
		}
		if !b.built[run+binary] {
			if ok, said := b.test(binary, tests, run, "none"); !ok {
				return nil, fmt.Errorf("%s %s fails with every guard in place:\n%s", tests, run, said)
			}
			b.built[run+binary] = true
		}
		if ok, _ := b.test(binary, tests, run, strconv.Itoa(g.number)); ok {
			log.Printf("%s %s passes without %v", tests, run, g)
			passed = append(passed, g)
		}
	}
	return passed, nil
}

// test runs a package's tests without the guard.
func (b *bench) test(binary, tests, run, off string) (bool, string) {
	cmd := exec.Command(binary, "-test.run", run, "-test.failfast", "-test.short", "-test.timeout", "10m")
	cmd.Dir, cmd.Env = filepath.Join(b.root, tests), append(os.Environ(), "GUARD_OFF="+off)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return err == nil, out.String()
}
