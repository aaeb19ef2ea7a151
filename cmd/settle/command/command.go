// Package command is the body of the program settle: one file per subcommand. It parses flags,
// holds the clock, the signals and the standard streams, and turns errors into exit codes. It
// does no arithmetic.
//
// # Exit codes
//
//   - 0: done, or already done.
//   - 1: internal error, or the world failed: a disk, a network; or a signal stopped the program.
//   - 2: usage or rulebook error.
//   - 3: refused: inputs, sums out of range, any exception under --strict, or statements that are of another
//     log than the ledger's; nothing is written of
//     the date that is refused, and the dates that --catch-up settled before it stand.
//   - 4: another run won; run again.
//   - 5: the outcome is unknown (the store could not be reached after the commit was sent); run
//     again, it finds out.
//
// # Signals
//
// The first SIGINT or SIGTERM ends a command where nothing is left half published, with exit code 1
// and a message that says whether what was under way is on record. A commit that was sent is first
// found out about; if that fails the exit code is 5 as ever. A command that had come to its end
// all the same ends with 0. The second signal ends the process at once, with exit code 1.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"alliance/rules"
	"alliance/settlement"
	"alliance/settlement/batch"
	"alliance/settlement/books"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The exit codes.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3
	exitLost    = 4
	exitUnknown = 5
)

// A usageError is a mistake of whoever called the program.
type usageError struct{ error }

// Unwrap returns the mistake itself.
func (e usageError) Unwrap() error { return e.error }

func usage(format string, arguments ...any) error {
	return usageError{fmt.Errorf(format, arguments...)}
}

// Main runs the program and returns its exit code.
func Main(ctx context.Context, arguments []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(arguments)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := interrupted(ctx, guarded(func() error { return root.ExecuteContext(ctx) }))
	if err != nil {
		fmt.Fprintln(stderr, "settle:", err)
	}
	return exitCode(err)
}

// guarded turns a panic into an error: the exit code that Go gives a panic means wrong usage here.
func guarded(do func() error) (err error) {
	defer func() {
		if failed := recover(); failed != nil {
			err = fmt.Errorf("internal error: %v\n\n%s", failed, debug.Stack())
		}
	}()
	return do()
}

func exitCode(err error) int {
	var (
		wrongUse usageError
		rulebook *rules.Error
		refused  *batch.RefusedError
		rejected *batch.RulebookError
	)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, books.ErrLost):
		return exitLost
	case errors.Is(err, books.ErrUnknown):
		return exitUnknown
	case errors.Is(err, context.Canceled):
		// A store that could not be opened for that reason is no mistake of whoever named it.
		return exitFailed
	case errors.As(err, &wrongUse), errors.As(err, &rulebook), errors.As(err, &rejected):
		return exitUsage
	case errors.As(err, &refused), errors.Is(err, settlement.ErrOutOfRange), errors.Is(err, books.ErrOtherLog):
		return exitRefused
	default:
		return exitFailed
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "settle",
		Short: "Close the books of a loyalty alliance, night by night",
		Long: `settle reads the files that the merchants of a loyalty alliance delivered for a date, works out whose
points were redeemed where, prices and nets what everybody owes or is owed, and publishes statements.

Every flag may also be given in the environment: --rules as SETTLE_RULES, --allow-missing as
SETTLE_ALLOW_MISSING=true. Exit codes: 0 done, or already done; 1 internal error; 2 usage or rulebook
error; 3 refused, nothing was written of what is refused (dates that run --catch-up settled before it
stand); 4 another run won, run again; 5 the outcome is unknown, run again, it finds out.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(command *cobra.Command, _ []string) error {
			return readEnvironment(command.Flags())
		},
		RunE: func(command *cobra.Command, arguments []string) error {
			if len(arguments) > 0 {
				return usage("there is no command %q; see settle --help", arguments[0])
			}
			return command.Help()
		},
		Args: cobra.ArbitraryArgs,
	}
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newRun(), newDiff(), newStatus(), newShow(), newRules(), newExplain(), newOpen(), newCheck(), newGenerate(), newClose(), newLog(), newVerify(),
		newRepair(), newGC(), newPull(), newPolicies(), newForget(), newKubernetes(), newVersion())
	return root
}

// fromEnvironment is the annotation of flags that the environment gave: the name of the variable.
const fromEnvironment = "from the environment"

// readEnvironment sets the flags that were not given from SETTLE_….
func readEnvironment(flags *pflag.FlagSet) error {
	var wrong error
	flags.VisitAll(func(flag *pflag.Flag) {
		name := "SETTLE_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		value, given := os.LookupEnv(name)
		if flag.Changed || !given || wrong != nil {
			return
		}
		if err := flags.Set(flag.Name, value); err != nil {
			wrong = usage("%s=%q in the environment: %w", name, value, wrongValue(flag, err))
		}
		flag.Annotations = map[string][]string{fromEnvironment: {name}}
	})
	return wrong
}

// wrongValue says what a flag takes that was given something else.
func wrongValue(flag *pflag.Flag, err error) error {
	switch kind := flag.Value.Type(); {
	case kind == "bool":
		return errors.New("write true or false")
	case kind == "duration":
		return errors.New("write a duration, such as 90m or 1h30m")
	case errors.Is(err, strconv.ErrRange):
		return errors.New("the number is too large or too small")
	case kind == "uint64":
		return errors.New("write a whole number, 0 or larger")
	case kind == "int", kind == "int64":
		return errors.New("write a whole number")
	}
	return err
}

// flagError says what is wrong with the flags of a command line.
func flagError(command *cobra.Command, err error) error {
	var wrong *pflag.InvalidValueError
	if errors.As(err, &wrong) {
		return usage("--%s %q: %w; see %s --help", wrong.GetFlag().Name, wrong.GetValue(), wrongValue(wrong.GetFlag(), wrong), command.CommandPath())
	}
	return usage("%w; see %s --help", err, command.CommandPath())
}

// onCommandLine reports whether a flag was given on the command line. What the environment says is for
// many commands: it need not have a meaning for each.
func onCommandLine(flags *pflag.FlagSet, name string) bool {
	flag := flags.Lookup(name)
	return flag.Changed && flag.Annotations[fromEnvironment] == nil
}

// required returns a usage error that names the flags without a value.
func required(command *cobra.Command, names ...string) error {
	for _, name := range names {
		if command.Flags().Lookup(name).Value.String() == "" {
			return usage("--%s is needed (or SETTLE_%s in the environment); for example: %s",
				name, strings.ToUpper(strings.ReplaceAll(name, "-", "_")), strings.TrimSpace(command.Example))
		}
	}
	return nil
}

// exactly refuses another number of arguments than count.
func exactly(count int, what string) cobra.PositionalArgs {
	return func(command *cobra.Command, arguments []string) error {
		if len(arguments) != count {
			return usage("%s takes %s; for example: %s", command.CommandPath(), what, strings.TrimSpace(command.Example))
		}
		return nil
	}
}

// parseDate reads a --date.
func parseDate(name, text string) (settlement.Date, error) {
	date, err := settlement.ParseDate(text)
	if err != nil {
		return date, usage("--%s: %w", name, err)
	}
	return date, nil
}
