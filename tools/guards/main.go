// Command guards takes away every guard of the rooms, one at a time, and loosens those that can be: a weaker permission, "or" for "and". A
// guard is a call that refuses somebody: that they hold a permission, still hold it inside the transaction, are a person, belong to the
// provider, have just shown that it is them. All are built into the tests, each with a switch:
//
//	go run ./guards ..                 every guard: the isolation walk of its room, and for what it lets pass the tests of the room, then of the pages
//	go run ./guards -list ..           every guard with its number
//	go run ./guards -only 3,17-20 ..   some of them
//	go run ./guards -tests ./web -run TestMatrix ..
//
// Each test runs by itself first, with every guard in place and a list of those that it comes by: a guard is tried with the tests that come
// by it. What fails without a guard has to fail twice, as a busy machine fails tests too.
//
// It prints the guards whose loss no test notices. Where a verb asks for a permission and its transaction asks Still for the same, only the
// second is tried: the first saves the transaction. Others that stand in front of one that says the same are in doubled.txt, each with the
// reason. A guard that no test and no line there knows of makes the command fail,
// and so does a line that is not needed.
package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// rooms are the packages whose guards are taken away.
var rooms = []string{"product/account", "product/support", "product/phoneuser", "product/number", "product/call", "product/report", "product/webhook"}

// stage is a set of tests. ROOM stands for the name of the guard's room.
type stage struct {
	tests, run string
	slow       bool // leaves out the guards that doubled explains
}

// stages go from the quickest to the slowest. Each tries what those before it let pass.
var stages = []stage{{"./test", "TestA9A41Isolation/^ROOM.Room/sqlite", false}, {"./product/ROOM", "/sqlite", false}, {"./web", "/sqlite", true}}

// doubled are guards whose loss nobody can notice: file, function, form and text, then the reason, parted by bars.
//
//go:embed doubled.txt
var doubled string

func main() {
	log.SetFlags(0)
	list := flag.Bool("list", false, "only print the guards")
	only := flag.String("only", "", "numbers of guards, 3,17-20; all of them without it")
	tests := flag.String("tests", "", "package whose tests must notice, instead of the walk, the room and the pages")
	run := flag.String("run", ".", "which of its tests")
	atOnce := flag.Int("at-once", runtime.GOMAXPROCS(0), "how many runs of tests go on at the same time")
	flag.Parse()
	root, err := filepath.Abs(flag.Arg(0))
	if err != nil {
		log.Fatal(err)
	}
	guards, err := find(root)
	if err == nil {
		guards, err = chosen(guards, *only)
	}
	if err != nil {
		log.Fatal(err)
	}
	if *list {
		for _, g := range guards {
			fmt.Println(g)
		}
		return
	}
	if *tests != "" {
		stages = []stage{{*tests, *run, false}}
	}
	if err := try(root, guards, *atOnce); err != nil {
		log.Fatal(err)
	}
}

// chosen are the guards with the numbers.
func chosen(all []guard, only string) (some []guard, err error) {
	if only == "" {
		return all, nil
	}
	for part := range strings.SplitSeq(only, ",") {
		var from, to int
		if n, _ := fmt.Sscanf(part, "%d-%d", &from, &to); n < 2 {
			to = from
		}
		if from < 0 || to < from || to >= len(all) {
			return nil, fmt.Errorf("%q: there are guards 0 to %d", part, len(all)-1)
		}
		some = append(some, all[from:to+1]...)
	}
	return some, nil
}

// find lists the guards of all rooms.
func find(root string) (all []guard, err error) {
	for _, room := range rooms {
		files, err := filepath.Glob(filepath.Join(root, room, "*.go"))
		if err != nil {
			return nil, err
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			rel, _ := filepath.Rel(root, name)
			found, err := guardsOf(filepath.ToSlash(rel), text, len(all))
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// try runs each stage without each guard that those before it did not miss.
func try(root string, guards []guard, atOnce int) error {
	all, err := find(root)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "guards")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := bench{root: root, dir: dir, sets: map[string]*set{}, atOnce: max(1, atOnce)}
	if b.overlay, err = overlay(root, dir, all); err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(guards), func(g guard) bool { return g.again })
	again := len(guards) - len(left)
	var explained []guard
	for _, s := range stages {
		if s.slow {
			left, explained = part(left)
		}
		began := time.Now()
		passed, err := b.stage(s, left)
		if err != nil {
			return err
		}
		log.Printf("%s %s: %d of %d noticed in %v", s.tests, s.run, len(left)-len(passed), len(left), time.Since(began).Round(time.Second))
		left = passed
	}
	left, late := part(left)
	explained = append(explained, late...)
	for _, g := range left {
		fmt.Println(g)
	}
	fmt.Printf("%d guards taken away or loosened: %d noticed, %d asked again by the transaction that follows, %d doubled otherwise, %d unexplained\n",
		len(guards), len(guards)-again-len(explained)-len(left), again, len(explained), len(left))
	if len(left) > 0 {
		return errors.New("no test notices the guards above")
	}
	if len(guards) < len(all) || len(stages) == 1 {
		return nil
	}
	return needed(doubled, explained)
}

// part parts the guards that may go unnoticed from the others.
func part(guards []guard) (left, explained []guard) {
	for _, g := range guards {
		if g.reason(doubled) != "" {
			explained = append(explained, g)
		} else {
			left = append(left, g)
		}
	}
	return left, explained
}

// needed refuses lines that explain none of the guards, which are noticed now or are no longer there.
func needed(lines string, explained []guard) error {
	for line := range strings.Lines(lines) {
		if !slices.ContainsFunc(explained, func(g guard) bool { return g.reason(line) != "" }) {
			return fmt.Errorf("no guard needs the line %q", strings.TrimSpace(line))
		}
	}
	return nil
}

// reason is why the guard may go unnoticed.
func (g guard) reason(lines string) string {
	for line := range strings.Lines(lines) {
		if parts := strings.Split(strings.TrimSpace(line), " | "); len(parts) == 5 && parts[0] == g.file && parts[1] == g.in && parts[2] == g.form && parts[3] == g.text {
			return parts[4]
		}
	}
	return ""
}

func (g guard) room() string { return path.Base(path.Dir(g.file)) }

func (g guard) String() string {
	return fmt.Sprintf("%3d %s:%d %s | %s | %s", g.number, g.file, g.line, g.in, g.form, g.text)
}
