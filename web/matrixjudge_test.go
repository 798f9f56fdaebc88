package web

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"hubline/product/account"
)

// judge compares an answer with what the cell must answer.
func (c *cell) judge(got *page, secrets map[string]string) string {
	if got.status >= 500 {
		return fmt.Sprintf("%d\n%s", got.status, c.log)
	}
	if leak := c.leak(got); leak != "" {
		return "it shows " + leak
	}
	switch c.expected() {
	case open:
		return c.judgeOpen(got)
	case asked:
		return c.judgeAsked(got)
	case forbidden:
		if c.who.visits() {
			if got.status != http.StatusForbidden || !strings.Contains(got.text(), "Staff can't do this in a customer's account.") && !strings.Contains(got.text(), "and change nothing.") {
				return fmt.Sprintf("%d instead of a page that says what a visit leaves out: %s", got.status, got.text())
			}
			return ""
		}
		if got.status != http.StatusForbidden || !strings.Contains(got.text(), "You need "+c.missing()+" access.") {
			return fmt.Sprintf("%d instead of a page that says what is missing: %s", got.status, got.text())
		}
		for _, name := range c.holders {
			if !strings.Contains(got.text(), name) {
				return "the page does not name " + name + ", who can help: " + got.text()
			}
		}
	case hidden:
		if got.status != http.StatusNotFound {
			return fmt.Sprintf("%d instead of 404: %s", got.status, got.text())
		}
		answer := c.everything(got)
		if c.route.Access == Staff { // as for a page that nobody has
			secrets["staff "+c.who.String()] = c.everything(c.ask(http.MethodGet, "/console/no-such-page", c.who.session, nil))
		}
		group := map[bool]string{true: "staff ", false: "account "}[c.route.Access == Staff]
		if strings.HasPrefix(c.where, "own account") {
			group = "item "
		}
		if before, ok := secrets[group+c.who.String()]; ok && before != answer {
			return "the answer differs from that for what does not exist: " + apart(answer, before)
		}
		secrets[group+c.who.String()] = answer
	}
	return ""
}

// judgePart looks at the answer to a script that asks for a part of the page. It must let nobody else in.
func (c *cell) judgePart(got *page) string {
	want := map[verdict]int{asked: http.StatusUnauthorized, forbidden: http.StatusForbidden, hidden: http.StatusNotFound}[c.expected()]
	if want == 0 && got.status < 400 || want == got.status && c.leak(got) == "" {
		return ""
	}
	return fmt.Sprintf("%d to a script: %s", got.status, got.text())
}

func (c *cell) judgeOpen(got *page) string {
	refused := slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, got.status)
	if refused || got.status >= 400 && c.route.Access != Public && !c.inert() {
		return fmt.Sprintf("%d: %s", got.status, got.text())
	}
	if c.route.Access != Public && strings.HasPrefix(got.header.Get("Location"), "/sign-in") && c.route.Pattern != "/sign-out" {
		return "it asks to sign in"
	}
	return ""
}

// judgeAsked wants the sign-in page, with the form kept.
func (c *cell) judgeAsked(got *page) string {
	if c.route.Method == http.MethodGet {
		if want := "/sign-in?next=" + url.QueryEscape(got.url.RequestURI()); got.status != http.StatusSeeOther || got.header.Get("Location") != want {
			return fmt.Sprintf("%d to %q instead of %s", got.status, got.header.Get("Location"), want)
		}
		return ""
	}
	_, form := got.form("Continue")
	if got.status != http.StatusUnauthorized || form.Get("kept") == "" || !strings.Contains(got.body, "<h1>Sign in</h1>") {
		return fmt.Sprintf("%d instead of the sign-in page with the form kept: %s", got.status, got.text())
	}
	return ""
}

// missing names the access that the route needs.
func (c *cell) missing() string {
	permission, _ := strings.CutPrefix(string(c.route.Access), "needs:")
	if holds(account.Roles{account.Billing}, account.Permission(permission)) && !holds(account.Roles{account.Admin}, account.Permission(permission)) {
		return "Billing"
	}
	return "Account admin"
}

// leak looks for words that the cell's person may not read.
func (c *cell) leak(got *page) string {
	all := c.everything(got)
	forbiddenWords := slices.Clone(c.farMarks)
	if c.who.state != "active" && !c.who.visits() || c.level != "signed in" {
		forbiddenWords = append(forbiddenWords, c.ownMarks...)
	}
	if c.who.state == "staff" && c.route.Access == Staff && c.level == "signed in" || c.route.Access == Public {
		return ""
	}
	for _, word := range forbiddenWords {
		if strings.Contains(all, word) {
			return strconv.Quote(word)
		}
	}
	return ""
}

// everything is an answer with all that could tell two apart; only the request's own id is left out.
func (c *cell) everything(p *page) string {
	header := maps.Clone(p.header)
	delete(header, "X-Request-Id")
	return fmt.Sprintf("%d\n%v\n%s", p.status, header, p.body)
}
