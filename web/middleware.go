package web

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
)

// maxBody is the most a form may send, in bytes.
const maxBody = 1 << 20

// visit is what the access log and the fault page say about one request.
type visit struct {
	id     string // in the header X-Request-Id and in every log line of the request
	route  string // the pattern, never the path: paths may carry tokens
	person string
	fault  string
}

type visitKey struct{}

func visitOf(r *http.Request) *visit {
	if v, ok := r.Context().Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// Reference is the part of a request id that a person reads out on the telephone: "7F3K-92".
func (v *visit) Reference() string {
	if len(v.id) < 6 {
		return ""
	}
	return strings.ToUpper(v.id[:4] + "-" + v.id[4:6])
}

// around wraps the routes in everything that holds for each of them, outermost first.
func (p *Portal) around(next http.Handler, base *url.URL) http.Handler {
	// Random padding keeps the compressed length from telling what a page that repeats its visitor's words holds.
	compress, err := gzhttp.NewWrapper(gzhttp.MinSize(600), gzhttp.CompressionLevel(4), gzhttp.EnableZstd(false), gzhttp.RandomJitter(32, 0, false))
	if err != nil {
		panic(err) // the options above are constants
	}
	next = p.limit(next)
	next = p.sameOrigin(next)
	next = compress(next)
	next = p.headers(next, base.Scheme == "https")
	next = p.knownHost(next, base)
	return p.observe(next)
}

// observe gives every request its id and its one line in the log.
func (p *Portal) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		v := &visit{id: strings.ToLower(rand.Text())}
		w.Header().Set("X-Request-Id", v.id)
		out := &response{ResponseWriter: w}
		next.ServeHTTP(out, r.WithContext(context.WithValue(r.Context(), visitKey{}, v)))
		if p.Observe != nil {
			p.Observe(r, v.route, out.code(), time.Since(start))
		}
		if v.route == "/assets/{file}" {
			return
		}
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		p.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("request", v.id), slog.String("method", r.Method),
			slog.String("route", v.route), slog.Int("status", out.code()), slog.Int64("bytes", out.bytes),
			slog.Float64("ms", float64(time.Since(start).Microseconds())/1000), slog.String("person", v.person),
			slog.String("from", host), slog.String("fault", v.fault))
	})
}

// response counts what was sent.
type response struct {
	http.ResponseWriter
	status int
	bytes  int64
	gone   bool // the reader took no more
}

func (w *response) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *response) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	w.gone = w.gone || err != nil
	return n, err
}

func (w *response) Flush()                      { _ = http.NewResponseController(w.ResponseWriter).Flush() }
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// knownHost answers 421 to names that are not ours, before anything else reads the request: no link can be bent to them.
func (p *Portal) knownHost(next http.Handler, base *url.URL) http.Handler {
	known := map[string]bool{plainHost(base.Host): true}
	for _, host := range p.Hosts {
		known[plainHost(host)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !known[plainHost(r.Host)] {
			visitOf(r).fault = "unknown-host"
			http.Error(w, "This server does not answer to that name. Use "+p.BaseURL, http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// plainHost is a Host value without case, a final dot and the ports that browsers leave out.
func plainHost(host string) string {
	host = strings.ToLower(host)
	if name, port, err := net.SplitHostPort(host); err == nil && (port == "80" || port == "443") {
		host = name
	}
	return strings.TrimSuffix(host, ".")
}

// policy is the content security policy of every page. htmx hands the server's HTML to the parser; the policy "default" in
// app.js lets exactly that through and refuses script from strings.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'none'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'; " +
	"require-trusted-types-for 'script'; trusted-types default"

// headers sets what every answer carries.
func (p *Portal) headers(next http.Handler, https bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer") // addresses may hold one-time tokens
		h.Set("Permissions-Policy", "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Frame-Options", "DENY")
		h.Set("X-Robots-Tag", "noindex")
		h.Set("Cache-Control", "no-store")
		if https {
			h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}

// sameOrigin refuses forms that another site sends in the visitor's name.
func (p *Portal) sameOrigin(next http.Handler) http.Handler {
	check := http.NewCrossOriginProtection()
	if err := check.AddTrustedOrigin(p.BaseURL); err != nil {
		panic(err) // build has checked the base URL
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if check.Check(r) != nil {
			p.fail(p.request(nil, w, r), errOtherSite)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (p *Portal) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBody {
			p.fail(p.request(nil, w, r), errTooLarge)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next.ServeHTTP(w, r)
	})
}

func stack() string { return string(debug.Stack()) }
