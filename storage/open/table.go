package open

import (
	"fmt"
	"strings"
)

// Table is the keys of a kind as a table of the manual (Markdown).
func Table(kind string) string {
	var b strings.Builder
	b.WriteString("| Key | Default | Meaning |\n|---|---|---|\n")
	for _, k := range Keys(kind) {
		standard := "–"
		switch {
		case k.Required:
			standard = "*required*"
		case k.Default != "":
			standard = "`" + k.Default + "`"
		}
		doc := k.Doc
		if k.Example != "" {
			doc += " Example: `" + k.Example + "`."
		}
		if len(k.Old) > 0 {
			doc += " Also read: `" + strings.Join(k.Old, "`, `") + "`."
		}
		if k.Sensitive {
			doc += " Never shown."
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.Name, standard, strings.ReplaceAll(doc, "|", "\\|"))
	}
	return b.String()
}
