package storagetest

import (
	"testing"

	"seikan/storage"
)

func TestMemoryKeepsThePromises(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) storage.Store { return NewMemory() })
}
