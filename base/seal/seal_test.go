package seal

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// pathVariable makes this test binary a process that loads a key and prints a checksum made with it.
const pathVariable = "HUBLINE_SEAL_PATH"

func TestMain(m *testing.M) {
	path := os.Getenv(pathVariable)
	if path == "" {
		os.Exit(m.Run())
	}
	io.Copy(io.Discard, os.Stdin) // all start at the same moment
	r, err := Load(path)
	if err != nil {
		os.Stdout.WriteString(err.Error())
		os.Exit(1)
	}
	os.Stdout.WriteString(hex.EncodeToString(r.MAC("test", nil)))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ring(t *testing.T) *Ring {
	t.Helper()
	key := make([]byte, KeySize)
	rand.Read(key)
	return New(key)
}

func TestSealedOpens(t *testing.T) {
	t.Parallel()
	r := ring(t)
	for _, plain := range []string{"", "x", strings.Repeat("long ", 10_000), "\x00\xff"} {
		sealed := r.Seal("job:mail", []byte(plain))
		got, err := r.Open("job:mail", sealed)
		must(t, err)
		if string(got) != plain {
			t.Errorf("%d bytes came back as %d", len(plain), len(got))
		}
		if len(plain) > 1 && strings.Contains(sealed, plain) {
			t.Error("the plain text shows")
		}
		if sealed == r.Seal("job:mail", []byte(plain)) {
			t.Error("the same text twice gives the same sealed text")
		}
		if strings.Trim(sealed, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("%s is not base64url", sealed)
		}
	}
}

func TestOtherContextOrKeyIsRefused(t *testing.T) {
	t.Parallel()
	r := ring(t)
	sealed := r.Seal("job:mail", []byte("secret"))
	for _, context := range []string{"", "job", "job:mai", "job:mail\x00", "job:mail ", "seal\x00job:mail"} {
		refused(t, r, context, sealed)
	}
	refused(t, ring(t), "job:mail", sealed)
}

func refused(t *testing.T, r *Ring, context, sealed string) {
	t.Helper()
	plain, err := r.Open(context, sealed)
	if !errors.Is(err, ErrOpen) || plain != nil {
		t.Errorf("context %q, text %q: opened as %q, error %v", context, sealed, plain, err)
	}
}

func TestChangedTextIsRefused(t *testing.T) {
	t.Parallel()
	r := ring(t)
	for _, plain := range []string{"", "a", "ab", "abc"} { // every length of base64's last group
		sealed := r.Seal("c", []byte(plain))
		for i := range len(sealed) {
			for bit := range 8 {
				b := []byte(sealed)
				b[i] ^= 1 << bit
				refused(t, r, "c", string(b))
			}
			refused(t, r, "c", sealed[:i])
			refused(t, r, "c", sealed[i+1:])
			refused(t, r, "c", sealed[:i]+"\n"+sealed[i:]) // the decoder would skip it
		}
		refused(t, r, "c", sealed+"A")
		refused(t, r, "c", sealed+"=")
		refused(t, r, "c", sealed+sealed)
	}
	refused(t, r, "c", "not base64 at all")
}

func TestMAC(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte{7}, KeySize)
	r := New(key)
	mac := r.MAC("token", []byte("data"))
	if len(mac) != 32 || !hmac.Equal(mac, New(key).MAC("token", []byte("data"))) {
		t.Error("the same key and data give another checksum")
	}
	for name, other := range map[string][]byte{
		"purpose": r.MAC("toke", []byte("ndata")),
		"data":    r.MAC("token", []byte("date")),
		"key":     ring(t).MAC("token", []byte("data")),
		"use":     r.key("seal", "token"),
	} {
		if hmac.Equal(mac, other) {
			t.Errorf("another %s gives the same checksum", name)
		}
	}
	// What is stored was made with these derivations; a changed one would lock every installation out.
	if got := hex.EncodeToString(mac); got != macOfToken {
		t.Errorf("the derivation has changed: %s", got)
	}
	if plain, err := r.Open("context", sealedOnce); err != nil || string(plain) != "kept" {
		t.Errorf("an older sealed text opens as %q, %v", plain, err)
	}
}

const (
	macOfToken = "8974c0bd5d7a9739e98e247f6c9fcd85d61a76b72ec5d55e0da8f3cc548e106a"
	sealedOnce = "AXTfAZFNtYEtPn6euMNnVhT3xnaiiqdqGHG8eORB4ThV"
)

func TestLoadMakesOneKeyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	first, err := Load(path)
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 || info.Size() != KeySize {
		t.Errorf("mode %v, %d bytes", info.Mode(), info.Size())
	}
	again, err := Load(path)
	must(t, err)
	if plain, err := again.Open("c", first.Seal("c", []byte("x"))); err != nil || string(plain) != "x" {
		t.Errorf("the second Load has another key: %v", err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	if len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	good := bytes.Repeat([]byte{1}, KeySize)
	for name, c := range map[string]struct {
		key  []byte
		mode os.FileMode
		want string
	}{
		"readable by all":   {good, 0o604, "chmod 600"},
		"writable by group": {good, 0o620, "chmod 600"},
		"short":             {good[1:], 0o600, "31 bytes"},
		"empty":             {nil, 0o600, "0 bytes"},
		"long":              {append(good, 1), 0o600, "33 bytes"},
	} {
		path := filepath.Join(t.TempDir(), "key")
		must(t, os.WriteFile(path, c.key, 0o600))
		must(t, os.Chmod(path, c.mode))
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v", name, err)
		}
		after, err := os.ReadFile(path)
		must(t, err)
		if !bytes.Equal(after, c.key) {
			t.Errorf("%s: Load changed the file", name)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "absent", "key")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent folder: %v", err)
	}
	mounted := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(mounted, good, 0o600))
	must(t, os.Chmod(mounted, 0o440))
	_, err := Load(mounted)
	must(t, err)
}

func TestProcessesThatStartTogetherAgree(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	start, release, err := os.Pipe()
	must(t, err)
	defer start.Close()
	var commands [6]*exec.Cmd
	var outputs [6]bytes.Buffer
	for i := range commands {
		commands[i] = exec.Command(os.Args[0])
		commands[i].Env = append(os.Environ(), pathVariable+"="+path)
		commands[i].Stdin, commands[i].Stdout = start, &outputs[i]
		must(t, commands[i].Start())
	}
	must(t, release.Close())
	for i, c := range commands {
		if err := c.Wait(); err != nil {
			t.Fatalf("process %d: %v %s", i, err, &outputs[i])
		}
	}
	for i := range outputs {
		if outputs[i].Len() != 64 || outputs[i].String() != outputs[0].String() {
			t.Errorf("process %d has another key: %s, %s", i, &outputs[i], &outputs[0])
		}
	}
}

func BenchmarkSealAndOpen(b *testing.B) {
	r := New(make([]byte, KeySize))
	plain := make([]byte, 200)
	for b.Loop() {
		if _, err := r.Open("job:mail", r.Seal("job:mail", plain)); err != nil {
			b.Fatal(err)
		}
	}
}
