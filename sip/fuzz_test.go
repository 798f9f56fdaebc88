package sip

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// seeds are the torture messages and the everyday ones.
func seeds(f *testing.F, add func(text []byte)) {
	f.Helper()
	files, err := filepath.Glob("testdata/torture/*.dat")
	if err != nil || len(files) == 0 {
		f.Fatal("no torture messages", err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		add(text)
	}
	add(registerText)
	add(inviteText)
}

func FuzzDatagram(f *testing.F) {
	seeds(f, func(text []byte) { f.Add(text) })
	f.Fuzz(func(t *testing.T, text []byte) {
		kept := bytes.Clone(text)
		m, err := Parse(text)
		if !bytes.Equal(text, kept) {
			t.Fatal("the datagram was changed")
		}
		if err != nil {
			return
		}
		status, _ := Admit(m)
		checkOutgoing(t, m)
		_, _, _ = m.Contacts(), m.SDP(), m.To()
		if status != 0 {
			return
		}
		// What was let in is let in again after it was written, and then no longer changes.
		out := m.AppendTo(nil)
		back, again := receive(t, out)
		if again != 0 {
			t.Fatalf("let in, but then answered %d:\n%q\n%q", again, text, out)
		}
		if second := back.AppendTo(nil); !bytes.Equal(out, second) {
			t.Fatalf("written differently the second time:\n%q\n%q", out, second)
		}
		if back.FromTag() != m.FromTag() || back.ToTag() != m.ToTag() || back.Via() != m.Via() || back.Target.User != m.Target.User {
			t.Fatalf("read differently the second time: %q", out)
		}
	})
}

func FuzzStream(f *testing.F) {
	seeds(f, func(text []byte) { f.Add(text, 7) })
	f.Add(append(bytes.Clone(inviteText), registerText...), 100)
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		size = 1 + int(uint(size)%uint(len(text)+1))
		pieces, whole := stream(t, text, size), stream(t, text, len(text)+1)
		if len(pieces) != len(whole) {
			t.Fatalf("%d messages in pieces of %d, %d as a whole", len(pieces), size, len(whole))
		}
		for i := range whole {
			if !bytes.Equal(pieces[i].AppendTo(nil), whole[i].AppendTo(nil)) {
				t.Fatalf("message %d differs in pieces of %d", i, size)
			}
			Admit(whole[i])
			checkOutgoing(t, whole[i])
		}
	})
}

func FuzzDigest(f *testing.F) {
	f.Add(`Digest username="u", realm="r", nonce="n", uri="sip:x", response="0", qop=auth, cnonce="c", nc=00000001`)
	f.Add(`Digest realm="a\"b", nonce="n,=", algorithm=SHA-256, qop="auth-int, auth", stale=TRUE, opaque="\\"`)
	f.Add(`digest  REALM = "r" ,nonce = "n"`)
	f.Add("NoOneKnowsThisScheme opaque-data=here")
	f.Add("Digest realm=\"r\", nonce=\"\x13\", qop=auth") // nobody could give that nonce back
	n := NewNonces([]byte("secret"), 0, nil)
	f.Fuzz(func(t *testing.T, header string) {
		if c, err := ParseCredentials(header); err == nil {
			if c.Valid(HA1(c.Algorithm, c.Username, c.Realm, "secret of 128 bits"), "REGISTER", nil) {
				t.Fatalf("valid without the password: %q", header)
			}
			if _, err = n.Check(c, "192.0.2.1"); err == nil {
				t.Fatalf("a nonce that we did not make: %q", header)
			}
			n.Use(c)
		}
		answer, err := Answer(header, "user", "password", "INVITE", "sip:x", 1)
		if err != nil {
			return
		}
		challenge, _ := ParseChallenge(header)
		m := NewRequest("INVITE", URI{Scheme: "sip", Host: "x"})
		m.Set("Authorization", answer)
		checkOutgoing(t, m)
		c, err := ParseCredentials(answer)
		if challenge.QOP == "" {
			return // RFC 2069, which our own server refuses
		}
		if err != nil || !c.Valid(HA1(challenge.Algorithm, "user", challenge.Realm, "password"), "INVITE", nil) {
			t.Fatalf("our answer is not valid: %v\n%q\n%q", err, header, answer)
		}
	})
}
