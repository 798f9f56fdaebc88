// Command openapi reads an OpenAPI document from standard input and fails unless it is valid, its examples included:
//
//	go run ./openapi <../docs/api/openapi.json
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/getkin/kin-openapi/openapi3"
)

func main() {
	log.SetFlags(0)
	if err := check(os.Stdin); err != nil {
		log.Fatal(err)
	}
}

func check(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return err
	}
	if !doc.IsOpenAPI31OrLater() {
		return fmt.Errorf("OpenAPI %s is older than 3.1", doc.OpenAPI)
	}
	if doc.Paths.Len() == 0 {
		return errors.New("the document describes no path")
	}
	return doc.Validate(context.Background())
}
