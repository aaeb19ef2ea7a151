package rules

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
)

// validate checks a value by the part of JSON Schema that the shipped schema uses; a keyword
// it does not know is a problem too.
func validate(schema, value any, path string) (problems []string) {
	for keyword, argument := range schema.(map[string]any) {
		if !keywordHolds(keyword, argument, value) {
			problems = append(problems, fmt.Sprintf("%s: %v is against %s %v", path, value, keyword, argument))
		}
	}
	slices.Sort(problems)
	rules := schema.(map[string]any)
	if table, is := value.(map[string]any); is {
		properties, _ := rules["properties"].(map[string]any)
		for name, below := range table {
			if known, found := properties[name]; found {
				problems = append(problems, validate(known, below, path+"/"+name)...)
			} else if free, is := rules["additionalProperties"].(map[string]any); is {
				problems = append(problems, validate(free, below, path+"/"+name)...)
			} else if rules["additionalProperties"] == false {
				problems = append(problems, path+"/"+name+": unknown")
			}
		}
	}
	if list, is := value.([]any); is && rules["items"] != nil {
		for i, below := range list {
			problems = append(problems, validate(rules["items"], below, fmt.Sprintf("%s/%d", path, i))...)
		}
	}
	return problems
}

func keywordHolds(keyword string, argument, value any) bool {
	number, isNumber := value.(int64)
	text, isText := value.(string)
	list, isList := value.([]any)
	table, isTable := value.(map[string]any)
	switch keyword {
	case "$schema", "title", "description", "default", "properties", "additionalProperties", "items":
		return true
	case "type":
		_, isTruth := value.(bool)
		return map[any]bool{"integer": isNumber, "string": isText, "array": isList, "object": isTable, "boolean": isTruth}[argument]
	case "enum":
		return slices.Contains(argument.([]any), value)
	case "pattern":
		return !isText || regexp.MustCompile(argument.(string)).MatchString(text)
	case "minLength":
		return !isText || len(text) >= whole(argument)
	case "maxLength":
		return !isText || len(text) <= whole(argument)
	case "minimum":
		return !isNumber || int(number) >= whole(argument)
	case "maximum":
		return !isNumber || int(number) <= whole(argument)
	case "minItems":
		return !isList || len(list) >= whole(argument)
	case "maxItems":
		return !isList || len(list) <= whole(argument)
	case "uniqueItems":
		return !isList || unique(list)
	case "minProperties":
		return !isTable || len(table) >= whole(argument)
	case "maxProperties":
		return !isTable || len(table) <= whole(argument)
	case "propertyNames":
		for name := range table {
			if len(validate(argument, name, "")) > 0 {
				return false
			}
		}
		return true
	case "required":
		return !isTable || !slices.ContainsFunc(argument.([]any), func(name any) bool { return table[name.(string)] == nil })
	case "anyOf":
		return slices.ContainsFunc(argument.([]any), func(one any) bool { return len(validate(one, value, "")) == 0 })
	}
	return false
}

func unique(list []any) bool {
	for i := range list {
		for j := range i {
			if reflect.DeepEqual(list[i], list[j]) {
				return false
			}
		}
	}
	return true
}

// whole returns a number of the schema, which encoding/json reads as its only kind of number.
func whole(argument any) int {
	return int(reflect.ValueOf(argument).Convert(reflect.TypeFor[int64]()).Int())
}
