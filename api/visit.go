package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"hubline/product/account"
)

// visit is what is known about one request on its way.
type visit struct {
	id     string // in the header X-Request-Id, in every problem and in every log line of the request
	route  string // the pattern, never the path
	fault  string // code of the problem it was answered with
	actor  account.Actor
	method string
}

type visitKey struct{}

func visitOf(ctx context.Context) *visit {
	if v, ok := ctx.Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// around wraps the routes in everything that holds for each of them.
func (d *door) around(next http.Handler) http.Handler {
	https := strings.HasPrefix(d.BaseURL, "https:")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		h := w.Header()
		v := &visit{id: h.Get("X-Request-Id"), method: r.Method}
		if v.id == "" {
			v.id = strings.ToLower(rand.Text())
			h.Set("X-Request-Id", v.id)
		}
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cache-Control", "no-store")
		if https {
			h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
		}
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		out := &response{ResponseWriter: w}
		defer d.logged(r, v, out, start)
		defer d.recovered(out, r)
		next.ServeHTTP(out, r)
	})
}

// crash is a panic on its way to the one problem and the one log line it gets.
type crash struct {
	value any
	stack []byte
}

func (c *crash) Error() string { return fmt.Sprintf("panic: %v", c.value) }

func (d *door) recovered(w *response, r *http.Request) {
	value := recover()
	if value == nil {
		return
	}
	if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(value)
	}
	p := d.problemOf(r.Context(), &crash{value, debug.Stack()})
	if w.status != 0 { // half an answer is on its way; cutting it off is all that is left
		panic(http.ErrAbortHandler)
	}
	p.answer(w, r)
}

func (d *door) logged(r *http.Request, v *visit, w *response, start time.Time) {
	if d.Observe != nil {
		d.Observe(r, v.route, w.code(), time.Since(start))
	}
	if !d.Log.Enabled(r.Context(), slog.LevelInfo) {
		return
	}
	d.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("request", v.id), slog.String("method", r.Method), slog.String("route", v.route),
		slog.Int("status", w.code()), slog.Int64("bytes", w.bytes), slog.Float64("ms", float64(time.Since(start).Microseconds())/1000),
		slog.String("key", v.actor.KeyID), slog.String("from", d.address(r)), slog.String("fault", v.fault))
}

// response counts what was sent.
type response struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *response) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// WriteHeader implements http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *response) Write(b []byte) (int, error) {
	w.status = w.code()
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// address returns the network address that a request comes from, without its port. What X-Forwarded-For says counts only as far as
// configured proxies wrote it: from the right, up to the first address that is none of theirs.
func (d *door) address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if len(d.TrustedProxies) == 0 {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && d.trusted(host); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		host = hop.Unmap().String()
	}
	return host
}

func (d *door) trusted(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(d.TrustedProxies, func(n netip.Prefix) bool { return n.Contains(ip.Unmap()) })
}
