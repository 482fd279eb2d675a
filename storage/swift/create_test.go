package swift

import (
	"bytes"
	"io"
	"strconv"
	"testing"

	sdk "github.com/ncw/swift/v2"
)

// TestSwiftsOwnConditionLetsTwoWritersWin is why there is no Create: Swift looks whether the name is
// taken when a request begins, not when its object appears. Should this test ever fail, Swift can tell
// two writers apart and Create can be had by If-None-Match.
func TestSwiftsOwnConditionLetsTwoWritersWin(t *testing.T) {
	t.Parallel()
	s := connect(t, nil)
	const size = 16 << 20
	put := func(body io.Reader) error {
		h := sdk.Headers{"If-None-Match": "*", "Content-Length": strconv.Itoa(size)}
		_, _, err := s.conn.Call(t.Context(), s.conn.StorageUrl, sdk.RequestOpts{Container: s.c.Container, ObjectName: "taken", Operation: "PUT", Headers: h, Body: body, NoResponse: true})
		return err
	}
	half := bytes.NewReader(make([]byte, size/2))
	second := make(chan error, 1)
	inTheMiddle := readerFunc(func([]byte) (int, error) { // the server has taken most of the first half
		second <- put(bytes.NewReader(make([]byte, size)))
		return 0, io.EOF
	})
	if err := put(io.MultiReader(half, inTheMiddle, bytes.NewReader(make([]byte, size/2)))); err != nil {
		t.Errorf("the first writer: %v", err)
	}
	if err := <-second; err != nil {
		t.Errorf("the second writer: %v", err)
	}
	if err := put(bytes.NewReader(make([]byte, size))); statusOf(err) != 412 {
		t.Errorf("a writer that comes later is told %v, want status 412", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
