package api

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"hubline/base/fault"
	"hubline/base/scim"
	"hubline/product/account"
)

// scimPrefix is where directories find the account whose token they have (RFC 7644 3.13).
const scimPrefix = "/scim/v2"

// What one answer lists at most, and without a count.
const (
	scimMost  = 200
	scimUsual = 100
)

// scimRoute is one operation for directories. There is one way to be admitted to all of them: the token of an account's directory sync.
type scimRoute struct {
	Method string
	Path   string // below /scim/v2
	serve  func(d *door, r *scimRequest) (scimAnswer, error)
}

// scimRequest is a request that was admitted.
type scimRequest struct {
	*http.Request
	actor account.Actor
	query url.Values
	body  []byte
}

// scimAnswer is what goes back: no body for a nil resource, and an address for what was made.
type scimAnswer struct {
	status   int
	resource map[string]any
	made     string
}

func scimRoutes() []scimRoute {
	routes := []scimRoute{
		{"GET", "/Users", (*door).scimUsers},
		{"POST", "/Users", (*door).scimCreateUser},
		{"GET", "/Users/{id}", (*door).scimUser},
		{"PUT", "/Users/{id}", (*door).scimReplaceUser},
		{"PATCH", "/Users/{id}", (*door).scimPatchUser},
		{"DELETE", "/Users/{id}", (*door).scimDeleteUser},
		{"GET", "/Groups", (*door).scimGroups},
		{"POST", "/Groups", (*door).scimCreateGroup},
		{"GET", "/Groups/{id}", (*door).scimGroup},
		{"PUT", "/Groups/{id}", (*door).scimReplaceGroup},
		{"PATCH", "/Groups/{id}", (*door).scimPatchGroup},
		{"DELETE", "/Groups/{id}", (*door).scimDeleteGroup},
		{"GET", "/ServiceProviderConfig", (*door).scimConfig},
		{"GET", "/ResourceTypes", (*door).scimResourceTypes},
		{"GET", "/ResourceTypes/{name}", (*door).scimResourceType},
		{"GET", "/Schemas", (*door).scimSchemas},
		{"GET", "/Schemas/{name}", (*door).scimSchema},
	}
	for _, left := range []struct{ method, path string }{{"POST", "/Bulk"}, {"GET", "/Me"}, {"POST", "/.search"}, {"POST", "/Users/.search"}, {"POST", "/Groups/.search"}} {
		routes = append(routes, scimRoute{left.method, left.path, (*door).scimLeftOut})
	}
	return routes
}

func (d *door) addSCIM() {
	for _, rt := range scimRoutes() {
		d.mux.Handle(rt.Method+" "+scimPrefix+rt.Path, d.scimGuard(rt))
	}
}

func isSCIM(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/scim/") }

// scimGuard stands before every operation for directories: it admits the token, reads what was sent, and writes what comes back.
func (d *door) scimGuard(rt scimRoute) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := visitOf(r.Context())
		v.route = rt.Method + " " + scimPrefix + rt.Path
		in := &scimRequest{Request: r}
		answer, err := d.scimServe(w, in, rt, v)
		if err != nil {
			d.fail(w, r, err)
			return
		}
		h := w.Header()
		if answer.made != "" {
			h.Set("Location", answer.made)
		}
		if answer.resource == nil {
			w.WriteHeader(answer.status)
			return
		}
		h.Set("Content-Type", scim.MediaType)
		w.WriteHeader(answer.status)
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		_ = e.Encode(in.chosen(answer.resource)) // whoever left does not read it
	})
}

func (d *door) scimServe(w http.ResponseWriter, in *scimRequest, rt scimRoute, v *visit) (answer scimAnswer, err error) {
	token := bearer(in.Request)
	use := func(address string) (account.Actor, error) {
		return d.Account.UseDirectory(in.Context(), token, address)
	}
	if token == "" {
		_, err = use("") // the same answer, and no guess
	} else {
		in.actor, err = d.admit(w, in.Request, token, use)
	}
	if err != nil {
		return answer, err
	}
	v.actor = in.actor
	if strings.Contains(rt.Path, "{id}") && !forms["id"].MatchString(in.PathValue("id")) {
		return answer, nothingHere()
	}
	if in.query, err = url.ParseQuery(in.URL.RawQuery); err != nil || !utf8.ValidString(in.URL.RawQuery) {
		return answer, fault.New(fault.Invalid, "query-form", "What follows the question mark can't be read. Write it as name=value&name=value, with special characters as %XX")
	}
	if in.Method == http.MethodPost || in.Method == http.MethodPut || in.Method == http.MethodPatch {
		if in.body, err = readBody(w, in.Request); err != nil {
			return answer, err
		}
		kind, _, err := mime.ParseMediaType(in.Header.Get("Content-Type"))
		if err != nil || kind != scim.MediaType && kind != "application/json" {
			return answer, refuse(http.StatusUnsupportedMediaType, "body-kind", "Send the body with the header Content-Type: "+scim.MediaType+".")
		}
		if !utf8.Valid(in.body) {
			return answer, refuse(http.StatusBadRequest, "body-syntax", "The body is not UTF-8 text.")
		}
	}
	return rt.serve(d, in)
}

// scimTypes are the words of the standard for faults of the room (RFC 7644 3.12); every other fault about a value is an invalidValue.
var scimTypes = map[string]string{"directory-user-taken": "uniqueness", "directory-group-taken": "uniqueness", "body-syntax": "invalidSyntax"}

// writeSCIM writes the problem as directories read errors. Whoever has no token that works gets the same answer, whatever they sent.
func (p *Problem) writeSCIM(w http.ResponseWriter) {
	code := p.Type[strings.LastIndexByte(p.Type, '/')+1:]
	status, kind := p.Status, scimTypes[code]
	if word := scim.Types[code]; word != "" {
		kind = word
	}
	if status == http.StatusUnprocessableEntity {
		status = http.StatusBadRequest
		if kind == "" {
			kind = "invalidValue"
		}
	}
	h := w.Header()
	for name, values := range p.header {
		h[name] = values
	}
	h.Set("Content-Type", scim.MediaType)
	body := map[string]any{"schemas": []string{scim.ErrorMessage}, "status": strconv.Itoa(status), "detail": p.Detail}
	if kind != "" {
		body["scimType"] = kind
	}
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(body)
}

// scimLeftOut answers what the standard leaves to choice and is not offered.
func (d *door) scimLeftOut(*scimRequest) (scimAnswer, error) {
	return scimAnswer{}, refuse(http.StatusNotImplemented, "scim-left-out", "This part of SCIM is not offered. ServiceProviderConfig says what is.")
}

// filter reads the filter of a list; nil is none.
func (r *scimRequest) filter() (*scim.Filter, error) {
	text, given := r.query["filter"]
	if !given || len(text) == 1 && text[0] == "" {
		return nil, nil
	}
	if len(text) > 1 {
		return nil, scim.Unsupported("Send one filter. Combine several with and")
	}
	f, err := scim.ParseFilter(text[0])
	return &f, err
}

// page reads startIndex and count (RFC 7644 3.4.2.4). start counts from 0.
func (r *scimRequest) page() (start, count int, err error) {
	number := func(name string, usual int) int {
		text := r.query.Get(name)
		if text == "" {
			return usual
		}
		n, bad := strconv.Atoi(text)
		if bad != nil || n > 1<<30 {
			err = fault.Field("field-type", name, name+" must be a whole number")
		}
		return n
	}
	start, count = number("startIndex", 1), number("count", scimUsual)
	return max(start, 1) - 1, min(max(count, 0), scimMost), err
}

// wants reports whether the answer is to have an attribute (RFC 7644 3.9).
func (r *scimRequest) wants(name string) bool {
	if named := attributeNames(r.query.Get("attributes")); len(named) > 0 {
		return slices.Contains(named, strings.ToLower(name))
	}
	return !slices.Contains(attributeNames(r.query.Get("excludedAttributes")), strings.ToLower(name))
}

// attributeNames reads a list of attributes down to their first names: "name.givenName" and its URN give "name".
func attributeNames(text string) (names []string) {
	for one := range strings.SplitSeq(text, ",") {
		one = one[strings.LastIndexByte(one, ':')+1:]
		if name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(one)), "."); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// chosen leaves out what was not asked for, of one resource or of each in a list. id and schemas are always there.
func (r *scimRequest) chosen(resource map[string]any) map[string]any {
	if list, isList := resource["Resources"].([]map[string]any); isList {
		for i := range list {
			list[i] = r.chosen(list[i])
		}
		return resource
	}
	if r.query.Get("attributes") == "" && r.query.Get("excludedAttributes") == "" {
		return resource
	}
	for name := range resource {
		if name != "id" && name != "schemas" && !r.wants(name) {
			delete(resource, name)
		}
	}
	return resource
}

// scimList is a page of a list (RFC 7644 3.4.2).
func scimList(resources []map[string]any, total, start int) scimAnswer {
	if resources == nil {
		resources = []map[string]any{}
	}
	return scimAnswer{status: http.StatusOK, resource: map[string]any{"schemas": []string{scim.ListMessage}, "totalResults": total, "startIndex": start + 1,
		"itemsPerPage": len(resources), "Resources": resources}}
}

// scimAddress is where a resource is found.
func (d *door) scimAddress(kind, id string) string {
	return d.BaseURL + scimPrefix + "/" + kind + "s/" + id
}

// scimMeta is the meta attribute (RFC 7643 3.1).
func (d *door) scimMeta(kind, id string, created, changed int64) map[string]any {
	meta := map[string]any{"resourceType": kind, "location": d.scimAddress(kind, id), "created": scimTime(created)}
	if changed != 0 {
		meta["lastModified"] = scimTime(changed)
	}
	return meta
}

func scimTime(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

// present sets what has a value: what has none is not there (RFC 7643 2.5).
func present(resource map[string]any, name, text string) {
	if text != "" {
		resource[name] = text
	}
}
