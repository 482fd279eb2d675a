package cli

import "seikan/engine/option"

// specView is a plugin as -o json prints it.
type specView struct {
	Kind    string       `json:"kind"`
	Name    string       `json:"name"`
	Summary string       `json:"summary"`
	Doc     string       `json:"doc,omitempty"`
	Options []optionView `json:"options,omitempty"`
	Rules   []string     `json:"rules,omitempty"`
	Example string       `json:"example,omitempty"`
}

type optionView struct {
	Key       string       `json:"key"`
	Type      string       `json:"type"`
	Required  bool         `json:"required,omitempty"`
	Default   any          `json:"default,omitempty"`
	Choices   []string     `json:"choices,omitempty"`
	Old       []string     `json:"old,omitempty"`
	Sensitive bool         `json:"sensitive,omitempty"`
	Doc       string       `json:"doc,omitempty"`
	Example   string       `json:"example,omitempty"`
	Options   []optionView `json:"options,omitempty"`
	Rules     []string     `json:"rules,omitempty"`
}

func viewSpecs(specs []*option.Spec, full bool) []specView {
	out := make([]specView, len(specs))
	for i, s := range specs {
		out[i] = specView{Kind: s.Kind, Name: s.Name, Summary: s.Summary}
		if full {
			out[i].Doc, out[i].Example = s.Doc, s.Example
			out[i].Options, out[i].Rules = viewOptions(s.Options, s.Rules), ruleTexts(s.Rules)
		}
	}
	return out
}

func viewOptions(options []option.Option, rules []option.Rule) []optionView {
	var out []optionView
	for _, o := range options {
		out = append(out, optionView{Key: o.Key, Type: o.Type.String(), Required: demanded(rules, o.Key), Default: o.Default,
			Choices: o.Choices, Old: o.Old, Sensitive: o.Sensitive, Doc: o.Doc, Example: o.Example,
			Options: viewOptions(o.Fields, o.Rules), Rules: ruleTexts(o.Rules)})
	}
	return out
}

func ruleTexts(rules []option.Rule) []string {
	var out []string
	for _, r := range rules {
		out = append(out, r.Text())
	}
	return out
}
