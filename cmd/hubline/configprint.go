package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

type configCommand struct {
	Config
	JSON bool `name:"json" help:"Print JSON."`
}

// setting is one field of the configuration as "hubline config" shows it.
type setting struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Default string `json:"default"`
	Source  string `json:"source"` // "default", "file", "flag" or the variable's name
	Env     string `json:"env"`
	Help    string `json:"help"`
	Secret  bool   `json:"secret,omitempty"`

	group string
}

func (c *configCommand) Run(ctx *kong.Context, std *streams) error {
	list := c.settings(ctx)
	if c.JSON {
		return printJSON(std.out, list)
	}
	group := ""
	for _, s := range list {
		if s.group != group {
			group = s.group
			fmt.Fprintf(std.out, "## %s\n\n", group)
		}
		fmt.Fprint(std.out, wrap("# ", s.Help, 110))
		fmt.Fprintf(std.out, "# --%s, %s; default %q; from %s\n", s.Key, s.Env, s.Default, s.Source)
		line := fmt.Sprintf("%s = %s", s.Key, tomlText(s.Value))
		if s.Source == "default" || s.Secret && s.Value != "" {
			line = "# " + line // so that the output can be kept as a configuration file
		}
		fmt.Fprintf(std.out, "%s\n\n", line)
	}
	return c.settle()
}

func (c *configCommand) settings(ctx *kong.Context) []setting {
	from := map[string]string{}
	for _, p := range ctx.Path {
		switch {
		case p.Flag == nil:
		case p.Resolved:
			from[p.Flag.Name] = "file"
		default:
			from[p.Flag.Name] = "flag"
		}
	}
	var list []setting
	for _, flag := range configFlags(ctx.Model) {
		s := setting{
			Key: flag.Name, Default: flag.Default, Env: flag.Envs[0], Help: flag.Help, Source: from[flag.Name],
			Value: textOf(ctx.FlagValue(flag)),
		}
		for _, name := range flag.Envs {
			if _, ok := os.LookupEnv(name); ok && s.Source == "" {
				s.Source = name
			}
		}
		if s.Source == "" {
			s.Source = "default"
		}
		if kind, ok := flag.Tag.GetAll("secret"), flag.Tag.Has("secret"); ok {
			s.Secret = true
			s.Value = mask(s.Value, kind[0] == "url")
		}
		if flag.Group != nil {
			s.group = flag.Group.Title
		}
		list = append(list, s)
	}
	return list
}

func textOf(value any) string {
	if list, ok := value.([]string); ok {
		return strings.Join(list, ",")
	}
	return fmt.Sprint(value)
}

const masked = "••••••"

// mask hides a secret, in an address only its password.
func mask(value string, address bool) string {
	if value == "" {
		return ""
	}
	if !address {
		return masked
	}
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return masked
	case u.User == nil && !u.Query().Has("password"):
		return value
	}
	if name := u.User.Username(); u.User != nil {
		u.User = nil
		value = strings.Replace(u.String(), "://", "://"+url.PathEscape(name)+":"+masked+"@", 1)
	}
	if before, after, ok := strings.Cut(value, "password="); ok {
		_, rest, more := strings.Cut(after, "&")
		value = before + "password=" + masked
		if more {
			value += "&" + rest
		}
	}
	return value
}

// tomlText writes a value as a TOML basic string; JSON's escapes are among TOML's.
func tomlText(s string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(s); err != nil {
		return `""`
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// wrap breaks text into lines that begin with prefix and have at most width letters where words allow.
func wrap(prefix, text string, width int) string {
	var out strings.Builder
	line := prefix
	for _, word := range strings.Fields(text) {
		if len(line) > len(prefix) && len(line)+1+len(word) > width {
			out.WriteString(line + "\n")
			line = prefix
		}
		if len(line) > len(prefix) {
			line += " "
		}
		line += word
	}
	out.WriteString(line + "\n")
	return out.String()
}
