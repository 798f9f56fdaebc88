package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hubline/base/mail/mailbox"
)

// diagnosis runs the doctor and returns its exit code and the findings by part.
func diagnosis(t *testing.T, args ...string) (int, map[string][]finding) {
	t.Helper()
	code, out, said := hubline(t, append([]string{"doctor", "--json"}, args...)...)
	var list []finding
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("%v\n%s%s", err, out, said)
	}
	parts := map[string][]finding{}
	for _, f := range list {
		parts[f.Part] = append(parts[f.Part], f)
		if f.State == broken && f.Do == "" && f.Part != "schema" && f.Part != "key" {
			t.Errorf("%s says what is wrong and not what to do: %s", f.Part, f.Text)
		}
	}
	return code, parts
}

func worst(list []finding) (state, text string) {
	rank := map[string]int{"": 0, healthy: 1, worth: 2, broken: 3}
	for _, f := range list {
		if rank[f.State] > rank[state] {
			state, text = f.State, f.Text
		}
	}
	return state, text
}

func expect(t *testing.T, parts map[string][]finding, part, state, says string) {
	t.Helper()
	got, text := worst(parts[part])
	if got != state || !strings.Contains(text, says) {
		t.Errorf("%s: %s %q, want %s %q", part, got, text, state, says)
	}
}

func mailServer(t *testing.T) string {
	t.Helper()
	box, err := mailbox.Start(mailbox.Options{Dir: t.TempDir(), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := box.Close(); err != nil {
			t.Error(err)
		}
	})
	return box.Addr()
}

func TestDoctorOnAHealthyInstallation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	cert, key := selfSigned(t, "localhost", now.Add(-time.Hour), now.Add(90*24*time.Hour))
	smtp := mailServer(t)
	args := []string{"--data", dir, "--http", "127.0.0.1:0", "--base-url", "https://localhost", "--tls-cert", cert, "--tls-key", key,
		"--smtp-addr", smtp, "--smtp-tls", "none", "--mail-from", "Portal <portal@hub.example>"}

	code, parts := diagnosis(t, args...)
	if code != exitDone {
		t.Errorf("before the first start: exit %d, %v", code, parts)
	}
	expect(t, parts, "store", worth, "does not exist yet")
	expect(t, parts, "key", worth, "does not exist yet")
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("the doctor made %v, %v", left, err)
	}

	must(t, "staff", "create", "alex@provider.example", "--data", dir)
	code, parts = diagnosis(t, args...)
	if code != exitDone {
		t.Errorf("exit %d, %v", code, parts)
	}
	for _, part := range []string{"config", "store", "data", "schema", "key", "mail", "TLS", "port"} {
		expect(t, parts, part, healthy, "")
	}
	if code, out, _ := hubline(t, append([]string{"doctor"}, args...)...); code != exitDone || !strings.Contains(out, "ok    mail") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestDoctorFindsWhatStopsSignIn(t *testing.T) {
	t.Parallel()
	now := time.Now()
	old, oldKey := selfSigned(t, "hub.example", now.Add(-48*time.Hour), now.Add(-24*time.Hour))
	soon, soonKey := selfSigned(t, "hub.example", now.Add(-48*time.Hour), now.Add(24*time.Hour))
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "")
	for _, c := range []struct {
		name  string
		args  []string
		part  string
		state string
		says  string
	}{
		{"no mail server", nil, "mail", broken, "no mail server"},
		{"a mail server that is not there", []string{"--smtp-addr", "127.0.0.1:1", "--smtp-tls", "none"}, "mail", broken, "127.0.0.1:1"},
		{"a sender that is none", []string{"--smtp-addr", "127.0.0.1:1", "--mail-from", "nobody"}, "mail", broken, "not an email address"},
		{"no encryption", []string{"--base-url", "http://hub.example"}, "config", broken, "not encrypted"},
		{"a name without address", []string{"--base-url", "https://hub.invalid"}, "DNS", broken, "hub.invalid"},
		{"a certificate that ran out", []string{"--base-url", "https://hub.example", "--tls-cert", old, "--tls-key", oldKey}, "TLS", broken, "ran out"},
		{"a certificate that runs out", []string{"--base-url", "https://hub.example", "--tls-cert", soon, "--tls-key", soonKey}, "TLS", worth, "runs out"},
		{"a certificate for another name", []string{"--base-url", "https://other.example", "--tls-cert", soon, "--tls-key", soonKey}, "TLS", broken, "not for other.example"},
		{"a key for another certificate", []string{"--base-url", "https://hub.example", "--tls-cert", soon, "--tls-key", oldKey}, "TLS", broken, "match"},
		{"a port that is taken", []string{"--http", busy.Addr().String()}, "port", broken, "in use"},
		{"a store that cannot be reached", []string{"--store", "postgres://hub:geheim@127.0.0.1:1/hub"}, "store", broken, "postgres://hub:" + masked + "@"},
		{"a data folder that is a file", []string{"--data", file}, "data", broken, "not a folder"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"--data", t.TempDir(), "--http", "127.0.0.1:0"}, c.args...)
			code, parts := diagnosis(t, args...)
			expect(t, parts, c.part, c.state, c.says)
			if code != exitFailed { // there is no mail server in most
				t.Errorf("exit %d", code)
			}
			if all, err := json.Marshal(parts); err != nil || strings.Contains(string(all), "geheim") {
				t.Errorf("a password is shown: %s, %v", all, err)
			}
		})
	}
}

func TestDoctorFindsALostKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, "staff", "create", "alex@provider.example", "--data", dir)
	if err := os.Remove(filepath.Join(dir, "hubline.key")); err != nil {
		t.Fatal(err)
	}
	code, parts := diagnosis(t, "--data", dir, "--http", "127.0.0.1:0")
	expect(t, parts, "key", broken, "missing")
	if code != exitFailed {
		t.Errorf("exit %d", code)
	}
	write(t, filepath.Join(dir, "hubline.key"), "short")
	_, parts = diagnosis(t, "--data", dir, "--http", "127.0.0.1:0")
	expect(t, parts, "key", broken, "32")
}

func TestDoctorKnowsARunningHubline(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	address, _, _ := serve(t, "--data", dir)
	_, parts := diagnosis(t, "--data", dir, "--http", address)
	expect(t, parts, "port", healthy, "Hubline answers")
}

func TestClock(t *testing.T) {
	t.Parallel()
	if f := clock(time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)); f.State != broken {
		t.Errorf("a clock in 2001: %+v", f)
	}
	if f := clock(time.Now()); f.State == broken {
		t.Errorf("the clock of this machine: %+v", f)
	}
}
