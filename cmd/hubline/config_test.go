package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// settings runs "hubline config --json" and returns the fields by key.
func settings(t *testing.T, args ...string) map[string]setting {
	t.Helper()
	var list []setting
	if err := json.Unmarshal([]byte(must(t, append([]string{"config", "--json"}, args...)...)), &list); err != nil {
		t.Fatal(err)
	}
	m := map[string]setting{}
	for _, s := range list {
		m[s.Key] = s
	}
	return m
}

// Not parallel: it sets variables of the process.
func TestFlagsWinOverVariablesOverFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hubline.toml")
	write(t, file, "provider = \"file\"\nlog-level = \"error\"\nhttp = \"127.0.0.1:1\"\n")
	t.Setenv("HUBLINE_PROVIDER", "variable")
	t.Setenv("HUBLINE_HTTP", "127.0.0.1:2")
	t.Setenv("HUBLINE_CONFIG", file)
	got := settings(t, "--http", "127.0.0.1:3")
	for key, want := range map[string]setting{
		"http":       {Value: "127.0.0.1:3", Source: "flag"},
		"provider":   {Value: "variable", Source: "HUBLINE_PROVIDER"},
		"log-level":  {Value: "error", Source: "file"},
		"log-format": {Value: "text", Source: "default"},
	} {
		if s := got[key]; s.Value != want.Value || s.Source != want.Source {
			t.Errorf("%s is %q from %s, want %q from %s", key, s.Value, s.Source, want.Value, want.Source)
		}
	}
}

// Not parallel: it sets variables of the process.
func TestUnknownVariableNamesTheNearest(t *testing.T) {
	t.Setenv("HUBLINE_SERVICE_HOST", "10.0.0.1") // Kubernetes sets these for a service named hubline
	t.Setenv("HUBLINE_PORT_8080_TCP", "tcp://10.0.0.1:8080")
	must(t, "version")
	t.Setenv("HUBLINE_SMTP_PASWORD", "x")
	code, _, said := hubline(t, "version")
	if code != exitUsage || !strings.Contains(said, "HUBLINE_SMTP_PASSWORD") {
		t.Errorf("exit %d, said %q", code, said)
	}
}

func TestConfigurationFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, fails string }{
		{"plain.toml", "smtp-addr = \"mail:25\"\ntrusted-proxies = [\"10.0.0.0/8\", \"::1\"]", ""},
		{"sections.toml", "trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n[smtp]\naddr = \"mail:25\"", ""},
		{"plain.yaml", "smtp-addr: mail:25\ntrusted-proxies: [10.0.0.0/8, '::1']", ""},
		{"sections.yml", "smtp:\n  addr: mail:25\ntrusted_proxies:\n  - 10.0.0.0/8\n  - '::1'", ""},
		{"unknown.yaml", "smtp:\n  adr: mail:25", `there is no key "smtp-adr"; the nearest is "smtp-addr"`},
		{"twice.toml", "smtp-addr = \"a\"\nsmtp_addr = \"b\"", "twice"},
		{"broken.toml", "smtp-addr = ", "broken.toml"},
		{"broken.yaml", "a: [", "broken.yaml"},
		{"other.ini", "", "name the configuration file"},
		{"command.toml", "json = true", "there is no key"},
		{"nested.toml", "config = \"other.toml\"", "there is no key"},
		{"value.toml", "log-level = \"loud\"", "log-level"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), c.name)
			write(t, path, c.text)
			if c.fails != "" {
				code, _, said := hubline(t, "config", "-c", path)
				if code != exitUsage || !strings.Contains(said, c.fails) || strings.Contains(said, "--help") {
					t.Errorf("exit %d, said %q, want %q", code, said, c.fails)
				}
				return
			}
			got := settings(t, "-c", path)
			if got["smtp-addr"].Value != "mail:25" || got["trusted-proxies"].Value != "10.0.0.0/8,::1" {
				t.Errorf("read %+v and %+v", got["smtp-addr"], got["trusted-proxies"])
			}
		})
	}
}

func TestPrintedConfigurationCanBeKept(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "kept.toml")
	write(t, file, must(t, "config", "--provider", "Quote \" <b> ü", "--smtp-addr", "mail:25", "--trusted-proxies", "10.0.0.0/8,::1"))
	got := settings(t, "-c", file)
	if got["provider"].Value != "Quote \" <b> ü" || got["smtp-addr"].Value != "mail:25" || got["trusted-proxies"].Value != "10.0.0.0/8,::1" {
		t.Errorf("read back %+v", got)
	}
	for key, s := range got {
		if s.Env != "HUBLINE_"+strings.ToUpper(strings.ReplaceAll(key, "-", "_")) || s.Help == "" {
			t.Errorf("%s has the variable %s and the help %q", key, s.Env, s.Help)
		}
	}
}

func TestS22SecretsAreMasked(t *testing.T) {
	t.Parallel()
	args := []string{"config", "--smtp-password", "geheim", "--store", "postgres://hub:geheim@db/hub?sslmode=disable&password=geheim"}
	for _, more := range [][]string{nil, {"--json"}} {
		out := must(t, append(args, more...)...)
		if strings.Contains(out, "geheim") || !strings.Contains(out, "postgres://hub:"+masked+"@db/hub?sslmode=disable&password="+masked) {
			t.Errorf("printed %s", out)
		}
	}
	key := must(t, "config", "--key", strings.Repeat("ab", 32))
	if strings.Contains(key, "abab") {
		t.Errorf("printed %s", key)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	write(t, secret, "geheim\r\n")
	c := Config{SMTPPasswordFile: secret, Ground: Ground{Data: dir, StoreFile: secret}, Site: Site{HTTP: ":80"}}
	if err := c.settle(); err != nil {
		t.Fatal(err)
	}
	if c.SMTPPassword != "geheim" || c.Store != "geheim" {
		t.Errorf("read %q and %q", c.SMTPPassword, c.Store)
	}
	c = Config{SMTPPassword: "other", SMTPPasswordFile: secret, Site: Site{HTTP: ":80"}}
	if err := c.settle(); err == nil {
		t.Error("a password given twice was taken")
	}
	c = Config{SMTPPasswordFile: filepath.Join(dir, "none"), Site: Site{HTTP: ":80"}}
	if err := c.settle(); err == nil {
		t.Error("a missing file was taken")
	}
}

func TestKeyTexts(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		strings.Repeat("ab", 32):                       true,
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=": true,
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8":  true,
		"__8CAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8":  true,
		"AAECAwQF":                false,
		strings.Repeat("ab", 31):  false,
		strings.Repeat("zz", 32):  false,
		" " + "AAECAwQFBgcICQoL ": false,
	} {
		g := Ground{Key: text}
		if key, err := g.keyBytes(); (err == nil) != ok || ok && len(key) != 32 {
			t.Errorf("%q: %d bytes, %v", text, len(key), err)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{"stoer": "store", "smtp-addres": "smtp-addr", "htpp": "http", "": "key", "base_url": "base-url"} {
		if got := nearest(word, []string{"store", "smtp-addr", "http", "key", "base-url"}); got != want {
			t.Errorf("nearest to %q is %q, want %q", word, got, want)
		}
	}
}
