package main

import "net/http"

// doors builds the door for people and the door for programs.
func (s *system) doors() (portal, api http.Handler, err error) {
	return http.NotFoundHandler(), http.NotFoundHandler(), nil
}
