// Package doctor judges the facts that were gathered about a node and its cluster. What is a fact
// is found out in gather*.go; every judgement is a pure function of Facts.
package doctor

// Level is how bad a finding is.
type Level string

// The levels. What is Unknown could not be looked at; who runs the program as another user can.
const (
	Good    Level = "good"
	Unknown Level = "unknown"
	Warning Level = "warning"
	Problem Level = "problem"
)

// Finding is what one look at one thing came to.
type Finding struct {
	Check    string `json:"check"`
	Level    Level  `json:"level"`
	Where    string `json:"where"`
	Found    string `json:"found"`
	Expected string `json:"expected,omitempty"`
	Do       string `json:"do,omitempty"` // what to change
}

// Worst is 0 when all is good or could not be looked at, 1 when there are warnings, 2 when there
// are problems.
func Worst(all []Finding) int {
	worst := 0
	for _, f := range all {
		switch f.Level {
		case Problem:
			return 2
		case Warning:
			worst = 1
		}
	}
	return worst
}

// list collects findings of one check.
type list struct {
	check string
	all   []Finding
}

func (l *list) add(level Level, where, found, expected, do string) {
	l.all = append(l.all, Finding{Check: l.check, Level: level, Where: where, Found: found, Expected: expected, Do: do})
}

func (l *list) good(where, found string) { l.add(Good, where, found, "", "") }

func (l *list) unknown(where, why string) {
	l.add(Unknown, where, why, "", "run seikan doctor as root, or as the user of the node")
}
