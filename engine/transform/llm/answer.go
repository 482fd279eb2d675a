package llm

import (
	"encoding/json"
	"fmt"
	"strings"
)

// elements finds the JSON array in a model's answer, which may stand in a Markdown fence or
// between words.
func elements(text string) ([]json.RawMessage, error) {
	from, to := strings.IndexByte(text, '['), strings.LastIndexByte(text, ']')
	if from < 0 || to < from {
		return nil, fmt.Errorf("the model's answer holds no JSON array: %s", excerpt(text))
	}
	var out []json.RawMessage
	if err := json.Unmarshal([]byte(text[from:to+1]), &out); err != nil {
		return nil, fmt.Errorf("the model's answer is no JSON array (%w): %s", err, excerpt(text))
	}
	return out, nil
}

func excerpt(text string) string {
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return strings.Join(strings.Fields(text), " ")
}
