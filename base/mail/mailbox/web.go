package mailbox

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"time"
)

//go:embed mailbox.html
var pageHTML string

//go:embed mailbox.css
var pageCSS []byte

var pageTemplate = template.Must(template.New("mailbox").Funcs(template.FuncMap{
	"htmlText": htmlText,
	"clock":    func(t time.Time) string { return t.Format("2 January 2006, 15:04:05 UTC") },
	"stamp":    func(t time.Time) string { return t.Format(time.RFC3339) },
}).Parse(pageHTML))

// maxShown bounds the page; /_mail.json has all mails.
const maxShown = 100

// policy lets the page load its stylesheets and nothing else.
const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves /_mail, the page; /_mail.json, which GET lists and DELETE empties; and /_mail.css.
func (b *Box) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_mail", b.page)
	mux.HandleFunc("GET /_mail.json", b.list)
	mux.HandleFunc("DELETE /_mail.json", b.empty)
	mux.HandleFunc("GET /_mail.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(pageCSS)
	})
	return mux
}

func (b *Box) page(w http.ResponseWriter, _ *http.Request) {
	mails := b.Mails()
	total := len(mails)
	if total > maxShown {
		mails = mails[total-maxShown:]
	}
	slices.Reverse(mails)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	err := pageTemplate.Execute(w, struct {
		Stylesheet string
		SMTP       string
		Total      int
		Mails      []Mail
	}{b.o.Stylesheet, b.Addr(), total, mails})
	if err != nil {
		b.o.Log.Warn("the mailbox page broke off", "error", err)
	}
}

func (b *Box) list(w http.ResponseWriter, _ *http.Request) {
	mails := b.Mails()
	if mails == nil {
		mails = []Mail{}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(mails); err != nil {
		b.o.Log.Warn("the list of mails broke off", "error", err)
	}
}

func (b *Box) empty(w http.ResponseWriter, _ *http.Request) {
	if err := b.Clear(); err != nil {
		b.o.Log.Error("the mailbox could not be emptied", "error", err)
		http.Error(w, "The mailbox could not be emptied. The log says why.", http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
