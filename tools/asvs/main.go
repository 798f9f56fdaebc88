// Command asvs writes docs/asvs.md: how each requirement of level 1 and 2 of OWASP's Application Security Verification Standard 5.0.0 is
// met, from requirements.txt beside this file and the names of the tests that exist.
//
//	go run ./asvs ..          writes the page
//	go run ./asvs -check ..   fails when the page is not what it would write
//
// A test that does not exist fails it.
package main

import (
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

//go:embed requirements.txt
var requirements string

func main() {
	log.SetFlags(0)
	checking := flag.Bool("check", false, "compare instead of writing")
	flag.Parse()
	if err := run(flag.Arg(0), *checking); err != nil {
		log.Fatal(err)
	}
}

func run(root string, checking bool) error {
	known, err := tests(root)
	if err != nil {
		return err
	}
	list, err := parse(requirements, known)
	if err != nil {
		return err
	}
	page, name := report(list), filepath.Join(root, "docs", "asvs.md")
	if !checking {
		return os.WriteFile(name, []byte(page), 0o644)
	}
	is, err := os.ReadFile(name)
	if err == nil && string(is) != page {
		err = fmt.Errorf("%s is not what it would be now; run go -C tools run ./asvs .. in the root", name)
	}
	return err
}

// requirement is one line of requirements.txt.
type requirement struct {
	id, level, words string
	how              string // test, rule, none or gap
	what             string // the tests' names, or why
}

// What counts how many requirements the standard has: 70 of level 1 and 183 of level 2.
var whole = map[string]int{"1": 70, "2": 183}

var hows = []string{"test", "rule", "none", "gap"}

var chapters = []string{"Encoding and sanitising", "Validation and business logic", "Browsers", "APIs", "Files", "Authentication", "Sessions", "Authorisation", "Self-contained tokens",
	"OAuth and OpenID Connect", "Cryptography", "Communication", "Configuration", "Data protection", "Code and architecture", "Logging and errors", "WebRTC"}

func parse(text string, known map[string]bool) (list []requirement, err error) {
	counts, seen := map[string]int{}, map[string]bool{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.SplitN(line, " | ", 4)
		if len(parts) != 4 {
			return nil, fmt.Errorf("%q has no four parts", line)
		}
		r := requirement{id: parts[0], level: parts[1], words: parts[2]}
		r.how, r.what, _ = strings.Cut(parts[3], " ")
		switch {
		case seen[r.id]:
			err = errors.Join(err, fmt.Errorf("%s stands twice", r.id))
		case !slices.Contains(hows, r.how) || len(r.what) < 4:
			err = errors.Join(err, fmt.Errorf("%s does not say how it is met", r.id))
		case r.how == "test":
			for name := range strings.SplitSeq(r.what, ", ") {
				if !known[name] {
					err = errors.Join(err, fmt.Errorf("%s: there is no %s", r.id, name))
				}
			}
		}
		seen[r.id] = true
		counts[r.level]++
		list = append(list, r)
	}
	for level, want := range whole {
		if counts[level] != want {
			err = errors.Join(err, fmt.Errorf("%d requirements of level %s, the standard has %d", counts[level], level, want))
		}
	}
	return list, err
}

func report(list []requirement) string {
	var b strings.Builder
	count := map[string]int{}
	for _, r := range list {
		count[r.how]++
	}
	fmt.Fprintf(&b, `# Application Security Verification Standard 5.0.0, levels 1 and 2

Made by tools/asvs from its requirements.txt and the names of the tests; do not edit. The numbers are those of the standard, the words are
ours. Nobody outside has checked it.

Of %d requirements %d are shown by tests, %d are kept by a rule without a test of its own, %d are about what does not exist here, and %d
are not met, or not wholly.

## What is missing

| # | Level | What it asks | What is missing |
| --- | --- | --- | --- |
`, len(list), count["test"], count["rule"], count["none"], count["gap"])
	for _, r := range list {
		if r.how == "gap" {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.id, r.level, r.words, r.what)
		}
	}
	chapter := ""
	for _, r := range list {
		if number, _, _ := strings.Cut(r.id, "."); number != chapter {
			chapter = number
			fmt.Fprintf(&b, "\n## %s. %s\n\n| # | Level | What it asks | How |\n| --- | --- | --- | --- |\n", chapter, title(chapter))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.id, r.level, r.words, r.met())
	}
	return b.String()
}

func title(chapter string) string {
	var n int
	if _, err := fmt.Sscan(chapter, &n); err != nil || n < 1 || n > len(chapters) {
		return "Other"
	}
	return chapters[n-1]
}

func (r requirement) met() string {
	switch r.how {
	case "test":
		return "`" + strings.ReplaceAll(r.what, ", ", "`, `") + "`"
	case "none":
		return "Not here: " + r.what
	case "gap":
		return "**Missing**: " + r.what
	}
	return r.what
}

var testName = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// tests returns the names of the tests below a folder.
func tests(root string) (map[string]bool, error) {
	names := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range testName.FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	return names, err
}
