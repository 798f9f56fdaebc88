package test

import (
	"fmt"
	"go/ast"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What docs/security.md must number, and how far.
var numbered = map[string]int{"A": 56, "S": 28}

var (
	securityRow  = regexp.MustCompile(`(?m)^\| ([AS]\d+) \| (.*?) \| (.*?) \|$`)
	namedTest    = regexp.MustCompile("`(Test\\w+)`")
	testsNumbers = regexp.MustCompile(`^Test((?:[AS]\d+)+)[A-Z]`)
)

// tests returns the names of all tests of the module.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, decl := range s.file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				names[fn.Name.Name] = true
			}
		}
	}
	return names
}

// numbersOf returns the numbers that a test's name carries: A22 and A29 of TestA22A29AddressesLinkNobody.
func numbersOf(test string) []string {
	m := testsNumbers.FindStringSubmatch(test)
	if m == nil {
		return nil
	}
	return regexp.MustCompile(`[AS]\d+`).FindAllString(m[1], -1)
}

// Every abuse case and every threat of docs/security.md has tests that exist, named by its number, or a reason why there is none.
func TestEveryAttackHasItsTest(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/security.md")
	check(t, err)
	known := tests(t)
	rows := map[string]bool{}
	for _, m := range securityRow.FindAllStringSubmatch(string(page), -1) {
		number, attack, proof := m[1], m[2], m[3]
		if rows[number] {
			t.Errorf("%s stands twice", number)
		}
		rows[number] = true
		if len(attack) < 10 {
			t.Errorf("%s does not say what the attack is", number)
		}
		if reason, none := strings.CutPrefix(proof, "No test"); none {
			if _, words, _ := strings.Cut(reason, ":"); len(words) < 15 {
				t.Errorf("%s has no test and no reason", number)
			}
			continue
		}
		own := false
		for _, name := range namedTest.FindAllStringSubmatch(proof, -1) {
			if !known[name[1]] {
				t.Errorf("%s: there is no %s", number, name[1])
			}
			own = own || slices.Contains(numbersOf(name[1]), number)
		}
		if !own {
			t.Errorf("%s: none of its tests carries the number", number)
		}
	}
	for letter, last := range numbered {
		for n := 1; n <= last; n++ {
			if number := fmt.Sprint(letter, n); !rows[number] {
				t.Errorf("%s is missing", number)
			}
		}
	}
	if want := numbered["A"] + numbered["S"]; len(rows) != want {
		t.Errorf("%d lines, want %d", len(rows), want)
	}
	for name := range known {
		for _, number := range numbersOf(name) {
			if !rows[number] {
				t.Errorf("%s carries %s, which nothing explains", name, number)
			}
		}
	}
}
