package web

import (
	"slices"
	"strings"
)

// zones are the time zones that accounts here live in; an account with another keeps it.
var zones = []string{"Australia/Sydney", "Australia/Melbourne", "Australia/Brisbane", "Australia/Adelaide", "Australia/Darwin", "Australia/Perth",
	"Australia/Hobart", "Australia/Broken_Hill", "Australia/Eucla", "Australia/Lord_Howe", "Pacific/Norfolk", "Pacific/Auckland", "UTC"}

// zoneOptions are the choices of a time zone field that holds current.
func zoneOptions(current string) []Option {
	names := zones
	if current != "" && !slices.Contains(names, current) {
		names = append([]string{current}, names...)
	}
	options := make([]Option, len(names))
	for i, name := range names {
		place := name[strings.LastIndexByte(name, '/')+1:]
		options[i] = Option{Value: name, Label: words(place)}
	}
	return options
}
