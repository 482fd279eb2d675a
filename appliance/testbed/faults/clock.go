package faults

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockCode replaces the function that reads clocks in one process. A time namespace shifts all
// clocks but the wall clock, and a Go program reads the time without a system call, in pages that
// the kernel maps for this (vdso). They are private to a process, for whoever may write its
// memory. This function makes the call, and to the wall clock it adds the seconds that stand
// behind it. (amd64)
var clockCode = []byte{
	0xb8, 0xe4, 0, 0, 0, // mov eax, 228: clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xff, // test edi, edi: clock 0?
	0x75, 0x0a, // jnz to the return
	0x48, 0x8b, 0x0d, 6, 0, 0, 0, // mov rcx, [rip+6]: the seconds
	0x48, 0x01, 0x0e, // add [rsi], rcx
	0xc3, 0, 0, // ret
	0, 0, 0, 0, 0, 0, 0, 0, // the seconds, little-endian
}

// Shift sets a node's wall clock ahead of the machine's, at once and until its process ends. Its
// monotonic clock goes on as everybody's.
func (n *Node) Shift(ahead time.Duration) {
	n.c.t.Helper()
	if err := n.shift(ahead); err != nil {
		n.c.t.Fatalf("shift the clock of node %d: %v", n.Index, err)
	}
}

func (n *Node) shift(ahead time.Duration) (err error) {
	pid := n.cmd.Process.Pid
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, memory.Close()) }()
	at, err := clockFunction(pid, memory)
	if err != nil {
		return err
	}
	code := binary.LittleEndian.AppendUint64(clockCode[:len(clockCode)-8:len(clockCode)-8], uint64(int64(ahead/time.Second)))
	n.signal(syscall.SIGSTOP)
	defer n.Continue()
	n.c.Wait("no thread reads the clock", patience, outside(pid, at, at+int64(len(code))))
	_, err = memory.WriteAt(code, at)
	return err
}

// clockFunction finds the function that reads clocks in a process.
func clockFunction(pid int, memory *os.File) (int64, error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		if !strings.Contains(line, "[vdso]") {
			continue
		}
		if _, err := fmt.Sscanf(line, "%x-%x", &from, &to); err != nil {
			return 0, err
		}
		image := make([]byte, to-from)
		if _, err := memory.ReadAt(image, from); err != nil {
			return 0, err
		}
		f, err := elf.NewFile(bytes.NewReader(image))
		if err != nil {
			return 0, err
		}
		symbols, err := f.DynamicSymbols()
		if err != nil {
			return 0, err
		}
		for _, s := range symbols {
			if s.Name == "__vdso_clock_gettime" && s.Size >= uint64(len(clockCode)) {
				return from + int64(s.Value), nil
			}
		}
	}
	return 0, errors.New("it has no function that reads clocks")
}

// outside asks whether every thread of a stopped process is outside a range of its code.
func outside(pid int, from, to int64) func(context.Context) error {
	return func(context.Context) error {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
		if err != nil {
			return err
		}
		for _, name := range threads {
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			words := strings.Fields(string(text)) // the last is where it is
			at, err := strconv.ParseUint(words[len(words)-1], 0, 64)
			if err != nil {
				return fmt.Errorf("a thread is not stopped yet: %s", text)
			}
			if uint64(from) <= at && at < uint64(to) {
				return fmt.Errorf("a thread is at %x", at)
			}
		}
		return nil
	}
}
