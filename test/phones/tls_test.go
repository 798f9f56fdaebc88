package phones

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// secure runs the server as a provider does who lets phones in over TLS only, on the demo's store.
func secure(t *testing.T) *demo {
	t.Helper()
	from, dir := folder(t)
	d := ready(dir)
	if d == nil {
		t.Fatal("the demo's folder has no demo.json")
	}
	d.t, d.authority = t, filepath.Join(dir, "authority.pem")
	d.SIP = net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort(t)))
	certificate, key := filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "certificate.key")
	certify(t, d.authority, certificate, key)
	said := &output{}
	cmd := exec.Command(filepath.Join(from, "hubline"), "serve", "--data", dir, "--http", "127.0.0.1:0", "--base-url", "https://hub.example",
		"--tls-cert", certificate, "--tls-key", key, "--sip-tls", d.SIP, "--sip-domain", d.Domain)
	cmd.Stdout, cmd.Stderr = said, said
	ended := launch(t, cmd, said)
	until(t, "the port for phones", func() bool {
		select {
		case <-ended:
			t.Fatalf("the server ended:\n%s", said)
		default:
		}
		conn, err := net.Dial("tcp", d.SIP)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return d
}

// certify writes a certificate for this machine, and the authority that signed it.
func certify(t *testing.T, authority, certificate, key string) {
	t.Helper()
	now := time.Now()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority of the test"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"}, NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	leafKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	rootDER, err := x509.CreateCertificate(rand.Reader, root, root, &rootKey.PublicKey, rootKey)
	must(t, err)
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, root, &leafKey.PublicKey, rootKey)
	must(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(leafKey)
	must(t, err)
	for file, block := range map[string]*pem.Block{authority: {Type: "CERTIFICATE", Bytes: rootDER}, certificate: {Type: "CERTIFICATE", Bytes: leafDER}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		must(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	}
}

// Phones that sign in over TLS call each other, both ways, where nothing but TLS is open for phones.
func TestPhonesCallEachOtherOverTLS(t *testing.T) {
	t.Parallel()
	d := secure(t)
	mary, jo := d.phone(d.device("101"), 440, "tls"), d.phone(d.device("102"), 1000, "tls")
	for call, way := range []struct {
		from, to    *phone
		dial        string
		hears       int // who dials
		heard       int
		name, point string
	}{{mary, jo, "102", 1000, 440, "101", "Jo Baptiste"}, {jo, mary, "101", 440, 1000, "102", "Mary Chen"}} {
		way.from.do("dial", way.dial)
		way.to.wait("CALL_INCOMING")
		way.to.do("accept", "")
		way.from.wait("CALL_ESTABLISHED")
		way.from.hasHeard(time.Second)
		way.to.hasHeard(time.Second)
		way.from.do("hangup", "")
		way.to.wait("CALL_CLOSED")
		way.from.wait("CALL_CLOSED")
		way.from.hears(way.hears, 0, 0)
		way.to.hears(way.heard, 0, 0)
		d.recorded(call+1, record{"internal", "answered", way.name, way.dial, way.point, "", "hung-up", 200})
	}
}
