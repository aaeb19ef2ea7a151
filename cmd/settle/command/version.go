package command

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"alliance/settlement/batch"

	"github.com/spf13/cobra"
)

// A build says what the program was built from, as far as its build knows.
type build struct {
	Version string `json:"version"`
	// Revision and Time are of the version control; Modified says that the files differed from it.
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	// Program identifies the arithmetic: two programs that say the same compute the same.
	Program  string `json:"computes_as"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "version",
		Short: "Print the version of the program and of its arithmetic",
		Long: `version prints what the program was built from. "computes as" identifies the arithmetic: it is part of
every computation id, and changes only when the same inputs may give other results.`,
		Example: `  settle version
  settle version --json`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			built := describeBuild(info)
			if asJSON {
				return printJSON(command, built)
			}
			_, err := fmt.Fprintln(command.OutOrStdout(), built)
			return err
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return command
}

// describeBuild reads what a build says of itself; info is nil if it says nothing.
func describeBuild(info *debug.BuildInfo) build {
	built := build{Version: "unknown", Program: batch.Program, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info == nil {
		return built
	}
	if info.Main.Version != "" {
		built.Version = info.Main.Version
	}
	for _, setting := range info.Settings {
		switch setting.Key {
		case "vcs.revision":
			built.Revision = setting.Value
		case "vcs.time":
			built.Time = setting.Value
		case "vcs.modified":
			built.Modified = setting.Value == "true"
		}
	}
	return built
}

func (b build) String() string {
	parts := []string{"settle " + b.Version}
	if b.Revision != "" {
		revision := "revision " + b.Revision
		if b.Modified {
			revision += ", modified"
		}
		parts = append(parts, revision)
	}
	return strings.Join(append(parts, "computes as "+b.Program, b.Go+" "+b.Platform), ", ")
}
