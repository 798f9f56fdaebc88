package merkle

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Checkpoint says what a log was at one moment: that many leaves with that root. Whoever holds one can tell whether the log was changed
// since in what it covers.
type Checkpoint struct {
	Origin string // names the log for ever; also the name of its key
	Size   int64
	Root   Hash
	At     time.Time // to the millisecond
}

// Key is the public half of the key that signs a log's checkpoints, with the log's origin as its name.
type Key struct {
	Origin string
	Public ed25519.PublicKey
}

const (
	algorithm = 1 // Ed25519, in signed-note
	dash      = "— "
	timeWord  = "time "
	timeForm  = "2006-01-02T15:04:05.000Z"
)

// ErrCheckpoint says that a text is no checkpoint of that log, or not signed with its key.
var ErrCheckpoint = errors.New("this is no checkpoint of the log, signed with its key")

// text is what is signed: origin, size and root, each on a line, and the time as an extension line.
func (c Checkpoint) text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + c.Root.String() + "\n" + timeWord + c.At.UTC().Format(timeForm) + "\n"
}

// Sign returns the checkpoint as a signed note: its text, an empty line, and a line with the signature.
func (c Checkpoint) Sign(private ed25519.PrivateKey) string {
	key := Key{c.Origin, private.Public().(ed25519.PublicKey)}
	signature := append(key.id(), ed25519.Sign(private, []byte(c.text()))...)
	return c.text() + "\n" + dash + c.Origin + " " + encoding.EncodeToString(signature) + "\n"
}

// Open checks the signature of a signed note and returns its checkpoint. Signatures by others, such as witnesses, may stand beside.
func (k Key) Open(note string) (c Checkpoint, err error) {
	text, signatures, found := strings.Cut(note, "\n\n")
	text += "\n"
	if !found || !strings.HasSuffix(signatures, "\n") {
		return c, ErrCheckpoint
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(signatures, "\n"), "\n") {
		encoded, ours := strings.CutPrefix(line, dash+k.Origin+" ")
		raw, err := encoding.DecodeString(encoded)
		if ours && err == nil && len(raw) == 4+ed25519.SignatureSize && string(raw[:4]) == string(k.id()) && ed25519.Verify(k.Public, []byte(text), raw[4:]) {
			return k.parse(text)
		}
	}
	return c, ErrCheckpoint
}

func (k Key) parse(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[0] != k.Origin {
		return c, ErrCheckpoint
	}
	c.Origin = lines[0]
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 0 || strconv.FormatInt(c.Size, 10) != lines[1] {
		return c, ErrCheckpoint
	}
	if c.Root, err = ParseHash(lines[2]); err != nil {
		return c, ErrCheckpoint
	}
	for _, line := range lines[3:] {
		if moment, ok := strings.CutPrefix(line, timeWord); ok {
			if c.At, err = time.Parse(timeForm, moment); err != nil {
				return c, ErrCheckpoint
			}
		}
	}
	return c, nil
}

// OriginOf returns the first line of a note, which names its log. Nothing is checked.
func OriginOf(note string) string {
	origin, _, _ := strings.Cut(note, "\n")
	return origin
}

// id tells keys of one name apart: the first bytes of a hash of name and key (signed-note).
func (k Key) id() []byte {
	sum := sha256.Sum256(append([]byte(k.Origin+"\n"), k.encoded()...))
	return sum[:4]
}

func (k Key) encoded() []byte { return append([]byte{algorithm}, k.Public...) }

// String is the key as other programs take it, a verifier key: name+id+base64.
func (k Key) String() string {
	return k.Origin + "+" + hex.EncodeToString(k.id()) + "+" + encoding.EncodeToString(k.encoded())
}

// ParseKey reads a verifier key.
func ParseKey(text string) (k Key, err error) {
	wrong := errors.New("this is no verifier key; it has the form name+id+key")
	text = strings.TrimSpace(text)
	name, rest, _ := strings.Cut(text, "+")
	_, encoded, _ := strings.Cut(rest, "+")
	raw, err := encoding.DecodeString(encoded)
	if err != nil || name == "" || len(raw) != 1+ed25519.PublicKeySize || raw[0] != algorithm {
		return k, wrong
	}
	k = Key{name, ed25519.PublicKey(raw[1:])}
	if k.String() != text { // another id, or another spelling of it
		return k, wrong
	}
	return k, nil
}
