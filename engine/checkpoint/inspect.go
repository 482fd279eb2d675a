package checkpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"seikan/db/state"
	"seikan/storage"
)

// Root is where everything of ours begins on the checkpoint storage. What lies elsewhere is
// never touched.
const Root = "seikan/"

// History is where ended runs and events are kept once they have left the state. It is below Root
// and no manifest's place: job ids are numbers.
const History = Root + "history/"

// maxManifest bounds what is read as a manifest, in bytes: its length field has 32 bits.
const maxManifest = 1 << 32

// Object is a manifest on the storage, as its name tells.
type Object struct {
	Name       string
	Size       int64 // bytes
	JobID      string
	Pipeline   int
	Checkpoint int64
	Attempt    int64
}

// Key names its checkpoint.
func (s Object) Key() state.Key {
	return state.Key{JobID: s.JobID, PipelineID: int64(s.Pipeline), ID: s.Checkpoint}
}

var manifestRule = regexp.MustCompile(`^seikan/([^/]+)/(\d{1,9})/(\d{12,18})-(\d{1,18})\.manifest$`)

// ParseName reads the name of an object; false when it is not the name of a manifest.
func ParseName(name string) (Object, bool) {
	m := manifestRule.FindStringSubmatch(name)
	if m == nil {
		return Object{}, false
	}
	number := func(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n } // digits, by the rule
	s := Object{Name: name, JobID: m[1], Pipeline: int(number(m[2])), Checkpoint: number(m[3]), Attempt: number(m[4])}
	return s, ManifestName(&Manifest{JobID: s.JobID, Pipeline: s.Pipeline, Checkpoint: s.Checkpoint, Attempt: s.Attempt}) == name
}

// each lists the manifests under a prefix in pages, together with the objects that are none.
func each(ctx context.Context, blobs storage.Store, prefix string, do func(manifests []Object, others []storage.Info) error) error {
	for after := ""; ; {
		page, err := blobs.List(ctx, prefix, after, 1000)
		if err != nil {
			return fmt.Errorf("list %s: %w", prefix, err)
		}
		var manifests []Object
		var others []storage.Info
		for _, o := range page.Objects {
			if s, ok := ParseName(o.Name); ok {
				s.Size = o.Size
				manifests = append(manifests, s)
			} else if !strings.HasPrefix(o.Name, History) {
				others = append(others, o)
			}
		}
		if err := do(manifests, others); err != nil {
			return err
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

// OfJob lists the manifests of a job.
func OfJob(ctx context.Context, blobs storage.Store, jobID string) (all []Object, err error) {
	err = each(ctx, blobs, Root+jobID+"/", func(m []Object, _ []storage.Info) error {
		all = append(all, m...)
		return nil
	})
	return all, err
}

// Inspection is what people are told of a manifest. It shows no value of a state: it may be
// anybody's data.
type Inspection struct {
	Object
	SHA256      string
	RunID       string
	Kind        state.Kind
	Parallelism int
	Splits      int   // not read to their end
	AllFound    bool  // no more splits will be found
	Writers     int   // states of sink writers
	Commits     int   // prepared and not known to be committed
	StateBytes  int64 // of enumerator, writers and commits
	Counters    map[string]int64
}

// Inspect reads a manifest from the storage. ErrDamaged when it is not whole or lies under the
// name of another one; storage.ErrNotExist when it is gone.
func Inspect(ctx context.Context, blobs storage.Store, name string) (Inspection, error) {
	m, i, _, err := read(ctx, blobs, name)
	if err != nil {
		return i, fmt.Errorf("manifest %s: %w", name, err)
	}
	i.RunID, i.Kind, i.Parallelism, i.Counters = m.RunID, state.Kind(m.Kind), m.Parallelism, m.Counters
	i.Splits, i.AllFound, i.Writers, i.Commits = len(m.Enumeration.Splits), m.Enumeration.Done, len(m.Writers), len(m.Commits)
	if m.Enumeration.State != nil {
		i.StateBytes = int64(len(m.Enumeration.State.Data))
	}
	for _, w := range m.Writers {
		i.StateBytes += int64(len(w.State.Data))
	}
	for _, c := range m.Commits {
		i.StateBytes += int64(len(c.State.Data))
	}
	return i, nil
}

// read gives the manifest under a name, what can be said of it, and its bytes.
func read(ctx context.Context, blobs storage.Store, name string) (m *Manifest, i Inspection, data []byte, err error) {
	s, ok := ParseName(name)
	if !ok {
		return nil, i, nil, fmt.Errorf("expected a name like %s", ManifestName(&Manifest{JobID: "JOB", Pipeline: 1, Checkpoint: 1, Attempt: 1}))
	}
	i.Object = s
	r, err := blobs.Get(ctx, name, 0, maxManifest)
	if err != nil {
		return nil, i, nil, err
	}
	data, err = io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, i, nil, err
	}
	sum := sha256.Sum256(data)
	i.Size, i.SHA256 = int64(len(data)), hex.EncodeToString(sum[:])
	if m, err = Decode(data); err != nil {
		return nil, i, nil, err
	}
	if m.JobID != s.JobID || m.Pipeline != s.Pipeline || m.Checkpoint != s.Checkpoint || m.Attempt != s.Attempt {
		return nil, i, nil, fmt.Errorf("%w: it is checkpoint %d of pipeline %d of job %s, attempt %d, under the name of another", ErrDamaged, m.Checkpoint, m.Pipeline, m.JobID, m.Attempt)
	}
	return m, i, data, nil
}

// Verify reads the manifest of a completed checkpoint from the storage and compares it to its
// row. state.ErrNotFound without a row, ErrDamaged when they differ.
func Verify(ctx context.Context, jobs *state.Jobs, blobs storage.Store, key state.Key) (Inspection, error) {
	c, err := jobs.Checkpoint(ctx, key)
	if err != nil {
		return Inspection{}, err
	}
	if c.Status != state.CheckpointCompleted {
		return Inspection{}, fmt.Errorf("%v is %s: only a COMPLETED one has a manifest that counts", key, c.Status)
	}
	i, err := Inspect(ctx, blobs, c.Manifest.Name)
	switch {
	case errors.Is(err, storage.ErrNotExist) && c.Manifest.Inline != nil:
		return i, fmt.Errorf("%v can be restored from its row alone: %w", key, err)
	case err != nil:
		return i, err
	case i.Size != c.Manifest.Size || i.SHA256 != c.Manifest.Checksum:
		return i, fmt.Errorf("manifest %s: %w: size and checksum are not its row's", c.Manifest.Name, ErrDamaged)
	case i.Key() != key:
		return i, fmt.Errorf("manifest %s: %w: the row of %v names it", c.Manifest.Name, ErrDamaged, key)
	}
	return i, nil
}
