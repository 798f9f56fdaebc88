package sip

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// Digest authentication as RFC 7616 and RFC 8760 have it for SIP, with qop=auth only. SHA-512-256 is there for carriers that ask for it.

var (
	errDigest    = errors.New("sip: not digest credentials")
	errAlgorithm = errors.New("sip: unknown digest algorithm")
)

// Credentials is an Authorization or Proxy-Authorization header taken apart; quotation marks are gone.
type Credentials struct {
	Username, Realm, Nonce, URI, Response, Algorithm, QOP, CNonce, Opaque string
	NC                                                                    uint32

	count string // nc as written, which is what was hashed
}

// HA1 returns the hash of username, realm and password, in lower-case hexadecimal: what is stored instead of a password. The algorithm is
// "MD5", "SHA-256" or "SHA-512-256"; any other gives "".
func HA1(algorithm, username, realm, password string) string {
	var d digest
	return string(d.hash(algorithm, username, ":", realm, ":", password))
}

// digest is the room that one hash needs, so that none of it is allocated.
type digest struct {
	in  [512]byte
	out [2 * sha256.Size]byte
}

// hash returns the hexadecimal hash of the parts, nil for an unknown algorithm. The result lives in d until the next call.
func (d *digest) hash(algorithm string, parts ...string) []byte {
	in := d.in[:0]
	for _, p := range parts {
		in = append(in, p...)
	}
	switch {
	case algorithm == "" || equalFold(algorithm, "MD5"):
		sum := md5.Sum(in)
		return d.hex(sum[:])
	case equalFold(algorithm, "SHA-256"):
		sum := sha256.Sum256(in)
		return d.hex(sum[:])
	case equalFold(algorithm, "SHA-512-256"):
		sum := sha512.Sum512_256(in)
		return d.hex(sum[:])
	}
	return nil
}

func (d *digest) hex(sum []byte) []byte { return d.out[:hex.Encode(d.out[:], sum)] }

// ParseCredentials reads digest credentials. Another scheme, a parameter given twice, a missing one, or a qop other than auth is an error.
func ParseCredentials(header string) (Credentials, error) {
	var c Credentials
	err := digestParams(header, func(name string) *string {
		switch name {
		case "username":
			return &c.Username
		case "realm":
			return &c.Realm
		case "nonce":
			return &c.Nonce
		case "uri":
			return &c.URI
		case "response":
			return &c.Response
		case "algorithm":
			return &c.Algorithm
		case "qop":
			return &c.QOP
		case "cnonce":
			return &c.CNonce
		case "opaque":
			return &c.Opaque
		case "nc":
			return &c.count
		}
		return nil
	})
	if err != nil {
		return Credentials{}, err
	}
	n, err := strconv.ParseUint(c.count, 16, 32)
	if err != nil || len(c.count) != 8 || !equalFold(c.QOP, "auth") || c.CNonce == "" || c.Username == "" || c.Nonce == "" || c.Response == "" || c.URI == "" {
		return Credentials{}, errDigest
	}
	c.NC = uint32(n)
	return c, nil
}

// digestParams reads what follows "Digest": it asks where each known parameter goes. Twice the same is an error, because two readers could
// take different ones.
func digestParams(header string, place func(name string) *string) error {
	scheme, s, ok := strings.Cut(trim(header), " ")
	if !ok || !equalFold(scheme, "Digest") {
		return errDigest
	}
	for {
		s = trimLeft(s)
		equals := strings.IndexByte(s, '=')
		if equals < 0 {
			return errDigest
		}
		name := lower(trimRight(s[:equals]))
		s = trimLeft(s[equals+1:])
		var value string
		if strings.HasPrefix(s, `"`) {
			n := quotedLen(s)
			if n == 0 {
				return errDigest
			}
			value, s = unquote(s[:n]), trimLeft(s[n:])
		} else {
			value, s = cutBefore(s, ',')
			value = trimRight(value)
			if !isToken(value) {
				return errDigest
			}
		}
		if !isToken(name) || s != "" && s[0] != ',' {
			return errDigest
		}
		if p := place(name); p != nil {
			if *p != "" {
				return errDigest
			}
			*p = value
		}
		if s == "" {
			return nil
		}
		s = s[1:]
	}
}

// Valid tells whether the response is that of somebody who knows the HA1, in constant time. The body does not count with qop=auth; it is
// asked for so that callers do not change when auth-int comes.
func (c Credentials) Valid(ha1, method string, _ []byte) bool {
	var d, e digest
	ha2 := d.hash(c.Algorithm, method, ":", c.URI)
	count := c.count
	if count == "" {
		count = hex8(c.NC)
	}
	want := e.hash(c.Algorithm, ha1, ":", c.Nonce, ":", count, ":", c.CNonce, ":", c.QOP, ":", view(ha2))
	if want == nil || ha1 == "" || !equalFold(c.QOP, "auth") {
		return false
	}
	var got [2 * sha256.Size]byte
	n := copy(got[:], c.Response)
	return n == len(c.Response) && subtle.ConstantTimeCompare(want, got[:n]) == 1
}

func hex8(n uint32) string {
	b := [8]byte{}
	for i := range b {
		b[i] = "0123456789abcdef"[n>>(28-4*i)&15]
	}
	return string(b[:])
}

// A Challenge is a WWW-Authenticate or Proxy-Authenticate header taken apart.
type Challenge struct {
	Realm, Nonce, Algorithm, Opaque, QOP string
	Stale                                bool
}

// ParseChallenge reads a digest challenge. Whoever answers one must first see that its realm is the one the credentials are for.
func ParseChallenge(header string) (Challenge, error) {
	var c Challenge
	var stale string
	err := digestParams(header, func(name string) *string {
		switch name {
		case "realm":
			return &c.Realm
		case "nonce":
			return &c.Nonce
		case "algorithm":
			return &c.Algorithm
		case "opaque":
			return &c.Opaque
		case "qop":
			return &c.QOP
		case "stale":
			return &stale
		}
		return nil
	})
	if err != nil || c.Realm == "" || c.Nonce == "" || strings.ContainsFunc(c.Realm+c.Nonce+c.Opaque, unquotable) {
		return Challenge{}, errDigest
	}
	c.Stale = equalFold(stale, "true")
	return c, nil
}

// unquotable tells of a character that an answer could not give back, as it controls something.
func unquotable(c rune) bool { return c < ' ' || c == 0x7f }

// Answer answers a challenge as a client; the result is the value of Authorization or Proxy-Authorization. nc counts the uses of this nonce
// from 1. A challenge without qop is answered as RFC 2069 did, which old carriers still ask for; one that offers only auth-int is refused.
func Answer(challenge, username, password, method, uri string, nc uint32) (header string, err error) {
	c, err := ParseChallenge(challenge)
	if err != nil {
		return "", err
	}
	ha1 := HA1(c.Algorithm, username, c.Realm, password)
	if ha1 == "" {
		return "", errAlgorithm
	}
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	return c.answer(ha1, username, method, uri, hex.EncodeToString(random[:]), nc)
}

func (c Challenge) answer(ha1, username, method, uri, cnonce string, nc uint32) (string, error) {
	var d, e digest
	ha2 := view(d.hash(c.Algorithm, method, ":", uri))
	b := append(make([]byte, 0, 384), `Digest username=`...)
	b = appendQuoted(b, username)
	b = appendQuoted(append(b, `, realm=`...), c.Realm)
	b = appendQuoted(append(b, `, nonce=`...), c.Nonce)
	b = appendQuoted(append(b, `, uri=`...), uri)
	if c.QOP == "" {
		b = appendQuoted(append(b, `, response=`...), view(e.hash(c.Algorithm, ha1, ":", c.Nonce, ":", ha2)))
	} else {
		if !offersAuth(c.QOP) {
			return "", errAlgorithm
		}
		response := e.hash(c.Algorithm, ha1, ":", c.Nonce, ":", hex8(nc), ":", cnonce, ":auth:", ha2)
		b = appendQuoted(append(b, `, response=`...), view(response))
		b = appendQuoted(append(b, `, cnonce=`...), cnonce)
		b = append(append(b, `, nc=`...), hex8(nc)...)
		b = append(b, `, qop=auth`...)
	}
	if c.Algorithm != "" {
		b = append(append(b, `, algorithm=`...), c.Algorithm...)
	}
	if c.Opaque != "" {
		b = appendQuoted(append(b, `, opaque=`...), c.Opaque)
	}
	return string(b), nil
}

func offersAuth(qop string) bool {
	for q := range strings.SplitSeq(qop, ",") {
		if equalFold(trim(q), "auth") {
			return true
		}
	}
	return false
}
