package web

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"hubline/base/seal"
)

// deaf is a browser that went away: it takes the head of an answer and nothing of the page.
type deaf struct{ *httptest.ResponseRecorder }

func (deaf) Write([]byte) (int, error) { return 0, errors.New("write: broken pipe") }

// Whoever closes a page before it has come is no fault of ours: staff are not woken by it.
func TestReadersWhoLeaveAreNoErrors(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p, err := build(Config{BaseURL: "https://hub.example", Provider: "Southern Cross Voice", Ring: seal.New(make([]byte, seal.KeySize)), Guard: house{},
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, func(*Portal) []Route {
		return []Route{{"GET", "/page", Public, func(r *Request) error {
			return r.Render("signin/sent.html", Page{Title: "Sent", Data: struct{ Email string }{}})
		}}}
	})
	if err != nil {
		t.Fatal(err)
	}
	p.ServeHTTP(deaf{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "https://hub.example/page", nil))
	if text := log.String(); strings.Contains(text, "level=ERROR") || !strings.Contains(text, "level=DEBUG msg=\"reader gone\"") || !strings.Contains(text, "fault=gone") {
		t.Errorf("the log has %s", text)
	}
}
