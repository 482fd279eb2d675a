package storage

import (
	"errors"
	"fmt"
	"strings"
)

// ErrName: the name cannot be the name of an object, in any backend.
var ErrName = errors.New("name not allowed")

// CheckName says what is wrong with a name: it must be relative, made of parts between single
// slashes none of which is empty, "." or "..", without NUL, and at most 1024 bytes long.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case len(name) > 1024:
		return fmt.Errorf("%w: it has %d bytes, more than 1024", ErrName, len(name))
	case strings.IndexByte(name, 0) >= 0:
		return fmt.Errorf("%w: it holds a NUL byte", ErrName)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("%w: %q is not a part of a name", ErrName, part)
		}
	}
	return nil
}
