// Command hubline is the whole program: it reads the configuration, wires doors, rooms and ground together, starts them and stops
// them. It decides nothing about accounts or people; that is what the rooms are for.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"hubline/base/fault"
)

// The exit codes of outside.md section 2.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], &streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// cli is the grammar of the command line; each command's struct is its flags.
type cli struct {
	Demo       demoCommand       `cmd:"" help:"Start a throw-away system with made-up accounts, people and a mailbox."`
	Serve      serveCommand      `cmd:"" help:"Run the portal and the API."`
	Doctor     doctorCommand     `cmd:"" help:"Check configuration, store, mail, DNS, TLS, ports and clock, and say what to do about each finding."`
	Migrate    migrateCommand    `cmd:"" help:"Bring the store to this program's schema."`
	Backup     backupCommand     `cmd:"" help:"Write the whole store and the key into one file, while others go on working."`
	Restore    restoreCommand    `cmd:"" help:"Check a backup and put it into an empty store."`
	Account    accountCommand    `cmd:"" help:"Create, list and change accounts and their API keys."`
	Staff      staffCommand      `cmd:"" help:"Create, list and remove people of the provider."`
	Number     numberCommand     `cmd:"" help:"List, assign and withdraw phone numbers, and choose whom they ring."`
	Audit      auditCommand      `cmd:"" help:"Verify the audit log: an export of it, or all that is in the store."`
	Config     configCommand     `cmd:"" help:"Print the whole configuration with each value's meaning, default and source."`
	Version    versionCommand    `cmd:"" help:"Print version, commit, Go and store schema."`
	Completion completionCommand `cmd:"" help:"Print the completion script for a shell."`
	Help       helpCommand       `cmd:"" help:"Explain Hubline or one command."`
}

// usageError is an error in how the program was called; it ends with exit code 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// exit leaves run from inside kong, which wants to end the process after printing help.
type exit int

// run is main without the process: it parses, runs one command and returns the exit code.
func run(ctx context.Context, args []string, std *streams) (code int) {
	defer func() {
		if p := recover(); p != nil {
			e, ok := p.(exit)
			if !ok {
				panic(p)
			}
			code = int(e)
		}
	}()
	if len(args) == 0 {
		return explain(std, usagef("no command is given"))
	}
	parser, err := newParser(std)
	if err != nil {
		return explain(std, err)
	}
	parsed, err := parser.Parse(args)
	var usage usageError
	if errors.As(err, &usage) {
		return explain(std, usage) // from the configuration file; kong puts a flag's name before it
	}
	if err != nil {
		return explain(std, usageError{err})
	}
	if err := checkEnvironment(parser.Model, os.Environ()); err != nil {
		return explain(std, err)
	}
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(std)
	return explain(std, parsed.Run())
}

func newParser(std *streams) (*kong.Kong, error) {
	return kong.New(&cli{},
		kong.Name("hubline"),
		kong.Description("Portal and phone system for telephony providers, in one program.\n\n"+
			"Flags win over HUBLINE_* variables, which win over the file given with --config."),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, WrapUpperBound: 110}),
		kong.ExplicitGroups(groups),
		kong.Resolvers(&fileResolver{}),
	)
}

// explain prints an error for people and returns the exit code.
func explain(std *streams, err error) int {
	if err == nil {
		return exitDone
	}
	var usage usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(std.err, "hubline: %s\nRun \"hubline help\" to see the commands.\n", err)
		return exitUsage
	}
	if !errors.Is(err, errReported) {
		fmt.Fprintf(std.err, "hubline: %s\n", sentence(err))
	}
	return exitFailed
}

// errReported ends a command that has already printed what is wrong.
var errReported = errors.New("reported")

// sentence is what a person is told of an error: a fault's own words, else the whole chain.
func sentence(err error) string {
	f, ok := fault.Of(err)
	if !ok {
		return err.Error()
	}
	words := []string{f.Message}
	for _, also := range f.Also {
		words = append(words, also.Message)
	}
	return strings.Join(words, "\n         ")
}

type helpCommand struct {
	Command []string `arg:"" optional:"" help:"The command to explain."`
}

func (c *helpCommand) Run(std *streams) error {
	parser, err := newParser(std)
	if err != nil {
		return err
	}
	if _, err = parser.Parse(append(c.Command, "--help")); err != nil {
		return usageError{err}
	}
	return nil
}
