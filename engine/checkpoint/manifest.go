// Package checkpoint saves a running pipeline so that it can go on from there: a pure protocol
// (protocol.go), the coordinator that carries out its decisions, and the stored manifest.
package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// ManifestVersion is written; versions back to OldestManifest are read.
const (
	ManifestVersion = 1
	OldestManifest  = 1
)

// Manifest is everything a pipeline needs to go on from a checkpoint. It stands alone.
type Manifest struct {
	Version     int                `json:"version"`
	JobID       string             `json:"job_id"`
	RunID       string             `json:"run_id"`
	Pipeline    int                `json:"pipeline"`
	Checkpoint  int64              `json:"checkpoint"`
	Kind        record.BarrierKind `json:"kind"`
	Attempt     int64              `json:"attempt"`
	Parallelism int                `json:"parallelism"`
	Enumeration Enumeration        `json:"enumeration"`
	Writers     []WriterState      `json:"writers,omitempty"`
	// Commits are all that is prepared and not known to be committed; a restore commits
	// them before anything else.
	Commits  []Commit         `json:"commits,omitempty"`
	Counters map[string]int64 `json:"counters,omitempty"`
}

// Enumeration is where the source stands: what is still to be read, and how to find more.
type Enumeration struct {
	State  *plugin.State  `json:"state,omitempty"` // the enumerator's own
	Done   bool           `json:"done"`            // no more splits will be found
	Splits []plugin.Split `json:"splits,omitempty"`
}

// WriterState is what the writer of one sink, table, subtask and replica wants back.
type WriterState struct {
	Sink    int          `json:"sink"` // index among the pipeline's sinks
	Table   string       `json:"table"`
	Subtask int          `json:"subtask"`
	Replica int          `json:"replica"`
	State   plugin.State `json:"state"`
}

// Commit is prepared work of one sink and table.
type Commit struct {
	Checkpoint int64        `json:"checkpoint"` // that first reported it
	Sink       int          `json:"sink"`
	Table      string       `json:"table"`
	State      plugin.State `json:"state"`
}

var magic = []byte("SEIKANCP")

// ErrDamaged says that stored bytes are not the manifest that was written.
var ErrDamaged = errors.New("the manifest is damaged")

// Encode writes the stored form: magic, version, length of the body, JSON body, SHA-256 over
// all that came before.
func (m *Manifest) Encode() ([]byte, error) {
	m.Version = ManifestVersion
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode manifest of checkpoint %d: %w", m.Checkpoint, err)
	}
	out := make([]byte, 0, len(magic)+8+len(body)+sha256.Size)
	out = append(out, magic...)
	out = binary.BigEndian.AppendUint32(out, ManifestVersion)
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
	out = append(out, body...)
	sum := sha256.Sum256(out)
	return append(out, sum[:]...), nil
}

// Decode reads the stored form. Any flipped or missing byte is ErrDamaged.
func Decode(data []byte) (*Manifest, error) {
	head := len(magic) + 8
	if len(data) < head+sha256.Size || !bytes.Equal(data[:len(magic)], magic) {
		return nil, fmt.Errorf("%w: it is too short or not a manifest", ErrDamaged)
	}
	signed, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if got := sha256.Sum256(signed); !bytes.Equal(got[:], sum) {
		return nil, fmt.Errorf("%w: its checksum differs", ErrDamaged)
	}
	version := binary.BigEndian.Uint32(data[len(magic):])
	if version < OldestManifest || version > ManifestVersion {
		return nil, fmt.Errorf("manifest of version %d; this build reads %d to %d", version, OldestManifest, ManifestVersion)
	}
	if n := binary.BigEndian.Uint32(data[len(magic)+4:]); int(n) != len(signed)-head {
		return nil, fmt.Errorf("%w: its length differs", ErrDamaged)
	}
	var m Manifest
	if err := json.Unmarshal(signed[head:], &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return &m, nil
}
