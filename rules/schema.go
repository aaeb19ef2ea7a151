package rules

import (
	"bytes"
	_ "embed" // for the schema
)

//go:embed rulebook.schema.json
var schema []byte

// Schema returns the JSON Schema (draft 2020-12) of rulebooks, for editors. It knows keys,
// types, choices and limits; what depends on several keys only [Parse] checks.
func Schema() []byte { return bytes.Clone(schema) }
