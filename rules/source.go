package rules

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// A valueKind is what a value looks like in the file, before anyone asks what it should be.
type valueKind uint8

const (
	textValue   valueKind = iota
	wholeValue            // an integer in plain digits
	numberValue           // any other number
	truthValue            // true or false
	dateValue             // YAML's unquoted date; JSON has none
	nullValue
	otherValue // a YAML tag that has no meaning here
	listValue
	tableValue
)

// describe says what was found, for an error.
func (v *value) describe() string {
	switch v.kind {
	case textValue, dateValue:
		return strconv.Quote(shorten(v.text))
	case wholeValue, numberValue:
		return "the number " + shorten(v.text)
	case truthValue:
		return v.text
	case nullValue:
		return "nothing"
	case listValue:
		return "a list"
	case tableValue:
		return "a table of keys"
	default:
		return "a value tagged " + shorten(v.text)
	}
}

// A value is a node of the file: YAML and JSON come to the same.
type value struct {
	line    int
	kind    valueKind
	text    string
	items   []*value
	members []member
}

// A member is a key of a table and its value.
type member struct {
	name  string
	line  int
	value *value
}

// maxText is the longest rulebook in bytes.
const maxText = 4 << 20

// readSource reads YAML or JSON, without asking yet what the keys mean.
func readSource(name string, text []byte) (*value, error) {
	fail := func(line int, format string, arguments ...any) error {
		return Errors{{name, max(line, 1), fmt.Sprintf(format, arguments...)}}
	}
	if len(text) > maxText {
		return nil, fail(1, "the rulebook has %d bytes, the limit is %d", len(text), maxText)
	}
	if bad := invalidUTF8(text); bad >= 0 {
		return nil, fail(lineAt(text, bad), "not UTF-8")
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if json.Valid(text) {
		root, err := readJSON(text)
		if err != nil {
			return nil, fail(1, "%v", err)
		}
		return root, nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fail(1, "the rulebook is empty")
		}
		line, message := yamlMessage(text, err)
		return nil, fail(line, "%s", message)
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return nil, fail(second.Line, "a second document; a rulebook is one")
	} else if !errors.Is(err, io.EOF) {
		line, message := yamlMessage(text, err)
		return nil, fail(line, "%s", message)
	}
	converter := yamlConverter{name: name, lines: 1 + yamlBreaks(text)}
	root := converter.convert(document.Content[0])
	if len(converter.errors) > 0 {
		return nil, converter.errors.sorted()
	}
	return root, nil
}

func invalidUTF8(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

func lineAt(text []byte, offset int) int { return 1 + bytes.Count(text[:offset], []byte("\n")) }

var (
	yamlLine = regexp.MustCompile(`^line (\d+): `)
	// yamlStructure are the messages about the order of tokens, not about one token.
	yamlStructure = regexp.MustCompile(`^did not find expected (key|node content|'|<)`)
	yamlBreak     = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")
	yamlAnchor    = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// yamlMessage splits the YAML reader's message into line and text. The reader names no line
// when it is the first, or that of an unknown anchor.
func yamlMessage(text []byte, err error) (int, string) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if anchor := yamlAnchor.FindStringSubmatch(message); anchor != nil {
		at := max(bytes.Index(text, []byte("*"+anchor[1])), 0)
		return lineAt(text, at), "not YAML: " + message
	}
	found := yamlLine.FindStringSubmatch(message)
	if found == nil {
		return 1, "not YAML: " + message
	}
	line, _ := strconv.Atoi(found[1])
	message = message[len(found[0]):]
	if yamlStructure.MatchString(message) {
		// The reader counts these from 0, and from where the broken part starts.
		return min(line+1, 1+yamlBreaks(text)), "not YAML: " + message + ", in what starts on this line or after it"
	}
	return line, "not YAML: " + message
}

// yamlBreaks counts what YAML takes for the end of a line.
func yamlBreaks(text []byte) int {
	return len(yamlBreak.FindAll(text, -1))
}

type yamlConverter struct {
	name string
	// lines is how many the text has. The YAML reader puts a value that is absent behind a comment that ends the text on the next one.
	lines  int
	errors Errors
}

func (c *yamlConverter) fail(line int, format string, arguments ...any) {
	c.errors = append(c.errors, &Error{c.name, line, fmt.Sprintf(format, arguments...)})
}

var plainWhole = regexp.MustCompile(`^(0|-?[1-9][0-9]*)$`)

func (c *yamlConverter) convert(node *yaml.Node) *value {
	result := &value{line: min(node.Line, c.lines)}
	switch node.Kind {
	case yaml.MappingNode:
		result.kind = tableValue
		for i := 0; i+1 < len(node.Content); i += 2 {
			key := node.Content[i]
			if key.Kind != yaml.ScalarNode {
				c.fail(key.Line, "a key that is not a word")
				continue
			}
			result.members = append(result.members, member{key.Value, key.Line, c.convert(node.Content[i+1])})
		}
	case yaml.SequenceNode:
		result.kind = listValue
		for _, item := range node.Content {
			result.items = append(result.items, c.convert(item))
		}
	case yaml.ScalarNode:
		result.kind, result.text = scalarKind(node), node.Value
		if result.kind == otherValue {
			result.text = node.Tag
		}
	default:
		c.fail(node.Line, "*%s repeats another value; write the value out", node.Value)
	}
	return result
}

func scalarKind(node *yaml.Node) valueKind {
	switch tag := node.ShortTag(); {
	case tag == "!!str":
		return textValue
	case tag == "!!int" && plainWhole.MatchString(node.Value):
		return wholeValue
	case tag == "!!bool":
		return truthValue
	case tag == "!!null":
		return nullValue
	case tag == "!!timestamp":
		return dateValue
	case tag == "!!merge":
		return textValue
	case strings.HasPrefix(tag, "!!") && tag != "!!binary":
		return numberValue
	default:
		return otherValue
	}
}

// readJSON reads JSON that is known to be valid. YAML readers take most JSON, but not all.
func readJSON(text []byte) (*value, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	reader := jsonReader{text: text, decoder: decoder, line: 1}
	return reader.next()
}

type jsonReader struct {
	text    []byte
	decoder *json.Decoder
	counted int // bytes whose lines are counted
	line    int
}

func (r *jsonReader) token() (json.Token, error) {
	token, err := r.decoder.Token()
	if err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	// A token never spans lines, so the line of its end is its line.
	end := int(r.decoder.InputOffset())
	r.line += bytes.Count(r.text[r.counted:end], []byte("\n"))
	r.counted = end
	return token, nil
}

func (r *jsonReader) next() (*value, error) {
	token, err := r.token()
	if err != nil {
		return nil, err
	}
	result := &value{line: r.line}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			return result, r.table(result)
		}
		return result, r.list(result)
	case string:
		result.kind, result.text = textValue, token
	case json.Number:
		result.kind, result.text = numberValue, token.String()
		if plainWhole.MatchString(result.text) {
			result.kind = wholeValue
		}
	case bool:
		result.kind, result.text = truthValue, strconv.FormatBool(token)
	default:
		result.kind = nullValue
	}
	return result, nil
}

func (r *jsonReader) table(result *value) error {
	result.kind = tableValue
	for r.decoder.More() {
		token, err := r.token()
		if err != nil {
			return err
		}
		line := r.line
		item, err := r.next()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		result.members = append(result.members, member{name, line, item})
	}
	_, err := r.token()
	return err
}

func (r *jsonReader) list(result *value) error {
	result.kind = listValue
	for r.decoder.More() {
		item, err := r.next()
		if err != nil {
			return err
		}
		result.items = append(result.items, item)
	}
	_, err := r.token()
	return err
}

// shorten cuts a text to what an error message bears.
func shorten(text string) string {
	const most = 64
	if len(text) <= most {
		return text
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + "…"
}
