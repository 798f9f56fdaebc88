package main

import (
	"os"
	"strings"
	"testing"
)

func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/api/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := check(strings.NewReader(string(text))); err != nil {
		t.Error(err)
	}
	for name, change := range map[string][2]string{
		"no object":             {`{`, `[`},
		"a reference to nobody": {`"#/components/schemas/HubUser"`, `"#/components/schemas/HubUsers"`},
		"an old version":        {`"openapi": "3.1`, `"openapi": "3.0`},
		"a wrong example":       {`"state": "active"`, `"state": 7`},
		"an operation twice":    {`"operationId": "get-hub-user"`, `"operationId": "list-hub-users"`},
		"no description":        {`"description": "OK"`, `"x-description": "OK"`},
	} {
		broken := strings.Replace(string(text), change[0], change[1], 1)
		if broken == string(text) {
			t.Errorf("%s: the document has no %s", name, change[0])
		} else if err := check(strings.NewReader(broken)); err == nil {
			t.Errorf("%s is not noticed", name)
		}
	}
}
