package transfer

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// Range is the HTTP header for length bytes from offset, "" for the whole object.
func Range(offset, length int64) string {
	switch {
	case length >= 0 && offset+length > offset:
		return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
	case offset > 0:
		return fmt.Sprintf("bytes=%d-", offset)
	}
	return ""
}

// Empty is the answer to a range beyond the end of an object.
func Empty() Body { return Body{ReadCloser: io.NopCloser(strings.NewReader(""))} }

// Tags keeps what a store called each part. It may be used concurrently.
type Tags struct {
	mu   sync.Mutex
	tags []string
}

// Set keeps the tag of part n, counted from 1.
func (t *Tags) Set(n int, tag string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.tags) < n {
		t.tags = append(t.tags, "")
	}
	t.tags[n-1] = tag
}

// Get returns the tag of part n.
func (t *Tags) Get(n int) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.tags[n-1]
}

// Floor cuts a name before its first part that no name can have, so that servers which refuse
// such names can be asked for what comes after it. It is never greater than the name.
func Floor(name string) string {
	for at := 0; at < len(name); {
		part, _, _ := strings.Cut(name[at:], "/")
		if part == "" || part == "." || part == ".." {
			return name[:at]
		}
		at += len(part) + 1
	}
	return name
}

// FolderOfDots cuts dots after the last slash of a prefix when they are all there is.
func FolderOfDots(prefix string) string {
	at := strings.LastIndexByte(prefix, '/') + 1
	if last := prefix[at:]; last == "." || last == ".." {
		return prefix[:at]
	}
	return prefix
}
