package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"hubline/base/db"
)

// version is set by the linker for releases: -ldflags "-X main.version=v1.2.3".
var version string

// build is what the program knows of itself.
type build struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	Schema  int64  `json:"schema"` // newest migration that the program knows
}

func thisBuild() build {
	b := build{Version: version, Commit: "unknown", Go: runtime.Version(), Schema: db.Version()}
	info, ok := debug.ReadBuildInfo()
	if ok {
		changed := false
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.modified":
				changed = s.Value == "true"
			}
		}
		if changed {
			b.Commit += " with changes"
		}
		if b.Version == "" && info.Main.Version != "" && info.Main.Version != "(devel)" {
			b.Version = info.Main.Version
		}
	}
	if b.Version == "" {
		b.Version = "development"
	}
	return b
}

type versionCommand struct {
	JSON bool `name:"json" help:"Print JSON."`
}

func (c *versionCommand) Run(std *streams) error {
	b := thisBuild()
	if c.JSON {
		return printJSON(std.out, b)
	}
	fmt.Fprintf(std.out, "version  %s\ncommit   %s\nGo       %s\nschema   %d\n", b.Version, b.Commit, b.Go, b.Schema)
	return nil
}

func printJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
