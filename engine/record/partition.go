package record

import (
	"fmt"
	"hash/fnv"
)

// Partition divides b into n batches by the hash of its primary key, so that rows of one key
// stay together and in order; without a key, row by row in turn. Each part has a reference of
// its own and stands for b's whole stretch of the split.
func Partition(b *Batch, n int) ([]*Batch, error) {
	var keys []int
	if b.Schema.PrimaryKey != nil {
		for _, name := range b.Schema.PrimaryKey.Columns {
			if i := b.Schema.Index(name); i >= 0 {
				keys = append(keys, i)
			}
		}
	}
	part := make([]int, b.Rows())
	h := fnv.New64a() // the same in every process: a replica's ledger outlives it
	for row := range part {
		if len(keys) == 0 {
			part[row] = int(b.Ordinal(row)) % n
			continue
		}
		h.Reset()
		for _, k := range keys {
			_, _ = h.Write([]byte(b.Data.Column(k).ValueStr(row))) // never fails
			_, _ = h.Write([]byte{0})
		}
		part[row] = int(h.Sum64() % uint64(n))
	}
	out := make([]*Batch, 0, n)
	keep := make([]bool, len(part))
	for i := range n {
		for row, p := range part {
			keep[row] = p == i
		}
		f, err := Filter(b, keep)
		if err != nil {
			for _, o := range out {
				o.Release()
			}
			return nil, fmt.Errorf("partition a batch: %w", err)
		}
		out = append(out, f)
	}
	return out, nil
}
