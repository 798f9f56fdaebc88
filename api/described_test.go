package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
)

// described is the OpenAPI document as a client reads it. That it is a valid one is the business of tools/openapi.
type described struct {
	OpenAPI    string
	Servers    []huma.Server
	Paths      map[string]map[string]operation // by path, then by method in small letters
	Components struct {
		Schemas   map[string]*huma.Schema
		Responses map[string]*huma.Response
	}
	registry huma.Registry
}

type operation struct {
	method, path string
	huma.Operation
	Permission string `json:"x-permission"`
}

func (o operation) ID() string { return o.OperationID }

const schemaPrefix = "#/components/schemas/"

// document fetches the OpenAPI document as a client does.
func document(t *testing.T, url string) (*described, string) {
	t.Helper()
	r := send(t, url, "GET", "/api/v1/openapi.json", nil).want(200, nil)
	doc, err := readDocument([]byte(r.body))
	if err != nil {
		t.Fatal(err)
	}
	return doc, r.body
}

func readDocument(text []byte) (*described, error) {
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil, err
	}
	text, err := json.Marshal(asHuma(tree))
	if err != nil {
		return nil, err
	}
	doc := &described{registry: huma.NewMapRegistry(schemaPrefix, huma.DefaultSchemaNamer)}
	if err := json.Unmarshal(text, doc); err != nil {
		return nil, err
	}
	for name, schema := range doc.Components.Schemas {
		schema.PrecomputeMessages()
		doc.registry.Map()[name] = schema
	}
	for _, op := range doc.operations() {
		for status, response := range op.Responses {
			if response.Ref != "" {
				shared := doc.Components.Responses[strings.TrimPrefix(response.Ref, "#/components/responses/")]
				if shared == nil {
					return nil, fmt.Errorf("%s: the answer %s refers to %s, which is not there", op.ID(), status, response.Ref)
				}
				op.Responses[status] = shared
			}
		}
	}
	return doc, nil
}

// asHuma spells a document as the fields of huma's types are named: "$ref" is Ref, and "may be null" is a field of its own.
func asHuma(tree any) any {
	switch node := tree.(type) {
	case []any:
		for i := range node {
			node[i] = asHuma(node[i])
		}
	case map[string]any:
		for name, value := range node {
			node[name] = asHuma(value)
		}
		if ref, ok := node["$ref"].(string); ok {
			node["ref"] = ref
		}
		if kinds, ok := node["type"].([]any); ok && len(kinds) == 2 && kinds[1] == "null" {
			node["type"], node["nullable"] = kinds[0], true
		}
	}
	return tree
}

// operations lists what the document describes, by path and method.
func (d *described) operations() (list []operation) {
	for _, path := range slices.Sorted(mapKeys(d.Paths)) {
		for _, method := range slices.Sorted(mapKeys(d.Paths[path])) {
			op := d.Paths[path][method]
			op.method, op.path = strings.ToUpper(method), path
			list = append(list, op)
		}
	}
	return list
}

// schema returns what a reference leads to.
func (d *described) schema(s *huma.Schema) *huma.Schema {
	for s.Ref != "" {
		s = d.registry.SchemaFromRef(s.Ref)
	}
	return s
}

// fits says how an answer differs from what the document says of the operation.
func (d *described) fits(op operation, status int, header http.Header, body []byte) error {
	response := op.Responses[strconv.Itoa(status)]
	if response == nil {
		return errors.New("no such status is described")
	}
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	if len(response.Content) == 0 {
		if len(body) > 0 {
			return errors.New("no body is described")
		}
		return nil
	}
	media := response.Content[kind]
	if media == nil {
		return fmt.Errorf("no body of the kind %q is described", kind)
	}
	if kind == "text/csv" || kind == "application/jsonl" {
		return nil
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return err
	}
	result := &huma.ValidateResult{}
	huma.Validate(d.registry, media.Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, value, result)
	return errors.Join(result.Errors...)
}

// An answer that the document does not describe is noticed, whatever is wrong with it.
func TestAnswersAreCompared(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := readDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(doc.operations(), func(op operation) bool { return op.ID() == "get-hub-user" })
	op := doc.operations()[i]
	example, err := os.ReadFile("golden/get-hub-user.json")
	if err != nil {
		t.Fatal(err)
	}
	good := string(example)
	compare := func(status int, kind, body string) error {
		return doc.fits(op, status, http.Header{"Content-Type": {kind}}, []byte(body))
	}
	if err := compare(200, "application/json", good); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"another status":   compare(202, "application/json", good),
		"another kind":     compare(200, "text/html", good),
		"no JSON":          compare(200, "application/json", "{"),
		"no object":        compare(200, "application/json", "[]"),
		"a missing field":  compare(200, "application/json", strings.Replace(good, `"state"`, `"estate"`, 1)),
		"a number":         compare(200, "application/json", strings.Replace(good, `"active"`, `7`, 1)),
		"an unknown state": compare(200, "application/json", strings.Replace(good, `"active"`, `"asleep"`, 1)),
		"no list":          compare(200, "application/json", strings.NewReplacer("[", "{", "]", ":1}").Replace(good)),
		"no such time":     compare(200, "application/json", strings.Replace(good, "2026-11-21T", "yesterday at ", 1)),
		"a wrong problem":  compare(404, "application/problem+json", `{"type": 404}`),
	} {
		if err == nil {
			t.Errorf("%s is not noticed", name)
		}
	}
}
