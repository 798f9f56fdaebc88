package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hubline/base/db"
	"hubline/base/db/dbtest"
)

// patience is how long a test waits for what should come at once.
const patience = 20 * time.Second

// eventually calls fn until it returns true.
func eventually(t *testing.T, what string, fn func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !fn() {
		select {
		case <-deadline.C:
			t.Fatal("waited in vain for " + what)
		case <-tick.C:
		}
	}
}

var listenOf = regexp.MustCompile(`listen=(\S+)`)

// serve starts "hubline serve" on a free port and returns its address once it is ready.
func serve(t *testing.T, args ...string) (address string, log *output, stop func() int) {
	t.Helper()
	args = append([]string{"serve", "--http", "127.0.0.1:0", "--base-url", "http://hub.test"}, args...)
	_, log, stop = start(t, args...)
	eventually(t, "a ready server", func() bool {
		m := listenOf.FindStringSubmatch(log.String())
		if m != nil {
			address = m[1]
		}
		return m != nil
	})
	return address, log, stop
}

// get fetches a page under the name of the base URL.
func get(t *testing.T, address, path string) (status int, body string, header http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "hub.test"
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text), response.Header
}

func TestServeAnswersAndStopsCleanly(t *testing.T) {
	t.Parallel()
	for engine, store := range map[string]func(t *testing.T) string{
		db.SQLite:   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "hubline.db") },
		db.Postgres: func(t *testing.T) string { return dbtest.PostgresURL(t) },
	} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			address, log, stop := serve(t, "--data", t.TempDir(), "--store", store(t), "--log-format", "text")
			for path, want := range map[string]string{"/healthz": "alive", "/readyz": "ready", "/metrics": "go_goroutines", "/sign-in": "<form"} {
				if status, body, _ := get(t, address, path); status != http.StatusOK || !strings.Contains(body, want) {
					t.Errorf("%s: %d %.200s", path, status, body)
				}
			}
			_, body, _ := get(t, address, "/metrics")
			for _, want := range []string{`route="/sign-in",status="200"`, `engine="` + engine + `"`, "hubline_jobs_queued 0", `hubline_sign_ins_total{result="done"} 0`, "hubline_store_up 1"} {
				if !strings.Contains(body, want) {
					t.Errorf("/metrics lacks %s", want)
				}
			}
			if code := stop(); code != exitDone {
				t.Errorf("exit %d\n%s", code, log)
			}
			if !strings.Contains(log.String(), "stopped") {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestMetricsOnAnAddressOfTheirOwn(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := free.Addr().String()
	code, _, said := hubline(t, "serve", "--data", t.TempDir(), "--http", "127.0.0.1:0", "--metrics-addr", taken)
	if code != exitFailed || !strings.Contains(said, taken+" is in use") || !strings.Contains(said, "--metrics-addr") {
		t.Errorf("exit %d, said %q", code, said)
	}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	address, log, _ := serve(t, "--data", t.TempDir(), "--metrics-addr", "127.0.0.1:0", "--base-url", "")
	if _, port, err := net.SplitHostPort(address); err != nil || !strings.Contains(log.String(), "portal=http://localhost:"+port) {
		t.Errorf("the base URL is not made from the port %s: %s", port, log)
	}
	if status, _, _ := get(t, address, "/metrics"); status == http.StatusOK {
		t.Error("the portal's address shows metrics too")
	}
}

func TestPortInUseSaysSo(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, command := range []string{"serve", "demo"} {
		code, _, said := hubline(t, command, "--data", t.TempDir(), "--http", l.Addr().String())
		if code != exitFailed || !strings.Contains(said, "in use by another program") || !strings.Contains(said, "--http") || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: exit %d, said %q", command, code, said)
		}
	}
}

func TestServeRefusesANewerStore(t *testing.T) {
	t.Parallel()
	store := "sqlite:" + filepath.Join(t.TempDir(), "hubline.db")
	must(t, "migrate", "--store", store)
	d, err := db.Open(t.Context(), store)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`); err != nil {
		t.Fatal(err)
	}
	code, _, said := hubline(t, "serve", "--data", t.TempDir(), "--store", store, "--http", "127.0.0.1:0")
	if code != exitFailed || !strings.Contains(said, "newer version") {
		t.Errorf("exit %d, said %q", code, said)
	}
}

func TestServeCanRefuseToMigrate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, _, said := hubline(t, "serve", "--data", dir, "--http", "127.0.0.1:0", "--no-migrate")
	if code != exitFailed || !strings.Contains(said, "run hubline migrate") {
		t.Errorf("exit %d, said %q", code, said)
	}
}

// assembled is a system on a store of its own, with handler in place of the doors.
func assembled(t *testing.T, change func(*Config), handler http.Handler) *system {
	t.Helper()
	cfg := &Config{Ground: Ground{Data: t.TempDir()}, Site: Site{HTTP: "127.0.0.1:0", BaseURL: "http://hub.test"}}
	if change != nil {
		change(cfg)
	}
	if err := cfg.settle(); err != nil {
		t.Fatal(err)
	}
	s, err := assemble(t.Context(), cfg, true, cfg.logger(io.Discard), nowhere{})
	if err != nil {
		t.Fatal(err)
	}
	s.handler, s.onStop = handler, func() {}
	return s
}

func TestStopLetsRequestsFinishAndTakesNoNewOnes(t *testing.T) {
	t.Parallel()
	inside, finish := make(chan struct{}), make(chan struct{})
	s := assembled(t, nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(inside)
		<-finish
		if r.Context().Err() == nil {
			_, _ = io.WriteString(w, "finished")
		}
	}))
	listener, err := listen(t.Context(), "127.0.0.1:0", "", "", "--http")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.run(ctx, listener, nil, func() {}) }()

	answer := make(chan string, 1)
	go func() {
		response, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answer <- string(body)
	}()
	<-inside
	stop()
	eventually(t, "the listener to close", func() bool {
		c, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	recorder := httptest.NewRecorder()
	s.readyz(recorder, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if recorder.Code != http.StatusServiceUnavailable {
		t.Errorf("/readyz while stopping: %d", recorder.Code)
	}
	close(finish)
	if got := <-answer; got != "finished" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNotReadyWithoutStore(t *testing.T) {
	t.Parallel()
	s := assembled(t, nil, nil)
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	s.readyz(recorder, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if recorder.Code != http.StatusServiceUnavailable {
		t.Errorf("/readyz without a store: %d", recorder.Code)
	}
}

func TestA49RealAddress(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"a stranger's header is not believed", "203.0.113.9:5", []string{"198.51.100.1"}, "203.0.113.9:5"},
		{"a proxy's is", "10.0.0.1:5", []string{"198.51.100.1"}, "198.51.100.1:0"},
		{"what the client wrote before the proxy is not", "10.0.0.1:5", []string{"1.2.3.4, 198.51.100.1"}, "198.51.100.1:0"},
		{"proxies in a row", "10.0.0.1:5", []string{"1.2.3.4, 198.51.100.1, 10.0.0.7"}, "198.51.100.1:0"},
		{"several headers are one list", "10.0.0.1:5", []string{"1.2.3.4", "198.51.100.1", "10.0.0.7"}, "198.51.100.1:0"},
		{"no header", "10.0.0.1:5", nil, "10.0.0.1:0"},
		{"only proxies", "10.0.0.1:5", []string{"10.0.0.2"}, "10.0.0.2:0"},
		{"nonsense ends it", "10.0.0.1:5", []string{"198.51.100.1, x, 10.0.0.7"}, "10.0.0.7:0"},
		{"an address mapped into version 6", "[::ffff:10.0.0.1]:5", []string{"::ffff:198.51.100.1"}, "198.51.100.1:0"},
		{"version 6", "[fd00::1]:5", []string{"2001:db8::7"}, "[2001:db8::7]:0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got string
			h := realAddress(trusted, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.RemoteAddr }))
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.peer
			r.Header["X-Forwarded-For"] = c.forwarded
			h.ServeHTTP(httptest.NewRecorder(), r)
			if got != c.want {
				t.Errorf("the client is %s, want %s", got, c.want)
			}
		})
	}
}

func TestTracesNameRoutesAndNoPaths(t *testing.T) {
	t.Parallel()
	sent := make(chan []byte, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/v1/traces" {
			sent <- body
		}
	}))
	defer collector.Close()
	address, _, stop := serve(t, "--data", t.TempDir(), "--otlp-endpoint", collector.URL)
	get(t, address, "/invitations/hi_secret-token")
	get(t, address, "/healthz")
	if code := stop(); code != exitDone {
		t.Errorf("exit %d", code)
	}
	close(sent)
	all := bytes.Join(collect(sent), nil)
	if !bytes.Contains(all, []byte("GET /invitations/{token}")) {
		t.Errorf("no span has the route's name: %q", all)
	}
	for _, secret := range []string{"secret-token", "healthz"} {
		if bytes.Contains(all, []byte(secret)) {
			t.Errorf("the spans name %s", secret)
		}
	}
}

func collect(ch <-chan []byte) (all [][]byte) {
	for b := range ch {
		all = append(all, b)
	}
	return all
}

// selfSigned writes a certificate for a name and returns its files.
func selfSigned(t *testing.T, name string, from, until time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(from.UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})))
	return cert, key
}

func TestServeSpeaksHTTPS(t *testing.T) {
	t.Parallel()
	now := time.Now()
	cert, key := selfSigned(t, "hub.test", now.Add(-time.Hour), now.Add(time.Hour))
	address, _, _ := serve(t, "--data", t.TempDir(), "--tls-cert", cert, "--tls-key", key, "--base-url", "https://hub.test")
	pem, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client := http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "hub.test"}}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+address+"/sign-in", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "hub.test"
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || response.ProtoMajor != 2 || response.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s over HTTP/%d, headers %v", response.Status, response.ProtoMajor, response.Header)
	}
}

func TestTLSTakesUpARenewedCertificate(t *testing.T) {
	t.Parallel()
	now := time.Now()
	cert, key := selfSigned(t, "hub.test", now.Add(-time.Hour), now.Add(time.Hour))
	c := &certificate{certFile: cert, keyFile: key}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	serial := func() string {
		pair, err := c.get(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.SerialNumber.String()
	}
	first := serial()
	c.certFile, c.keyFile = selfSigned(t, "hub.test", now, now.Add(2*time.Hour))
	if serial() != first {
		t.Error("the files are read at every handshake")
	}
	c.looked = now.Add(-2 * certificateAge)
	if serial() == first {
		t.Error("the renewed certificate was not taken up")
	}
	second := serial()
	write(t, c.certFile, "half")
	c.looked = now.Add(-2 * certificateAge)
	if serial() != second {
		t.Error("a half-written file replaced a certificate")
	}
}
