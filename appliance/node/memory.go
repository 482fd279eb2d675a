package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"runtime/pprof"
	"time"

	"seikan/appliance/config"
)

// watchMemory writes one heap profile when what is alive comes near the memory limit. It is what
// -XX:+HeapDumpOnOutOfMemoryError comes to: a Go program that is out of memory is killed without a
// word, so that the profile has to be written before.
func watchMemory(ctx context.Context, jvm config.JVM, log *slog.Logger) {
	const every = 2 * time.Second
	for pause(ctx, every) {
		live, limit := liveHeap(), debug.SetMemoryLimit(-1)
		if !nearLimit(live, limit) {
			continue
		}
		path, err := writeHeap(jvm.DumpPath, time.Now())
		if err != nil {
			log.Warn("memory is nearly used up, and no heap profile could be written", "live_bytes", live, "limit_bytes", limit, "error", err)
			return
		}
		log.Warn("memory is nearly used up; a heap profile is written", "live_bytes", live, "limit_bytes", limit, "profile", path)
		return
	}
}

// nearLimit says whether what the last collection has left alive, in bytes, is close to the limit.
func nearLimit(live uint64, limit int64) bool {
	return limit < math.MaxInt64 && live > uint64(limit)/100*85
}

func liveHeap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return s[0].Value.Uint64()
}

// writeHeap writes a profile into a directory, "" for that of temporary files.
func writeHeap(dir string, at time.Time) (path string, err error) {
	if dir == "" {
		dir = os.TempDir()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the directory of -XX:HeapDumpPath: %w", err)
	}
	path = filepath.Join(dir, fmt.Sprintf("seikan-%d-%s.pprof", os.Getpid(), at.Format("20060102-150405")))
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // it may show anybody's data
	if err != nil {
		return "", fmt.Errorf("write a heap profile: %w", err)
	}
	return path, errors.Join(pprof.Lookup("heap").WriteTo(f, 0), f.Close())
}
