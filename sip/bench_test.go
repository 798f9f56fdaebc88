package sip

import (
	"testing"
	"time"
)

func BenchmarkParseRegister(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(registerText); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseInvite(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(inviteText); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAdmitRegister(b *testing.B) {
	m := parsed(b, registerText)
	b.ReportAllocs()
	for b.Loop() {
		if status, reason := Admit(m); status != 0 {
			b.Fatal(status, reason)
		}
	}
}

func BenchmarkBuild401(b *testing.B) {
	m := parsed(b, registerText)
	n := NewNonces([]byte("secret"), 0, nil)
	buffer := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		r := m.Respond(401, "")
		r.Set("WWW-Authenticate", n.Challenge("pbx.example.com", "MD5", "192.0.2.7:5060", false))
		buffer = r.AppendTo(buffer[:0])
	}
}

func BenchmarkAppendToInvite(b *testing.B) {
	m := parsed(b, inviteText)
	buffer := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		buffer = m.AppendTo(buffer[:0])
	}
}

func BenchmarkDigestMD5(b *testing.B)    { benchmarkDigest(b, "MD5") }
func BenchmarkDigestSHA256(b *testing.B) { benchmarkDigest(b, "SHA-256") }

// benchmarkDigest reads the header and checks the response, as a registrar does.
func benchmarkDigest(b *testing.B, algorithm string) {
	n := NewNonces([]byte("secret"), 0, nil)
	header, err := Answer(n.Challenge("pbx.example.com", algorithm, "192.0.2.7:5060", false), "d7f3k2m9", "secret", "REGISTER", "sip:pbx.example.com", 1)
	if err != nil {
		b.Fatal(err)
	}
	ha1 := HA1(algorithm, "d7f3k2m9", "pbx.example.com", "secret")
	b.ReportAllocs()
	for b.Loop() {
		c, err := ParseCredentials(header)
		if err != nil || !c.Valid(ha1, "REGISTER", nil) {
			b.Fatal(err)
		}
	}
}

func BenchmarkNonceMake(b *testing.B) {
	n := NewNonces([]byte("secret"), 0, nil)
	b.ReportAllocs()
	for b.Loop() {
		n.Challenge("pbx.example.com", "MD5", "192.0.2.7:5060", false)
	}
}

func BenchmarkNonceCheck(b *testing.B) {
	n := NewNonces([]byte("secret"), time.Hour, nil)
	c := login(b, n.Challenge("pbx.example.com", "MD5", "192.0.2.7:5060", false), "REGISTER", 1)
	c.Realm = "pbx.example.com"
	b.ReportAllocs()
	for b.Loop() {
		if fresh, err := n.Check(c, "192.0.2.7:5060"); !fresh || err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNonceUse(b *testing.B) {
	n := NewNonces([]byte("secret"), time.Hour, nil)
	c := login(b, n.Challenge("pbx.example.com", "MD5", "192.0.2.7:5060", false), "REGISTER", 1)
	b.ReportAllocs()
	for b.Loop() {
		if !n.Use(c) {
			b.Fatal("refused")
		}
		c.NC++
	}
}

// BenchmarkRegister is all the work of this half of the package for one REGISTER that is challenged, and again with credentials.
func BenchmarkRegister(b *testing.B) {
	n := NewNonces([]byte("secret"), time.Hour, nil)
	header, _ := Answer(n.Challenge("pbx.example.com", "MD5", "192.0.2.7:5060", false), "d7f3k2m9", "secret", "REGISTER", "sip:pbx.example.com", 1)
	m := parsed(b, registerText)
	m.Set("Authorization", header)
	second := m.AppendTo(nil)
	m.Del("Authorization")
	first := m.AppendTo(nil)
	ha1 := HA1("MD5", "d7f3k2m9", "pbx.example.com", "secret")
	buffer := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		m, _ := Parse(first)
		if status, _ := Admit(m); status != 0 {
			b.Fatal(status)
		}
		r := m.Respond(401, "")
		r.Set("WWW-Authenticate", n.Challenge("pbx.example.com", "MD5", "192.0.2.7:5060", false))
		buffer = r.AppendTo(buffer[:0])

		m, _ = Parse(second)
		if status, _ := Admit(m); status != 0 {
			b.Fatal(status)
		}
		c, err := ParseCredentials(m.Get("Authorization"))
		fresh, err2 := n.Check(c, "192.0.2.7:5060")
		if err != nil || err2 != nil || !fresh || !c.Valid(ha1, "REGISTER", nil) {
			b.Fatal(err, err2, fresh)
		}
		r = m.Respond(200, "")
		r.Set("Contact", m.Get("Contact"))
		buffer = r.AppendTo(buffer[:0])
	}
}
