package api

import (
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// The answers that the tests keep are the examples of the document.
//
//go:embed golden/*.json golden/*.csv golden/*.jsonl
var golden embed.FS

// problemExamples names, for each status, the kind of problem that the document shows.
var problemExamples = map[int]string{400: "body-syntax", 401: "key-unknown", 403: "scope-missing", 404: "not-found", 408: "body-slow", 409: "last-admin",
	412: "changed-meanwhile", 413: "body-large", 415: "body-kind", 421: "unknown-host", 422: "email-form", 429: "rate-limit", 500: "internal", 503: "busy", 504: "too-slow"}

// responses is where the document keeps what all operations answer alike.
const responses = "#/components/responses/"

const about = `Programs do here what people do in the portal, under the same rules and with the same words.

**Keys.** Send ` + "`Authorization: Bearer <key>`" + `. A key belongs to one account and one person. It can do what its scopes say, as far as that person may at this moment, and it ends with the person's access. Your provider makes keys.

**Addresses.** Everything is under ` + "`/api/v1/accounts/{slug}`" + `. Items of other accounts do not exist for your key: the answer is 404.

**Lists** answer with ` + "`items`" + ` and, unless it was the last page, ` + "`next`" + `; send that back as ` + "`after`" + `.

**Times** are RFC 3339 in UTC. A field without a value is left out; null is neither sent nor taken.

**Changes by others.** Items carry an ETag. Send it as If-Match, and a change is refused with 412 if somebody else made one since. The part before the dash counts changes and is what If-Match looks at; the rest tells apart what changes by itself, such as a last sign-in. Send it as If-None-Match when reading, and an unchanged item is answered with 304.

**Repeats.** Send an Idempotency-Key with whatever changes something, and the same request again within a day gets the same answer, with the header Idempotency-Replayed, without being carried out again. While the first one runs, the repeat gets 409 and Retry-After. If the first one broke off, for instance because the server stopped, the repeat gets 409 idempotency-unfinished: nobody knows whether it took effect, so look before you send it with a new key. A request that was refused does not use its key up.

**Limits.** The headers RateLimit-Limit, RateLimit-Remaining and RateLimit-Reset say how many requests a key can make at once, how many are left, and after how many seconds all of them are back. Beyond that the answer is 429 with Retry-After.

**Problems** are answered as application/problem+json (RFC 9457). Decide by ` + "`type`" + `, which never changes and is the address of an explanation; show ` + "`detail`" + ` to people.`

// problemsOf lists the statuses of the problems that an operation may answer with.
func problemsOf(rt *Route, hasBody bool) []int {
	list := []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMisdirectedRequest, http.StatusUnprocessableEntity, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusGatewayTimeout}
	if rt.Method != http.MethodGet {
		list = append(list, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusConflict, http.StatusPreconditionFailed, http.StatusRequestEntityTooLarge)
	}
	if hasBody {
		list = append(list, http.StatusUnsupportedMediaType)
	}
	slices.Sort(list)
	return list
}

// makes are the operations that answer with something new.
var makes = []string{"invite", "open-ticket", "add-phone-user", "make-group", "add-webhook", "import-hub-users", "import-phone-users"}

// operation makes what huma needs to know of a route.
func (d *door) operation(rt *Route) huma.Operation {
	op := huma.Operation{OperationID: rt.ID, Method: rt.Method, Path: rt.Path, Tags: []string{rt.Tag}, Summary: rt.Summary, Description: rt.Text,
		MaxBodyBytes: -1, BodyReadTimeout: -1, // intake has read the body already
		Security:   []map[string][]string{{"key": {string(rt.Permission)}}},
		Extensions: map[string]any{"x-permission": string(rt.Permission)},
		Responses:  map[string]*huma.Response{}}
	if slices.Contains(makes, rt.ID) {
		op.DefaultStatus = http.StatusCreated
	}
	for _, status := range problemsOf(rt, rt.Example != "") {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: responses + problemResponse(status)}
	}
	return op
}

// describe completes the document after all routes are registered.
func (d *door) describe() {
	doc := d.huma.OpenAPI()
	doc.Info.Title, doc.Info.Description = "Hubline API", about
	doc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer", BearerFormat: "hk_…",
		Description: "An API key of the account. What an operation names is the scope that the key needs."}}
	for _, tag := range []string{tagHubUsers, tagGroups, tagInvitations, tagAccount, tagPhoneUsers, tagNumbers, tagCalls, tagReports, tagTickets, tagVisits, tagTerms, tagReviews, tagKeys, tagWebhooks, tagAudit} {
		doc.Tags = append(doc.Tags, &huma.Tag{Name: tag})
	}
	d.describeProblems(doc)
	bodies := map[string]bool{}
	for _, rt := range d.routes {
		op := operationOf(doc, rt)
		illustrate(rt, op)
		if op.RequestBody != nil {
			bodies[shapeOf(op.RequestBody.Content["application/json"].Schema)] = true
		}
	}
	schemas := doc.Components.Schemas.Map()
	delete(schemas, "ErrorModel") // huma's own problem, which nobody gets to see
	delete(schemas, "ErrorDetail")
	for name, schema := range schemas {
		if !bodies[name] {
			schema.AdditionalProperties = nil // answers may get more fields one day
		}
	}
}

// describeProblems writes down what every operation may answer.
func (d *door) describeProblems(doc *huma.OpenAPI) {
	schema := doc.Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	doc.Components.Responses = map[string]*huma.Response{}
	for status, code := range problemExamples {
		example := refuse(status, code, meanings[code].text)
		example.Instance = "urn:hubline:request:4fzqkwc5vyv3u2yqkq5b2ejwhm"
		if status == http.StatusUnprocessableEntity {
			example.Field = "email"
			example.Errors = []FieldProblem{{example.Field, example.Type, example.Detail}}
		}
		response := &huma.Response{Description: http.StatusText(status), Content: map[string]*huma.MediaType{problemType: {Schema: schema, Example: example}}}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			response.Headers = map[string]*huma.Header{"Retry-After": {Description: "Seconds to wait.", Schema: &huma.Schema{Type: huma.TypeInteger}}}
		}
		doc.Components.Responses[problemResponse(status)] = response
	}
}

// problemResponse names a problem in the document: "NotFound".
func problemResponse(status int) string { return strings.ReplaceAll(http.StatusText(status), " ", "") }

func operationOf(doc *huma.OpenAPI, rt *Route) *huma.Operation {
	item := doc.Paths[rt.Path]
	return map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete}[rt.Method]
}

// illustrate gives an operation its examples, and the answers that huma can't see.
func illustrate(rt *Route, op *huma.Operation) {
	if rt.Example != "" {
		op.RequestBody.Content["application/json"].Example = json.RawMessage(rt.Example)
	}
	for _, p := range op.Parameters {
		p.Schema.PatternDescription = "" // huma's own keyword, which is in its messages by now
	}
	response := op.Responses[strconv.Itoa(op.DefaultStatus)]
	if strings.HasSuffix(rt.Path, ".csv") {
		response.Content = map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}, Example: string(example(rt.ID + ".csv"))}}
	} else if strings.HasSuffix(rt.Path, ".jsonl") {
		response.Content = map[string]*huma.MediaType{"application/jsonl": {Schema: &huma.Schema{Type: huma.TypeString}, Example: string(example(rt.ID + ".jsonl"))}}
	} else if response.Content != nil {
		response.Content["application/json"].Example = json.RawMessage(example(rt.ID + ".json"))
	}
	if rt.Method == http.MethodGet && response.Headers["ETag"] != nil {
		op.Responses["304"] = &huma.Response{Description: "The item is as it was when it had the ETag in If-None-Match."}
	}
}

// example returns the answer that the tests keep, or null for an operation that is being added.
func example(file string) []byte {
	text, err := golden.ReadFile("golden/" + file)
	if err != nil {
		return []byte("null")
	}
	return text
}

// document returns the OpenAPI document as JSON or as YAML.
func (d *door) document(yaml bool) ([]byte, error) {
	if yaml {
		return d.huma.OpenAPI().YAML()
	}
	text, err := json.MarshalIndent(d.huma.OpenAPI(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the OpenAPI document: %w", err)
	}
	return append(text, '\n'), nil
}
