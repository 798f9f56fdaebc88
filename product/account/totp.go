package account

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1" // RFC 6238 section 1.2: the one that every authenticator app takes; as an HMAC it is not broken
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
)

// Parameters of one-time passwords, the ones that every authenticator app takes (RFC 6238, RFC 4226).
const (
	totpStep   = 30_000 // ms that one code stands for
	totpSkew   = 1      // steps by which the clock of a phone may be early or late
	totpSecret = 20     // bytes
	totpDigits = 6
)

// totpCode returns the code of a time step (RFC 4226 section 5.3).
func totpCode(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step))
	mac.Write(counter[:])
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff%1_000_000)
}

// totpMatch returns the time step after last whose code was typed, or 0. It looks at all of them, so that the time it takes tells nothing.
func totpMatch(secret []byte, typed string, now, last int64) (step int64) {
	for at := now/totpStep - totpSkew; at <= now/totpStep+totpSkew; at++ {
		if hmac.Equal([]byte(totpCode(secret, at)), []byte(typed)) && at > last && step == 0 {
			step = at
		}
	}
	return step
}

func newTOTPSecret() []byte {
	secret := make([]byte, totpSecret)
	rand.Read(secret)
	return secret
}

var secretText = base32.StdEncoding.WithPadding(base32.NoPadding)

// totpURI is what an authenticator app reads from a QR code (the Key URI format).
func totpURI(issuer, email string, secret []byte) string {
	query := url.Values{"secret": {secretText.EncodeToString(secret)}, "issuer": {issuer}}
	return "otpauth://totp/" + url.PathEscape(issuer+":"+email) + "?" + query.Encode()
}
