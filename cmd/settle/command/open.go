package command

import "github.com/spf13/cobra"

func newOpen() *cobra.Command { return &cobra.Command{Use: "open"} }
