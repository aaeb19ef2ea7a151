package rules

import (
	"bytes"
	_ "embed" // for the sample
)

//go:embed sample.yaml
var sample []byte

// Sample returns the rulebook of the sample alliance, YAML.
func Sample() []byte { return bytes.Clone(sample) }
