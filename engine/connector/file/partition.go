package file

import (
	"context"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// nullPartition is Hive's name for the partition of null and of empty text.
const nullPartition = "__HIVE_DEFAULT_PARTITION__"

// partitionNames are the keys of the k=v directories above a file, outermost first.
func partitionNames(file string) []string {
	var names []string
	for _, dir := range strings.Split(path.Dir(file), "/") {
		if k, _, ok := strings.Cut(dir, "="); ok && k != "" && !slices.Contains(names, k) {
			names = append(names, k)
		}
	}
	return names
}

// partitionValue is the value of key in the directories above a file; ok is false for null
// and for a file that has no such directory.
func partitionValue(file, key string) (value string, ok bool) {
	for _, dir := range strings.Split(path.Dir(file), "/") {
		if k, v, is := strings.Cut(dir, "="); is && k == key && v != nullPartition {
			value, ok = v, true
		}
	}
	if plain, err := url.PathUnescape(value); err == nil {
		value = plain
	}
	return value, ok
}

// withPartitions adds the partitions of one file as STRING columns behind the others.
type withPartitions struct {
	plugin.SplitReader
	schema *record.Schema
	file   string
	names  []string
	ready  []arrow.Array // one a name, as long as the longest batch so far
}

func (p *withPartitions) Next(ctx context.Context) (*record.Batch, error) {
	b, err := p.SplitReader.Next(ctx)
	if err != nil || b == nil || b.Data == nil {
		return b, err
	}
	defer b.Release()
	n := b.Rows()
	if len(p.ready) == 0 || p.ready[0].Len() < n {
		p.fill(max(n, plugin.BatchRows))
	}
	columns := slices.Clone(b.Data.Columns())
	for _, a := range p.ready {
		s := array.NewSlice(a, 0, int64(n))
		defer s.Release()
		columns = append(columns, s)
	}
	return b.With(p.schema, array.NewRecordBatch(p.schema.Arrow(), columns, int64(n))), nil
}

func (p *withPartitions) fill(n int) {
	p.release()
	for _, name := range p.names {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		value, ok := partitionValue(p.file, name)
		b.Reserve(n)
		for range n {
			if ok {
				b.Append(value)
			} else {
				b.AppendNull()
			}
		}
		p.ready = append(p.ready, b.NewArray())
		b.Release()
	}
}

func (p *withPartitions) release() {
	for _, a := range p.ready {
		a.Release()
	}
	p.ready = nil
}

func (p *withPartitions) Close() error {
	p.release()
	return p.SplitReader.Close()
}
