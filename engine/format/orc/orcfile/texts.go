package orcfile

import "seikan/engine/format/parquet/dictionary"

// texts encodes a column of texts: as they are, or by numbers in a dictionary where that pays.
type texts struct {
	data    *out // DATA and LENGTH of texts as they are
	lengths *intWriter
	numbers *intWriter // DATA, DICTIONARY_DATA and LENGTH of a dictionary
	entries *out
	sizes   *intWriter

	dictionary dictionary.Bytes
	state      textState
	first      []uint32 // numbers of the stripe's first values, while undecided
	full       bool     // the dictionary grew too large: no more of them in this file
}

// textState is how the texts of the stripe being filled are written.
type textState uint8

const (
	undecided textState = iota
	asNumbers
	asTexts
)

// A dictionary is judged after sampleTexts values. Past maxEntries or maxDictionary bytes the
// stripe ends, since a stripe cannot change its encoding.
const (
	sampleTexts   = 4096
	maxEntries    = 1 << 16
	maxDictionary = 1 << 20
)

func newTexts(stream func() *out) *texts {
	t := &texts{data: stream(), lengths: &intWriter{out: stream()}, numbers: &intWriter{out: stream()},
		entries: stream(), sizes: &intWriter{out: stream()}}
	t.dictionary.Reset()
	return t
}

func (t *texts) write(v []byte) {
	switch t.state {
	case asTexts:
		t.text(v)
	case asNumbers:
		t.numbers.write(int64(t.dictionary.Number(v)))
		t.full = t.full || t.dictionary.Len() > maxEntries || t.dictionary.Size() > maxDictionary
	default:
		t.first = append(t.first, t.dictionary.Number(v))
		if len(t.first) >= sampleTexts || t.dictionary.Size() > maxDictionary {
			t.decide()
		}
	}
}

func (t *texts) text(v []byte) {
	t.lengths.write(int64(len(v)))
	t.data.append(v)
}

// decide takes a dictionary when half of the values so far were there before.
func (t *texts) decide() {
	if t.dictionary.Len()*2 <= len(t.first) {
		t.state = asNumbers
		for _, n := range t.first {
			t.numbers.write(int64(n))
		}
	} else {
		t.state = asTexts
		for _, n := range t.first {
			t.text(t.dictionary.Entry(n))
		}
	}
	t.first = t.first[:0]
}

// end finishes the stripe's streams. entries is the size of the dictionary, when there is one.
func (t *texts) end() (list []named, enc encodingKind, entries uint64) {
	if t.state == undecided {
		t.decide()
	}
	list, enc = []named{{data, t.data}, {length, t.lengths.out}}, directV2
	if t.state == asNumbers {
		list, enc = []named{{data, t.numbers.out}, {dictionaryData, t.entries}, {length, t.sizes.out}}, dictionaryV2
		for i := range t.dictionary.Len() {
			v := t.dictionary.Entry(uint32(i))
			t.entries.append(v)
			t.sizes.write(int64(len(v)))
		}
		entries = uint64(t.dictionary.Len())
	}
	t.lengths.flush()
	t.numbers.flush()
	t.sizes.flush()
	t.dictionary.Reset()
	if t.state = undecided; t.full {
		t.state = asTexts
	}
	return list, enc, entries
}
