package columnar

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"seikan/engine/plugin"
)

type brokenFile struct{ err error }

func (brokenFile) Name() string                                { return "/data/x" }
func (brokenFile) Size() int64                                 { return 100 }
func (brokenFile) Open(context.Context) (io.ReadCloser, error) { return nil, io.EOF }
func (f brokenFile) OpenAt(context.Context) (plugin.ReaderAtCloser, error) {
	if errors.Is(f.err, plugin.ErrNotSeekable) {
		return nil, f.err
	}
	return f, nil
}
func (f brokenFile) ReadAt([]byte, int64) (int, error) { return 0, f.err }
func (brokenFile) Close() error                        { return nil }

func TestOnlyDamageIsPermanent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err       error
		permanent bool
	}{"connection lost": {errors.New("connection reset"), false}, "file too short": {io.EOF, true}} {
		s, err := OpenSource(context.Background(), "parquet", brokenFile{c.err})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.ReadAt(nil, 0)
		if err = s.Fail(err); plugin.IsPermanent(err) != c.permanent || !strings.Contains(err.Error(), "parquet file /data/x") {
			t.Errorf("%s: permanent %v: %v", name, plugin.IsPermanent(err), err)
		}
	}
}

func TestStreamsAreRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	_, err := OpenSource(context.Background(), "orc", brokenFile{plugin.ErrNotSeekable})
	if !plugin.IsPermanent(err) || !strings.Contains(err.Error(), "unpack it first") {
		t.Errorf("error %v", err)
	}
}
