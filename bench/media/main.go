// Command media measures the relay of package media in a process of its own and, in turn with it, rtpengine in user space where that is
// installed: processor time for each packet, latency and loss, at 50 packets a second each way of 172 bytes.
//
//	go run ./bench/media                          300 and 1,000 calls, three rounds
//	go run ./bench/media -calls 1000 -rounds 5
//	go run ./bench/media -floor                   and a bare loop of the same calls to the kernel: the rest is ours
//	go run ./bench/media -against OLD -together   beside another build of this command, in the same seconds
//
// On Linux with two processors or more the relay has the first to itself and the load comes from the second. Both speak through the
// loopback, whose work the kernel does in the sender's time; ratios of the same round say more than microseconds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

var (
	calls    = flag.String("calls", "300,1000", "numbers of calls, one measurement each")
	rounds   = flag.Int("rounds", 3, "measurements of each relay, in turn")
	seconds  = flag.Int("seconds", 4, "how long each measurement lasts, after a warm-up of two seconds")
	against  = flag.String("against", "", "another build of this command, whose relay is measured too")
	withBare = flag.Bool("floor", false, "measure a relay that only receives and sends, too")
	together = flag.Bool("together", false, "measure all at once instead of in turn, each with its calls: what else the machine does then meets all alike")
	relay    = flag.String("relay", "", "be a relay, ours or floor: the measuring process starts this one")
	portMin  = flag.Int("port-min", 30000, "of rtpengine's range; four ports for each call")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	work := measure
	switch *relay {
	case "ours":
		work = serve
	case "floor":
		work = func(context.Context) error { return floor() }
	}
	if err := work(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "media:", err)
		os.Exit(1)
	}
}

// peer is a relay in a process of its own.
type peer interface {
	name() string
	// open makes calls between the two addresses and returns the relay's port for either side of each.
	open(ctx context.Context, left, right []string) (ports [][2]int, err error)
	pid() int
	close()
}

func measure(ctx context.Context) error {
	if err := moveToSecond(ctx); err != nil {
		return err
	}
	runtime.GOMAXPROCS(1)
	load, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		fmt.Printf("rig: %d processors, %s, load %s", runtime.NumCPU(), runtime.Version(), load)
	}
	kinds, err := relays()
	if err != nil {
		return err
	}
	for text := range strings.SplitSeq(*calls, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		all := make([][]result, len(kinds))
		for range *rounds {
			done, err := turn(ctx, kinds, n)
			if err != nil {
				return err
			}
			for i, r := range done {
				all[i] = append(all[i], r)
				fmt.Println(r)
			}
		}
		for i := range all {
			for j := range all[:i] {
				compare(n, all[j], all[i])
			}
		}
	}
	return nil
}

// starter starts one kind of relay.
type starter func(context.Context) (peer, error)

// relays are those that are measured, ours first.
func relays() (kinds []starter, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	add := func(name, path, kind string) {
		kinds = append(kinds, func(ctx context.Context) (peer, error) { return startOurs(ctx, name, path, kind) })
	}
	add("hubline", self, "ours")
	if *against != "" {
		add("against", *against, "ours")
	}
	if *withBare {
		add("floor", self, "floor")
	}
	if _, err := exec.LookPath("rtpengine"); err == nil {
		kinds = append(kinds, startEngine)
	} else {
		fmt.Println("rtpengine: not installed")
	}
	return kinds, nil
}

// turn measures every kind once.
func turn(ctx context.Context, kinds []starter, n int) ([]result, error) {
	done, failed := make([]result, len(kinds)), make([]error, len(kinds))
	var all sync.WaitGroup
	for i, start := range kinds {
		if !*together {
			done[i], failed[i] = round(ctx, start, n)
			continue
		}
		all.Go(func() { done[i], failed[i] = round(ctx, start, n) })
	}
	all.Wait()
	return done, errors.Join(failed...)
}

// compare prints what the first takes in proportion to the second, round by round.
func compare(n int, a, b []result) {
	var ratios []float64
	for i := range a {
		ratios = append(ratios, a[i].cost()/b[i].cost())
	}
	slices.Sort(ratios)
	goal := ""
	if a[0].name == "hubline" && b[0].name == "rtpengine" {
		goal = ", goal <= 0.6"
	}
	fmt.Printf("%d calls: %s / %s, processor time for a packet: median %.2f (%.2f to %.2f)%s\n",
		n, a[0].name, b[0].name, ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1], goal)
}

// result is one measurement.
type result struct {
	name           string
	calls          int
	used, took     time.Duration
	relayed        int // in that time; the others count what was sent in it, whenever it came back
	sent, received int
	p50, p99       time.Duration
}

func (r result) cost() float64 {
	return float64(r.used.Nanoseconds()) / float64(max(r.relayed, 1)) / 1000
}

func (r result) String() string {
	return fmt.Sprintf("%-10s %5d calls: %5.2f µs a packet, %3.0f %% of a processor, latency p50 %v p99 %v, %d of %d lost (%.0f packets/s)", r.name, r.calls, r.cost(),
		100*r.used.Seconds()/r.took.Seconds(), r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond), r.sent-r.received, r.sent, float64(r.relayed)/r.took.Seconds())
}

func round(ctx context.Context, start starter, n int) (result, error) {
	p, err := start(ctx)
	if err != nil {
		return result{}, err
	}
	defer p.close()
	g, err := newGenerator(n)
	if err != nil {
		return result{}, err
	}
	defer g.close()
	ports, err := p.open(ctx, g.left(), g.right())
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", p.name(), err)
	}
	r, err := g.run(ctx, ports, p.pid())
	r.name, r.calls = p.name(), n
	return r, err
}

// onFirst is a command that has the first processor, where the machine has more than one and a way to say so.
func onFirst(ctx context.Context, name string, args ...string) *exec.Cmd {
	if path, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		return exec.CommandContext(ctx, path, append([]string{"-c", "0", name}, args...)...)
	}
	return exec.CommandContext(ctx, name, args...)
}

// moveToSecond leaves the first processor to the relay.
func moveToSecond(ctx context.Context) error {
	if path, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		return exec.CommandContext(ctx, path, "-a", "-c", "-p", "1", strconv.Itoa(os.Getpid())).Run()
	}
	return nil
}
