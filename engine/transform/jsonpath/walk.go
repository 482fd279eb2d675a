package jsonpath

import (
	"errors"
	"fmt"

	"seikan/engine/format/value"
)

var (
	errMissing = errors.New("nothing is there")
	errVisits  = fmt.Errorf("the path visits more than %d values of one document", maxVisits)
)

// maxVisits bounds the work on one document; .. inside .. multiplies it.
const maxVisits = 1 << 20

// Find returns the JSON text the path leads to, in the spelling of the document.
func (p *Path) Find(doc []byte) ([]byte, error) {
	v, err := check(doc)
	if err != nil {
		return nil, err
	}
	return p.find(v)
}

// find is Find in a value that was checked.
func (p *Path) find(v []byte) ([]byte, error) {
	var out []byte
	if p.one {
		for _, s := range p.steps {
			if v = part(v, s); v == nil {
				return nil, errMissing
			}
		}
		out = v
	} else {
		w := walker{}
		if err := w.walk(v, p.steps, true); err != nil {
			return nil, err
		}
		if out = list(w.found); definite(p.steps) {
			out = w.found[0]
		}
	}
	if p.function != "" {
		return functions[p.function](out)
	}
	return out, nil
}

// walker collects what steps lead to.
type walker struct {
	found  [][]byte
	visits int
}

// walk follows the steps from v; strict says that every place must be there.
func (w *walker) walk(v []byte, steps []step, strict bool) error {
	if w.visits++; w.visits > maxVisits {
		return errVisits
	}
	if len(steps) == 0 {
		w.found = append(w.found, v)
		return nil
	}
	s, rest := steps[0], steps[1:]
	if s.single() {
		part := part(v, s)
		if part == nil {
			if strict {
				return errMissing
			}
			return nil
		}
		return w.walk(part, rest, strict)
	}
	if len(s.names) > 1 && len(rest) == 0 {
		if v[0] != '{' && strict {
			return errMissing
		}
		return w.merge(v, s.names)
	}
	return w.spread(v, s, rest)
}

// part is the one value a single step leads to, or nil.
func part(v []byte, s step) []byte {
	if len(s.names) == 1 {
		return member(v, s.names[0])
	}
	if v[0] != '[' {
		return nil
	}
	all := items(v)
	i := s.indexes[0]
	if i < 0 {
		i += len(all)
	}
	if i < 0 || i >= len(all) {
		return nil
	}
	return all[i]
}

// spread follows the steps from every value that s leads to.
func (w *walker) spread(v []byte, s step, rest []step) (err error) {
	next := func(part []byte) bool {
		err = w.walk(part, rest, false)
		return err == nil
	}
	switch {
	case s.descend:
		return w.descend(v, rest)
	case s.wildcard:
		children(v, next)
	case s.filter != nil && v[0] == '{':
		if s.filter.Match(decode(v)) {
			next(v)
		}
	case s.filter != nil && v[0] == '[':
		elements(v, func(e []byte) bool { return !s.filter.Match(decode(e)) || next(e) })
	case len(s.names) > 0:
		for _, name := range s.names {
			if part := member(v, name); part != nil && !next(part) {
				break
			}
		}
	case v[0] == '[':
		for _, part := range s.pick(items(v)) {
			if !next(part) {
				break
			}
		}
	}
	return err
}

func (w *walker) descend(v []byte, rest []step) (err error) {
	if err = w.walk(v, rest, false); err != nil {
		return err
	}
	children(v, func(c []byte) bool {
		err = w.descend(c, rest)
		return err == nil
	})
	return err
}

// merge makes an object of some members of v.
func (w *walker) merge(v []byte, names []string) error {
	out := []byte{'{'}
	for _, name := range names {
		if part := member(v, name); part != nil {
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(append(value.AppendJSONString(out, name), ':'), part...)
		}
	}
	w.found = append(w.found, append(out, '}'))
	return nil
}

// pick takes elements by index or slice.
func (s step) pick(all [][]byte) (out [][]byte) {
	if s.slice == nil {
		for _, i := range s.indexes {
			if i < 0 {
				i += len(all)
			}
			if i >= 0 && i < len(all) {
				out = append(out, all[i])
			}
		}
		return out
	}
	bound := func(at *int, otherwise int) int {
		if at == nil {
			return otherwise
		}
		if *at < 0 {
			return max(*at+len(all), 0)
		}
		return min(*at, len(all))
	}
	from, to := bound(s.slice.from, 0), bound(s.slice.to, len(all))
	if from >= to {
		return nil
	}
	return all[from:to]
}
