package api

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"

	"hubline/base/fault"
	"hubline/base/idempotent"
)

// once carries a request out at most once under its Idempotency-Key, within the scope of the API key, the method and the path.
func (d *door) once(w http.ResponseWriter, r *http.Request, keys []string, body []byte, next http.HandlerFunc) {
	key := keys[0]
	if len(keys) > 1 || len(key) < 1 || len(key) > 255 || strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		d.fail(w, r, fault.Field("idempotency-form", "Idempotency-Key", "Idempotency-Key must be 1 to 255 letters, digits and signs, such as a random UUID"))
		return
	}
	scope := visitOf(r.Context()).actor.KeyID + " " + r.Method + " " + r.URL.Path
	request := slices.Concat([]byte(r.URL.RawQuery+"\n"+r.Header.Get("If-Match")+"\n"), body)
	a, repeated, err := d.Idempotency.Do(r.Context(), scope, key, request, func(ctx context.Context) (idempotent.Answer, bool) {
		rec := &recorder{header: http.Header{}}
		next(rec, r.WithContext(ctx))
		return rec.answer(), rec.effect()
	})
	if err != nil {
		d.fail(w, r, err)
		return
	}
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	if repeated {
		w.Header().Set("Idempotency-Replayed", "true")
	}
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body) // whoever left does not read it
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}

func (r *recorder) answer() idempotent.Answer {
	a := idempotent.Answer{Status: r.status, Header: map[string]string{}, Body: r.body.Bytes()}
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	for name := range r.header {
		a.Header[name] = r.header.Get(name)
	}
	return a
}

// effect reports whether the request did something or may have. Refusals did nothing, and neither did a transaction that found the
// store busy: the key stays free for another try.
func (r *recorder) effect() bool {
	return r.status < 400 || r.status >= 500 && r.status != http.StatusServiceUnavailable
}
