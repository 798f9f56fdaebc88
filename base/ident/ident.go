// Package ident makes identifiers and secret tokens, and the hash under which a store knows a token. It does not know what they name.
package ident

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync/atomic"
)

// New returns 130 random bits as 26 small letters and digits. IDs are never reused.
func New() string { return strings.ToLower(rand.Text()) }

var ordered atomic.Uint32 // IDs that Ordered made in this process, wrapping around

// Ordered returns an ID that begins with the time in Unix milliseconds and a count, so that IDs sort by when they were made, also
// those of one transaction.
func Ordered(ms int64) string {
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(ms)<<16|uint64(uint16(ordered.Add(1))))
	return hex.EncodeToString(at[:]) + strings.ToLower(rand.Text())[:12]
}

// Token returns a secret of 256 random bits behind a prefix that names its purpose, and the hash under which the store knows it.
func Token(purpose string) (token, hash string) {
	secret := make([]byte, 32)
	rand.Read(secret)
	token = purpose + "_" + base64.RawURLEncoding.EncodeToString(secret)
	return token, Hash(purpose, token)
}

// Hash returns the store's name for a token, or "" unless it has exactly the form of that purpose: wrong length, prefix or alphabet
// never reach the store. A hash of "" must find nothing there, so dead hashes are NULL.
func Hash(purpose, token string) string {
	secret, ok := strings.CutPrefix(token, purpose+"_")
	if !ok || len(secret) != 43 {
		return ""
	}
	if raw, err := base64.RawURLEncoding.Strict().DecodeString(secret); err != nil || len(raw) != 32 {
		return ""
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
