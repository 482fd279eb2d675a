package task

import (
	"strings"
	"sync"
	"sync/atomic"
)

// Counters counts rows and bytes for each table.
type Counters struct {
	mu     sync.RWMutex
	tables map[string]*Counter
	parts  []*Counters
}

// Counter counts one table's rows and their bytes in memory.
type Counter struct {
	Read, ReadBytes, Written, WrittenBytes, Dirty atomic.Int64
}

// NewCounters starts from the map that Map once returned; nil for zero.
func NewCounters(restored map[string]int64) *Counters {
	c := &Counters{tables: map[string]*Counter{}}
	for key, n := range restored {
		name, table, _ := strings.Cut(key, "#")
		t := c.Table(table)
		for _, f := range t.fields() {
			if f.name == name {
				f.value.Store(n)
			}
		}
	}
	return c
}

type field struct {
	name  string
	value *atomic.Int64
}

func (t *Counter) fields() []field {
	return []field{{"SourceReceivedCount", &t.Read}, {"SourceReceivedBytes", &t.ReadBytes},
		{"SinkWriteCount", &t.Written}, {"SinkWriteBytes", &t.WrittenBytes}, {"DirtyCount", &t.Dirty}}
}

// Table returns the counter of a table.
func (c *Counters) Table(table string) *Counter {
	c.mu.RLock()
	t := c.tables[table]
	c.mu.RUnlock()
	if t != nil {
		return t
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t = c.tables[table]; t == nil {
		t = &Counter{}
		c.tables[table] = t
	}
	return t
}

// Map returns every counter as "SourceReceivedCount#<table>", SeaTunnel's metric names.
func (c *Counters) Map() map[string]int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := map[string]int64{}
	for table, t := range c.tables {
		for _, f := range t.fields() {
			out[f.name+"#"+table] = f.value.Load()
		}
	}
	for _, p := range c.parts {
		for k, n := range p.Map() {
			out[k] += n
		}
	}
	return out
}

// part makes counters whose counts are part of c's.
func (c *Counters) part() *Counters {
	p := NewCounters(nil)
	c.include(p)
	return p
}

// include adds the counts of part to c's.
func (c *Counters) include(part *Counters) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts = append(c.parts, part)
}

// Sum adds the counter called name over all tables.
func Sum(counters map[string]int64, name string) int64 {
	var n int64
	for key, v := range counters {
		if k, _, _ := strings.Cut(key, "#"); k == name {
			n += v
		}
	}
	return n
}
