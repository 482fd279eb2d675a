package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const schemaBlock = `schema { table = "lineitem", fields { l_orderkey = bigint, l_partkey = bigint, l_suppkey = bigint, l_linenumber = int,
  l_quantity = "decimal(15,2)", l_extendedprice = "decimal(15,2)", l_discount = "decimal(15,2)", l_tax = "decimal(15,2)",
  l_returnflag = string, l_linestatus = string, l_shipdate = date, l_commitdate = date, l_receiptdate = date,
  l_shipinstruct = string, l_shipmode = string, l_comment = string } }`

const duckColumns = `columns={'l_orderkey':'BIGINT','l_partkey':'BIGINT','l_suppkey':'BIGINT','l_linenumber':'INTEGER',
 'l_quantity':'DECIMAL(15,2)','l_extendedprice':'DECIMAL(15,2)','l_discount':'DECIMAL(15,2)','l_tax':'DECIMAL(15,2)',
 'l_returnflag':'VARCHAR','l_linestatus':'VARCHAR','l_shipdate':'DATE','l_commitdate':'DATE','l_receiptdate':'DATE',
 'l_shipinstruct':'VARCHAR','l_shipmode':'VARCHAR','l_comment':'VARCHAR'}`

func (b *bench) source(parallelism int) string {
	return fmt.Sprintf(`env { parallelism = %d }
source { LocalFile { path = %q, file_format_type = csv, skip_header_row_number = 1, plugin_output = "lineitem", %s } }
`, parallelism, b.input, schemaBlock)
}

func (b *bench) fileSink(input, format, more string) string {
	return fmt.Sprintf("sink { LocalFile { plugin_input = %q, path = %q, tmp_path = %q, file_format_type = %s, data_save_mode = DROP_DATA %s } }\n",
		input, filepath.Join(b.dir, "out"), filepath.Join(b.dir, "tmp"), format, more)
}

// table measures each line of the figures and prints it.
func (b *bench) table() error {
	clean := func() error { return os.RemoveAll(filepath.Join(b.dir, "out")) }
	ours := func(name, text string) (cost, error) {
		path, err := b.job(name, text)
		if err != nil {
			return cost{}, err
		}
		return b.measure(clean, b.bin, "run", "-q", path)
	}
	fmt.Printf("%d rows, %s, medians of %d\n\n", b.rows, filepath.Base(b.input), runs)
	fmt.Println("| task | wall s | CPU s | k rows per CPU s | peak MiB | note |")
	fmt.Println("|---|---|---|---|---|---|")
	line := func(name string, rows int64, c cost, note string) {
		fmt.Printf("| %s | %.2f | %.2f | %.0f | %.0f | %s |\n", name, c.wall, c.cpu, float64(rows)/c.cpu/1000, c.rss, note)
	}
	one, err := ours("one", "env {}\nsource { FakeSource { row.num = 1, schema { fields { id = bigint } } } }\nsink { Console {} }\n")
	if err != nil {
		return err
	}
	line("one-row job", 1, one, "must ≤ 0.15 s wall, ≤ 110 MiB")

	copied, err := ours("copy", b.source(1)+b.fileSink("lineitem", "csv", ""))
	if err != nil {
		return err
	}
	line("CSV → CSV", b.rows, copied, "must ≥ 700 k")
	duckCopy, err := b.duckdb(fmt.Sprintf("COPY (SELECT * FROM read_csv('%s', header=true, %s)) TO '%s/duck.csv' (FORMAT csv, HEADER false)", b.input, duckColumns, b.dir))
	if err != nil {
		return err
	}
	line("CSV → CSV, DuckDB, 1 thread", b.rows, duckCopy, fmt.Sprintf("Seikan takes %.2f of its CPU", copied.cpu/duckCopy.cpu))

	parquet, err := ours("parquet", b.source(1)+b.fileSink("lineitem", "parquet", `, compress_codec = "snappy"`))
	if err != nil {
		return err
	}
	line("CSV → Parquet, snappy", b.rows, parquet, "")
	duck, err := b.duckdb(fmt.Sprintf("COPY (SELECT * FROM read_csv('%s', header=true, %s)) TO '%s/duck.parquet' (FORMAT parquet, COMPRESSION snappy)", b.input, duckColumns, b.dir))
	if err != nil {
		return err
	}
	line("CSV → Parquet, DuckDB, 1 thread", b.rows, duck, fmt.Sprintf("Seikan takes %.2f of its CPU (must ≤ 1.3)", parquet.cpu/duck.cpu))

	query := `transform { Sql { plugin_input = "lineitem", plugin_output = "cut", query = """select l_orderkey, l_partkey, l_suppkey, l_linenumber,
 l_quantity, l_extendedprice, l_discount, l_tax, lower(l_returnflag) as l_returnflag, l_linestatus, l_shipdate, l_commitdate, l_receiptdate,
 concat(l_shipinstruct, '/', l_shipmode) as l_shipinstruct, upper(l_shipmode) as l_shipmode, substring(l_comment, 1, 40) as l_comment
 from lineitem where l_orderkey > 0""" } }
`
	sql, err := ours("sql", b.source(1)+query+b.fileSink("cut", "csv", ""))
	if err != nil {
		return err
	}
	line("CSV → Sql (WHERE, 4 functions) → CSV", b.rows, sql, fmt.Sprintf("%.2f of the job without it (must ≤ 1.3)", sql.cpu/copied.cpu))

	const fakes = 20_000_000
	fake, err := ours("fake", fmt.Sprintf(`env {}
source { FakeSource { row.num = %d, schema { fields { id = bigint, name = string, age = int } } } }
sink { Assert { rules { row_rules = [ { rule_type = MIN_ROW, rule_value = %d }, { rule_type = MAX_ROW, rule_value = %d } ] } } }
`, fakes, fakes, fakes))
	if err != nil {
		return err
	}
	line("FakeSource → Assert row count", fakes, fake, "must ≥ 3 M")

	if _, err := b.job("copy2", b.source(2)+b.fileSink("lineitem", "csv", "")); err != nil {
		return err
	}
	return b.scaling()
}

// scaling compares one subtask on one core with two on two: a subtask's reader and writer run
// side by side, so one subtask alone uses more than a core when it is given two.
func (b *bench) scaling() error {
	clean := func() error { return os.RemoveAll(filepath.Join(b.dir, "out")) }
	first := strings.TrimSpace(os.Getenv("SEIKAN_BENCH_CORE"))
	if first == "" {
		first = "0"
	}
	one, err := b.measure(clean, "taskset", "-c", first, b.bin, "run", "-q", filepath.Join(b.dir, "copy.conf"))
	if err != nil {
		return err
	}
	two, err := b.measure(clean, b.bin, "run", "-q", filepath.Join(b.dir, "copy2.conf"))
	if err != nil {
		return err
	}
	fmt.Printf("| CSV → CSV, one subtask on one core | %.2f | %.2f | | %.0f | |\n", one.wall, one.cpu, one.rss)
	fmt.Printf("| CSV → CSV, two subtasks on two cores | %.2f | %.2f | | %.0f | %.2f × as fast (must ≥ 1.7) |\n", two.wall, two.cpu, two.rss, one.wall/two.wall)
	return nil
}

func (b *bench) duckdb(sql string) (cost, error) {
	return b.measure(nil, b.duck, b.duckSQL(sql)...)
}
