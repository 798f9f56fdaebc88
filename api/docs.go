package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS []byte

var docsPages = template.Must(template.New("docs").Parse(docsHTML))

// pagePolicy lets the reference use its own stylesheet and nothing else: it is complete without a script and without other hosts.
const pagePolicy = "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// addPages registers what anybody may read, with or without a key: the document, the reference and the explanations of problems.
func (d *door) addPages() {
	page := func(path, kind string, write func() ([]byte, error)) {
		d.mux.Handle("GET "+prefix+path, d.page(kind, sync.OnceValues(func() (*paper, error) { return printed(write) })))
	}
	page("/openapi.json", "application/json", func() ([]byte, error) { return d.document(false) })
	page("/openapi.yaml", "application/yaml", func() ([]byte, error) { return d.document(true) })
	page("/docs.css", "text/css; charset=utf-8", func() ([]byte, error) { return docsCSS, nil })
	page("/docs", "text/html; charset=utf-8", func() ([]byte, error) { return d.reference() })
	page("/problems", "text/html; charset=utf-8", func() ([]byte, error) { return html("problems", explanations(slices.Sorted(maps.Keys(meanings))...)) })
	for code := range meanings {
		page("/problems/"+code, "text/html; charset=utf-8", func() ([]byte, error) { return html("problem", explanations(code)[0]) })
	}
}

// paper is a page that is the same for everybody, written once when it is first asked for.
type paper struct {
	text, zipped []byte
	tag          string
}

func printed(write func() ([]byte, error)) (*paper, error) {
	text, err := write()
	if err != nil {
		return nil, err
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err = z.Write(text)
	if err == nil {
		err = z.Close()
	}
	sum := sha256.Sum256(text)
	return &paper{text, zipped.Bytes(), `"` + hex.EncodeToString(sum[:8]) + `"`}, err
}

func (d *door) page(kind string, get func() (*paper, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visitOf(r.Context()).route = r.Pattern
		p, err := get()
		if err != nil {
			d.fail(w, r, err)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("Cache-Control", "no-cache")
		h.Set("Vary", "Accept-Encoding")
		h.Set("ETag", p.tag)
		if unchanged(r.Header.Get("If-None-Match"), p.tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Type", kind)
		text := p.text
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			text = p.zipped
		}
		h.Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text) // whoever left does not read it
	})
}

func html(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	err := docsPages.ExecuteTemplate(&b, name, data)
	return b.Bytes(), err
}

// explanation is what the page of a kind of problem shows.
type explanation struct {
	Code, Title, Text, Number, Status, Path string
}

func explanations(codes ...string) []explanation {
	list := make([]explanation, len(codes))
	for i, code := range codes {
		m := meanings[code]
		list[i] = explanation{code, m.title, m.text, strconv.Itoa(m.status), http.StatusText(m.status), problemPath(code)}
	}
	return list
}

// What the reference shows, made from the OpenAPI document and from nothing else.
type (
	referencePage struct {
		Title  string
		Base   string
		About  []template.HTML
		Groups []group
		Shapes []shape
	}
	group struct {
		Name, Anchor string
		Operations   []operationView
	}
	operationView struct {
		ID, Method, Path, Summary, Text, Permission string
		Parameters                                  []fieldView
		Body                                        []fieldView
		Curl                                        string
		Answers                                     []answerView
		Example                                     string
	}
	fieldView struct {
		Name, In, Kind, Shape, Text string
		Required                    bool
	}
	answerView struct{ Status, Words, Shape string }
	shape      struct {
		Name   string
		Fields []fieldView
	}
)

func (d *door) reference() ([]byte, error) {
	doc := d.huma.OpenAPI()
	page := referencePage{Title: doc.Info.Title, Base: d.BaseURL + prefix, About: paragraphs(doc.Info.Description)}
	for _, tag := range doc.Tags {
		g := group{Name: tag.Name, Anchor: strings.ReplaceAll(strings.ToLower(tag.Name), " ", "-")}
		for _, rt := range Routes() {
			if rt.Tag == tag.Name {
				g.Operations = append(g.Operations, d.operationView(operationOf(doc, &rt)))
			}
		}
		page.Groups = append(page.Groups, g)
	}
	schemas := doc.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		page.Shapes = append(page.Shapes, shape{name, fieldViews(schemas[name])})
	}
	return html("reference", page)
}

func (d *door) operationView(op *huma.Operation) operationView {
	v := operationView{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Text: op.Description,
		Permission: op.Extensions["x-permission"].(string)}
	for _, p := range op.Parameters {
		f := fieldOfSchema(p.Name, p.Schema, p.Required)
		f.In, f.Text = p.In, p.Description
		v.Parameters = append(v.Parameters, f)
	}
	var body string
	if op.RequestBody != nil {
		media := op.RequestBody.Content["application/json"]
		v.Body = fieldViews(d.huma.OpenAPI().Components.Schemas.SchemaFromRef(media.Schema.Ref))
		body = indented(media.Example)
	}
	v.Curl = d.curl(op, body)
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		response := op.Responses[status]
		if response.Ref != "" {
			response = d.huma.OpenAPI().Components.Responses[strings.TrimPrefix(response.Ref, responses)]
		}
		a := answerView{Status: status, Words: response.Description}
		for kind, media := range response.Content {
			a.Shape = shapeOf(media.Schema)
			if status < "300" && kind == "application/json" {
				v.Example = indented(media.Example)
			} else if text, ok := media.Example.(string); ok {
				v.Example = text
			}
		}
		v.Answers = append(v.Answers, a)
	}
	return v
}

// curl writes the command that makes the request.
func (d *door) curl(op *huma.Operation, body string) string {
	path := op.Path
	for _, p := range op.Parameters {
		if p.In == "path" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", fmt.Sprint(p.Schema.Examples[0]))
		}
	}
	lines := []string{"curl"}
	if op.Method != http.MethodGet {
		lines[0] += " -X " + op.Method
	}
	lines[0] += " '" + d.BaseURL + prefix + path + "'"
	lines = append(lines, "-H 'Authorization: Bearer YOUR_KEY'")
	if op.Method != http.MethodGet {
		lines = append(lines, `-H "Idempotency-Key: $(uuidgen)"`)
	}
	if body != "" {
		lines = append(lines, "-H 'Content-Type: application/json'", "-d '"+body+"'")
	}
	return strings.Join(lines, " \\\n  ")
}

func indented(example any) string {
	raw, ok := example.(json.RawMessage)
	var b bytes.Buffer
	if !ok || json.Indent(&b, bytes.TrimSpace(raw), "", "  ") != nil {
		return ""
	}
	return b.String()
}

func fieldViews(s *huma.Schema) []fieldView {
	var list []fieldView
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		list = append(list, fieldOfSchema(name, s.Properties[name], slices.Contains(s.Required, name)))
	}
	return list
}

func fieldOfSchema(name string, s *huma.Schema, required bool) fieldView {
	return fieldView{Name: name, Kind: kindOf(s), Shape: shapeOf(s), Text: s.Description, Required: required}
}

// kindOf says in words what values a schema allows.
func kindOf(s *huma.Schema) string {
	switch {
	case s.Ref != "":
		return ""
	case s.Type == huma.TypeArray:
		if kind := kindOf(s.Items); kind != "" {
			return "list of " + kind
		}
		return "list of"
	case len(s.Enum) > 0:
		words := make([]string, len(s.Enum))
		for i, e := range s.Enum {
			words[i] = fmt.Sprint(e)
		}
		return strings.Join(words, ", ")
	case s.Format == "date-time":
		return "time"
	case s.Type == huma.TypeInteger && s.Minimum != nil && s.Maximum != nil:
		return fmt.Sprintf("whole number, %g to %g", *s.Minimum, *s.Maximum)
	}
	return map[string]string{huma.TypeString: "text", huma.TypeInteger: "whole number", huma.TypeBoolean: "true or false"}[s.Type]
}

// shapeOf names the shape that a schema refers to, itself or as a list.
func shapeOf(s *huma.Schema) string {
	if s.Items != nil {
		s = s.Items
	}
	return strings.TrimPrefix(s.Ref, "#/components/schemas/")
}

// paragraphs turns the little Markdown that the document's description uses into HTML.
func paragraphs(text string) []template.HTML {
	var list []template.HTML
	for p := range strings.SplitSeq(text, "\n\n") {
		p = template.HTMLEscapeString(p)
		p = alternate(alternate(p, "**", "<strong>", "</strong>"), "`", "<code>", "</code>")
		list = append(list, template.HTML(p)) // escaped above
	}
	return list
}

func alternate(text, mark, open, end string) string {
	parts := strings.Split(text, mark)
	var b strings.Builder
	for i, part := range parts {
		switch {
		case i > 0 && i%2 == 1:
			b.WriteString(open)
		case i > 0:
			b.WriteString(end)
		}
		b.WriteString(part)
	}
	return b.String()
}
