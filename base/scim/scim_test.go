package scim_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"hubline/base/fault"
	"hubline/base/scim"
)

// tell writes a filter with all its brackets.
func tell(f scim.Filter) string {
	switch f.Op {
	case scim.And, scim.Or:
		var parts []string
		for _, term := range f.Terms {
			parts = append(parts, tell(term))
		}
		return "(" + strings.Join(parts, " "+string(f.Op)+" ") + ")"
	case scim.Not:
		return "not (" + tell(f.Terms[0]) + ")"
	case scim.Has:
		return f.Path.String() + "[" + tell(f.Terms[0]) + "]"
	case scim.Pr:
		return f.Path.String() + " pr"
	}
	value, _ := json.Marshal(f.Value)
	return f.Path.String() + " " + string(f.Op) + " " + string(value)
}

func TestFiltersAreReadByTheGrammar(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`userName eq "bjensen"`:                                      `userName eq "bjensen"`,
		`USERNAME Eq "a\"b\u00e9"`:                                   `USERNAME eq "a\"bé"`,
		`name.familyName co "O'Malley"`:                              `name.familyName co "O'Malley"`,
		`urn:ietf:params:scim:schemas:core:2.0:User:userName sw "J"`: `userName sw "J"`,
		`title pr`:                                    `title pr`,
		`active eq True`:                              `active eq true`,
		`a eq null or b eq 1.5`:                       `(a eq null or b eq 1.5)`,
		`a pr or b pr and not (c pr)`:                 `(a pr or (b pr and not (c pr)))`,
		`(a pr or b pr) and c pr`:                     `((a pr or b pr) and c pr)`,
		`emails[type eq "work" and value co "@x"]`:    `emails[(type eq "work" and value co "@x")]`,
		`not(a pr)`:                                   `not (a pr)`,
		`not eq "x"`:                                  `not eq "x"`,
		`a eq "x"and b pr`:                            `(a eq "x" and b pr)`,
		`meta.lastModified gt "2011-05-13T04:42:34Z"`: `meta.lastModified gt "2011-05-13T04:42:34Z"`,
	} {
		f, err := scim.ParseFilter(text)
		if err != nil || tell(f) != want {
			t.Errorf("%s: read as %s, %v; want %s", text, tell(f), err, want)
		}
	}
}

func TestFiltersThatCantBeReadAreInvalid(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, ` `, `userName`, `userName eq`, `userName eq bjensen`, `userName is "x"`, `userName eq "x`, `userName eq "x" or`, `(a pr`, `a pr)`, `emails[a pr`, `a eq {"b":1}`, `a eq ["b"]`,
		`1a pr`, `a..b pr`, `a.b.c pr`, `a eq "x" b pr`, `and pr pr`, "a eq \"x\x00\"", `a'; DROP TABLE people; --`, strings.Repeat("(", 50) + "a pr" + strings.Repeat(")", 50),
		strings.Repeat("not(", 50) + "a pr" + strings.Repeat(")", 50), `a pr` + strings.Repeat(` or a pr`, 40), strings.Repeat("a", 3000)} {
		_, err := scim.ParseFilter(text)
		f, ok := fault.Of(err)
		if !ok || f.Kind != fault.Invalid || scim.Types[f.Code] != "invalidFilter" {
			t.Errorf("%.60q: %v, want invalidFilter", text, err)
		}
	}
}

// FuzzFilter: what is read can be written and is read again as the same; nothing panics and nothing passes the bounds.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{`userName eq "x"`, `a pr and (b eq true or not(c co "d"))`, `emails[type eq "work"].x`, `urn:a:b:2.0:User:x.y ge 1e9`, `((((a pr))))`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := scim.ParseFilter(text)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		again, err := scim.ParseFilter(tell(got))
		if err != nil && len(tell(got)) < 2000 && strings.Count(tell(got), "(") < 10 {
			t.Fatalf("%q became %q: %v", text, tell(got), err)
		}
		if err == nil && tell(again) != tell(got) {
			t.Fatalf("%q became %q, then %q", text, tell(got), tell(again))
		}
		got.Matches(map[string]any{"type": "work", "value": "x", "primary": true})
	})
}

// FuzzPatch: whatever a patch says, the resource keeps to its schema.
func FuzzPatch(f *testing.F) {
	f.Add(`[{"op":"Replace","path":"active","value":"False"}]`)
	f.Add(`[{"op":"add","path":"emails[type eq \"work\"].value","value":"a@b.example"},{"op":"remove","path":"name.givenName"}]`)
	f.Add(`[{"op":"add","value":{"name.givenName":"x","emails":[{"value":"y","primary":true}],"members":[{"value":"z"}]}}]`)
	f.Fuzz(func(t *testing.T, operations string) {
		ops, err := scim.ParsePatch([]byte(`{"schemas":["` + scim.PatchMessage + `"],"Operations":` + operations + `}`))
		if err != nil {
			return
		}
		res := jo()
		_ = scim.User.Apply(res, ops)
		body := map[string]any{"schemas": []string{scim.UserSchema}}
		for name, value := range res {
			body[name] = value
		}
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		again, err := scim.User.Read(text)
		if err != nil {
			t.Fatalf("%s left %s: %v", operations, text, err)
		}
		again.Address()
		_, _ = scim.ApplyGroup(scim.Resource{"displayName": "Sales"}, ops)
	})
}

func jo() scim.Resource {
	return scim.Resource{"userName": "jo@harbour.example", "externalId": "00u1", "active": true,
		"name":   map[string]any{"givenName": "Jo", "familyName": "Baptiste"},
		"emails": []any{map[string]any{"value": "jo@harbour.example", "type": "work", "primary": true}}}
}

// Bodies as the documentation of Okta, of Entra and of the standard show them, and what each does to Jo.
var patches = []struct {
	name, operations string
	want             func(r scim.Resource)
	fails            string
}{
	{"Okta deactivates", `[{"op":"replace","value":{"active":false}}]`, func(r scim.Resource) { r["active"] = false }, ""},
	{"Entra deactivates", `[{"op":"Replace","path":"active","value":"False"}]`, func(r scim.Resource) { r["active"] = false }, ""},
	{"Entra deactivates by the newer form", `[{"op":"replace","path":"active","value":false}]`, func(r scim.Resource) { r["active"] = false }, ""},
	{"Entra changes a work address", `[{"op":"Replace","path":"emails[type eq \"work\"].value","value":"jb@harbour.example"},{"op":"Replace","path":"name.familyName","value":"Chen"}]`, func(r scim.Resource) {
		r["emails"] = []any{map[string]any{"value": "jb@harbour.example", "type": "work", "primary": true}}
		r["name"] = map[string]any{"givenName": "Jo", "familyName": "Chen"}
	}, ""},
	{"Entra adds an address of a kind that was not there", `[{"op":"Add","path":"emails[type eq \"home\"].value","value":"jo@home.example"}]`, func(r scim.Resource) {
		r["emails"] = append(r["emails"].([]any), map[string]any{"value": "jo@home.example", "type": "home"})
	}, ""},
	{"Entra adds without a path, with dots in names", `[{"op":"Add","value":{"name.givenName":"Joanna","displayName":"Joanna B","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department":"Sales"}}]`, func(r scim.Resource) {
		r["name"] = map[string]any{"givenName": "Joanna", "familyName": "Baptiste"}
		r["displayName"] = "Joanna B"
	}, ""},
	{"Entra changes what is not kept", `[{"op":"Replace","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":"x"},{"op":"Add","path":"title","value":"Dr"},{"op":"Add","path":"phoneNumbers[type eq \"work\"].value","value":"1"},{"op":"Add","path":"roles","value":[{"value":"admin"}]}]`, func(scim.Resource) {}, ""},
	{"a replaced part of a name leaves the others", `[{"op":"replace","path":"name","value":{"givenName":"J"}}]`, func(r scim.Resource) {
		r["name"] = map[string]any{"givenName": "J", "familyName": "Baptiste"}
	}, ""},
	{"a name is taken away", `[{"op":"remove","path":"name"},{"op":"replace","path":"externalId","value":null}]`, func(r scim.Resource) { delete(r, "name"); delete(r, "externalId") }, ""},
	{"an address is taken away", `[{"op":"remove","path":"emails[type eq \"work\"]"}]`, func(r scim.Resource) { delete(r, "emails") }, ""},
	{"a new primary address takes the place of the old", `[{"op":"add","path":"emails","value":[{"value":"j@harbour.example","primary":true}]}]`, func(r scim.Resource) {
		r["emails"] = []any{map[string]any{"value": "jo@harbour.example", "type": "work"}, map[string]any{"value": "j@harbour.example", "primary": true}}
	}, ""},
	{"names in any case", `[{"OP":"REPLACE","Path":"urn:ietf:params:scim:schemas:core:2.0:user:USERNAME","Value":"x"}]`, func(r scim.Resource) { r["userName"] = "x" }, ""},
	{"an id in an object is passed over", `[{"op":"replace","value":{"id":"x","displayName":"J"}}]`, func(r scim.Resource) { r["displayName"] = "J" }, ""},
	{"an id by its path is refused", `[{"op":"replace","path":"id","value":"x"}]`, nil, "mutability"},
	{"the user name can't go", `[{"op":"remove","path":"userName"}]`, nil, "mutability"},
	{"no such attribute", `[{"op":"replace","path":"shoeSize","value":9}]`, nil, "invalidPath"},
	{"no such part", `[{"op":"replace","path":"name.shoe","value":"9"}]`, nil, "invalidPath"},
	{"no such value", `[{"op":"replace","path":"emails[type eq \"home\"].value","value":"x"}]`, nil, "noTarget"},
	{"remove without a path", `[{"op":"remove"}]`, nil, "noTarget"},
	{"a filter in brackets that can't be read", `[{"op":"remove","path":"emails[type]"}]`, nil, "invalidFilter"},
	{"brackets that do not close", `[{"op":"remove","path":"emails[type pr"}]`, nil, "invalidPath"},
	{"brackets behind one value", `[{"op":"remove","path":"name[givenName pr]"}]`, nil, "invalidPath"},
	{"a number for a truth", `[{"op":"replace","path":"active","value":1}]`, nil, "invalidValue"},
	{"a text for a truth", `[{"op":"replace","path":"active","value":"maybe"}]`, nil, "invalidValue"},
	{"an object for a text", `[{"op":"replace","path":"userName","value":{"a":"b"}}]`, nil, "invalidValue"},
	{"an unknown step", `[{"op":"move","path":"active","value":true}]`, nil, "invalidSyntax"},
	{"no path and no object", `[{"op":"add","value":"x"}]`, nil, "invalidSyntax"},
	{"no steps", `[]`, nil, "invalidSyntax"},
	{"steps that are none", `[1]`, nil, "invalidSyntax"},
}

func TestPatchesDoWhatDirectoriesMean(t *testing.T) {
	t.Parallel()
	for _, one := range patches {
		ops, err := scim.ParsePatch([]byte(`{"schemas":["` + scim.PatchMessage + `"],"Operations":` + one.operations + `}`))
		got, want := jo(), jo()
		if err == nil {
			err = scim.User.Apply(got, ops)
		}
		f, _ := fault.Of(err)
		switch {
		case one.fails != "" && (f == nil || scim.Types[f.Code] != one.fails):
			t.Errorf("%s: %v, want %s", one.name, err, one.fails)
		case one.fails == "" && err != nil:
			t.Errorf("%s: %v", one.name, err)
		case one.fails == "":
			if one.want(want); !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\n%v\nwant\n%v", one.name, got, want)
			}
		}
	}
}

func TestPatchesOfGroupsNameWhoComesAndGoes(t *testing.T) {
	t.Parallel()
	for operations, want := range map[string]string{
		`[{"op":"add","path":"members","value":[{"value":"a"},{"value":"b","display":"B"}]}]`:                      `{false [a b] []} Sales`,
		`[{"op":"Add","path":"members","value":[{"$ref":null,"value":"a"}]}]`:                                      `{false [a] []} Sales`,
		`[{"op":"Add","path":"members","value":{"value":"a"}}]`:                                                    `{false [a] []} Sales`,
		`[{"op":"remove","path":"members[value eq \"a\"]"}]`:                                                       `{false [] [a]} Sales`,
		`[{"op":"Remove","path":"members","value":[{"value":"a"}]}]`:                                               `{false [] [a]} Sales`,
		`[{"op":"remove","path":"members"}]`:                                                                       `{true [] []} Sales`,
		`[{"op":"replace","path":"members","value":[{"value":"c"}]}]`:                                              `{true [c] []} Sales`,
		`[{"op":"replace","value":{"members":[{"value":"c"}],"displayName":"Leads","id":"g"}}]`:                    `{true [c] []} Leads`,
		`[{"op":"remove","path":"members[value eq \"a\"]"},{"op":"add","path":"members","value":[{"value":"a"}]}]`: `{false [a] []} Sales`,
		`[{"op":"replace","path":"members","value":[]},{"op":"add","value":{"members":[{"value":"d"}]}}]`:          `{true [d] []} Sales`,
		`[{"op":"Replace","path":"displayName","value":"Leads"}]`:                                                  `{false [] []} Leads`,
		`[{"op":"remove","path":"displayName"}]`:                                                                   "mutability",
		`[{"op":"add","path":"members[value eq \"a\"]","value":{"value":"b"}}]`:                                    "invalidPath",
		`[{"op":"remove","path":"members[display co \"a\"]"}]`:                                                     "invalidPath",
		`[{"op":"replace","path":"members.value","value":"x"}]`:                                                    "mutability",
		`[{"op":"add","path":"members","value":7}]`:                                                                "invalidValue",
		`[{"op":"add","path":"owners","value":"x"}]`:                                                               "invalidPath",
	} {
		ops, err := scim.ParsePatch([]byte(`{"schemas":["` + scim.PatchMessage + `"],"Operations":` + operations + `}`))
		res := scim.Resource{"displayName": "Sales"}
		var c scim.MemberChange
		if err == nil {
			c, err = scim.ApplyGroup(res, ops)
		}
		got := fmt.Sprint(c, " ", res["displayName"])
		if f, ok := fault.Of(err); ok {
			got = scim.Types[f.Code]
		}
		if got != want {
			t.Errorf("%s: %s, want %s", operations, got, want)
		}
	}
}

func TestBodiesAreReadAsDirectoriesSendThem(t *testing.T) {
	t.Parallel()
	r, err := scim.User.Read([]byte(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
		"UserName":"jo@harbour.example","externalid":"x","Active":"True","id":"mine","meta":{"resourceType":"User"},"password":"secret","displayName":null,
		"name":{"GivenName":"Jo","honorificPrefix":"Dr"},"emails":[{"value":"home@x.example","type":"home"},{"type":"work","value":"work@x.example"}],"phoneNumbers":[],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"},"shoeSize":9}`))
	want := scim.Resource{"userName": "jo@harbour.example", "externalId": "x", "active": true, "name": map[string]any{"givenName": "Jo"},
		"emails": []any{map[string]any{"value": "home@x.example", "type": "home"}, map[string]any{"value": "work@x.example", "type": "work"}}}
	if err != nil || !reflect.DeepEqual(r, want) {
		t.Fatalf("%v, %v\nwant %v", r, err, want)
	}
	if got := r.Address(); got != "work@x.example" {
		t.Errorf("the address is %s", got)
	}
	if got := (scim.Resource{"userName": "u"}).Address(); got != "u" {
		t.Errorf("without emails the address is %s", got)
	}
	for _, body := range []string{``, `null`, `[]`, `"x"`, `{}`, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"userName":"x"}`, `{"schemas":"x"}`} {
		if _, err := scim.User.Read([]byte(body)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", body, err)
		}
	}
}
