package support

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"time"
)

// Manifest lists what is in a bundle.
type Manifest struct {
	Created time.Time `json:"created"`
	Host    string    `json:"host"`
	Version string    `json:"version"`
	Files   []Entry   `json:"files"`
	Missing []Missing `json:"missing"` // what could not be collected
	Note    string    `json:"note"`
}

// Entry is a file of a bundle.
type Entry struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
	About string `json:"about"`
}

// Missing is what could not be collected, and why.
type Missing struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Bundle writes a .tar.gz in which every text has passed the scrubber.
type Bundle struct {
	Manifest Manifest
	scrub    *Scrubber
	folder   string
	zip      *gzip.Writer
	tar      *tar.Writer
	err      error
}

// New begins a bundle. All its files stand in one folder.
func New(w io.Writer, folder, host, version string, at time.Time, scrub *Scrubber) *Bundle {
	b := &Bundle{scrub: scrub, folder: folder, zip: gzip.NewWriter(w)}
	b.Manifest = Manifest{Created: at.UTC(), Host: host, Version: version, Files: []Entry{}, Missing: []Missing{},
		Note: "Values of secret options, and whatever looks like a secret, are replaced by " + masked + ". Look through the files before you give them away: names of hosts, tables and jobs are in them."}
	b.tar = tar.NewWriter(b.zip)
	return b
}

// Add adds a file, or notes why there is none. It goes on after errors, which Close returns.
func (b *Bundle) Add(name, about string, text []byte, err error) {
	if err != nil {
		b.Manifest.Missing = append(b.Manifest.Missing, Missing{name, b.scrub.Text(err.Error())})
	}
	if len(text) == 0 {
		return
	}
	clean := b.scrub.Text(string(text))
	b.Manifest.Files = append(b.Manifest.Files, Entry{name, len(clean), about})
	b.write(name, clean)
}

func (b *Bundle) write(name, text string) {
	if b.err != nil {
		return
	}
	b.err = b.tar.WriteHeader(&tar.Header{Name: path.Join(b.folder, path.Clean("/"+name)), Mode: 0o600, Size: int64(len(text)), ModTime: b.Manifest.Created})
	if b.err == nil {
		_, b.err = io.WriteString(b.tar, text)
	}
}

// Close adds the manifest and ends the bundle.
func (b *Bundle) Close() error {
	text, err := json.MarshalIndent(b.Manifest, "", "  ")
	if err == nil {
		b.write("manifest.json", string(text)+"\n")
	}
	if err = errors.Join(err, b.err, b.tar.Close(), b.zip.Close()); err != nil {
		return fmt.Errorf("write the bundle: %w", err)
	}
	return nil
}
