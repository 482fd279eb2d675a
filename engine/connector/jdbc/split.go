package jdbc

import (
	"bytes"
	"database/sql/driver"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"seikan/engine/plugin"
)

// stored is a value of the database that is kept in splits and positions: nil, int64, float64,
// bool, string or []byte.
type stored struct{ v driver.Value }

// MarshalJSON keeps the value's type and every digit.
func (s stored) MarshalJSON() ([]byte, error) {
	switch x := s.v.(type) {
	case nil:
		return []byte("null"), nil
	case int64:
		return json.Marshal([]string{"i", strconv.FormatInt(x, 10)})
	case float64:
		return json.Marshal([]string{"f", strconv.FormatFloat(x, 'g', -1, 64)})
	case bool:
		return json.Marshal([]string{"t", strconv.FormatBool(x)})
	case string:
		return json.Marshal([]string{"s", base64.StdEncoding.EncodeToString([]byte(x))})
	case []byte:
		return json.Marshal([]string{"b", base64.StdEncoding.EncodeToString(x)})
	}
	return nil, fmt.Errorf("a %T cannot be kept in a position", s.v)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *stored) UnmarshalJSON(text []byte) error {
	var parts []string
	err := json.Unmarshal(text, &parts)
	if err != nil || parts == nil {
		s.v = nil
		return err
	}
	if len(parts) != 2 {
		return fmt.Errorf("stored value %s: expected type and text", text)
	}
	switch parts[0] {
	case "i":
		s.v, err = strconv.ParseInt(parts[1], 10, 64)
	case "f":
		s.v, err = strconv.ParseFloat(parts[1], 64)
	case "t":
		s.v, err = strconv.ParseBool(parts[1])
	case "s", "b":
		var raw []byte
		raw, err = base64.StdEncoding.DecodeString(parts[1])
		if s.v = raw; parts[0] == "s" {
			s.v = string(raw)
		}
	default:
		err = fmt.Errorf("stored value %s: unknown type %q", text, parts[0])
	}
	return err
}

// bounds are the rows of a split: those with From <= column < To, or <= To when UpTo is set, those
// whose column is null, or those whose column hashes to Part of Parts. The zero bounds are all rows.
type bounds struct {
	From  *stored `json:"from,omitempty"`
	To    *stored `json:"to,omitempty"`
	UpTo  bool    `json:"upto,omitempty"`
	Null  bool    `json:"null,omitempty"`
	Part  int     `json:"part,omitempty"`
	Parts int     `json:"parts,omitempty"`
}

func between(from, to driver.Value) bounds { return bounds{From: keep(from), To: keep(to)} }

// keep is v to be stored, nil for no value.
func keep(v driver.Value) *stored {
	if v == nil {
		return nil
	}
	return &stored{v}
}

// equal compares two values of one column.
func equal(a, b driver.Value) bool {
	x, ok := a.([]byte)
	if y, too := b.([]byte); ok || too {
		return ok && too && bytes.Equal(x, y)
	}
	return a == b
}

// where gives the condition of b on column, "" for all rows, and its arguments.
func (b bounds) where(d dialect, column string, first int) (string, []any) {
	var args []any
	arg := func(s *stored) string {
		args = append(args, s.v)
		return d.parameter(first + len(args) - 1)
	}
	var terms []string
	if b.Null {
		terms = append(terms, column+" IS NULL")
	}
	if b.Parts > 0 {
		terms = append(terms, fmt.Sprintf("%s = %d", d.hash(column, b.Parts), b.Part))
	}
	if b.From != nil {
		terms = append(terms, column+" >= "+arg(b.From))
	}
	if b.To != nil {
		op := " < "
		if b.UpTo {
			op = " <= "
		}
		terms = append(terms, column+op+arg(b.To))
	}
	return strings.Join(terms, " AND "), args
}

// splits turns bounds into splits. The id holds a hash of the bounds: another plan of changed
// data never takes over the progress of rows it does not hold.
func (t *table) splits(all []bounds, rows int64) ([]plugin.Split, error) {
	out := make([]plugin.Split, len(all))
	for i, b := range all {
		data, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("splits of %s: %w", t.schema.Table(), err)
		}
		h := fnv.New64a()
		h.Write([]byte(t.from))
		h.Write(data)
		out[i] = plugin.Split{
			ID:    fmt.Sprintf("%s:%d:%016x", t.schema.Table(), i, h.Sum64()),
			Table: t.schema.Table(), Data: data, Rows: rows / int64(len(all)),
		}
	}
	return out, nil
}
