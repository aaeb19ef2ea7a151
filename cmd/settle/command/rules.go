package command

import "github.com/spf13/cobra"

func newRules() *cobra.Command { return &cobra.Command{Use: "rules"} }
