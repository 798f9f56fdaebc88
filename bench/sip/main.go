// Command sip measures the real binary as a SIP server and, in turn with it, Kamailio where that is installed: processor time for each
// authenticated registration and for each extension call, latency, the rate at which failures begin, memory for each registration.
//
//	go run ./bench/sip                               everything, about ten minutes
//	go run ./bench/sip -only register -rounds 5      one part: register, kept, written, calls, recorded, limits, memory
//	go run ./bench/sip -only calls -against OLD      beside another build of Hubline instead of Kamailio: what a change brought
//
// On Linux with two processors or more the server has the first to itself and the load comes from the second. Processor time is the
// scheduler's, over all processes of a server. Both servers see the same load in the same round; ratios of a round say more than
// microseconds. Kamailio runs with its fast memory manager and one worker, the set-up that does best on one processor.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var (
	only     = flag.String("only", "", "one part instead of all: register, kept, written, calls, recorded, limits, memory")
	rounds   = flag.Int("rounds", 3, "measurements of each server, in turn")
	seconds  = flag.Int("seconds", 4, "how long each measurement lasts, after a warm-up of two seconds")
	people   = flag.Int("users", 2000, "phone users, in accounts of 200")
	rate     = flag.Int("rate", 2000, "registrations a second")
	callRate = flag.Int("calls", 200, "calls a second")
	hold     = flag.Duration("hold", 200*time.Millisecond, "how long a call lasts once it is answered")
	binary   = flag.String("binary", "", "the program to measure; empty: it is built")
	other    = flag.String("against", "", "another build of the program, measured instead of Kamailio")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := measure(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "sip:", err)
		os.Exit(1)
	}
}

// rig is what all measurements share.
type rig struct {
	dir     string
	hubline *hubline
	servers []maker // ours first
}

// maker starts a server. postgres is the address of a database that bindings are written to; empty for what the server does by itself.
type maker struct {
	name  string
	start func(ctx context.Context, db *database) (*server, error)
}

func measure(ctx context.Context) error {
	if err := moveToSecond(ctx); err != nil {
		return err
	}
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("rig: %s, %d processors, %s, load %s", processor(), runtime.NumCPU(), runtime.Version(), load)
	dir, err := os.MkdirTemp("", "hubline-bench-sip-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r := &rig{dir: dir}
	if r.hubline, err = prepare(ctx, dir); err != nil {
		return err
	}
	r.servers = []maker{{"hubline", r.hubline.start}}
	if *other != "" {
		before := *r.hubline
		before.binary, before.starts = *other, 1<<20 // folders of its own
		r.servers = append(r.servers, maker{"other", before.start})
	} else if out, err := exec.Command("kamailio", "-v").Output(); err == nil {
		fmt.Println(strings.Split(string(out), "\n")[0])
		r.servers = append(r.servers, maker{"kamailio", func(ctx context.Context, db *database) (*server, error) { return startKamailio(ctx, dir, db) }})
	} else {
		fmt.Println("kamailio: not installed")
	}
	for _, part := range []struct {
		name string
		run  func(context.Context, *rig) error
	}{{"register", registrations}, {"kept", kept}, {"written", written}, {"calls", calls}, {"recorded", recorded}, {"limits", limits}, {"memory", memory}} {
		if *only != "" && *only != part.name {
			continue
		}
		if err := part.run(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// result is one measurement.
type result struct {
	name         string
	used, stored time.Duration // processor time of the server, and of the database beside it
	own          time.Duration // of the load
	took         time.Duration
	done, failed int
	p50, p99     time.Duration
	behind       string // how far the database is behind the answers; empty where nobody looks
}

func (r result) cost() float64 { return float64(r.used.Nanoseconds()) / 1000 / float64(max(r.done, 1)) }

func (r result) all() float64 {
	return float64((r.used + r.stored).Nanoseconds()) / 1000 / float64(max(r.done, 1))
}

func (r result) String() string {
	text := fmt.Sprintf("%-9s %6.1f µs", r.name, r.cost())
	if r.stored > 0 {
		text += fmt.Sprintf(" (%.1f with the database)", r.all())
	}
	return text + fmt.Sprintf(", %3.0f %% of a processor (the load %.0f %%), p50 %v p99 %v, %.0f/s, %d of %d failed%s", 100*r.used.Seconds()/r.took.Seconds(),
		100*r.own.Seconds()/r.took.Seconds(), r.p50.Round(time.Microsecond), r.p99.Round(time.Microsecond), float64(r.done)/r.took.Seconds(), r.failed, r.done+r.failed, r.behind)
}

// compare measures every server in turn and prints the ratio of the first to the second.
func (r *rig) compare(ctx context.Context, what string, one func(ctx context.Context, m maker) (result, error)) error {
	fmt.Println(what + ":")
	all := make([][]result, len(r.servers))
	for range *rounds {
		for i, m := range r.servers {
			res, err := one(ctx, m)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			res.name = m.name
			all[i] = append(all[i], res)
			fmt.Println("  ", res)
		}
	}
	if len(all) < 2 {
		return nil
	}
	ratio := func(cost func(result) float64) string {
		var list []float64
		for i := range all[0] {
			list = append(list, cost(all[0][i])/cost(all[1][i]))
		}
		slices.Sort(list)
		return fmt.Sprintf("median %.2f (%.2f to %.2f)", list[len(list)/2], list[0], list[len(list)-1])
	}
	fmt.Printf("   hubline / %s, processor time: %s", r.servers[1].name, ratio(result.cost))
	if all[0][0].stored > 0 {
		fmt.Printf("; with the database: %s", ratio(result.all))
	}
	fmt.Println()
	return nil
}

// against runs work on a fresh server with every user registered for so many seconds, and adds up what it used.
func against(ctx context.Context, m maker, db *database, registered int, work func(l *load) (counted, error)) (r result, err error) {
	s, err := m.start(ctx, db)
	if err != nil {
		return r, err
	}
	defer s.stop()
	l, err := newLoad(s)
	if err != nil {
		return r, err
	}
	defer l.close()
	if err := l.registerAll(ctx, registered); err != nil {
		return r, err
	}
	return l.measured(s, db, work)
}

// counted is what a load did while it was measured.
type counted struct {
	done, failed int
	times        []time.Duration
}

// measured adds up what server, database and load use between the two moments that the work marks: without its warm-up, and without the
// wait for what does not come any more.
func (l *load) measured(s *server, db *database, work func(l *load) (counted, error)) (r result, err error) {
	stored := func() time.Duration {
		if db == nil {
			return 0
		}
		return db.used()
	}
	l.begin = func() { r.used, r.stored, r.own, r.took = -s.used(), -stored(), -ownTime(), -time.Since(started) }
	l.end = func() {
		r.used, r.stored, r.own, r.took = r.used+s.used(), r.stored+stored(), r.own+ownTime(), r.took+time.Since(started)
	}
	c, err := work(l)
	r.done, r.failed = c.done, c.failed
	if slices.Sort(c.times); len(c.times) > 0 {
		r.p50, r.p99 = c.times[len(c.times)/2], c.times[len(c.times)*99/100]
	}
	return r, err
}

var started = time.Now()

func length() time.Duration { return time.Duration(*seconds) * time.Second }

// registrations are refreshes with a challenge each: what phones do all day.
func registrations(ctx context.Context, r *rig) error {
	what := fmt.Sprintf("registration (401, 200), a refresh, %d/s, %d users; Kamailio keeps bindings in memory only, Hubline writes them to SQLite behind the answer", *rate, *people)
	return r.compare(ctx, what, func(ctx context.Context, m maker) (result, error) {
		return against(ctx, m, nil, usual, func(l *load) (counted, error) { return l.registers(ctx, *rate, length(), steady) })
	})
}

// kept are refreshes that both servers write to the same kind of database, behind their answers and within about a second.
func kept(ctx context.Context, r *rig) error {
	db, err := startDatabase(ctx, r.dir)
	if err != nil {
		fmt.Println("kept: not compared on PostgreSQL:", err)
	} else {
		defer db.stop()
		if err := r.keeps(ctx, "PostgreSQL with fsync", db); err != nil {
			return err
		}
	}
	return r.keeps(ctx, "SQLite with a write-ahead log", nil)
}

func (r *rig) keeps(ctx context.Context, where string, db *database) error {
	same := *r
	if len(r.servers) > 1 && *other == "" {
		same.servers = []maker{r.servers[0], {"kamailio", func(ctx context.Context, db *database) (*server, error) {
			return startKeepingKamailio(ctx, r.dir, db)
		}}}
	}
	slow := min(*rate, 500)
	what := fmt.Sprintf("registration (401, 200), a refresh, written within about a second, %d/s, %d users; Kamailio with usrloc db_mode 2 and a timer of 1 s, both on %s", slow, *people, where)
	return same.compare(ctx, what, func(ctx context.Context, m maker) (result, error) {
		behind := ""
		r, err := against(ctx, m, db, shortest, func(l *load) (counted, error) {
			l.ended = func() { behind = l.behind(ctx, slow) }
			return l.registers(ctx, slow, length(), growing)
		})
		r.behind = behind
		return r, err
	})
}

// written are bindings that come and go, each on disk before its answer, with PostgreSQL behind both.
func written(ctx context.Context, r *rig) error {
	db, err := startDatabase(ctx, r.dir)
	if err != nil {
		fmt.Println("written: not compared:", err)
		return nil
	}
	defer db.stop()
	slow := min(*rate, 500)
	what := fmt.Sprintf("registration (401, 200), a binding that comes or goes, committed before the answer, %d/s; Kamailio with usrloc db_mode 1 and eight workers, both on PostgreSQL with fsync", slow)
	return r.compare(ctx, what, func(ctx context.Context, m maker) (result, error) {
		return against(ctx, m, db, usual, func(l *load) (counted, error) { return l.registers(ctx, slow, length(), comingAndGoing) })
	})
}

// calls are calls between registered users.
func calls(ctx context.Context, r *rig) error {
	what := fmt.Sprintf("extension call (407, INVITE to BYE, %v), %d/s; Kamailio as stateful proxy without media or records, Hubline with ports for sound and a record committed before the answer", *hold, *callRate)
	return r.compare(ctx, what, func(ctx context.Context, m maker) (result, error) {
		return against(ctx, m, nil, usual, func(l *load) (counted, error) { return l.calls(ctx, *callRate, length()) })
	})
}

// recorded are calls with the same work on both sides.
func recorded(ctx context.Context, r *rig) error {
	db, err := startDatabase(ctx, r.dir)
	if err != nil {
		fmt.Println("recorded: not compared:", err)
		return nil
	}
	defer db.stop()
	same := *r
	if _, err := exec.LookPath("rtpengine"); err != nil && *other == "" {
		fmt.Println("recorded: Kamailio is not compared:", err)
		same.servers = r.servers[:1]
	} else if len(r.servers) > 1 && *other == "" {
		same.servers = []maker{r.servers[0], {"kamailio", func(ctx context.Context, db *database) (*server, error) {
			return startRecordingKamailio(ctx, r.dir, db)
		}}}
	}
	what := fmt.Sprintf("extension call (407, INVITE to BYE, %v), %d/s, recorded in PostgreSQL with fsync, sound through ports of the server's; Kamailio with the modules dialog and acc, eight workers, and rtpengine", *hold, *callRate)
	return same.compare(ctx, what, func(ctx context.Context, m maker) (result, error) {
		return against(ctx, m, db, usual, func(l *load) (counted, error) { return l.calls(ctx, *callRate, length()) })
	})
}

// limits look for the rate at which more than one in a thousand fails.
func limits(ctx context.Context, r *rig) error {
	for _, m := range r.servers {
		for _, kind := range []struct {
			name string
			from int
			run  func(l *load, rate int) (counted, error)
		}{
			{"registrations", *rate, func(l *load, rate int) (counted, error) { return l.registers(ctx, rate, 3*time.Second, steady) }},
			{"calls", *callRate, func(l *load, rate int) (counted, error) { return l.calls(ctx, rate, 3*time.Second) }},
		} {
			best, worst, err := climb(ctx, m, kind.from, kind.run)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			fmt.Printf("%-9s %s a second on one processor: passed %s; then %s\n", m.name, kind.name, best, worst)
		}
	}
	return nil
}

func climb(ctx context.Context, m maker, from int, run func(l *load, rate int) (counted, error)) (best, worst string, err error) {
	best = "none"
	for rate := from; rate < 100_000 && ctx.Err() == nil; rate = rate * 5 / 4 {
		r, err := against(ctx, m, nil, usual, func(l *load) (counted, error) { return run(l, rate) })
		if err != nil {
			return "", "", err
		}
		said := fmt.Sprintf("%d/s (%d of %d failed, p50 %v, p99 %v, server %.0f %%, load %.0f %%)", rate, r.failed, r.done+r.failed, r.p50.Round(10*time.Microsecond), r.p99.Round(10*time.Microsecond),
			100*r.used.Seconds()/r.took.Seconds(), 100*r.own.Seconds()/r.took.Seconds())
		if r.failed*1000 > r.done {
			return best, said, nil
		}
		best = said
	}
	return best, "no failure was reached", nil
}

// memory compares a server before and after everybody has registered.
func memory(ctx context.Context, r *rig) error {
	for _, m := range r.servers {
		s, err := m.start(ctx, nil)
		if err != nil {
			return err
		}
		l, err := newLoad(s)
		if err != nil {
			s.stop()
			return err
		}
		time.Sleep(2 * time.Second)
		before := s.memory()
		err = l.registerAll(ctx, usual)
		time.Sleep(3 * time.Second)
		after := s.memory()
		l.close()
		s.stop()
		if err != nil {
			return err
		}
		fmt.Printf("%-9s memory (PSS): %.1f MiB before, %.1f MiB with %d registrations, %.0f bytes each\n", m.name, before/(1<<20), after/(1<<20), *people, (after-before)/float64(*people))
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

// moveToSecond leaves the first processor to the server.
func moveToSecond(ctx context.Context) error {
	if path, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		return exec.CommandContext(ctx, path, "-a", "-c", "-p", "1", strconv.Itoa(os.Getpid())).Run()
	}
	return nil
}
