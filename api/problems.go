package api

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"hubline/base/fault"
)

// statuses is the door's table: what each kind of fault is in HTTP. Everything else is an error of ours, 500.
var statuses = map[fault.Kind]int{
	fault.Invalid:   http.StatusUnprocessableEntity,
	fault.NotFound:  http.StatusNotFound,
	fault.Forbidden: http.StatusForbidden,
	fault.Conflict:  http.StatusConflict,
	fault.TooMany:   http.StatusTooManyRequests,
	fault.SignedOut: http.StatusUnauthorized,
	fault.StepUp:    http.StatusForbidden,
	fault.Changed:   http.StatusPreconditionFailed,
	fault.Busy:      http.StatusServiceUnavailable,
}

const problemType = "application/problem+json"

// Problem is the answer to every request that was not carried out (RFC 9457).
type Problem struct {
	Type     string         `json:"type" format:"uri-reference" doc:"What kind of problem it is. It never changes, and it is the address of a page that explains it." example:"/api/v1/problems/last-admin"`
	Title    string         `json:"title" doc:"The kind of problem in a few words." example:"Only admin"`
	Status   int            `json:"status" doc:"The HTTP status." example:"409"`
	Detail   string         `json:"detail" doc:"What happened this time and the way out, for people." example:"Mary Chen is the only admin of Harbour Dental Group. Make somebody else an admin first."`
	Field    string         `json:"field,omitempty" doc:"The field, parameter or header at fault, if it is one." example:"email"`
	Errors   []FieldProblem `json:"errors,omitempty" nullable:"false" doc:"Every field at fault, when there are fields at fault; the first is the one above."`
	Instance string         `json:"instance" format:"uri" doc:"This one occurrence. Quote it to support; it ends in the request's number, which is in the header X-Request-Id too." example:"urn:hubline:request:4fzqkwc5vyv3u2yqkq5b2ejwhm"`

	header http.Header
}

// FieldProblem is one of several fields at fault.
type FieldProblem struct {
	Field  string `json:"field" doc:"Name of the field, parameter or header." example:"email"`
	Type   string `json:"type" format:"uri-reference" doc:"What kind of problem it is." example:"/api/v1/problems/email-form"`
	Detail string `json:"detail" doc:"What is wrong with it and the way out." example:"Enter an email address."`
}

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

func problemPath(code string) string { return prefix + "/problems/" + code }

// refuse makes a problem that only HTTP knows, such as a body that is too large.
func refuse(status int, code, detail string) *Problem {
	return &Problem{Type: problemPath(code), Title: title(code, status), Status: status, Detail: detail, header: http.Header{}}
}

// problemOf turns any error into the problem it is answered with, and writes the one log line of those that are ours.
func (d *door) problemOf(ctx context.Context, err error) *Problem {
	v := visitOf(ctx)
	p, known := errors.AsType[*Problem](err)
	if !known {
		p = d.translate(ctx, v, err)
	}
	p.Instance = "urn:hubline:request:" + v.id
	v.fault = p.Type[strings.LastIndexByte(p.Type, '/')+1:]
	return p
}

func (d *door) translate(ctx context.Context, v *visit, err error) *Problem {
	f, isFault := fault.Of(err)
	status, known := 0, false
	if isFault {
		status, known = statuses[f.Kind]
	}
	switch {
	case known:
		return problemFrom(status, f)
	case errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil && errors.Is(err, context.Canceled):
		return refuse(http.StatusGatewayTimeout, "too-slow", "This took too long, and we do not know whether it took effect. Look at how things stand before you try again.")
	}
	attrs := []slog.Attr{slog.String("request", v.id), slog.String("method", v.method), slog.String("route", v.route), slog.String("error", err.Error())}
	if c, ok := errors.AsType[*crash](err); ok {
		attrs = append(attrs, slog.String("stack", string(c.stack)))
	}
	d.Log.LogAttrs(ctx, slog.LevelError, "request failed", attrs...)
	return refuse(http.StatusInternalServerError, "internal",
		"Something went wrong on our side, and we do not know more than our log. Look at how things stand before you try again; quote the instance to support.")
}

func problemFrom(status int, f *fault.Fault) *Problem {
	p := refuse(status, f.Code, sentence(f.Message))
	p.Field = f.Field
	for _, one := range append([]*fault.Fault{f}, f.Also...) {
		if one.Field != "" {
			p.Errors = append(p.Errors, FieldProblem{Field: one.Field, Type: problemPath(one.Code), Detail: sentence(one.Message)})
		}
	}
	switch wait := f.RetryAfter; {
	case wait > 0:
		p.header.Set("Retry-After", seconds(wait))
	case f.Kind == fault.Busy || f.Kind == fault.TooMany:
		p.header.Set("Retry-After", "1")
	}
	if f.Kind == fault.SignedOut {
		p.header.Set("WWW-Authenticate", `Bearer realm="Hubline", error="invalid_token"`)
	}
	return p
}

// seconds is a duration in whole seconds, rounded up, for headers.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

// sentence gives a fault's message its full stop.
func sentence(s string) string {
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".?!") {
		return s
	}
	return s + "."
}

// fail answers with what err means.
func (d *door) fail(w http.ResponseWriter, r *http.Request, err error) {
	d.problemOf(r.Context(), err).answer(w, r)
}

// answer writes the problem in the form of the half of the door that was asked.
func (p *Problem) answer(w http.ResponseWriter, r *http.Request) {
	if isSCIM(r) {
		p.writeSCIM(w)
		return
	}
	p.write(w)
}

func (p *Problem) write(w http.ResponseWriter) {
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	h.Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(p) // whoever left does not read it
}
