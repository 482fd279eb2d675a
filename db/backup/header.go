package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

var (
	// ErrDamaged: the stored bytes are not what was written, or a part of the backup is gone.
	ErrDamaged = errors.New("the backup is damaged")
	// ErrNone: there is no backup that fits.
	ErrNone = errors.New("there is no backup")
	// ErrNewer: a newer version of the program wrote it.
	ErrNewer = errors.New("the backup was written by a newer version")
	// ErrOtherCluster: it is a backup of a cluster with another name.
	ErrOtherCluster = errors.New("the backup is of another cluster")
	// ErrKey: it is sealed with a key that is missing or another one, or it is not sealed
	// although it should be.
	ErrKey = errors.New("the cluster key does not fit")
)

// formatVersion is written and read.
const formatVersion = 1

// maxHeader bounds the header, in bytes.
const maxHeader = 16 << 10

var magic = []byte("SEIKANDB")

// Header describes a backup. It is never encrypted.
type Header struct {
	Cluster string `json:"cluster"`            // name
	ID      string `json:"cluster_id"`         // incarnation
	Schema  int    `json:"schema"`             // version of the state's schema
	TakenMs int64  `json:"taken_ms"`           // since 1970, UTC
	Version int64  `json:"version"`            // of the state: grows with each change
	Bytes   int64  `json:"bytes"`              // of the restored file
	SHA256  string `json:"sha256"`             // of the restored file, hex
	Body    int64  `json:"body"`               // bytes of the body, before compression
	Base    string `json:"base,omitempty"`     // object whose pages it needs; empty: it stands alone
	BaseSum string `json:"base_sum,omitempty"` // SHA256 of the base's restored file
	KeyID   string `json:"key_id,omitempty"`   // which key sealed it; empty: it is not encrypted
	Salt    []byte `json:"salt,omitempty"`     // of the key of this object
}

// encode gives the stored form: magic, format version, length, JSON, SHA-256 of all these.
func (h Header) encode() ([]byte, error) {
	body, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("encode the header: %w", err)
	}
	if len(body) > maxHeader {
		return nil, fmt.Errorf("encode the header: %d bytes are more than %d", len(body), maxHeader)
	}
	out := binary.BigEndian.AppendUint32(bytes.Clone(magic), formatVersion)
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
	out = append(out, body...)
	sum := sha256.Sum256(out)
	return append(out, sum[:]...), nil
}

// readHeader reads the stored form and also returns its checksum, which names it.
func readHeader(r io.Reader) (h Header, sum []byte, err error) {
	head := make([]byte, len(magic)+8)
	if _, err := io.ReadFull(r, head); err != nil {
		return h, nil, damaged("its header ends early", err)
	}
	length := binary.BigEndian.Uint32(head[len(magic)+4:])
	switch {
	case !bytes.Equal(head[:len(magic)], magic):
		return h, nil, fmt.Errorf("%w: it does not begin like one", ErrDamaged)
	case length > maxHeader:
		return h, nil, fmt.Errorf("%w: a header of %d bytes", ErrDamaged, length)
	}
	rest := make([]byte, int(length)+sha256.Size)
	if _, err := io.ReadFull(r, rest); err != nil {
		return h, nil, damaged("its header ends early", err)
	}
	got := sha256.New()
	got.Write(head)
	got.Write(rest[:length])
	if sum = rest[length:]; !bytes.Equal(got.Sum(nil), sum) {
		return h, nil, fmt.Errorf("%w: the checksum of its header differs", ErrDamaged)
	}
	if v := binary.BigEndian.Uint32(head[len(magic):]); v != formatVersion {
		return h, nil, fmt.Errorf("%w: format %d, this program reads %d", ErrNewer, v, formatVersion)
	}
	if err := json.Unmarshal(rest[:length], &h); err != nil {
		return h, nil, fmt.Errorf("%w: its header: %w", ErrDamaged, err)
	}
	if h.Bytes < 0 || h.Body < 0 || h.Base == "" && h.Body != h.Bytes {
		return h, nil, fmt.Errorf("%w: the sizes in its header do not fit together", ErrDamaged)
	}
	return h, sum, nil
}

func damaged(what string, err error) error {
	if errors.Is(err, errShort) || !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err // the storage failed, not the object
	}
	return fmt.Errorf("%w: %s", ErrDamaged, what)
}
