package lineitem

import (
	"bytes"
	"encoding/csv"
	"testing"
)

func TestRowsAreTheSameForTheSameSeedAndHaveSixteenFields(t *testing.T) {
	t.Parallel()
	var a, b bytes.Buffer
	rows, err := Write(&a, 7, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Write(&b, 7, 1<<20); err != nil || !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Fatalf("two runs with one seed differ, or failed: %v", err)
	}
	all, err := csv.NewReader(&a).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(all)) != rows+1 || len(all[0]) != len(Schema().Columns) {
		t.Fatalf("%d lines of %d fields; want %d of %d", len(all), len(all[0]), rows+1, len(Schema().Columns))
	}
	quoted := 0
	for _, row := range all {
		if bytes.ContainsAny([]byte(row[15]), `,"`) {
			quoted++
		}
	}
	if quoted*20 < len(all) {
		t.Errorf("only %d of %d comments need quotes", quoted, len(all))
	}
}
