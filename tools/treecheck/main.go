// Command treecheck gives a second opinion on exports of the audit log. It reads one from standard input and checks it with the code
// behind Go's checksum database instead of ours: every signed head, the tree below it, that each head grew out of the one before, and
// that entries are where they say.
//
//	go test ../product/account -run TestQ4 -audit.export /tmp/audit.jsonl
//	go run ./treecheck </tmp/audit.jsonl
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	log.SetFlags(0)
	said, err := check(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(said)
}

// line is any line of an export (docs/decisions/0018-audit-tree.md): the first, an entry or a checkpoint.
type line struct {
	Origin, Key string
	Entries     int64

	N     int64
	Leaf  string
	Entry json.RawMessage

	Checkpoint string
}

// tree is what was read so far, as tlog stores it.
type tree struct {
	hashes []tlog.Hash
	leaves []tlog.Hash
	heads  []head
}

// head is what a signed checkpoint says.
type head struct {
	size int64
	root tlog.Hash
}

// ReadHashes implements tlog.HashReader.
func (t *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	list := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		if at >= int64(len(t.hashes)) {
			return nil, fmt.Errorf("hash %d lies outside of the tree", at)
		}
		list[i] = t.hashes[at]
	}
	return list, nil
}

func check(r io.Reader) (string, error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 1<<20)
	if !in.Scan() {
		return "", errors.New("the export is empty")
	}
	var first line
	if err := json.Unmarshal(in.Bytes(), &first); err != nil {
		return "", err
	}
	verifier, err := note.NewVerifier(first.Key)
	if err != nil {
		return "", fmt.Errorf("the key %q: %w", first.Key, err)
	}
	var t tree
	for in.Scan() {
		var l line
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			return "", err
		}
		if l.Checkpoint != "" {
			err = t.covered(l.Checkpoint, first.Origin, verifier)
		} else {
			err = t.add(l)
		}
		if err != nil {
			return "", err
		}
	}
	if err := in.Err(); err != nil {
		return "", err
	}
	if n := int64(len(t.leaves)); n != first.Entries || len(t.heads) == 0 || t.heads[len(t.heads)-1].size != n {
		return "", fmt.Errorf("%d entries, %d announced, %d heads", n, first.Entries, len(t.heads))
	}
	proofs, err := t.proved()
	return fmt.Sprintf("%d entries under %d signed heads of %s, %d proofs hold", len(t.leaves), len(t.heads), first.Origin, proofs), err
}

// add puts one entry into the tree. Only where its text was dropped is the hash in the file believed; the heads decide whether rightly.
func (t *tree) add(l line) error {
	n := int64(len(t.leaves))
	if l.N != n+1 {
		return fmt.Errorf("entry %d stands in the place of %d", l.N, n+1)
	}
	raw, err := base64.StdEncoding.DecodeString(l.Leaf)
	if err != nil || len(raw) != tlog.HashSize {
		return fmt.Errorf("entry %d: %q is no hash", l.N, l.Leaf)
	}
	leaf := tlog.Hash(raw)
	if l.Entry != nil && tlog.RecordHash(l.Entry) != leaf {
		return fmt.Errorf("entry %d is not what its hash says", l.N)
	}
	more, err := tlog.StoredHashesForRecordHash(n, leaf, t)
	if err != nil {
		return err
	}
	t.hashes, t.leaves = append(t.hashes, more...), append(t.leaves, leaf)
	return nil
}

// covered checks a signed head against the tree so far.
func (t *tree) covered(text, origin string, verifier note.Verifier) error {
	signed, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return err
	}
	var h head
	var name, root string
	if _, err := fmt.Sscanf(signed.Text, "%s\n%d\n%s\n", &name, &h.size, &root); err != nil {
		return fmt.Errorf("the head %q: %w", signed.Text, err)
	}
	if h.root, err = tlog.ParseHash(root); err != nil {
		return err
	}
	is, err := tlog.TreeHash(h.size, t)
	if err != nil {
		return err
	}
	if name != origin || h.size != int64(len(t.leaves)) || is != h.root {
		return fmt.Errorf("the head of %s over %d entries says %s, the tree of %d is %s", name, h.size, root, len(t.leaves), is)
	}
	t.heads = append(t.heads, h)
	return nil
}

// proved makes and checks proofs: that every head grew out of the one before, and that entries stand where they say.
func (t *tree) proved() (n int, err error) {
	last := t.heads[len(t.heads)-1]
	for _, h := range t.heads {
		if h.size == 0 {
			continue
		}
		grew, err := tlog.ProveTree(last.size, h.size, t)
		if err == nil {
			err = tlog.CheckTree(grew, last.size, last.root, h.size, h.root)
		}
		if err != nil {
			return n, fmt.Errorf("the head over %d entries does not grow into the last: %w", h.size, err)
		}
		n++
	}
	for at := range last.size {
		where, err := tlog.ProveRecord(last.size, at, t)
		if err == nil {
			err = tlog.CheckRecord(where, last.size, last.root, at, t.leaves[at])
		}
		if err != nil {
			return n, fmt.Errorf("entry %d: %w", at+1, err)
		}
		n++
	}
	return n, nil
}
