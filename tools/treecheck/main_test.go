package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// export writes one with a head after every third entry.
func export(t *testing.T, entries int) string {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "log.example/audit")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `{"origin":"log.example/audit","key":%q,"entries":%d}`+"\n", public, entries)
	var kept tree
	for n := range entries {
		entry := fmt.Sprintf(`{"id":%d}`, n)
		leaf := tlog.RecordHash([]byte(entry))
		fmt.Fprintf(&b, `{"n":%d,"leaf":%q,"entry":%s}`+"\n", n+1, base64.StdEncoding.EncodeToString(leaf[:]), entry)
		if err := kept.add(line{N: int64(n + 1), Leaf: base64.StdEncoding.EncodeToString(leaf[:])}); err != nil {
			t.Fatal(err)
		}
		if n%3 == 2 || n == entries-1 {
			root, err := tlog.TreeHash(int64(n+1), &kept)
			if err != nil {
				t.Fatal(err)
			}
			signed, err := note.Sign(&note.Note{Text: fmt.Sprintf("log.example/audit\n%d\n%s\ntime 2026-11-22T09:00:00.000Z\n", n+1, root)}, signer)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := json.Marshal(string(signed))
			fmt.Fprintf(&b, `{"checkpoint":%s}`+"\n", text)
		}
	}
	return b.String()
}

func TestExportsAreChecked(t *testing.T) {
	t.Parallel()
	whole := export(t, 20)
	if said, err := check(strings.NewReader(whole)); err != nil {
		t.Fatalf("%s, %v", said, err)
	}
	lines := strings.SplitAfter(whole, "\n")
	for name, forged := range map[string]string{
		"edited": strings.Replace(whole, `{"id":4}`, `{"id":5}`, 1), "an entry missing": strings.Join(append(lines[:3:3], lines[4:]...), ""), "cut": whole[:len(whole)/2],
		"another key": strings.Replace(lines[0], "+A", "+B", 1) + strings.Join(lines[1:], ""), "no head": strings.Join(lines[:len(lines)-2], ""), "empty": "",
		"two swapped": strings.Join([]string{lines[0], lines[2], lines[1]}, "") + strings.Join(lines[3:], ""), "another root": strings.Replace(whole, `log.example/audit\n3\n`, `log.example/audit\n2\n`, 1),
	} {
		if said, err := check(strings.NewReader(forged)); err == nil {
			t.Errorf("%s: %s", name, said)
		}
	}
}
