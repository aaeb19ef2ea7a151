package command

import (
	"errors"
	"fmt"
	"strings"

	"alliance/fixtures/generate"

	"github.com/spf13/cobra"
)

// generateFlags are the flags of settle generate.
type generateFlags struct {
	out, from                string
	seed                     uint64
	merchants, members       int
	nights                   int
	rows                     int64
	lateShare, reversedShare string
	badShare                 string
	lots                     int64
	plain                    bool
	merchantShare            string
	activeShare              string
	evenMerchants            bool
	filesPerMerchant         int
	memberRows               int64
	expiringLots             int64
	formats, profiles        []string
	asJSON                   bool
}

func newGenerate() *cobra.Command {
	var flags generateFlags
	command := &cobra.Command{
		Use:   "generate",
		Short: "Make up an alliance of any size, for trials and measurements",
		Long: `generate writes the inbox and the rulebook of an alliance that does not exist: members of very different
activity who earn and spend points at merchants of very different size, with late rows, reversals and
rows that are wrong. The same flags give the same files on every machine. The directory must be empty,
or not be there yet; memory does not grow with the number of rows.

--merchant-share, --even-merchants, --files-per-merchant, --member-rows, --active-share and
--expiring-lots make nights of unusual shape, each in one way; without them a seed gives what it
always gave.`,
		Example: `  settle generate --out trial --seed 7 --merchants 20 --members 5000 --nights 14 --rows 10000 --formats csv,parquet
  settle run --root trial --rules trial/rulebook.yaml --date 2026-06-14 --catch-up
  settle generate --out skewed --nights 1 --rows 100000 --members 5000 --merchant-share 0.95 --member-rows 20000
  settle generate --out scattered --nights 1 --plain --lots 50000 --members 10000 --active-share 0.01 --expiring-lots 5000
  settle generate --out many --nights 1 --rows 20000 --merchants 2000 --even-merchants --files-per-merchant 2`,
		Args: exactly(0, "no arguments"),
		RunE: func(command *cobra.Command, _ []string) error { return flags.run(command) },
	}
	set := command.Flags()
	set.StringVar(&flags.out, "out", "", "the directory to write to: OUT/inbox, OUT/rulebook.yaml, and OUT/lots.csv with --lots")
	set.Uint64Var(&flags.seed, "seed", 1, "where the sequence of choices begins")
	set.IntVar(&flags.merchants, "merchants", 5, "how many merchants")
	set.IntVar(&flags.members, "members", 1000, "how many members")
	set.IntVar(&flags.nights, "nights", 7, "how many nights")
	set.Int64Var(&flags.rows, "rows", 1000, "how many rows a night, of all merchants together")
	set.StringVar(&flags.from, "from", "2026-06-01", "the first date, YYYY-MM-DD")
	set.StringVar(&flags.lateShare, "late-share", "0.01", "the share of rows that come one to ten days late")
	set.StringVar(&flags.reversedShare, "reversed-share", "0.02", "the share of rows that reverse another")
	set.StringVar(&flags.badShare, "bad-share", "0.005", "the share of rows that are wrong")
	set.Int64Var(&flags.lots, "lots", 0, "how many lots members bring along, for settle open --lots OUT/lots.csv")
	set.StringVar(&flags.merchantShare, "merchant-share", "0", "the share of rows that the first merchant has (0: as chance has it, the most of all)")
	set.BoolVar(&flags.evenMerchants, "even-merchants", false, "all merchants have about as many rows")
	set.IntVar(&flags.filesPerMerchant, "files-per-merchant", 1, "how many files each merchant delivers for a night")
	set.Int64Var(&flags.memberRows, "member-rows", 0, "how many rows of each night are of one member (0: as chance has it)")
	set.StringVar(&flags.activeShare, "active-share", "0", "the share of members who have all rows of a night, others every night, scattered over all (0: as chance has it)")
	set.Int64Var(&flags.expiringLots, "expiring-lots", 0, "how many of the lots that members bring along expire on the first night")
	set.BoolVar(&flags.plain, "plain", false, "issues and covered redemptions alone, nothing late, reversed or wrong: what a database can settle as well")
	set.StringSliceVar(&flags.formats, "formats", []string{"csv"}, "formats that merchants have by turns: "+strings.Join(generate.Formats, ", "))
	set.StringSliceVar(&flags.profiles, "profiles", []string{generate.Profiles[0]}, "layouts that merchants with CSV files have by turns: "+strings.Join(generate.Profiles, ", "))
	set.BoolVar(&flags.asJSON, "json", false, "print the summary as JSON")
	return command
}

func (f *generateFlags) plan(command *cobra.Command) (*generate.Plan, error) {
	plan := &generate.Plan{Seed: f.seed, Merchants: f.merchants, Members: f.members, Nights: f.nights, Rows: f.rows, Formats: f.formats,
		Lots: f.lots, Plain: f.plain, Profiles: f.profiles, Shape: generate.Shape{EvenMerchants: f.evenMerchants,
			FilesPerMerchant: f.filesPerMerchant, MemberRows: f.memberRows, ExpiringLots: f.expiringLots}}
	if f.filesPerMerchant < 1 {
		return nil, usage("--files-per-merchant %d: give 1 or more", f.filesPerMerchant)
	}
	var err error
	if plan.From, err = parseDate("from", f.from); err != nil {
		return nil, err
	}
	for _, share := range []struct {
		name, text string
		value      *int64
	}{
		{"late-share", f.lateShare, &plan.LateShare}, {"reversed-share", f.reversedShare, &plan.ReversedShare}, {"bad-share", f.badShare, &plan.BadShare},
		{"merchant-share", f.merchantShare, &plan.Shape.MerchantShare}, {"active-share", f.activeShare, &plan.Shape.ActiveShare},
	} {
		if plan.Plain && !command.Flags().Changed(share.name) {
			continue
		}
		if *share.value, err = generate.ParseShare(share.text); err != nil {
			return nil, usage("--%s %w", share.name, err)
		}
	}
	return plan, asUsage(plan.Check())
}

func asUsage(err error) error {
	if err != nil {
		return usage("%w", err)
	}
	return nil
}

func (f *generateFlags) run(command *cobra.Command) error {
	if err := required(command, "out"); err != nil {
		return err
	}
	plan, err := f.plan(command)
	if err != nil {
		return err
	}
	summary, err := generate.Write(command.Context(), f.out, plan, func(night int) {
		fmt.Fprintf(command.ErrOrStderr(), "night %d of %d is written\n", night+1, plan.Nights)
	})
	var directory *generate.DirectoryError
	if errors.As(err, &directory) {
		return usage("--out: %w", err)
	}
	if err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(command, summary)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s of %s in %s, %d bytes; %s wrong\n", count(summary.Rows, "row"), count(int64(summary.Merchants), "merchant"),
		count(summary.Files, "file"), summary.Bytes, count(summary.BadRows, "row"))
	if summary.Lots > 0 {
		fmt.Fprintf(&text, "%s of before: settle open --root %s --rules %s/rulebook.yaml --lots %s/lots.csv\n", count(summary.Lots, "lot"), f.out, f.out, f.out)
	}
	fmt.Fprintf(&text, "settle them: settle run --root %s --rules %s/rulebook.yaml --date %s --catch-up\n", f.out, f.out, summary.To)
	return printText(command, &text)
}
