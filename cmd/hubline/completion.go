package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: ${enum}."`
}

func (c *completionCommand) Run(ctx *kong.Context, std *streams) error {
	switch c.Shell {
	case "fish":
		fishCompletion(std.out, ctx.Model.Node)
	case "zsh":
		fmt.Fprintln(std.out, "#compdef hubline\nautoload -U +X bashcompinit && bashcompinit")
		bashCompletion(std.out, ctx.Model.Node)
	default:
		bashCompletion(std.out, ctx.Model.Node)
	}
	return nil
}

// commandPaths lists every command with the words that lead to it, parents first; the first is the program with no words.
func commandPaths(node *kong.Node, words []string) (paths [][]string, nodes []*kong.Node) {
	paths, nodes = [][]string{words}, []*kong.Node{node}
	for _, child := range node.Children {
		if child.Hidden || child.Type != kong.CommandNode {
			continue
		}
		p, n := commandPaths(child, append(words[:len(words):len(words)], child.Name))
		paths, nodes = append(paths, p...), append(nodes, n...)
	}
	return paths, nodes
}

// flagsOf lists the flags that a command takes, its own and its parents'.
func flagsOf(node *kong.Node) (list []*kong.Flag) {
	for n := node; n != nil; n = n.Parent {
		for _, flag := range n.Flags {
			if !flag.Hidden {
				list = append(list, flag)
			}
		}
	}
	return list
}

// bashCompletion writes a function that knows, for the words before the cursor, which words can follow. zsh runs it too.
func bashCompletion(w io.Writer, root *kong.Node) {
	fmt.Fprint(w, `_hubline() {
  local word path= next= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${COMP_WORDS[i]}" in -*) ;; *) path="$path ${COMP_WORDS[i]}" ;; esac
  done
  case "$path" in
`)
	paths, nodes := commandPaths(root, nil)
	for i := range paths {
		var words []string
		for _, child := range nodes[i].Children {
			if !child.Hidden && child.Type == kong.CommandNode {
				words = append(words, child.Name)
			}
		}
		for _, flag := range flagsOf(nodes[i]) {
			words = append(words, "--"+flag.Name)
		}
		if len(paths[i]) == 1 && paths[i][0] == "completion" {
			words = append(words, "bash", "zsh", "fish")
		}
		pattern := ""
		for _, word := range paths[i] {
			pattern += " " + word
		}
		fmt.Fprintf(w, "    %q) next=%q ;;\n", pattern, strings.Join(words, " "))
	}
	fmt.Fprint(w, `    *) next= ;;
  esac
  word="${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($(compgen -W "$next" -- "$word"))
}
complete -o default -F _hubline hubline
`)
}

func fishCompletion(w io.Writer, root *kong.Node) {
	fmt.Fprintln(w, "complete -c hubline -f")
	paths, nodes := commandPaths(root, nil)
	for i := range paths {
		when := "__fish_use_subcommand"
		if len(paths[i]) > 0 {
			when = "__fish_seen_subcommand_from " + paths[i][len(paths[i])-1]
		}
		for _, child := range nodes[i].Children {
			if !child.Hidden && child.Type == kong.CommandNode {
				fmt.Fprintf(w, "complete -c hubline -n %q -a %s -d %q\n", when, child.Name, child.Help)
			}
		}
		if len(paths[i]) == 0 {
			continue
		}
		for _, flag := range nodes[i].Flags {
			if flag.Hidden {
				continue
			}
			files := ""
			if !flag.IsBool() {
				files = " -r -F"
			}
			fmt.Fprintf(w, "complete -c hubline -n %q -l %s%s -d %q\n", when, flag.Name, files, firstSentence(flag.Help))
		}
	}
	fmt.Fprintln(w, `complete -c hubline -n "__fish_seen_subcommand_from completion" -a "bash zsh fish"`)
}

func firstSentence(text string) string {
	before, _, _ := strings.Cut(text, ". ")
	return strings.TrimSuffix(before, ".")
}
