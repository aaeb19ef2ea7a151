// Command settle closes the books of a loyalty alliance, night by night.
package main

import (
	"context"
	"os"

	"alliance/cmd/settle/command"
)

func main() {
	ctx, stop := command.WithSignals(context.Background(), os.Stderr)
	finish := startProfiles(os.Stderr)
	code := command.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	finish()
	stop()
	os.Exit(code)
}
