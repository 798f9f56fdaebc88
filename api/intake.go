package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hubline/base/fault"
)

// bodyTime is how long a client may take to send a body.
const bodyTime = 10 * time.Second

// intake is what one operation takes. It refuses what no schema can: doubled names, bytes that are no text, bodies of another kind.
type intake struct {
	parameters []string
	fields     []string
	patch      bool
}

// query checks a request's parameters. Each must be known, come once and be text; a mistyped filter would otherwise choose everything.
func (in intake) query(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.New(fault.Invalid, "query-form", "What follows the question mark can't be read. Write it as name=value&name=value, with special characters as %XX")
	}
	var faults []*fault.Fault
	for _, name := range sortedKeys(values) {
		switch list := values[name]; {
		case !slices.Contains(in.parameters, name):
			faults = append(faults, fault.Field("parameter-unknown", cut(name), "There is no parameter "+strconv.Quote(cut(name))+" here. "+in.known()))
		case len(list) > 1:
			faults = append(faults, fault.Field("parameter-twice", name, "Send "+name+" once. It came "+strconv.Itoa(len(list))+" times"))
		case !utf8.ValidString(list[0]) || strings.ContainsFunc(list[0], unicode.IsControl):
			faults = append(faults, fault.Field("parameter-characters", name, name+" has a character that can't be used. Send it without"))
		}
	}
	r.URL.RawQuery = values.Encode() // huma reads it with a parser of its own
	return fault.All(faults...)
}

func (in intake) known() string {
	if len(in.parameters) == 0 {
		return "It takes none"
	}
	return "There are " + strings.Join(in.parameters, ", ")
}

func sortedKeys(values url.Values) []string {
	keys := make([]string, 0, len(values))
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// body reads a request's body, at most bodyMost, and puts it back for huma. It is never nil without an error.
func (in intake) body(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := readBody(w, r)
	if err != nil {
		return nil, err
	}
	if len(in.fields) == 0 {
		if text := strings.TrimSpace(string(body)); text != "" && text != "{}" {
			return nil, fault.New(fault.Invalid, "body-unwanted", "This request takes no body. Send it without")
		}
		body = []byte{}
	} else if err := in.json(r.Header.Get("Content-Type"), body); err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if body == nil {
		body = []byte{}
	}
	return body, nil
}

// readBody reads a whole body, within bounds of size and time.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // not possible on connections that tests make
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, bodyMost))
	if err != nil {
		return nil, unread(err)
	}
	_ = control.SetReadDeadline(time.Time{})
	return body, nil
}

func unread(err error) error {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return refuse(http.StatusRequestEntityTooLarge, "body-large", "A body may have at most "+strconv.FormatInt(large.Limit, 10)+" bytes.")
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return refuse(http.StatusRequestTimeout, "body-slow", "The body did not arrive in time. Send it again.")
	}
	return refuse(http.StatusBadRequest, "body-broken", "The body broke off before its end. Send it again.")
}

// json checks what a schema can't say about a JSON body.
func (in intake) json(contentType string, body []byte) error {
	if contentType != "" {
		kind, options, err := mime.ParseMediaType(contentType)
		if err != nil || kind != "application/json" && !(in.patch && kind == "application/merge-patch+json") || options["charset"] != "" && !strings.EqualFold(options["charset"], "utf-8") {
			return refuse(http.StatusUnsupportedMediaType, "body-kind", "Send the body as JSON, with the header Content-Type: application/json.")
		}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return fault.New(fault.Invalid, "body-missing", "Send a JSON body. "+inWords(in.fields))
	}
	if !utf8.Valid(body) {
		return refuse(http.StatusBadRequest, "body-syntax", "The body is not UTF-8 text.")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	err := noSurprises(dec, "", 0)
	if err == nil {
		if _, more := dec.Token(); more != io.EOF {
			err = errors.New("there is more after the end of the JSON value")
		}
	}
	if err == nil && bytes.TrimSpace(body)[0] != '{' {
		err = fault.New(fault.Invalid, "body-form", "Send one JSON object. "+inWords(in.fields))
	}
	if _, isFault := fault.Of(err); err == nil || isFault {
		return err
	}
	return refuse(http.StatusBadRequest, "body-syntax", sentence("The body is not JSON: "+plain(err)))
}

// plain words a decoder's error without the name of its package.
func plain(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return "it ends too early"
	}
	return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "json: "), "invalid ")
}

// depthMost is more than any body needs.
const depthMost = 16

// noSurprises reads one value and refuses names that come twice, of which readers would pick different ones, null, which readers would
// take for "empty" or for "as it is", and NUL, with which a text would be no text to the store.
func noSurprises(dec *json.Decoder, name string, depth int) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token == nil && depth > 0 {
		return fault.Field("field-null", name, cut(name)+" can't be null. Leave it out to keep what is there, or send a value")
	}
	if n, isNumber := token.(json.Number); isNumber && depth > 0 {
		if _, err := n.Float64(); err != nil { // huma would call it no JSON
			return fault.Field("field-type", name, cut(name)+" must be a whole number, and not as large")
		}
	}
	if text, isText := token.(string); isText && depth > 0 && strings.ContainsRune(text, 0) { // which PostgreSQL does not take
		return fault.Field("field-characters", name, cut(name)+" has a character that can't be used. Send it without")
	}
	open, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	if depth == depthMost {
		return fault.New(fault.Invalid, "body-form", "The body is nested too deeply")
	}
	seen := map[string]bool{}
	for dec.More() {
		inner := name
		if open == '{' {
			key, err := dec.Token()
			if err != nil {
				return err
			}
			inner, _ = key.(string)
			if seen[inner] {
				return fault.Field("field-twice", inner, "The field "+strconv.Quote(cut(inner))+" comes twice. Send it once")
			}
			seen[inner] = true
		}
		if err := noSurprises(dec, inner, depth+1); err != nil {
			return err
		}
	}
	_, err = dec.Token() // the closing bracket
	return err
}
