package rules

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"alliance/settlement/layout"
)

var update = flag.Bool("update", false, "write rulebook.schema.json and testdata")

// TestSchemaFollowsTheParser shows that the shipped schema is what the parser's tables of keys
// say. Run with -update after a change of the tables.
func TestSchemaFollowsTheParser(t *testing.T) {
	root := object(rulebookKeys)
	root = append(ordered{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "Rulebook of a loyalty alliance"}}, root...)
	want, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "rulebook.schema.json", append(want, '\n'))
}

// golden compares with a file, or writes it.
func golden(t *testing.T, name string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s has drifted; run go test ./rules -update and look at the difference", name)
	}
}

func TestSchemaTakesTheSample(t *testing.T) {
	var root any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	source, err := readSource("sample.yaml", sample)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range validate(root, plainValue(source), "") {
		t.Error(problem)
	}
	for _, change := range [][2]string{
		{"cycle: weekly", "cycles: weekly"}, {"cycle: weekly", "cycle: yearly"}, {"wait_days: 3", "wait_days: 3661"},
		{"wait_days: 3", `wait_days: "3"`}, {`price: "0.95"`, "price: 0.95"}, {"delivers: daily", "delivers: [monday]"},
		{"  id: HUB ", "  name: x #"}, {"id: ALDER", "id: -ALDER"}, {"per_points: 100", "per_points: 0"}, {"[HUB]", "[HUB, HUB]"},
		{"required: true", `required: "true"`},
	} {
		text := strings.Replace(string(sample), change[0], change[1], 1)
		source, err := readSource("sample.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if len(validate(root, plainValue(source), "")) == 0 {
			t.Errorf("the schema takes %s", change[1])
		}
		if _, err := Parse("sample.yaml", []byte(text)); err == nil {
			t.Errorf("the parser takes %s", change[1])
		}
	}
}

// TestSampleUsesEveryKey shows that the sample is an example of every key there is.
func TestSampleUsesEveryKey(t *testing.T) {
	source, err := readSource("sample.yaml", sample)
	if err != nil {
		t.Fatal(err)
	}
	for _, missing := range unused(source, "", rulebookKeys) {
		if strings.HasPrefix(missing, "merchants.profile") {
			continue // the shops need none; the sample's profiles have every key
		}
		t.Errorf("%s is not in the sample", missing)
	}
}

// TestDocumentedKeys shows that the package's documentation names every key.
func TestDocumentedKeys(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	var walk func(keys []key)
	walk = func(keys []key) {
		for _, known := range keys {
			if !regexp.MustCompile(`\b` + known.name + `\b`).Match(text) {
				t.Errorf("doc.go says nothing of %s", known.name)
			}
			walk(known.of)
		}
	}
	walk(rulebookKeys)
}

func unused(source *value, path string, keys []key) []string {
	tables := source.items
	if source.kind == tableValue {
		tables = []*value{source}
	}
	var list []string
	for _, known := range keys {
		below := &value{kind: listValue}
		found := false
		for _, table := range tables {
			at := slices.IndexFunc(table.members, func(m member) bool { return m.name == known.name })
			if at < 0 {
				continue
			}
			found = true
			if one := table.members[at].value; known.shape == profilesShape {
				for _, entry := range one.members {
					below.items = append(below.items, entry.value)
				}
			} else if one.kind == tableValue {
				below.items = append(below.items, one)
			} else {
				below.items = append(below.items, one.items...)
			}
		}
		switch {
		case !found:
			list = append(list, path+known.name)
		case known.of != nil && known.name != "columns" && known.name != "constants":
			list = append(list, unused(below, path+known.name+".", known.of)...)
		}
	}
	return list
}

// ordered is a JSON object whose keys keep their order.
type ordered []pair

type pair struct {
	name  string
	value any
}

func (o ordered) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, one := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		value, err := json.Marshal(one.value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "%q:%s", one.name, value)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// object returns the schema of a table.
func object(keys []key) ordered {
	properties, required := ordered{}, []string{}
	for _, known := range keys {
		properties = append(properties, pair{known.name, schemaOf(known)})
		if known.required {
			required = append(required, known.name)
		}
	}
	result := ordered{{"type", "object"}, {"additionalProperties", false}}
	if len(required) > 0 {
		result = append(result, pair{"required", required})
	}
	return append(result, pair{"properties", properties})
}

const partyPattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"

// schemaOf returns the schema of a key's value.
func schemaOf(known key) ordered {
	result := ordered{{"description", known.about}}
	text := func(rest ...pair) { result = append(append(result, pair{"type", "string"}), rest...) }
	switch known.shape {
	case nameShape, columnShape:
		text(pair{"minLength", 1}, pair{"maxLength", maxNameBytes})
	case partyShape:
		text(pair{"pattern", partyPattern})
	case conditionShape:
		text(pair{"minLength", 1}, pair{"maxLength", maxCondition})
	case dateShape:
		text(pair{"pattern", "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"})
	case clockShape:
		text(pair{"pattern", clockForm.String()})
	case zoneShape:
		text(pair{"minLength", 1})
	case currencyShape:
		text(pair{"pattern", "^[A-Z]{3}$"})
	case choiceShape:
		result = append(result, pair{"enum", known.choices})
	case moneyShape, priceShape, shareShape:
		text(pair{"pattern", amountForm.String()})
	case wholeShape:
		result = append(result, pair{"type", "integer"}, pair{"minimum", known.least}, pair{"maximum", known.most})
	case truthShape:
		result = append(result, pair{"type", "boolean"})
	case partiesShape:
		items := ordered{{"type", "string"}, {"pattern", partyPattern}}
		result = append(result, pair{"type", "array"}, pair{"maxItems", known.most}, pair{"uniqueItems", true}, pair{"items", items})
	case deliveryShape:
		days := ordered{{"type", "array"}, {"minItems", 1}, {"uniqueItems", true}, {"items", ordered{{"enum", weekdays}}}}
		result = append(result, pair{"anyOf", []ordered{{{"enum", []string{"daily", "on_activity"}}}, days}})
	case reasonShape:
		text(pair{"pattern", reasonForm.String()})
	case patternShape:
		text(pair{"minLength", 1}, pair{"maxLength", layout.MaxPattern})
	case textsShape:
		items := ordered{{"type", "string"}, {"minLength", 1}, {"maxLength", maxNameBytes}}
		result = append(result, pair{"type", "array"}, pair{"minItems", known.least}, pair{"maxItems", known.most}, pair{"uniqueItems", true}, pair{"items", items})
	case kindsShape:
		result = append(result, entriesOf(known, ordered{{"enum", known.choices}})...)
	case profilesShape:
		result = append(result, entriesOf(known, object(known.of))...)
	case profileShape:
		name := ordered{{"type", "string"}, {"minLength", 1}, {"maxLength", maxNameBytes}}
		result = append(result, pair{"anyOf", []ordered{name, object(known.of)}})
	case tableShape:
		result = append(result, object(known.of)...)
	case tablesShape:
		result = append(result, pair{"type", "array"}, pair{"minItems", known.least}, pair{"maxItems", known.most}, pair{"items", object(known.of)})
	}
	return withStandard(result, known)
}

// entriesOf returns the schema of a table whose names are free.
func entriesOf(known key, one ordered) ordered {
	return ordered{{"type", "object"}, {"minProperties", known.least}, {"maxProperties", known.most},
		{"propertyNames", ordered{{"minLength", 1}, {"maxLength", maxNameBytes}}}, {"additionalProperties", one}}
}

func withStandard(result ordered, known key) ordered {
	switch {
	case known.standard == "":
		return result
	case known.shape == wholeShape:
		number, _ := strconv.Atoi(known.standard)
		return append(result, pair{"default", number})
	case known.shape == truthShape:
		return append(result, pair{"default", known.standard == "true"})
	default:
		return append(result, pair{"default", known.standard})
	}
}

// plainValue returns a value as encoding/json would, but whole numbers as int64. Dates are texts.
func plainValue(source *value) any {
	switch source.kind {
	case tableValue:
		table := map[string]any{}
		for _, one := range source.members {
			table[one.name] = plainValue(one.value)
		}
		return table
	case listValue:
		list := []any{}
		for _, item := range source.items {
			list = append(list, plainValue(item))
		}
		return list
	case wholeValue:
		number, _ := strconv.ParseInt(source.text, 10, 64)
		return number
	case truthValue:
		return source.text == "true"
	case textValue, dateValue:
		return source.text
	default:
		return nil
	}
}
