// Package merkle hashes a log that only grows into a tree (RFC 9162 section 2.1, the same tree as RFC 6962) and signs the tree's head as
// a checkpoint that other programs can check too (the C2SP documents tlog-checkpoint and signed-note). It does not know what is logged.
package merkle

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/bits"
	"strings"
)

// Hash is a SHA-256 hash of a leaf, of a node, or of a whole tree.
type Hash [sha256.Size]byte

// The first byte of what is hashed keeps leaves and nodes apart, so that no node can be shown as a leaf (RFC 9162 section 2.1.1).
const (
	leafPrefix = 0
	nodePrefix = 1
)

// Leaf returns the hash of one entry's bytes.
func Leaf(entry []byte) (h Hash) {
	d := sha256.New()
	d.Write([]byte{leafPrefix})
	d.Write(entry)
	d.Sum(h[:0])
	return h
}

func node(left, right Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = nodePrefix
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// encoding refuses stray bits in the last character, so that every hash has one spelling.
var encoding = base64.StdEncoding.Strict()

// String is the hash in base64, as checkpoints write it.
func (h Hash) String() string { return encoding.EncodeToString(h[:]) }

// ParseHash reads what String wrote, and no other spelling of it.
func ParseHash(text string) (h Hash, err error) {
	raw, err := encoding.DecodeString(text)
	if err != nil || len(raw) != len(h) || len(text) != encoding.EncodedLen(len(h)) {
		return h, errors.New("merkle: this is no hash")
	}
	return Hash(raw), nil
}

// Tree is as much of a tree as it takes to append to it and to know its root: one hash for each one bit of its size, the greatest
// perfect subtree first. The zero value is the empty tree.
type Tree struct {
	size  int64
	peaks []Hash
}

// Size is the number of leaves.
func (t *Tree) Size() int64 { return t.size }

// Append adds a leaf at the end.
func (t *Tree) Append(leaf Hash) {
	for n := t.size; n&1 == 1; n >>= 1 { // two perfect subtrees of one size become one
		last := len(t.peaks) - 1
		leaf = node(t.peaks[last], leaf)
		t.peaks = t.peaks[:last]
	}
	t.peaks = append(t.peaks, leaf)
	t.size++
}

// Root returns the hash of the whole tree; the empty tree has that of nothing.
func (t *Tree) Root() Hash {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	root := t.peaks[len(t.peaks)-1]
	for i := len(t.peaks) - 2; i >= 0; i-- {
		root = node(t.peaks[i], root)
	}
	return root
}

// Peaks is the tree as a store keeps it beside its size: the hashes, one after the other with a space between.
func (t *Tree) Peaks() string {
	words := make([]string, len(t.peaks))
	for i, p := range t.peaks {
		words[i] = p.String()
	}
	return strings.Join(words, " ")
}

// Grown returns the tree of that size with those peaks.
func Grown(size int64, peaks string) (*Tree, error) {
	t := &Tree{size: size}
	for word := range strings.FieldsSeq(peaks) {
		h, err := ParseHash(word)
		if err != nil {
			return nil, err
		}
		t.peaks = append(t.peaks, h)
	}
	if size < 0 || len(t.peaks) != bits.OnesCount64(uint64(size)) {
		return nil, errors.New("merkle: the peaks are not those of a tree of this size")
	}
	return t, nil
}
