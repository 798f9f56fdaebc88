// Package seal keeps secrets unreadable at rest and makes checksums that only this installation can make, all from one key file.
// It does not know what is sealed or where it is stored; a context string keeps the uses apart.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// KeySize is the length of the key in bytes.
const KeySize = 32

// format is the first byte of what Seal makes, so that a later form can be told apart.
const format = 1

// text refuses stray bits in the last character, so that every sealed value has exactly one spelling.
var text = base64.RawURLEncoding.Strict()

// ErrOpen says that a text was not sealed with this key for this context, or was changed since.
var ErrOpen = errors.New("seal: the sealed text does not open with this key and context")

// Ring holds the key of one installation. It is safe for concurrent use.
type Ring struct {
	secret []byte // HKDF's pseudo-random key (RFC 5869 section 2.2)
}

// New returns a Ring for a key of KeySize bytes and panics at any other length.
func New(key []byte) *Ring {
	if len(key) != KeySize {
		panic(fmt.Sprintf("seal: the key has %d bytes, not %d", len(key), KeySize))
	}
	secret, err := hkdf.Extract(sha256.New, key, []byte("hubline"))
	if err != nil {
		panic(err) // only a FIPS policy that refuses SHA-256 gets here
	}
	return &Ring{secret: secret}
}

// Load reads the key file, and makes it with a random key when there is none.
// Processes that start together agree on one key.
func Load(path string) (*Ring, error) {
	key, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = create(path); err == nil {
			key, err = read(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	return New(key), nil
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	// Group may read, because that is how orchestrators mount a secret for an unprivileged process.
	if mode := info.Mode().Perm(); mode&0o027 != 0 {
		return nil, fmt.Errorf("%s has mode %04o; run chmod 600 on it so that nobody else can read it", path, mode)
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(key) != KeySize {
		return nil, fmt.Errorf("%s has %d bytes, not %d; restore it from the backup", path, len(key), KeySize)
	}
	return key, nil
}

// create writes a complete file under another name and links it into place: the link fails when another process was
// first, and nobody ever sees half a key.
func create(path string) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".key-*") // CreateTemp uses mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	key := make([]byte, KeySize)
	rand.Read(key)
	if _, err := f.Write(key); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// syncDir makes the new name survive a power cut; a lost key file would make everything sealed unreadable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Seal encrypts plain with AES-256-GCM. It opens again only with the same context, which is not secret.
// One context is good for 2^32 values, the limit of random 96-bit nonces (NIST SP 800-38D section 8.3).
func (r *Ring) Seal(context string, plain []byte) string {
	sealed := r.cipher(context).Seal([]byte{format}, nil, plain, associated(context))
	return text.EncodeToString(sealed)
}

// Open returns what was sealed for context. Any other text gives ErrOpen.
func (r *Ring) Open(context, sealed string) ([]byte, error) {
	raw, err := text.DecodeString(sealed)
	// The decoder skips line breaks, so the length has to match too.
	if err != nil || len(sealed) != text.EncodedLen(len(raw)) || len(raw) == 0 || raw[0] != format {
		return nil, ErrOpen
	}
	plain, err := r.cipher(context).Open(nil, nil, raw[1:], associated(context))
	if err != nil {
		return nil, ErrOpen
	}
	return plain, nil
}

// MAC returns HMAC-SHA-256 of data with a key of its own per purpose. Compare with hmac.Equal.
func (r *Ring) MAC(purpose string, data []byte) []byte {
	h := hmac.New(sha256.New, r.key("mac", purpose))
	h.Write(data)
	return h.Sum(nil)
}

// Signer returns the key pair that signs for one purpose (Ed25519, RFC 8032), the same at every call. Its public half may be told to anybody.
func (r *Ring) Signer(purpose string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(r.key("sign", purpose))
}

func (r *Ring) cipher(context string) cipher.AEAD {
	block, err := aes.NewCipher(r.key("seal", context))
	if err != nil {
		panic(err) // the key length is fixed
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has the block size that GCM wants
	}
	return aead
}

// associated authenticates the format byte together with the context.
func associated(context string) []byte {
	return append([]byte{format}, context...)
}

// key derives the key for one use (RFC 5869 section 2.3); the zero byte keeps use and name apart.
func (r *Ring) key(use, name string) []byte {
	key, err := hkdf.Expand(sha256.New, r.secret, use+"\x00"+name, KeySize)
	if err != nil {
		panic(err) // the length is far below HKDF's limit
	}
	return key
}
