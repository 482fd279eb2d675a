package storagetest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"seikan/storage"
)

// Refused checks that err is a storage.Error whose hint names every one of the words, and that the
// text shows none of the secrets.
func Refused(t *testing.T, err error, words []string, secrets ...string) {
	t.Helper()
	var e *storage.Error
	if !errors.As(err, &e) {
		t.Fatalf("%v is no storage.Error", err)
	}
	t.Log(err)
	for _, w := range words {
		if !strings.Contains(e.Hint, w) {
			t.Errorf("the hint %q does not name %s", e.Hint, w)
		}
	}
	for _, s := range secrets {
		if strings.Contains(err.Error(), s) {
			t.Errorf("%v shows the secret", err)
		}
	}
	if strings.ContainsAny(err.Error(), "\n\t") {
		t.Errorf("%q has several lines", err)
	}
}

// WriteOnce puts an object, which must fail, and returns the error.
func WriteOnce(ctx context.Context, s storage.Store) error {
	_, err := s.Put(ctx, "refused", strings.NewReader("x"))
	return err
}
