package command

import (
	"errors"
	"fmt"
	"os"

	"alliance/rules"

	"github.com/spf13/cobra"
)

func newRules() *cobra.Command {
	command := &cobra.Command{
		Use:   "rules",
		Short: "Check a rulebook, or print the JSON Schema of rulebooks",
		Long: `rules check reads a rulebook and prints what was understood; rules schema prints the JSON Schema that
editors use to complete and check rulebooks.`,
		Example: `  settle rules check rulebook.yaml
  settle rules schema > rulebook.schema.json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(command *cobra.Command, arguments []string) error {
			if len(arguments) > 0 {
				return usage("there is no command %q; see %s --help", arguments[0], command.CommandPath())
			}
			return command.Help()
		},
	}
	command.AddCommand(newRulesCheck(), newRulesSchema())
	return command
}

func newRulesCheck() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a rulebook and print what was understood",
		Long: `check reads a rulebook, YAML or JSON, as strictly as a run does. A good one is printed as it was
understood: the register, the price table by dates and conditions, fees, netting, ledger and intake,
with the digest of its meaning, which every statement carries. Of a bad one every error is printed with
its line, and the exit code is 2.

With --json the rulebook, or the list of errors, is one JSON object.`,
		Example: `  settle rules check rulebook.yaml
  settle rules check rulebook.yaml --json`,
		Args: exactly(1, "one file"),
		RunE: func(command *cobra.Command, arguments []string) error {
			return checkRules(command, arguments[0], asJSON)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print the rulebook, or its errors, as JSON")
	return command
}

// ruleFault is an error of a rulebook, for programs.
type ruleFault struct {
	Line    int    `json:"line"`
	Message string `json:"message"`
}

func checkRules(command *cobra.Command, path string, asJSON bool) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return usage("read the rulebook: %w", err)
	}
	rulebook, err := rules.Parse(path, text)
	if err != nil {
		return rulesFaults(command, path, err, asJSON)
	}
	if !asJSON {
		return rulebook.Describe(command.OutOrStdout())
	}
	described, err := rulebook.DescribeJSON()
	if err != nil {
		return fmt.Errorf("describe the rulebook: %w", err)
	}
	_, err = fmt.Fprintf(command.OutOrStdout(), "%s\n", described)
	return err
}

// rulesFaults reports every error of a rulebook.
func rulesFaults(command *cobra.Command, path string, err error, asJSON bool) error {
	var all rules.Errors
	if !errors.As(err, &all) {
		return err
	}
	var faults []ruleFault
	for _, one := range all {
		faults = append(faults, ruleFault{one.Line, one.Message})
	}
	if asJSON {
		if err := printJSON(command, map[string]any{"file": path, "errors": faults}); err != nil {
			return err
		}
	} else {
		for _, one := range all {
			fmt.Fprintln(command.ErrOrStderr(), one)
		}
	}
	return usage("%s is no rulebook to settle with: %s", path, count(int64(len(all)), "error"))
}

func newRulesSchema() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of rulebooks",
		Long:    "schema prints the JSON Schema that the form of rulebooks follows, for editors and other checkers.",
		Example: "  settle rules schema > rulebook.schema.json",
		Args:    exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error {
			_, err := command.OutOrStdout().Write(rules.Schema())
			return err
		},
	}
}
