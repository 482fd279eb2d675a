package file_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zip"

	"seikan/engine/format/compress"
	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
)

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// wrong expects an error that says all of the words.
func wrong(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error %v does not say %q", err, w)
		}
	}
}

func TestListingLeavesOutWhatIsNoData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"a.csv": "1,a\n", "sub/deep/b.csv": "2,b\n", "c.txt": "3,c\n", "empty.csv": "", "_SUCCESS": "x",
		".a.csv.crc": "x", ".hidden/d.csv": "4,d\n", ".seikan-tmp/seatunnel/1/u/T/e.csv": "5,e\n"})
	if err := os.Symlink(filepath.Join(dir, "c.txt"), filepath.Join(dir, "link.csv")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, options, want string }{
		{"all", "", "4 1 3 3 2"},
		{"pattern on the whole name", `file_filter_pattern = ".*\\.csv"`, "4 1 3 2"},
		{"pattern is no substring", `file_filter_pattern = "csv"`, ""},
		{"lookahead, as Java has it", `file_filter_pattern = "(?!c).*\\.(csv|txt)"`, "4 1 3 2"},
		{"parts of the path", `read_partitions = ["deep/", "hidden"]`, "4 2"},
	} {
		var ids []string
		for _, r := range rowsOf(t, mustSource(t, dir, csvSchema+"path = \"$DIR\"\n"+c.options)) {
			ids = append(ids, strings.Split(r, "|")[1])
		}
		if got := strings.Join(ids, " "); got != c.want {
			t.Errorf("%s: rows %s, want %s", c.name, got, c.want)
		}
	}
	equal(t, rowsOf(t, mustSource(t, dir, csvSchema+`path = "file://$DIR/.hidden/d.csv"`)), []string{"+I|4|d"})
}

func TestLinksInACircleAreAnError(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"a/b.csv": "1,a\n"})
	if err := os.Symlink(dir, filepath.Join(dir, "a", "loop")); err != nil {
		t.Fatal(err)
	}
	_, err := newSource(t, dir, csvSchema+`path = "$DIR"`)
	wrong(t, err, "Get file list from this path", "loop")
}

func TestAMissingPathIsAnErrorAtStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, err := newSource(t, dir, csvSchema+`path = "$DIR/none"`)
	wrong(t, err, "Get file list from this path ["+dir+"/none] failed", "no such file", "job.conf:3:8")
	if !plugin.IsPermanent(err) {
		t.Error("it would be tried again")
	}
}

func TestOptionsThatCannotWorkAreErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"a.csv": "1,a\n"})
	for options, words := range map[string][]string{
		`path = "$DIR"`: {"file_format_type"},
		csvSchema + `tables_configs = [{ path = "$DIR", file_format_type = csv }], path = "$DIR"`: {"tables_configs", "mutually exclusive"},
		`tables_configs = []`: {"tables_configs"},
		csvSchema + "path = \"$DIR\"\nfile_filter_pattern = \"(\"":                  {"file_filter_pattern"},
		csvSchema + "path = \"$DIR\"\ncompress_codec = rar":                         {"compress_codec", "lzo"},
		"path = \"$DIR\"\nfile_format_type = parquet\narchive_compress_codec = zip": {"archive_compress_codec", "not read from archives"},
		`tables_configs = [{ path = "$DIR", ` + strings.ReplaceAll(csvSchema, "\n", ", ") + `}, { path = "$DIR/a.csv", ` + strings.ReplaceAll(csvSchema, "\n", ", ") + `}]`: {"two tables"},
	} {
		_, err := newSource(t, dir, options)
		wrong(t, err, words...)
	}
}

func TestAPathWithoutFilesWarnsAndFinishes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"_SUCCESS": "", "a.csv": ""})
	var log bytes.Buffer
	task := plugintest.Task(t, 1)
	task.Log = slog.New(slog.NewTextHandler(&log, nil))
	if s := splitsOf(t, mustSource(t, dir, csvSchema+`path = "$DIR"`), task); len(s) != 0 {
		t.Errorf("splits %v", s)
	}
	for _, w := range []string{"level=WARN", dir, "1 empty", "1 hidden or _SUCCESS"} {
		if !strings.Contains(log.String(), w) {
			t.Errorf("the log does not say %q: %s", w, log.String())
		}
	}
}

func TestDirectoriesBecomeColumns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"day=1/city=New%2FYork/a.csv": "1,a\n", "day=2/city=__HIVE_DEFAULT_PARTITION__/a.csv": "2,b\n", "day=3/a.csv": "3,c\n"})
	path := "path = \"$DIR\"\n"
	equal(t, rowsOf(t, mustSource(t, dir, csvSchema+path)), []string{"+I|1|a|1|New/York", "+I|2|b|2|∅", "+I|3|c|3|∅"})
	equal(t, rowsOf(t, mustSource(t, dir, csvSchema+path+"parse_partition_from_path = false")), []string{"+I|1|a", "+I|2|b", "+I|3|c"})
	equal(t, rowsOf(t, mustSource(t, dir, csvSchema+path+"read_columns = [name, day]")), []string{"+I|a|1|New/York", "+I|b|2|∅", "+I|c|3|∅"})
	_, err := newSource(t, dir, csvSchema+path+"read_columns = [day]")
	wrong(t, err, "read_columns", "directories only")
	own := "file_format_type = csv\nschema { fields { id = bigint, day = string } }\n"
	equal(t, rowsOf(t, mustSource(t, dir, own+path)), []string{"+I|1|a|New/York", "+I|2|b|∅", "+I|3|c|∅"})
	equal(t, mustSource(t, dir, csvSchema+path).Tables()[0].PartitionKeys, []string{"day", "city"})
}

func TestOneLargeFileIsSharedByReaders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var b bytes.Buffer
	n := 0
	for b.Len() < 40<<20 {
		n++
		fmt.Fprintf(&b, "%d,%s\n", n, strings.Repeat("x", n%2000))
	}
	put(t, dir, map[string]string{"big.csv": b.String()})
	s := mustSource(t, dir, csvSchema+`path = "$DIR/big.csv"`)
	task := plugintest.Task(t, 1)
	task.Parallelism = 2
	splits := splitsOf(t, s, task)
	if len(splits) < 4 || !strings.HasPrefix(splits[0].ID, "big.csv@0-") {
		t.Fatalf("%d splits, the first is %q", len(splits), splits[0].ID)
	}
	rows, bytes := 0, int64(0)
	for _, split := range splits {
		bytes += split.Bytes
		got, err := readSplit(t, s, task, split)
		if err != nil {
			t.Fatal(err)
		}
		rows += len(got)
	}
	if rows != n || bytes < 39<<20 || bytes > 41<<20 {
		t.Errorf("%d rows of %d; splits say %d bytes", rows, n, bytes)
	}
}

func TestTablesConfigsReadsEachTableItsWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"a/x.csv": "1,a\n", "b/x.csv": "2|b\n"})
	s := mustSource(t, dir, `tables_configs = [
		{ path = "$DIR/a", file_format_type = csv, schema { table = "db.a", fields { id = bigint, name = string } } }
		{ path = "$DIR/b", file_format_type = csv, field_delimiter = "|", schema { table = "db.b", fields { n = int, v = string } } } ]`)
	equal(t, rowsOf(t, s), []string{"+I|1|a", "+I|2|b"})
	if a, b := s.Tables()[0].Table(), s.Tables()[1].Table(); a != "db.a" || b != "db.b" {
		t.Errorf("tables %s, %s", a, b)
	}
	splits := splitsOf(t, s, plugintest.Task(t, 1))
	if splits[0].ID == splits[1].ID || splits[1].Table != "db.b" {
		t.Errorf("splits %+v", splits)
	}
}

// pack makes an archive of files in their order.
func pack(t *testing.T, kind string, files [][2]string) string {
	t.Helper()
	var out bytes.Buffer
	switch kind {
	case "zip":
		z := zip.NewWriter(&out)
		for _, f := range files {
			w, err := z.Create(f[0])
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(w, f[1])
		}
		z.Close()
	case "tar", "tar_gz":
		var w io.WriteCloser = nopCloser{&out}
		if kind == "tar_gz" {
			w = gzip.NewWriter(&out)
		}
		a := tar.NewWriter(w)
		for _, f := range files {
			if err := a.WriteHeader(&tar.Header{Name: f[0], Size: int64(len(f[1])), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
				t.Fatal(err)
			}
			io.WriteString(a, f[1])
		}
		a.Close()
		w.Close()
	}
	return out.String()
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func lines(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "%d,name %d\n", i, i)
	}
	return b.String()
}

func TestArchivesConformAndResumeInsideAnEntry(t *testing.T) {
	t.Parallel()
	files := [][2]string{{"a.csv", lines(0, 9000)}, {"read.me", "no"}, {"b.txt", lines(9000, 9010)}, {"none.csv", ""}, {"d/c.csv", lines(9010, 15000)}}
	for _, kind := range []string{"zip", "tar", "tar_gz"} {
		dir := t.TempDir()
		put(t, dir, map[string]string{"x=1/in." + kind: pack(t, kind, files)})
		t.Run(kind, func(t *testing.T) {
			plugintest.Source(t, plugintest.SourceCase{Rows: 15000, New: func(t *testing.T) plugin.Source {
				return mustSource(t, dir, csvSchema+"path = \"$DIR\"\narchive_compress_codec = "+kind)
			}})
		})
	}
}

func TestAnArchivedWorkbookIsRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeAll(t, mustSink(t, plugintest.Schema(), dir, "path = \"$DIR/out\"\nfile_format_type = excel"), plugintest.Schema(), 3)
	out := tree(t, filepath.Join(dir, "out"))
	book := out[keys(out)[0]]
	for _, kind := range []string{"zip", "tar_gz"} {
		put(t, dir, map[string]string{kind + "/in": pack(t, kind, [][2]string{{"a.xlsx", book}, {"b.xlsx", book}})})
		rows := rowsOf(t, mustSource(t, dir, "path = \"$DIR/"+kind+"\"\nfile_format_type = excel\nskip_header_row_number = 1\nschema { fields { id = bigint, name = string } }\narchive_compress_codec = "+kind))
		if len(rows) != 6 || rows[5] != "+I|3|name 3" {
			t.Errorf("%s: %q", kind, rows)
		}
	}
}

func TestCompressedFilesConform(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"lzo", "gzip", "zstd", "lz4", "snappy", "zlib", "brotli"} {
		codec, _ := compress.Find(name)
		var out bytes.Buffer
		w, err := codec.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, lines(0, 9000))
		w.Close()
		dir := t.TempDir()
		put(t, dir, map[string]string{"a.csv": out.String()})
		t.Run(name, func(t *testing.T) {
			plugintest.Source(t, plugintest.SourceCase{Rows: 9000, New: func(t *testing.T) plugin.Source {
				return mustSource(t, dir, csvSchema+"path = \"$DIR\"\ncompress_codec = "+name)
			}})
		})
	}
}

func TestATableMayBeNamedWithoutColumns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		writeAll(t, mustSink(t, plugintest.Schema(), dir, "path = \"$DIR/"+name+"\"\nfile_format_type = parquet"), plugintest.Schema(), 3)
	}
	s := mustSource(t, dir, `tables_configs = [
		{ path = "$DIR/a", file_format_type = parquet, schema { table = "db.a" }, compress_codec = snappy }
		{ path = "$DIR/b", file_format_type = parquet, schema { table = "db.b" } } ]`)
	if a, b := s.Tables()[0].Table(), s.Tables()[1].Table(); a != "db.a" || b != "db.b" || len(rowsOf(t, s)) != 6 {
		t.Errorf("tables %s, %s", a, b)
	}
}

func TestAnArchiveWithoutFilesOfTheFormatWarns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"a.zip": pack(t, "zip", [][2]string{{"x.json", "{}"}})})
	var log bytes.Buffer
	task := plugintest.Task(t, 1)
	task.Log = slog.New(slog.NewTextHandler(&log, nil))
	s := mustSource(t, dir, csvSchema+"path = \"$DIR\"\narchive_compress_codec = zip")
	rows, err := readSplit(t, s, task, splitsOf(t, s, task)[0])
	if err != nil || len(rows) > 0 || !strings.Contains(log.String(), "a.zip") {
		t.Errorf("rows %v, error %v, log %s", rows, err, log.String())
	}
}

func TestAFileThatChangedUnderTheJobIsAnError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(path string) error
		resume bool
		rows   int // without error
		words  []string
	}{
		{"gone", os.Remove, false, 0, []string{"is gone", "a.csv"}},
		{"a directory now", func(p string) error { os.Remove(p); return os.Mkdir(p, 0o755) }, false, 0, []string{"a.csv"}},
		{"shorter, begun", func(p string) error { return os.WriteFile(p, []byte("1,a\n"), 0o644) }, true, 0, []string{"shrank", "a.csv"}},
		{"shorter, not begun", func(p string) error { return os.WriteFile(p, []byte("1,a\n"), 0o644) }, false, 1, nil},
		{"rewritten, begun", func(p string) error { return os.Chtimes(p, time.Time{}, time.Unix(1, 0)) }, true, 0, []string{"rewritten", "a.csv"}},
		{"appended to, begun", func(p string) error { return os.WriteFile(p, []byte(lines(0, 12)), 0o644) }, true, 11, nil},
	} {
		dir := t.TempDir()
		put(t, dir, map[string]string{"a.csv": lines(0, 10)})
		s := mustSource(t, dir, csvSchema+`path = "$DIR"`)
		task := plugintest.Task(t, 1)
		split := splitsOf(t, s, task)[0]
		if c.resume {
			split.At.Rows, split.At.Token = 1, nil
		}
		if err := c.change(filepath.Join(dir, "a.csv")); err != nil {
			t.Fatal(err)
		}
		rows, err := readSplit(t, s, task, split)
		if c.words == nil {
			if err != nil || len(rows) != c.rows {
				t.Errorf("%s: %d rows, %v", c.name, len(rows), err)
			}
			continue
		}
		wrong(t, err, c.words...)
		if !plugin.IsPermanent(err) {
			t.Errorf("%s: it would be tried again: %v", c.name, err)
		}
	}
}

func TestABadRowOfACompressedFileNamesTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"a.csv": "this is not gzip at all"})
	s := mustSource(t, dir, csvSchema+"path = \"$DIR\"\ncompress_codec = gzip")
	task := plugintest.Task(t, 1)
	_, err := readSplit(t, s, task, splitsOf(t, s, task)[0])
	wrong(t, err, "a.csv", "not gzip")
}

func TestStateOfAnotherVersionIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, map[string]string{"a.csv": "1,a\n"})
	_, err := mustSource(t, dir, csvSchema+`path = "$DIR"`).Enumerator(context.Background(), plugintest.Task(t, 1), &plugin.State{Version: 99})
	wrong(t, err, "version 99")
}
