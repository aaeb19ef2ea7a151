// Command settle closes the books of a loyalty alliance, night by night.
package main

import (
	"context"
	"os"

	"alliance/cmd/settle/command"
)

func main() {
	os.Exit(command.Main(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
