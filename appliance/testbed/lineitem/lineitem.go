// Package lineitem generates CSV like the lineitem table of TPC-H (revision 3, clause 4.2.3):
// the same sixteen columns and about the same widths and cardinalities, for measurements.
package lineitem

import (
	"bufio"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"seikan/engine/record"
)

// Schema is the table's schema.
func Schema() *record.Schema {
	str, date, money := record.Of(record.String), record.Of(record.Date), record.DecimalOf(15, 2)
	s := &record.Schema{Path: record.TablePath{Table: "lineitem"}, Columns: []record.Column{
		{Name: "l_orderkey", Type: record.Of(record.BigInt)},
		{Name: "l_partkey", Type: record.Of(record.BigInt)},
		{Name: "l_suppkey", Type: record.Of(record.BigInt)},
		{Name: "l_linenumber", Type: record.Of(record.Int)},
		{Name: "l_quantity", Type: money},
		{Name: "l_extendedprice", Type: money},
		{Name: "l_discount", Type: money},
		{Name: "l_tax", Type: money},
		{Name: "l_returnflag", Type: str},
		{Name: "l_linestatus", Type: str},
		{Name: "l_shipdate", Type: date},
		{Name: "l_commitdate", Type: date},
		{Name: "l_receiptdate", Type: date},
		{Name: "l_shipinstruct", Type: str},
		{Name: "l_shipmode", Type: str},
		{Name: "l_comment", Type: str},
	}}
	return s.Freeze()
}

// Header is the first row.
const Header = "l_orderkey,l_partkey,l_suppkey,l_linenumber,l_quantity,l_extendedprice,l_discount,l_tax,l_returnflag," +
	"l_linestatus,l_shipdate,l_commitdate,l_receiptdate,l_shipinstruct,l_shipmode,l_comment"

var (
	instructions = []string{"DELIVER IN PERSON", "COLLECT COD", "NONE", "TAKE BACK RETURN"}
	modes        = []string{"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"}
	words        = []string{"the", "slyly", "final", "deposits", "carefully", "regular", "accounts", "quickly", "ironic",
		"requests", "sleep", "furiously", "packages", "above", "bold", "pinto", "beans", "even", "theodolites", "haggle",
		"among", "express", "foxes", "blithely", "pending", "instructions", "nag", "unusual", "ideas", "across"}
)

// Write writes a header and whole rows until about size bytes are written, and returns the
// number of rows. The same seed gives the same bytes. About one comment in ten holds a comma
// and one in fifty a quote, so those are quoted (RFC 4180).
func Write(w io.Writer, seed uint64, size int64) (rows int64, err error) {
	out := bufio.NewWriterSize(w, 1<<20)
	r := rand.New(rand.NewPCG(seed, 0x6c696e656974656d))
	written, _ := out.WriteString(Header + "\n")
	total := int64(written)
	var line []byte
	order := int64(0)
	for total < size {
		order += 1 + r.Int64N(7)
		for number := range 1 + r.IntN(7) {
			line = appendRow(line[:0], r, order, number+1)
			if _, err := out.Write(line); err != nil {
				return rows, err
			}
			total += int64(len(line))
			rows++
		}
	}
	return rows, out.Flush()
}

func appendRow(b []byte, r *rand.Rand, order int64, number int) []byte {
	comma := func() { b = append(b, ',') }
	whole := func(v int64) { b = strconv.AppendInt(b, v, 10); comma() }
	money := func(cents int64) {
		b = strconv.AppendInt(b, cents/100, 10)
		b = append(b, '.', byte('0'+cents/10%10), byte('0'+cents%10), ',')
	}
	word := func(s string) { b = append(b, s...); comma() }
	quantity, part := 1+r.Int64N(50), 1+r.Int64N(200_000)
	whole(order)
	whole(part)
	whole(1 + r.Int64N(10_000))
	whole(int64(number))
	money(100 * quantity)
	money(quantity * (90_000 + part/10%20_001 + 100*(part%1_000)))
	money(r.Int64N(11))
	money(r.Int64N(9))
	ship := time.Date(1992, 1, 2, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(2_526))
	word([]string{"A", "N", "R"}[r.IntN(3)])
	word([]string{"O", "F"}[r.IntN(2)])
	for _, d := range []time.Time{ship, ship.AddDate(0, 0, r.IntN(120)-60), ship.AddDate(0, 0, 1+r.IntN(30))} {
		b = d.AppendFormat(b, time.DateOnly)
		comma()
	}
	word(instructions[r.IntN(len(instructions))])
	word(modes[r.IntN(len(modes))])
	return append(appendComment(b, r), '\n')
}

func appendComment(b []byte, r *rand.Rand) []byte {
	n, kind := 2+r.IntN(5), r.IntN(50)
	quoted := kind < 6
	if quoted {
		b = append(b, '"')
	}
	for i := range n {
		switch {
		case i == 1 && quoted && kind > 0:
			b = append(b, ", "...)
		case i > 0:
			b = append(b, ' ')
		}
		word := words[r.IntN(len(words))]
		if i == 1 && kind == 0 {
			b = append(b, `""`...)
			b = append(b, word...)
			b = append(b, `""`...)
			continue
		}
		b = append(b, word...)
	}
	if quoted {
		b = append(b, '"')
	}
	return b
}
