package command

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"alliance/scripts/kubernetes"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newKubernetes() *cobra.Command {
	command := &cobra.Command{
		Use:     "k8s",
		Aliases: []string{"kubernetes"},
		Short:   "Print the Kubernetes Job of a manual rerun",
		Long: `k8s helps to operate settle on Kubernetes, where a CronJob runs it every night. It prints manifests and
speaks to no cluster.`,
		Example: `  settle k8s rerun --date 2026-06-01`,
		Args:    cobra.ArbitraryArgs,
		RunE: func(command *cobra.Command, arguments []string) error {
			if len(arguments) > 0 {
				return usage("there is no command %q; see %s --help", arguments[0], command.CommandPath())
			}
			return command.Help()
		},
	}
	command.AddCommand(newRerun())
	return command
}

// rerunFlags are the flags of settle k8s rerun. Those of the night itself are those of settle run.
type rerunFlags struct {
	night                           runFlags
	cronJob, name, namespace, image string
}

func newRerun() *cobra.Command {
	var flags rerunFlags
	command := &cobra.Command{
		Use:   "rerun",
		Short: "Print the Job that settles or restates a date by hand",
		Long: `rerun prints, as YAML, a Job that settles one date, or restates it: the nightly CronJob's own Job with other
arguments. Everything else is the CronJob's: where the data lies, credentials, resources, and when an
attempt is repeated. It may run beside the nightly Job: one of them wins, the other finds the date settled.

--cronjob takes the CronJob as it is in the cluster or as an overlay makes it, from a file or (-) from the
standard input; other documents in it are passed over. Without it the CronJob that comes with settle is taken,
which knows neither your image nor what your overlay adds.

The Job is removed a week after it ended. Its name is made of the date, so that the same rerun is not made
twice by mistake; --name gives it another.`,
		Example: `  kubectl -n settlement get cronjob settle -o yaml |
    settle k8s rerun --cronjob - --date 2026-06-01 | kubectl create -f -
  kubectl kustomize overlays/s3 |
    settle k8s rerun --cronjob - --date 2026-06-01 --restate --reason "CEDAR sent a wrong file"
  settle k8s rerun --date 2026-06-01 --image registry.example.com/settle@sha256:…`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.print(command) },
	}
	set := command.Flags()
	set.StringVar(&flags.night.date, "date", "", "the settlement date, YYYY-MM-DD")
	set.BoolVar(&flags.night.catchUp, "catch-up", false, "settle every unsettled date up to --date")
	set.BoolVar(&flags.night.allowMissing, "allow-missing", false, "settle although merchants are missing that the rulebook requires")
	set.BoolVar(&flags.night.strict, "strict", false, "refuse the date if there is any exception")
	set.BoolVar(&flags.night.dryRun, "dry-run", false, "compute and check everything, write nothing")
	set.BoolVar(&flags.night.restate, "restate", false, "recompute --date and every later settled date; needs --reason")
	set.StringVar(&flags.night.reason, "reason", "", "why the dates are restated, for the log")
	set.StringVar(&flags.night.approvedBy, "approved-by", "", "who agreed to the restatement, for the log")
	set.StringVar(&flags.night.operator, "operator", "", "who runs this, for the log (default: the user of the system)")
	set.StringVar(&flags.cronJob, "cronjob", "", "a file with the CronJob, or - for the standard input (default: the one that comes with settle)")
	set.StringVar(&flags.name, "name", "", "the Job's name (default: settle-rerun-DATE, or settle-restate-DATE)")
	set.StringVar(&flags.namespace, "namespace", "", "the Job's namespace (default: the CronJob's)")
	set.StringVar(&flags.image, "image", "", "the image (default: the CronJob's)")
	return command
}

func (f *rerunFlags) print(command *cobra.Command) error {
	if err := required(command, "date"); err != nil {
		return err
	}
	if _, err := parseDate("date", f.night.date); err != nil {
		return err
	}
	if err := f.night.checkRestate(); err != nil {
		return err
	}
	if f.name == "" {
		f.name = f.defaultName()
	}
	for flag, name := range map[string]string{"name": f.name, "namespace": f.namespace} {
		if err := checkName(flag, name); err != nil {
			return err
		}
	}
	f.night.operator = operator(f.night.operator)
	manifest, err := f.template(command)
	if err != nil {
		return err
	}
	job, err := f.job(command.Flags(), manifest)
	if err != nil {
		return err
	}
	_, err = command.OutOrStdout().Write(job)
	return err
}

func (f *rerunFlags) defaultName() string {
	switch {
	case f.night.restate && f.night.dryRun:
		return "settle-restate-" + f.night.date + "-dry-run"
	case f.night.restate:
		return "settle-restate-" + f.night.date
	case f.night.dryRun:
		return "settle-rerun-" + f.night.date + "-dry-run"
	default:
		return "settle-rerun-" + f.night.date
	}
}

// validName is how the cluster wants names of Jobs and namespaces.
var validName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func checkName(flag, name string) error {
	if name != "" && !validName.MatchString(name) {
		return usage("--%s %q: a name has 1 to 63 of a-z, 0-9 and -, and neither begins nor ends with -", flag, name)
	}
	return nil
}

// template returns the manifest with the CronJob.
func (f *rerunFlags) template(command *cobra.Command) (manifest []byte, err error) {
	switch f.cronJob {
	case "":
		if f.image == "" {
			fmt.Fprintln(command.ErrOrStderr(), "settle: this Job is made from the CronJob that comes with settle: its image is a placeholder, and what "+
				"your overlay adds is missing; give --cronjob the CronJob of your cluster, or at least --image")
		}
		return kubernetes.CronJob, nil
	case "-":
		if manifest, err = io.ReadAll(command.InOrStdin()); err != nil {
			return nil, fmt.Errorf("read the CronJob from the standard input: %w", err)
		}
	default:
		if manifest, err = os.ReadFile(f.cronJob); err != nil {
			return nil, usage("--cronjob: %w", err)
		}
	}
	return manifest, nil
}

// nightFlags are those flags of settle run that say what a night means: a rerun takes them from its own
// command line and never from the CronJob. All others say where and how, and stay.
var nightFlags = []string{
	"date", "catch-up", "allow-missing", "strict", "dry-run", "restate", "reason", "approved-by", "operator",
	"at", "delay", "wait-for-merchants",
}

// arguments returns those of the rerun, made of those of the CronJob; given are the flags of settle k8s rerun.
func (f *rerunFlags) arguments(given *pflag.FlagSet, template []string) ([]string, error) {
	if len(template) == 0 || template[0] != "run" {
		return nil, usage("--cronjob: the arguments of its container settle are %q, and do not begin with run", template)
	}
	nightly := newRun().Flags()
	if err := nightly.Parse(template[1:]); err != nil {
		return nil, usage("--cronjob: the arguments of its container settle: %w", err)
	}
	if nightly.NArg() > 0 {
		return nil, usage("--cronjob: the arguments of its container settle hold %q, which settle run does not take", nightly.Args())
	}
	arguments := []string{"run", "--date=" + f.night.date}
	for _, name := range nightFlags {
		if flag := given.Lookup(name); name != "date" && flag != nil && (flag.Changed || name == "operator") {
			// The cluster replaces $(NAME) in arguments, and reads $$ as $.
			arguments = append(arguments, "--"+name+"="+strings.ReplaceAll(flag.Value.String(), "$", "$$"))
		}
	}
	night := make(map[string]bool)
	for _, name := range nightFlags {
		night[name] = true
	}
	nightly.Visit(func(flag *pflag.Flag) {
		if !night[flag.Name] {
			arguments = append(arguments, "--"+flag.Name+"="+flag.Value.String())
		}
	})
	return arguments, nil
}
