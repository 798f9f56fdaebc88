// Command provider runs an OpenID provider as a process of its own, for tests. It prints its issuer on the first line of standard output,
// is told by HTTP how to misbehave (/control), and ends when standard input does.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"hubline/base/openid/provider"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	issuer := "http://" + listener.Addr().String()
	p, err := provider.New(provider.Options{Issuer: issuer, Title: "Example ID", Control: true})
	if err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until whoever started it is gone
		os.Exit(0)
	}()
	fmt.Println(issuer)
	log.Fatal(server.Serve(listener))
}
