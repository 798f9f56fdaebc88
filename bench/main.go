// Command bench measures the real binary from a second process, as the figures in docs/performance.md tell: sign-ins, open sessions under
// a flood of wrong passwords, authorised pages and API requests, a list of ten thousand people, memory at rest, time to ready.
//
//	go run ./bench                 everything, about five minutes
//	go run ./bench -only signin    one part: start, memory, signin, flood, requests, people
//
// Load and server share the machine. "per core" divides by the processor seconds that the server itself used, read from the system;
// latencies are what the client saw.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"
)

var (
	only    = flag.String("only", "", "one part instead of all")
	seconds = flag.Int("seconds", 20, "how long each load lasts")
	store   = flag.String("store", "", "store of the server; empty: SQLite in a temporary folder")
	members = flag.Int("members", 10_000, "people in the large account")
	others  = flag.Int("accounts", 100_000, "accounts in the store")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	fmt.Printf("rig: %s, %d processors, %s, load generator on the same machine\n", processor(), runtime.NumCPU(), runtime.Version())
	r, err := build(ctx)
	if err != nil {
		return err
	}
	defer r.close()
	for _, part := range []struct {
		name string
		run  func(context.Context, *rig) error
	}{{"start", start}, {"memory", memory}, {"signin", signIns}, {"requests", requests}, {"people", people}, {"flood", flood}} {
		if *only != "" && *only != part.name {
			continue
		}
		if err := part.run(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

func processor() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// spread is a set of durations.
type spread []time.Duration

func (s spread) at(share float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	slices.Sort(s)
	return s[min(len(s)-1, int(share*float64(len(s))))]
}

func (s spread) String() string {
	return fmt.Sprintf("p50 %v, p99 %v, longest %v", s.at(.5).Round(10*time.Microsecond), s.at(.99).Round(10*time.Microsecond), s.at(1).Round(10*time.Microsecond))
}
