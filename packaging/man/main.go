// Command man writes the manual pages and shell completions that the packages hold, out of the
// commands and option specs of the program itself.
//
//	go run ./packaging/man VERSION DIR
//
// The pages are dated by SOURCE_DATE_EPOCH, so that the same source gives the same bytes.
package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: man VERSION DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// page is one manual page in roff.
type page struct {
	name    string
	section int
	text    []byte
}

// book is what all pages have in common.
type book struct {
	version string
	date    time.Time
}

func write(version, dir string) error {
	b := book{version: version, date: time.Now().UTC()}
	if s := os.Getenv("SOURCE_DATE_EPOCH"); s != "" {
		epoch, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		b.date = time.Unix(epoch, 0).UTC()
	}
	var pages []page
	for _, chapter := range []func() ([]page, error){b.commandPages, b.scriptPages, b.filePages, b.servicePages} {
		more, err := chapter()
		if err != nil {
			return err
		}
		pages = append(pages, more...)
	}
	for _, p := range pages {
		if err := p.write(dir); err != nil {
			return err
		}
	}
	return completions(dir)
}

// write compresses the page without a name or time in it, as Debian's policy asks.
func (p page) write(dir string) error {
	dir = filepath.Join(dir, "man"+strconv.Itoa(p.section))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	_, err = z.Write(p.text)
	if err := errors.Join(err, z.Close()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s.%d.gz", p.name, p.section)), out.Bytes(), 0o644)
}
