package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// fileResolver gives kong the values of the configuration file, for flags that neither the command line nor a variable sets.
type fileResolver struct {
	values map[string]any // by flag name; nil before the file has been read
}

// Validate is part of kong.Resolver; the file is checked when it is read, because only then its name is known.
func (r *fileResolver) Validate(*kong.Application) error { return nil }

// Resolve returns the file's value for a flag, nil when it has none.
func (r *fileResolver) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if r.values == nil {
		if err := r.load(ctx); err != nil {
			return nil, err
		}
	}
	for _, name := range flag.Envs {
		if _, ok := os.LookupEnv(name); ok {
			return nil, nil
		}
	}
	if !configurable(flag) {
		return nil, nil
	}
	return r.values[flag.Name], nil
}

func (r *fileResolver) load(ctx *kong.Context) error {
	r.values = map[string]any{}
	for _, flag := range ctx.Flags() {
		if flag.Name != "config" {
			continue
		}
		path, _ := ctx.FlagValue(flag).(string)
		if path == "" {
			path = os.Getenv("HUBLINE_CONFIG")
		}
		if path == "" {
			return nil
		}
		values, err := readConfigFile(path, configKeys(ctx.Model))
		if err != nil {
			return usageError{err}
		}
		r.values = values
	}
	return nil
}

// configurable tells the fields of Config from the flags of single commands, which no file or variable sets.
func configurable(flag *kong.Flag) bool { return len(flag.Envs) > 0 && flag.Name != "config" }

// configFlags lists the fields of Config in their order, from the command that prints them.
func configFlags(app *kong.Application) []*kong.Flag {
	for _, node := range app.Children {
		if node.Name == "config" {
			return slices.DeleteFunc(slices.Clone(node.Flags), func(f *kong.Flag) bool { return !configurable(f) })
		}
	}
	return nil
}

func configKeys(app *kong.Application) []string {
	var keys []string
	for _, flag := range configFlags(app) {
		keys = append(keys, flag.Name)
	}
	return keys
}

// readConfigFile reads a TOML or YAML file into values by key. Sections are prefixes: addr in a section smtp is smtp-addr.
func readConfigFile(path string, known []string) (map[string]any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	tree := map[string]any{}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".toml":
		err = toml.Unmarshal(text, &tree)
	case ".yaml", ".yml":
		if len(bytes.TrimSpace(text)) > 0 {
			err = yaml.Unmarshal(text, &tree)
		}
	default:
		return nil, fmt.Errorf("%s: name the configuration file .toml, .yaml or .yml", path)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	values := map[string]any{}
	if err := flatten("", tree, values); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, key := range sorted(values) {
		if !slices.Contains(known, key) {
			return nil, fmt.Errorf("%s: there is no key %q; the nearest is %q", path, key, nearest(key, known))
		}
	}
	return values, nil
}

func flatten(prefix string, tree, values map[string]any) error {
	for _, name := range sorted(tree) {
		key := prefix + strings.ReplaceAll(strings.ToLower(name), "_", "-")
		switch v := tree[name].(type) {
		case map[string]any:
			if err := flatten(key+"-", v, values); err != nil {
				return err
			}
			continue
		case []any:
			parts := make([]string, len(v))
			for i := range v {
				parts[i] = fmt.Sprint(v[i])
			}
			tree[name] = strings.Join(parts, ",")
		case nil:
			continue
		}
		if _, twice := values[key]; twice {
			return fmt.Errorf("the key %q is given twice", key)
		}
		values[key] = fmt.Sprint(tree[name])
	}
	return nil
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// checkEnvironment refuses HUBLINE_* variables that mean nothing, because a misspelt one would be silently ignored. Variables
// that Kubernetes sets for a service of the name "hubline" are let through.
func checkEnvironment(app *kong.Application, environ []string) error {
	var known []string
	for _, flag := range configFlags(app) {
		known = append(known, flag.Envs...)
	}
	known = append(known, "HUBLINE_CONFIG")
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, "HUBLINE_")
		if !ours || slices.Contains(known, name) || rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_") {
			continue
		}
		return usagef("there is no variable %s; the nearest is %s", name, nearest(name, known))
	}
	return nil
}

// nearest returns the candidate that takes the fewest changed letters.
func nearest(word string, candidates []string) (best string) {
	least := -1
	for _, c := range candidates {
		if d := distance(word, c); least < 0 || d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
