package provider

import (
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS []byte

var page = template.Must(template.New("page").Parse(pageHTML))

// carried are the parameters of the request that the page's form sends on.
var carried = []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method"}

// ask shows who one may be.
func (p *Provider) ask(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.seen.Authorize++
	if r.FormValue("code_challenge_method") == "S256" && len(r.FormValue("code_challenge")) == 43 {
		p.seen.Challenge++
	}
	p.mu.Unlock()
	if _, err := p.grantOf(r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	values := map[string]string{}
	for _, name := range carried {
		values[name] = r.FormValue(name)
	}
	people := p.People
	if hint := r.FormValue("login_hint"); hint != "" && p.person(hint).Email != "" {
		people = append([]Person{p.person(hint)}, remove(people, hint)...)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'") // no form-action: the answer leads to the client
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	_ = page.Execute(w, map[string]any{"Title": p.Title, "Prefix": p.prefix, "Values": values, "People": people}) // to a browser that may be gone
}

func remove(people []Person, email string) (rest []Person) {
	for _, one := range people {
		if one.Email != email {
			rest = append(rest, one)
		}
	}
	return rest
}

func style(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	_, _ = w.Write(pageCSS)
}
