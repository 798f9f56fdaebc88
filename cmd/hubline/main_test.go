package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/alecthomas/kong"
)

func TestMain(m *testing.M) {
	// The tests set what they need; a variable of the developer's own must not reach them.
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "HUBLINE_") || strings.HasPrefix(name, "OTEL_") {
			if err := os.Unsetenv(name); err != nil {
				panic(err)
			}
		}
	}
	code := m.Run()
	if dir := made.Load(); dir != nil {
		if err := os.RemoveAll(*dir); err != nil {
			panic(err)
		}
	}
	os.Exit(code)
}

// output is what a command wrote; a command that still runs may write meanwhile.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// hubline runs a command to its end.
func hubline(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e output
	code = run(t.Context(), args, &streams{in: strings.NewReader(""), out: &o, err: &e})
	return code, o.String(), e.String()
}

// must runs a command that has to succeed and returns its output.
func must(t *testing.T, args ...string) string {
	t.Helper()
	code, out, err := hubline(t, args...)
	if code != exitDone {
		t.Fatalf("hubline %s: exit %d\n%s%s", strings.Join(args, " "), code, out, err)
	}
	return out
}

// start runs a command until the returned function stops it and gives its exit code.
func start(t *testing.T, args ...string) (out, err *output, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	out, err = &output{}, &output{}
	done := make(chan int, 1)
	go func() { done <- run(ctx, args, &streams{in: strings.NewReader(""), out: out, err: err}) }()
	var once sync.Once
	code := -1
	stop = func() int {
		once.Do(func() {
			cancel()
			code = <-done
		})
		return code
	}
	t.Cleanup(func() { stop() })
	return out, err, stop
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	bad := filepath.Join(dir, "bad.toml")
	write(t, bad, "smtp-adr = \"x\"")
	for _, c := range []struct {
		args []string
		code int
		says string // on either stream
	}{
		{[]string{"help"}, exitDone, "serve"},
		{[]string{"help", "account", "create"}, exitDone, "<admin-email>"},
		{[]string{"serve", "-h"}, exitDone, "--smtp-addr"},
		{[]string{"version"}, exitDone, "schema"},
		{nil, exitUsage, "no command"},
		{[]string{"frob"}, exitUsage, "frob"},
		{[]string{"help", "frob"}, exitUsage, "frob"},
		{[]string{"serve", "--htpp", "x"}, exitUsage, "--http"},
		{[]string{"config", "--config", bad}, exitUsage, `there is no key "smtp-adr"; the nearest is "smtp-addr"`},
		{[]string{"config", "--config", filepath.Join(dir, "none.toml")}, exitUsage, "none.toml"},
		{[]string{"serve", "--data", dir, "--base-url", "hub.example.com/x"}, exitUsage, "--base-url"},
		{[]string{"serve", "--data", dir, "--tls-cert", "x"}, exitUsage, "--tls-key"},
		{[]string{"serve", "--data", dir, "--key", "short"}, exitUsage, "32 bytes"},
		{[]string{"serve", "--data", dir, "--trusted-proxies", "10.0.0.0/99"}, exitUsage, "10.0.0.0/99"},
		{[]string{"serve", "--data", dir, "--outward-allow", "inside.example"}, exitUsage, "inside.example"},
		{[]string{"migrate", "--store", "mysql://x:geheim@y/z"}, exitFailed, "sqlite:PATH"},
		{[]string{"restore", filepath.Join(dir, "none.zip")}, exitFailed, "none.zip"},
		{[]string{"completion", "tcsh"}, exitUsage, "bash"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			t.Parallel()
			code, out, err := hubline(t, c.args...)
			if code != c.code || !strings.Contains(out+err, c.says) {
				t.Errorf("exit %d (want %d), said %q", code, c.code, out+err)
			}
			if strings.Contains(out+err, "geheim") {
				t.Error("a password was printed")
			}
		})
	}
}

func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	paths, nodes := commandPaths(grammar(t).Node, nil)
	for i, path := range paths[1:] {
		node := nodes[i+1]
		if node.Help == "" {
			t.Errorf("%v has no help", path)
		}
		for _, flag := range node.Flags {
			if flag.Help == "" {
				t.Errorf("%v --%s has no help", path, flag.Name)
			}
		}
		if len(node.Children) == 0 && (slices.Contains(path, "list") || slices.Contains(path, "status")) &&
			!slices.ContainsFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == "json" }) {
			t.Errorf("%v lists and has no --json", path)
		}
	}
}

func grammar(t *testing.T) *kong.Application {
	t.Helper()
	parser, err := newParser(&streams{out: &output{}, err: &output{}})
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model
}

func TestCompletionOffersWhatCanFollow(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "hubline.bash")
	write(t, script, must(t, "completion", "bash"))
	for line, want := range map[string]string{
		"hubline ":                 "demo serve doctor",
		"hubline ser":              "serve",
		"hubline account ":         "create list change api-key",
		"hubline account api-key ": "revoke",
		"hubline serve --smtp-a":   "--smtp-addr",
		"hubline completion ":      "fish",
	} {
		words := strings.Split(line, " ")
		quoted := "'" + strings.Join(words, "' '") + "'"
		cmd := exec.Command("bash", "-c", `. "$1"; COMP_WORDS=(`+quoted+`); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _hubline; echo "${COMPREPLY[@]}"`, "-", script)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("after %q: %q (%v), want %q", line, out, err, want)
		}
	}
	for _, shell := range []string{"zsh", "fish"} {
		if out := must(t, "completion", shell); !strings.Contains(out, "api-key") {
			t.Errorf("%s: %s", shell, out)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
