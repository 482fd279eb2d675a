package file_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/format/compress"
	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

const csvOut = "path = \"$DIR/out\"\nfile_format_type = csv\n"

// cities is a table with a text to partition by.
func cities() *record.Schema {
	return (&record.Schema{Path: record.TablePath{Table: "cities"}, Columns: []record.Column{
		{Name: "id", Type: record.Of(record.BigInt)}, {Name: "city", Type: record.Of(record.String)}, {Name: "n", Type: record.Of(record.Int)},
	}}).Freeze()
}

// cityRows makes rows 1, 2, … of cities; "∅" is null.
func cityRows(schema *record.Schema, names ...string) *record.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for i, name := range names {
		b.Field(0).(*array.Int64Builder).Append(int64(i + 1))
		if name == "∅" {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append(name)
		}
		b.Field(2).(*array.Int32Builder).Append(int32(i % 2))
	}
	return record.NewBatch(schema, b.NewRecordBatch())
}

func writeCities(t *testing.T, s plugin.Sink, batches ...[]string) {
	t.Helper()
	task := plugintest.Task(t, 1)
	w, err := s.Writer(t.Context(), task, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, names := range batches {
		b := cityRows(cities(), names...)
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b.Release()
	}
	finish(t, s, w, task)
}

func TestRowsGoToTheDirectoryOfTheirPartition(t *testing.T) {
	t.Parallel()
	names := []string{"Rome", "Oslo", "Rome", "∅", "a/b", "..", "50%"}
	for _, c := range []struct {
		name, options string
		dirs          []string
		rome          string
	}{
		{"default", "partition_by = [city]", []string{"city=%2E%2E", "city=50%25", "city=Oslo", "city=Rome", "city=__HIVE_DEFAULT_PARTITION__", "city=a%2Fb"}, "1,0\n3,0"},
		{"two, written too", "partition_by = [city, n]\nis_partition_field_write_in_file = true",
			[]string{"city=%2E%2E/n=1", "city=50%25/n=0", "city=Oslo/n=1", "city=Rome/n=0", "city=__HIVE_DEFAULT_PARTITION__/n=1", "city=a%2Fb/n=0"}, "1,Rome,0\n3,Rome,0"},
		{"expression", "partition_by = [n, city]\npartition_dir_expression = \"x/${v1}-${k0}${v0}/\"",
			[]string{"x/%2E%2E-n1", "x/50%25-n0", "x/Oslo-n1", "x/Rome-n0", "x/__HIVE_DEFAULT_PARTITION__-n1", "x/a%2Fb-n0"}, "1\n3"},
		{"sink_columns", "partition_by = [city]\nsink_columns = [n, id]", nil, "0,1\n0,3"},
	} {
		dir := t.TempDir()
		writeCities(t, mustSink(t, cities(), dir, csvOut+"have_partition = true\n"+c.options), names)
		out := tree(t, filepath.Join(dir, "out"))
		var dirs []string
		for _, k := range keys(out) {
			dirs = append(dirs, filepath.Dir(k))
			if strings.Contains(k, "Rome") && out[k] != c.rome {
				t.Errorf("%s: %s holds %q, want %q", c.name, k, out[k], c.rome)
			}
		}
		if c.dirs != nil {
			equal(t, dirs, c.dirs)
		}
	}
}

func TestPartitionsAreReadBackAsTheyWere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := []string{"Rome", "∅", "a/b", "..", "50%", "x=y", "Zürich", "tab\tq"}
	writeCities(t, mustSink(t, cities(), dir, csvOut+"have_partition = true\npartition_by = [city]"), names)
	rows := rowsOf(t, mustSource(t, dir, "path = \"$DIR/out\"\nfile_format_type = csv\nschema { fields { id = bigint, n = int } }"))
	var want []string
	for i, n := range names {
		want = append(want, fmt.Sprintf("+I|%d|%d|%s", i+1, i%2, n))
	}
	slices.Sort(rows)
	equal(t, rows, want)
}

func TestMorePartitionsThanOpenFilesLoseNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var many []string
	for i := range 150 {
		many = append(many, fmt.Sprint(i))
	}
	writeCities(t, mustSink(t, cities(), dir, csvOut+"have_partition = true\npartition_by = [city]"), many, many, many[:10])
	rows := 0
	for _, text := range tree(t, filepath.Join(dir, "out")) {
		rows += strings.Count(text, "\n") + 1
	}
	if rows != 310 {
		t.Errorf("%d rows, want 310", rows)
	}
}

func TestSinkColumnsChooseAndOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustSink(t, cities(), dir, csvOut+"enable_header_write = true\nsink_columns = [n, id]")
	writeCities(t, s, []string{"a", "b"})
	for _, text := range tree(t, filepath.Join(dir, "out")) {
		if text != "n,id\n0,1\n1,2" {
			t.Errorf("%q", text)
		}
	}
}

func TestFileNames(t *testing.T) {
	t.Parallel()
	const own = "custom_filename = true\nis_enable_transaction = false\nfile_name_expression = "
	uuid := `[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`
	for _, c := range []struct{ options, want string }{
		{"", `T_900000000000000001_[0-9a-f]{10}_7_0_1_0\.csv`},
		{"file_name_expression = ignored", `T_.*_0\.csv`},
		{"single_file_mode = true\nbatch_size = 1", `T_900000000000000001_[0-9a-f]{10}_7_0_1\.csv`},
		{own + "fixed", `fixed_0\.csv`},
		{own + "fixed\nsingle_file_mode = true", `fixed\.csv`},
		{own + "fixed\nsingle_file_mode = true\nfilename_extension = dat", `fixed\.dat`},
		{own + "\"a ${now} b\"\nfilename_time_format = \"yyyyMMdd'T'HH:mm:ss.SSS\"", `a 20240305T06:07:08\.090 b_0\.csv`},
		{own + "\"${now}\"", `2024\.03\.05_0\.csv`},
		{own + "\"${uuid}\"", uuid + `_0\.csv`},
		{"custom_filename = true\nfile_name_expression = \"x${transactionId}\"", `xT_.*_0\.csv`},
		{"compress_codec = lzo", `T_.*_0\.lzo\.csv`},
		{"compress_codec = gzip\nfilename_extension = .gz", `T_.*_0\.gz`},
	} {
		dir := t.TempDir()
		s := mustSink(t, plugintest.Schema(), dir, csvOut+c.options)
		task := plugintest.Task(t, 7)
		task.Now = func() time.Time { return time.Date(2024, 3, 5, 6, 7, 8, 90e6, time.UTC) }
		w, err := s.Writer(t.Context(), task, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := plugintest.Batch(plugintest.Schema(), "s", 0, 3)
		if err := w.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b.Release()
		finish(t, s, w, task)
		names := keys(tree(t, filepath.Join(dir, "out")))
		if len(names) != 1 || !regexp.MustCompile("^"+c.want+"$").MatchString(names[0]) {
			t.Errorf("%s: %v, want %s", c.options, names, c.want)
		}
	}
}

func TestBatchSizeEndsAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeAll(t, mustSink(t, plugintest.Schema(), dir, csvOut+"batch_size = 4\ncustom_filename = true\nis_enable_transaction = false\nfile_name_expression = f"), plugintest.Schema(), 10)
	out := tree(t, filepath.Join(dir, "out"))
	equal(t, keys(out), []string{"f_0.csv", "f_1.csv", "f_2.csv"})
	if out["f_1.csv"] != "5,name 5\n6,name 6\n7,name 7\n8,name 8" || out["f_2.csv"] != "9,name 9\n10,name 10" {
		t.Errorf("%q", out)
	}
}

// A fixed name must neither be shared by subtasks nor used again at the next checkpoint.
func TestAFixedNameOverwritesNothingOfTheSameRun(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"", "single_file_mode = true"} {
		dir := t.TempDir()
		s := mustSink(t, plugintest.Schema(), dir, csvOut+"custom_filename = true\nis_enable_transaction = false\nfile_name_expression = f\n"+mode)
		for subtask := range 2 {
			task := plugintest.Task(t, 1)
			task.Subtask, task.Parallelism = subtask, 2
			var states []plugin.State
			for checkpoint := range int64(2) {
				w, err := s.Writer(t.Context(), task, states) // a restart between the two
				if err != nil {
					t.Fatal(err)
				}
				b := plugintest.Batch(plugintest.Schema(), "s", 0, 5)
				if err := w.Write(t.Context(), b); err != nil {
					t.Fatal(err)
				}
				b.Release()
				p, err := w.Prepare(t.Context(), record.Barrier{Checkpoint: checkpoint + 1, Kind: record.Checkpoint})
				if err != nil {
					t.Fatal(err)
				}
				c, _ := s.Committer(t.Context(), task)
				if err := c.Commit(t.Context(), p.Commits); err != nil {
					t.Fatal(err)
				}
				w.Close()
				states = []plugin.State{p.Writer}
				task.Attempt++
			}
		}
		if out := tree(t, filepath.Join(dir, "out")); len(out) != 4 {
			t.Errorf("%q: %v", mode, keys(out))
		}
	}
}

func TestWithoutRowsThereIsNoFileUnlessAskedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeAll(t, mustSink(t, plugintest.Schema(), dir, csvOut), plugintest.Schema(), 0)
	if out := tree(t, filepath.Join(dir, "out")); len(out) > 0 {
		t.Errorf("%v", out)
	}
	s := mustSink(t, plugintest.Schema(), dir, csvOut+"create_empty_file_when_no_data = true\nenable_header_write = true")
	writeAll(t, s, plugintest.Schema(), 0)
	out := tree(t, filepath.Join(dir, "out"))
	if len(out) != 1 || strings.TrimSpace(out[keys(out)[0]]) != "id,name" {
		t.Errorf("%q", out)
	}
	dir = t.TempDir()
	writeAll(t, mustSink(t, plugintest.Schema(), dir, csvOut+"create_empty_file_when_no_data = true"), plugintest.Schema(), 2)
	if out := tree(t, filepath.Join(dir, "out")); len(out) != 1 {
		t.Errorf("%v", out)
	}
}

func TestOptionsOfASinkThatCannotWorkAreErrors(t *testing.T) {
	t.Parallel()
	for options, words := range map[string][]string{
		"path = \"/\"":           {"path"},
		"path = \"\"":            {"path"},
		"file_format_type = csv": {"path"},
		csvOut + "custom_filename = true\nfile_name_expression = x":                                                            {"file_name_expression", "${transactionId}"},
		csvOut + "custom_filename = true\nis_enable_transaction = false\nfile_name_expression = \"../x\"":                      {"file_name_expression"},
		csvOut + "custom_filename = true\nis_enable_transaction = false\nfile_name_expression = \"a/../../x\"":                 {"file_name_expression"},
		csvOut + "custom_filename = true\nfile_name_expression = \"${transactionId}\"\nfilename_time_format = \"yyyy-QQQ\"":    {"filename_time_format", "QQQ"},
		csvOut + "custom_filename = true\nis_enable_transaction = false\nfile_name_expression = \"\"\nsingle_file_mode = true": {"file_name_expression"},
		csvOut + "filename_extension = \"a/b\"":                                                                                {"filename_extension"},
		csvOut + "have_partition = true":                                                                                       {"partition_by"},
		csvOut + "have_partition = true\npartition_by = [ctiy]":                                                                {"partition_by", `did you mean "city"?`},
		csvOut + "have_partition = true\npartition_by = [id, city, n]":                                                         {"no column is left"},
		csvOut + "have_partition = true\npartition_by = [id, id]":                                                              {"twice"},
		csvOut + "have_partition = true\npartition_by = [id]\npartition_dir_expression = \"${v1}\"":                            {"partition_dir_expression", "${v1}"},
		csvOut + "have_partition = true\npartition_by = [id]\npartition_dir_expression = \"../${v0}\"":                         {"partition_dir_expression", "out of path"},
		csvOut + "sink_columns = [nothing]":                                                                                    {"sink_columns", "id, city, n"},
		csvOut + "compress_codec = bzip2":                                                                                      {"compress_codec"},
		csvOut + "batch_size = 0":                                                                                              {"batch_size"},
		csvOut + "data_save_mode = CUSTOM_PROCESSING":                                                                          {"data_save_mode"},
		"path = \"$DIR\"\nfile_format_type = parquet\ncompress_codec = zlib":                                                   {"compress_codec"},
	} {
		_, err := newSink(t, cities(), t.TempDir(), options)
		wrong(t, err, words...)
	}
}

func TestSaveModes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		schema, data string
		before       map[string]string // nil: the directory is not there
		after        []string          // nil: neither is it afterwards
		words        []string
	}{
		{"", "", nil, []string{}, nil},
		{"", "", map[string]string{"a": "x"}, []string{"a"}, nil},
		{"RECREATE_SCHEMA", "", map[string]string{"a": "x", "d/b": "y", ".seikan-tmp/z": ""}, []string{".seikan-tmp/z"}, nil},
		{"RECREATE_SCHEMA", "", nil, []string{}, nil},
		{"ERROR_WHEN_SCHEMA_NOT_EXIST", "", nil, nil, []string{"The sink table not exist"}},
		{"ERROR_WHEN_SCHEMA_NOT_EXIST", "", map[string]string{"a": "x"}, []string{"a"}, nil},
		{"IGNORE", "DROP_DATA", nil, nil, nil},
		{"", "DROP_DATA", map[string]string{"a": "x", ".hid": "", "d/b": "y"}, []string{}, nil},
		{"", "ERROR_WHEN_DATA_EXISTS", map[string]string{"d/b": ""}, []string{"d/b"}, []string{"The target data source already has data"}},
		{"", "ERROR_WHEN_DATA_EXISTS", map[string]string{"_SUCCESS": "", ".seikan-tmp/z": "x"}, []string{".seikan-tmp/z", "_SUCCESS"}, nil},
	} {
		dir := t.TempDir()
		put(t, dir, map[string]string{"outside": "x", "target/keep": "x"})
		if c.before != nil {
			put(t, filepath.Join(dir, "out"), c.before)
			if _, ok := c.before["a"]; ok { // the target of a link is outside
				os.Symlink(filepath.Join(dir, "target"), filepath.Join(dir, "out", "link"))
			}
		}
		options := csvOut
		if c.schema != "" {
			options += "schema_save_mode = " + c.schema + "\n"
		}
		if c.data != "" {
			options += "data_save_mode = " + c.data + "\n"
		}
		s := mustSink(t, plugintest.Schema(), dir, options)
		for range 2 { // it must be harmless to run again
			err := s.(plugin.TablePreparer).PrepareTable(t.Context(), plugintest.Task(t, 1))
			if c.words == nil && err != nil {
				t.Errorf("%s %s: %v", c.schema, c.data, err)
			}
			wrong(t, err, c.words...)
		}
		os.Remove(filepath.Join(dir, "out", "link"))
		if _, err := os.Stat(filepath.Join(dir, "out")); (err == nil) != (c.after != nil) {
			t.Errorf("%s %s: directory: %v", c.schema, c.data, err)
		}
		equal(t, keys(tree(t, filepath.Join(dir, "out"))), append([]string{}, c.after...))
		if _, err := os.Stat(filepath.Join(dir, "target", "keep")); err != nil {
			t.Errorf("%s %s: something outside of path was deleted", c.schema, c.data)
		}
	}
}

func TestDroppingDataSparesFilesThatWait(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"old": "x", "tmp/seatunnel/7/u/T/f": "another job's"})
	s := mustSink(t, plugintest.Schema(), dir, "path = \"$DIR\"\ndata_save_mode = DROP_DATA")
	if err := s.(plugin.TablePreparer).PrepareTable(t.Context(), plugintest.Task(t, 1)); err != nil {
		t.Fatal(err)
	}
	equal(t, keys(tree(t, dir)), []string{"tmp/seatunnel/7/u/T/f"})
}

func TestCompressedFilesAreReadBack(t *testing.T) {
	t.Parallel()
	for _, codec := range compress.WriteOption().Choices {
		dir := t.TempDir()
		writeAll(t, mustSink(t, plugintest.Schema(), dir, csvOut+"compress_codec = "+codec), plugintest.Schema(), 5000)
		rows := rowsOf(t, mustSource(t, dir, csvSchema+"path = \"$DIR/out\"\ncompress_codec = "+codec))
		if len(rows) != 5000 || rows[4999] != "+I|5000|name 5000" {
			t.Errorf("%s: %d rows", codec, len(rows))
		}
	}
}

func TestEveryFormatGoesThrough(t *testing.T) {
	t.Parallel()
	const columns = "\nschema { fields { id = bigint, n = int } }"
	for format, c := range map[string]struct{ write, read, suffix string }{
		"csv": {"compress_codec = zstd", "compress_codec = zstd" + columns, ".zst.csv"}, "text": {"compress_codec = lzo", "compress_codec = lzo" + columns, ".lzo.txt"},
		"json": {"", columns, ".json"}, "parquet": {"compress_codec = snappy", "", ".snappy.parquet"}, "orc": {"compress_codec = zlib", "", ".zlib.orc"},
		"excel": {"", "skip_header_row_number = 1" + columns, ".xlsx"},
		"xml":   {"xml_use_attr_format = true", "xml_use_attr_format = true\nxml_row_tag = RECORD" + columns, ".xml"},
	} {
		dir := t.TempDir()
		s := mustSink(t, cities(), dir, "path = \"$DIR/out\"\nhave_partition = true\npartition_by = [city]\nfile_format_type = "+format+"\n"+c.write)
		writeCities(t, s, []string{"a", "b", "a"})
		rows := rowsOf(t, mustSource(t, dir, "path = \"$DIR/out\"\nfile_format_type = "+format+"\n"+c.read))
		slices.Sort(rows)
		equal(t, rows, []string{"+I|1|0|a", "+I|2|1|b", "+I|3|0|a"})
		for _, name := range keys(tree(t, filepath.Join(dir, "out"))) {
			if !strings.HasSuffix(name, c.suffix) {
				t.Errorf("%s ends otherwise than %s", name, c.suffix)
			}
		}
	}
}
