package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"

	"hubline/base/fault"
)

//go:embed assets
var assetFiles embed.FS

// asset is one file as it is sent: the bytes, the same compressed, and a name that changes with them.
type asset struct {
	url    string
	kind   string
	plain  []byte
	packed []byte // gzip
}

type assets struct {
	byFile map[string]*asset // app.3f9a….css
	byName map[string]*asset // app.css
}

// loadAssets fingerprints and compresses every file once. The scripts are joined: app.js begins with the Trusted Types policy
// that htmx runs under.
func loadAssets() (*assets, error) {
	all := &assets{map[string]*asset{}, map[string]*asset{}}
	for _, file := range []struct {
		name, kind string
		parts      []string
	}{
		{"app.css", "text/css; charset=utf-8", []string{"app.css"}},
		{"app.js", "text/javascript; charset=utf-8", []string{"policy.js", "htmx.min.js", "app.js"}},
		{"icons.svg", "image/svg+xml", []string{"icons.svg"}},
		{"favicon.svg", "image/svg+xml", []string{"favicon.svg"}},
	} {
		if err := all.add(file.name, file.kind, file.parts); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (all *assets) add(name, kind string, parts []string) error {
	a := &asset{kind: kind}
	for _, part := range parts {
		content, err := assetFiles.ReadFile("assets/" + part)
		if err != nil {
			return err
		}
		if !strings.Contains(part, ".min.") {
			content = lean(content)
		}
		a.plain = append(append(a.plain, content...), '\n')
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(a.plain); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	a.packed = packed.Bytes()
	sum := sha256.Sum256(a.plain)
	ext := path.Ext(name)
	file := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
	a.url = "/assets/" + file
	all.byFile[file], all.byName[name] = a, a
	return nil
}

// lean leaves out what only readers of our styles and scripts need, a tenth of what a first visit loads: indentation, and comments with lines of
// their own. No text in them goes over several lines.
func lean(source []byte) []byte {
	var kept [][]byte
	comment := false
	for line := range bytes.Lines(source) {
		line = bytes.TrimSpace(line)
		ends := bytes.HasSuffix(line, []byte("*/"))
		switch {
		case comment:
			comment = !ends
		case bytes.HasPrefix(line, []byte("/*")) && (ends || !bytes.Contains(line, []byte("*/"))):
			comment = !ends
		case len(line) > 0 && !bytes.HasPrefix(line, []byte("//")):
			kept = append(kept, line)
		}
	}
	return bytes.Join(kept, []byte("\n"))
}

// url returns the address of an asset; templates use it through the function "asset".
func (all *assets) url(name string) (string, error) {
	if a := all.byName[name]; a != nil {
		return a.url, nil
	}
	return "", fmt.Errorf("no asset %q", name)
}

// asset sends a file that may be kept for ever, because its name changes with its content.
func (p *Portal) asset(r *Request) error {
	a := p.assets.byFile[r.PathValue("file")]
	if a == nil {
		return fault.New(fault.NotFound, "no-page", "We could not find that page")
	}
	r.W.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return a.send(r)
}

func (p *Portal) favicon(r *Request) error {
	r.W.Header().Set("Cache-Control", "public, max-age=86400")
	return p.assets.byName["favicon.svg"].send(r)
}

func (p *Portal) robots(r *Request) error {
	r.W.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := r.W.Write([]byte("User-agent: *\nDisallow: /\n"))
	return err
}

func (a *asset) send(r *Request) error {
	h, body := r.W.Header(), a.plain
	h.Set("Content-Type", a.kind)
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = a.packed
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	r.W.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	_, err := r.W.Write(body)
	return err
}
