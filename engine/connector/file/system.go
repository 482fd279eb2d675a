// Package file is what all file connectors share: options, listing, reading in splits, and
// writing with two-phase commit. A connector adds a System and its connection options.
package file

import (
	"context"
	"io"
	"time"

	"seikan/engine/option"
	"seikan/engine/plugin"
)

// Info describes a file or a directory.
type Info struct {
	Path    string // full, slash-separated
	Size    int64  // bytes
	ModTime time.Time
	Dir     bool
}

// System is a file system as file connectors need it. Paths are slash-separated and as the
// job file writes them. What does not exist is an error that wraps fs.ErrNotExist. A System is
// safe for concurrent use; it connects when first used and drops connections nobody uses.
type System interface {
	// Stat follows symbolic links.
	Stat(ctx context.Context, path string) (Info, error)
	// ReadDir lists a directory, links followed; what is neither file nor directory is left
	// out. Paths are dir, a slash and the name.
	ReadDir(ctx context.Context, dir string) ([]Info, error)
	// Open reads from the start.
	Open(ctx context.Context, path string) (io.ReadCloser, error)
	// OpenAt gives random access; plugin.ErrNotSeekable when the system has none.
	OpenAt(ctx context.Context, path string) (plugin.ReaderAtCloser, error)
	// Create makes a file, or empties it, and the directories above it.
	Create(ctx context.Context, path string) (Handle, error)
	// Rename moves a file, replacing a file called to. It makes the directories above to.
	Rename(ctx context.Context, from, to string) error
	// MkdirAll makes a directory and those above it, to outlast a power failure.
	MkdirAll(ctx context.Context, dir string) error
	// Remove deletes a file or an empty directory.
	Remove(ctx context.Context, path string) error
	// RemoveAll deletes a tree; it follows no links, and nothing there is no error.
	RemoveAll(ctx context.Context, path string) error
	// Sync makes the names in dir outlast a power failure.
	Sync(ctx context.Context, dir string) error
}

// Handle is a file being written.
type Handle interface {
	io.Writer
	// Sync makes what was written outlast a power failure.
	Sync() error
	Close() error
}

// Volumes is a System that has several volumes and can rename inside one only.
type Volumes interface {
	// CanRename tries whether files can be renamed from one directory to another. It makes
	// both directories.
	CanRename(ctx context.Context, from, to string) (bool, error)
}

// Connector is one file connector: where the files are.
type Connector struct {
	Name    string // plugin_name
	Summary string
	Doc     string
	Example string // of the options below, one a line, as they stand in a block
	// Options of the connection; Required are those without which there is none.
	Options  []option.Option
	Required []string
	Rules    []option.Rule
	// MultiTable says that SeaTunnel runs the sink as a MultiTableSink.
	MultiTable bool
	// NodeBound says why the files are only there on one node; "" when all nodes see the same.
	NodeBound string
	// Open makes the System of one block; it need not connect yet.
	Open func(ctx context.Context, job plugin.Job, opts *option.Values) (System, error)
}

// Register makes the connector's source and sink known. Call it from init.
func Register(c Connector) {
	plugin.RegisterSource(SourceFactory(c))
	plugin.RegisterSink(SinkFactory(c))
}
