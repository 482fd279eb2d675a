// Command bench measures whole processes on generated data and prints the table of figures:
// CPU seconds (user and system) and wall seconds, medians of three runs, peak memory, and the
// same work done by DuckDB in the same run.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"seikan/appliance/testbed/lineitem"
)

const (
	runs = 3
	seed = 42
)

type bench struct {
	dir, bin, duck string
	rows           int64
	input          string
}

// cost of one process.
type cost struct {
	wall, cpu float64 // seconds
	rss       float64 // MiB
}

func main() {
	dir := flag.String("dir", "build/bench", "where data, results and DuckDB go")
	bin := flag.String("bin", "bin/seikan", "the program")
	megabytes := flag.Int64("mb", 1024, "size of the input in MiB")
	only := flag.String("only", "", "table, storage or checkpoints: one of the tables alone")
	kind := flag.String("move", "", "put a gigabyte to that kind of store: what a measured process does")
	flag.Parse()
	err := error(nil)
	if *kind != "" {
		err = move(*kind, *dir)
	} else {
		err = run(*dir, *bin, *megabytes<<20, *only)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(dir, bin string, size int64, only string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	b := &bench{dir: abs, bin: bin}
	if err := os.MkdirAll(abs, 0o755); err != nil {
		return err
	}
	if err := b.generate(size); err != nil {
		return err
	}
	for _, t := range []struct {
		name    string
		measure func() error
	}{{"table", b.beside}, {"storage", b.storage}, {"checkpoints", b.checkpoints}} {
		if only != "" && only != t.name {
			continue
		}
		if err := t.measure(); err != nil {
			return err
		}
	}
	return nil
}

// beside measures jobs beside the same work done by DuckDB.
func (b *bench) beside() error {
	if err := b.installDuckDB(); err != nil {
		return err
	}
	return b.table()
}

func (b *bench) generate(size int64) error {
	b.input = filepath.Join(b.dir, fmt.Sprintf("lineitem-%d.csv", size>>20))
	var out *os.File
	if old, err := os.Stat(b.input); err == nil && old.Size() >= size {
		rows, err := lineitem.Write(discard{}, seed, size)
		b.rows = rows
		return err
	}
	out, err := os.Create(b.input)
	if err != nil {
		return err
	}
	if b.rows, err = lineitem.Write(out, seed, size); err != nil {
		return err
	}
	return out.Close()
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func (b *bench) installDuckDB() error {
	venv := filepath.Join(b.dir, "venv")
	b.duck = filepath.Join(venv, "bin", "python")
	if exec.Command(b.duck, "-c", "import duckdb").Run() == nil {
		return nil
	}
	for _, c := range [][]string{{"python3", "-m", "venv", venv}, {filepath.Join(venv, "bin", "pip"), "install", "-q", "duckdb"}} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(c, " "), err, out)
		}
	}
	return nil
}

// measure runs a command three times and gives the medians.
func (b *bench) measure(before func() error, name string, args ...string) (cost, error) {
	var walls, cpus, sizes []float64
	for range runs {
		c, err := b.once(before, name, args...)
		if err != nil {
			return cost{}, err
		}
		walls, cpus, sizes = append(walls, c.wall), append(cpus, c.cpu), append(sizes, c.rss)
	}
	return cost{median(walls), median(cpus), slices.Max(sizes)}, nil
}

// once runs a command.
func (b *bench) once(before func() error, name string, args ...string) (cost, error) {
	if before != nil {
		if err := before(); err != nil {
			return cost{}, err
		}
	}
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "SEIKAN_STATE_DIR="+filepath.Join(b.dir, "state"))
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	began := time.Now()
	if err := c.Run(); err != nil {
		return cost{}, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out.String())
	}
	return cost{time.Since(began).Seconds(), (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds(),
		float64(c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss) / 1024}, nil
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// job writes a job file and returns its path.
func (b *bench) job(name, text string) (string, error) {
	path := filepath.Join(b.dir, name+".conf")
	return path, os.WriteFile(path, []byte(text), 0o644)
}

func (b *bench) duckSQL(sql string) []string {
	return []string{"-c", "import duckdb\nc = duckdb.connect()\nc.execute('SET threads TO 1')\nc.execute('SET preserve_insertion_order = false')\nc.execute(\"\"\"" + sql + "\"\"\")"}
}
