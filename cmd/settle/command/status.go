package command

import "github.com/spf13/cobra"

func newStatus() *cobra.Command { return &cobra.Command{Use: "status"} }
