package web

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// assetIn finds the address of an asset in a page.
func assetIn(t *testing.T, page, ext string) string {
	t.Helper()
	found := regexp.MustCompile(`/assets/[a-z]+\.[0-9a-f]{12}\.` + ext).FindString(page)
	if found == "" {
		t.Fatalf("the page names no asset with .%s", ext)
	}
	return found
}

func TestAssetsAreKeptForEverAndNamedByContent(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	page := s.get("/dev/components").body
	for ext, kind := range map[string]string{"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"} {
		url := assetIn(t, page, ext)
		packed := s.get(url, "Accept-Encoding: gzip")
		plain := s.get(url, "Accept-Encoding: identity")
		if packed.StatusCode != 200 || packed.Header.Get("Content-Encoding") != "gzip" || plain.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: %d, encodings %q and %q", url, packed.StatusCode, packed.Header.Get("Content-Encoding"), plain.Header.Get("Content-Encoding"))
		}
		if got := plain.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: Cache-Control %q", url, got)
		}
		if got := plain.Header.Get("Content-Type"); got != kind {
			t.Errorf("%s: Content-Type %q, want %q", url, got, kind)
		}
		if !strings.Contains(strings.Join(packed.Header.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("%s does not vary by encoding", url)
		}
		unpacked, err := gzip.NewReader(strings.NewReader(packed.body))
		if err != nil {
			t.Fatal(err)
		}
		var both bytes.Buffer
		if _, err := both.ReadFrom(unpacked); err != nil || both.String() != plain.body {
			t.Errorf("%s: the compressed file is not the plain one (%v)", url, err)
		}
	}
	if got := s.get("/assets/app.000000000000.css"); got.StatusCode != 404 || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("an unknown fingerprint: %d, Cache-Control %q", got.StatusCode, got.Header.Get("Cache-Control"))
	}
}

func TestPagesStayLight(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil, Route{"GET", "/{account}/settings", Needs("x"), plain("")})
	html := s.get("/dev/components").body
	size := func(path string) int { return len(s.get(path, "Accept-Encoding: gzip").body) }
	css, js, icons := size(assetIn(t, html, "css")), size(assetIn(t, html, "js")), size(assetIn(t, html[strings.Index(html, "<use"):], "svg"))
	page := size("/dev/components")
	fault := len(s.get("/harbour/settings", standard, "Accept-Encoding: gzip").body)
	cold := page + css + js + icons + size("/favicon.ico")
	t.Logf("gzip bytes: css %d, js %d (with htmx), icons %d, component page %d, fault page %d, cold %d", css, js, icons, page, fault, cold)
	for _, budget := range []struct {
		what      string
		got, most int
	}{{"CSS", css, 14 << 10}, {"JS with htmx", js, 26 << 10}, {"cold load", cold, 45 << 10}, {"warm load", page, 12 << 10}, {"the layout around an empty page", fault, 4 << 10}} {
		if budget.got > budget.most {
			t.Errorf("%s takes %d bytes, over the budget of %d", budget.what, budget.got, budget.most)
		}
	}
}

// eachTemplate calls do with every template file.
func eachTemplate(t *testing.T, do func(name, text string)) {
	t.Helper()
	files := 0
	err := fs.WalkDir(templates, "templates", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := templates.ReadFile(name)
		files++
		do(name, string(text))
		return err
	})
	if err != nil || files < 10 {
		t.Fatalf("%d templates, %v", files, err)
	}
}

// notWords is what nobody reads: comments, addresses to copy, and attributes that are not sentences.
var notWords = regexp.MustCompile(`(?s)\{\{/\*.*?\*/\}\}|<code>https://[^< ]*</code>|aria-invalid|\b(id|class|name|href|for|type|data-[a-z]+)="[^"]*"`)

func TestTemplatesKeepTheHouseWords(t *testing.T) {
	t.Parallel()
	banned := regexp.MustCompile(`(?i)\b(invalid|please|oops|successfully|sorry|log ?in|log ?out|logged (in|out))\b|[a-z]!`)
	eachTemplate(t, func(name, text string) {
		for _, found := range banned.FindAllString(notWords.ReplaceAllString(text, " "), -1) {
			t.Errorf("%s says %q", name, found)
		}
	})
}

func TestTemplatesObeyTheContentPolicy(t *testing.T) {
	t.Parallel()
	rules := map[string]*regexp.Regexp{
		"an inline handler":      regexp.MustCompile(`(?i)<[^>]*\son[a-z]+\s*=`),
		"an inline style":        regexp.MustCompile(`(?i)<[^>]*\sstyle\s*=|<style`),
		"an inline script":       regexp.MustCompile(`(?i)<script(?:>|\s+[^>]*>[^<])`),
		"code in an attribute":   regexp.MustCompile(`(?i)hx-on|hx-vals\s*=\s*["']js:|javascript:`),
		"another site":           regexp.MustCompile(`(?i)(src|href|action|hx-get|data-src)\s*=\s*["'](https?:)?//`),
		"a link to nothing":      regexp.MustCompile(`href="#"`),
		"htmx with side effects": regexp.MustCompile(`hx-(post|put|patch|delete)`),
		"a browser's own check":  regexp.MustCompile(`<(input|select|textarea)[^>]*\srequired\b`),
	}
	eachTemplate(t, func(name, text string) {
		for what, rule := range rules {
			if found := rule.FindString(text); found != "" {
				t.Errorf("%s has %s: %s", name, what, found)
			}
		}
		for _, form := range regexp.MustCompile(`<form[^>]*method="post"[^>]*>`).FindAllString(text, -1) {
			if strings.Contains(form, "hx-") {
				t.Errorf("%s: a posted form is not htmx's: %s", name, form)
			}
		}
	})
	for _, name := range []string{"app.js", "policy.js"} {
		text, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if found := regexp.MustCompile(`innerHTML|outerHTML\b[^']|insertAdjacentHTML|document\.write|\beval\(|new Function|https?://[^w]`).FindString(string(text)); found != "" {
			t.Errorf("%s uses %q", name, found)
		}
	}
	css, err := assetFiles.ReadFile("assets/app.css")
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`url\(|@import`).Find(css); found != nil {
		t.Errorf("app.css loads something: %q", found)
	}
}

// Icons are lines, so every picture inherits a stroke. Around the squares of a QR code it fills the gaps, and no camera reads it.
func TestCodesAreNotStroked(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	css := s.get(assetIn(t, s.get("/dev/components").body, "css")).body
	rule := regexp.MustCompile(`\.qr-code\s*\{[^}]*\}`).FindString(css)
	if !strings.Contains(strings.ReplaceAll(rule, " ", ""), "stroke:none") {
		t.Errorf("a QR code is drawn by %q, which leaves the icons' stroke on it", rule)
	}
}

func TestEveryIconIsInTheSprite(t *testing.T) {
	t.Parallel()
	sprite, err := assetFiles.ReadFile("assets/icons.svg")
	if err != nil {
		t.Fatal(err)
	}
	check := func(where, name string) {
		if !strings.Contains(string(sprite), `id="i-`+name+`"`) {
			t.Errorf("%s shows the icon %q, which icons.svg lacks", where, name)
		}
	}
	eachTemplate(t, func(name, text string) {
		for _, use := range regexp.MustCompile(`(?:\bicon|"Icon") "([a-z]+)"`).FindAllStringSubmatch(text, -1) {
			check(name, use[1])
		}
	})
	for _, menu := range [][]entry{portalMenu, consoleMenu, profileMenu, actions} {
		for _, e := range menu {
			check("the menu", e.icon)
		}
	}
	for _, kind := range []string{"first", "none", "error", "denied", "full", "offline", "loading"} {
		check("an empty region", Empty{Kind: kind}.Symbol())
	}
	for _, name := range tagIcons {
		check("a tag", name)
	}
	for _, kind := range []string{"ok", "info", "warn", "bad"} {
		check("a banner", kind)
	}
}

// luminance is the relative luminance of WCAG 2.2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	if err != nil || len(hex) != 7 {
		t.Fatalf("colour %q", hex)
	}
	part := func(shift uint) float64 {
		c := float64(n>>shift&255) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(16) + 0.7152*part(8) + 0.0722*part(0)
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

func TestColoursHaveContrast(t *testing.T) {
	t.Parallel()
	css, err := assetFiles.ReadFile("assets/app.css")
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string][2]string{}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)`).FindAllStringSubmatch(string(css), -1) {
		tokens[m[1]] = [2]string{m[2], m[3]}
	}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(string(css), -1) {
		tokens[m[1]] = [2]string{m[2], m[2]}
	}
	type pair struct {
		fore, back string
		least      float64
	}
	pairs := []pair{{"ink", "surface", 7}, {"ink", "canvas", 7}, {"ink", "accent-soft", 4.5}, {"ink-2", "accent-soft", 4.5}, {"ink-3", "accent-soft", 4.5}}
	for _, back := range []string{"surface", "canvas", "sunken"} {
		for _, text := range []string{"ink-2", "ink-3", "accent", "bad"} {
			pairs = append(pairs, pair{text, back, 4.5})
		}
		for _, control := range []string{"edge", "accent", "bad"} { // borders, focus, switches
			pairs = append(pairs, pair{control, back, 3})
		}
	}
	for _, status := range []string{"ok", "warn", "bad", "accent"} {
		pairs = append(pairs, pair{status, status + "-soft", 4.5}, pair{status, "surface", 4.5})
	}
	for _, fill := range []string{"accent-fill", "accent-fill-hover", "bad-fill", "bad-fill-hover"} {
		pairs = append(pairs, pair{"on-fill", fill, 4.5})
	}
	for _, fill := range []string{"accent-fill", "bad-fill"} {
		pairs = append(pairs, pair{fill, "surface", 3})
	}
	for _, pair := range pairs {
		fore, back := tokens[pair.fore], tokens[pair.back]
		for i, theme := range []string{"light", "dark"} {
			if fore[i] == "" || back[i] == "" {
				t.Fatalf("no token %s or %s", pair.fore, pair.back)
			}
			if got := contrast(t, fore[i], back[i]); got < pair.least {
				t.Errorf("%s: %s on %s is %.2f, less than %.1f", theme, pair.fore, pair.back, got, pair.least)
			}
		}
	}
}

func TestEveryFieldAndIdOfTheComponentPageIsSound(t *testing.T) {
	t.Parallel()
	html := newSite(t, nil).get("/dev/components").body
	ids := map[string]int{}
	for _, m := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		ids[m[1]]++
	}
	for id, n := range ids {
		if n > 1 || id == "" {
			t.Errorf("the id %q is there %d times", id, n)
		}
	}
	for _, m := range regexp.MustCompile(`\s(for|aria-describedby|aria-labelledby|popovertarget|aria-controls|data-open|data-reveal)="([^"]*)"`).FindAllStringSubmatch(html, -1) {
		for _, id := range strings.Fields(m[2]) {
			if ids[id] == 0 {
				t.Errorf(`%s="%s" leads to nothing`, m[1], id)
			}
		}
	}
}

func TestLean(t *testing.T) {
	t.Parallel()
	source := "\n  /* one */\n/* two\n   lines */\n\t.a { color: red } /* said beside */\n/* before */ .b {}\n\n  // gone\n  let x = 1 // said beside\n"
	if got, want := string(lean([]byte(source))), ".a { color: red } /* said beside */\n/* before */ .b {}\nlet x = 1 // said beside"; got != want {
		t.Errorf("lean:\n%s\nwant:\n%s", got, want)
	}
	// What lean may not see in our files: a text that goes over several lines.
	for _, name := range []string{"app.js", "policy.js"} {
		content, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(content), "\n") {
			if strings.Count(line, "`")%2 != 0 {
				t.Errorf("assets/%s:%d: a text that goes on in the next line", name, i+1)
			}
		}
	}
}
