package command

import (
	"fmt"
	"runtime/debug"

	"alliance/settlement/batch"

	"github.com/spf13/cobra"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of the program and of its arithmetic",
		Example: "settle version",
		Args:    exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error {
			version := "unknown"
			if build, ok := debug.ReadBuildInfo(); ok {
				version = build.Main.Version
			}
			_, err := fmt.Fprintf(command.OutOrStdout(), "settle %s, computes as %s\n", version, batch.Program)
			return err
		},
	}
}
