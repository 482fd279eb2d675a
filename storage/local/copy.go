package local

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const (
	smallBuffer = 32 << 10  // for most objects
	largeBuffer = 512 << 10 // from there on
	// writeBehind is how many bytes the disk is told to begin with at once, so that it writes
	// while the rest is still coming and the sync at the end has little left to do.
	writeBehind = 8 << 20
)

// copyInto writes all of r to f.
func copyInto(ctx context.Context, f *os.File, r io.Reader) error {
	buf := make([]byte, smallBuffer)
	var size, begun int64
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, rerr := r.Read(buf)
		if n > 0 {
			if _, err := f.Write(buf[:n]); err != nil {
				return err
			}
			size += int64(n)
		}
		if rerr == io.EOF {
			return nil
		}
		if rerr != nil {
			return rerr
		}
		if size >= largeBuffer && len(buf) < largeBuffer {
			buf = make([]byte, largeBuffer)
		}
		if size-begun >= writeBehind {
			_ = unix.SyncFileRange(int(f.Fd()), begun, size-begun, unix.SYNC_FILE_RANGE_WRITE) // a hint: what it does not do the sync does
			begun = size
		}
	}
}
