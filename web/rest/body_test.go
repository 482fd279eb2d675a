package rest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestBodiesBoundWhatRequestsHoldTogether(t *testing.T) {
	t.Parallel()
	b := NewBodies(1 << 20)
	for _, size := range []int64{-1, 0, 5, 300_000} { // whatever it is said to have
		text, release, err := b.Read(strings.NewReader(strings.Repeat("x", 300_000)), size)
		if err != nil || len(text) != 300_000 {
			t.Errorf("said %d: %d bytes, %v", size, len(text), err)
		}
		release()
	}
	_, release, err := b.Read(endless{}, -1)
	if !errors.Is(err, ErrCrowded) {
		t.Errorf("an endless body: %v", err)
	}
	release()
	var releases []func()
	for i := range 4 {
		_, release, err := b.Read(strings.NewReader(strings.Repeat("x", 300_000)), 300_000)
		releases = append(releases, release)
		if crowded := errors.Is(err, ErrCrowded); crowded != (i == 3) {
			t.Errorf("number %d: %v", i, err)
		}
	}
	for _, release := range releases {
		release()
	}
	if _, release, err = b.Read(io.MultiReader(strings.NewReader("half"), broken{}), 9); err == nil || errors.Is(err, ErrCrowded) {
		t.Errorf("a body that breaks off: %v", err)
	}
	release()
	if _, release, err = b.Read(bytes.NewReader(make([]byte, 1<<20-1)), 1<<20-1); err != nil {
		t.Errorf("not all room was given back: %v", err)
	}
	release()
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
