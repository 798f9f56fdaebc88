package accounttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"testing"

	"hubline/product/account"
)

// The flags of authenticator data (WebAuthn level 3 section 6.1).
const (
	UserPresent    = 0x01
	UserVerified   = 0x04
	BackupEligible = 0x08
	BackedUp       = 0x10
	hasKey         = 0x40
)

// Passkey is a device that makes one passkey and signs with it: an ES256 authenticator in software. What it says can be changed, to see that
// lies are refused.
type Passkey struct {
	Origin  string // what the browser says where it is
	Party   string // the host that the device thinks it signs for
	Flags   byte
	Counter uint32
	ID      []byte // of the credential
	Handle  []byte // of the person, from the options
	key     *ecdsa.PrivateKey
	t       testing.TB
}

// NewPasskey returns a device that is at the portal of a Rig.
func NewPasskey(t testing.TB) *Passkey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	rand.Read(id)
	return &Passkey{Origin: BaseURL, Party: BaseURL[len("https://"):], Flags: UserPresent | UserVerified | BackupEligible | BackedUp, ID: id, key: key, t: t}
}

var b64 = base64.RawURLEncoding

type object = map[string]any

// asked is what both kinds of options have.
func (k *Passkey) asked(ask account.PasskeyAsk) (challenge, handle string) {
	k.t.Helper()
	text, err := json.Marshal(ask.Options)
	var o struct {
		Challenge string `json:"challenge"`
		User      struct {
			ID string `json:"id"`
		} `json:"user"`
	}
	if err == nil {
		err = json.Unmarshal(text, &o)
	}
	if err != nil {
		k.t.Fatal(err)
	}
	return o.Challenge, o.User.ID
}

func (k *Passkey) client(kind, challenge string) []byte {
	text, _ := json.Marshal(object{"type": kind, "challenge": challenge, "origin": k.Origin, "crossOrigin": false})
	return text
}

func (k *Passkey) data(flags byte) []byte {
	party := sha256.Sum256([]byte(k.Party))
	return binary.BigEndian.AppendUint32(append(party[:], flags), k.Counter)
}

func (k *Passkey) answer(ask account.PasskeyAsk, response object) account.PasskeyAnswer {
	id := b64.EncodeToString(k.ID)
	text, err := json.Marshal(object{"id": id, "rawId": id, "type": "public-key", "clientExtensionResults": object{}, "response": response})
	if err != nil {
		k.t.Fatal(err)
	}
	return account.PasskeyAnswer{Challenge: ask.Challenge, Answer: string(text), Browser: ask.Browser}
}

// Make answers a request for a new passkey, without attestation.
func (k *Passkey) Make(ask account.PasskeyAsk) account.PasskeyAnswer {
	k.t.Helper()
	challenge, handle := k.asked(ask)
	k.Handle, _ = b64.DecodeString(handle)
	point, err := k.key.PublicKey.Bytes()
	if err != nil {
		k.t.Fatal(err)
	}
	cose := append([]byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}, point[1:33]...) // EC2, ES256, P-256 (RFC 9053)
	cose = append(append(cose, 0x22, 0x58, 0x20), point[33:]...)
	data := append(k.data(k.Flags|hasKey), make([]byte, 16)...)
	data = append(binary.BigEndian.AppendUint16(data, uint16(len(k.ID))), k.ID...)
	data = append(data, cose...)
	attestation := append([]byte("\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x59"), byte(len(data)>>8), byte(len(data)))
	return k.answer(ask, object{"clientDataJSON": b64.EncodeToString(k.client("webauthn.create", challenge)),
		"attestationObject": b64.EncodeToString(append(attestation, data...)), "transports": []string{"internal", "hybrid"}})
}

// Show answers a request for a passkey.
func (k *Passkey) Show(ask account.PasskeyAsk) account.PasskeyAnswer {
	k.t.Helper()
	challenge, _ := k.asked(ask)
	client, data := k.client("webauthn.get", challenge), k.data(k.Flags)
	sum := sha256.Sum256(client)
	signed := sha256.Sum256(append(data[:len(data):len(data)], sum[:]...))
	signature, err := ecdsa.SignASN1(rand.Reader, k.key, signed[:])
	if err != nil {
		k.t.Fatal(err)
	}
	return k.answer(ask, object{"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(data),
		"signature": b64.EncodeToString(signature), "userHandle": b64.EncodeToString(k.Handle)})
}

// AddPasskey gives the user a passkey. Their step-up check must be fresh.
func (u *User) AddPasskey(k *Passkey) (codes []string) {
	t, ctx := u.rig.t, u.rig.t.Context()
	t.Helper()
	person, err := u.rig.SignedIn(ctx, u.login.session, Address)
	var ask account.PasskeyAsk
	if err == nil {
		ask, err = u.rig.BeginPasskey(ctx, person)
	}
	var session string
	if err == nil {
		session, codes, err = u.rig.Room.AddPasskey(ctx, person, "", k.Make(ask), u.Browser())
	}
	if err != nil {
		t.Fatalf("%s adds a passkey: %v", u.Email, err)
	}
	u.login.session = session
	return codes
}
