package command

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// printJSON prints a value as one indented JSON text.
func printJSON(command *cobra.Command, value any) error {
	encoder := json.NewEncoder(command.OutOrStdout())
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// printText prints what was gathered, in one write.
func printText(command *cobra.Command, text *strings.Builder) error {
	_, err := command.OutOrStdout().Write([]byte(text.String()))
	return err
}

// A table prints cells below each other.
type table struct{ tabs *tabwriter.Writer }

func newTable(out *strings.Builder) table {
	return table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
}

// row adds a line of cells. Writing to memory does not fail.
func (t table) row(cells ...any) {
	var line strings.Builder
	for _, cell := range cells {
		fmt.Fprint(&line, "\t", printable(fmt.Sprint(cell)))
	}
	fmt.Fprintln(t.tabs, strings.TrimPrefix(line.String(), "\t"))
}

func (t table) end() { _ = t.tabs.Flush() }

// printable keeps merchants' texts from moving the cursor or breaking a line.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || 0x7f <= r && r <= 0x9f {
			return '\uFFFD'
		}
		return r
	}, text)
}
