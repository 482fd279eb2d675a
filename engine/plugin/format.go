package plugin

import (
	"context"
	"errors"
	"io"

	"seikan/engine/option"
	"seikan/engine/record"
)

// ErrNotSeekable says that a file's content comes as a stream only: it is compressed or lies
// in an archive.
var ErrNotSeekable = errors.New("the content is a stream")

// File is one input file as a format sees it, decompressed.
type File interface {
	// Name is the full path, for messages.
	Name() string
	// Size in bytes, or -1 when only reading tells.
	Size() int64
	// Open reads from the start.
	Open(ctx context.Context) (io.ReadCloser, error)
	// OpenAt gives random access, or ErrNotSeekable.
	OpenAt(ctx context.Context) (ReaderAtCloser, error)
}

// ReaderAtCloser is random access to a file.
type ReaderAtCloser interface {
	io.ReaderAt
	io.Closer
}

// Format reads and writes files of one file_format_type.
type Format interface {
	// Name is the value of file_format_type.
	Name() string
	// Suffix ends the names of written files: ".csv".
	Suffix() string
	// ReadOptions and WriteOptions are what the format adds to the options of file
	// connectors. Options that several formats share are the same option.Option.
	ReadOptions() []option.Option
	WriteOptions() []option.Option
	// Reading checks the options of a source. declared is the job's schema, nil without one;
	// columns are the ones to read, in output order, nil for all.
	Reading(opts *option.Values, declared *record.Schema, columns []string) (FileReading, error)
	// Writing checks the options of a sink and whether the format can hold the schema.
	Writing(opts *option.Values, schema *record.Schema) (FileWriting, error)
}

// Range is a piece of a file that can be read on its own: [From, To) in bytes, row groups or
// stripes, as the format likes. To < 0 means to the end.
type Range struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// FileReading reads the files of one table. It is safe for concurrent use.
type FileReading interface {
	// Schema is the schema of the rows. Formats that carry their own look into first, which
	// is nil when there is no file.
	Schema(ctx context.Context, first File) (*record.Schema, error)
	// Cut divides f into pieces of about target bytes whose row boundaries are proved. One
	// piece when it cannot be divided.
	Cut(ctx context.Context, f File, target int64) ([]Range, error)
	// Open reads one piece from at on. Batches have schema, From and To set; the reader ends
	// with ErrEnd. Bad rows go to task.Dirty with file and line.
	Open(ctx context.Context, task Task, split Split, f File, piece Range, schema *record.Schema) (SplitReader, error)
}

// FileWriting makes encoders for the files of one table. It is safe for concurrent use.
type FileWriting interface {
	// Extension is codec suffix and format suffix: ".snappy.parquet".
	Extension() string
	Create(w io.Writer) (FileEncoder, error)
}

// FileEncoder writes one file. All batches have the schema given to Writing.
type FileEncoder interface {
	Write(b *record.Batch) error
	// Close writes what is buffered and the footer; it does not close the writer below.
	Close() error
}
