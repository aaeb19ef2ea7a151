package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"alliance/rules"
	"alliance/settlement/access"

	"go.yaml.in/yaml/v3"
)

const (
	// merchantInPattern stands for a merchant's id.
	merchantInPattern = "{merchant}"
	// noPrincipal stands for a merchant that gets no rights.
	noPrincipal = "none"
)

// A principalsFile says who is who at the store.
type principalsFile struct {
	Batch     names            `yaml:"batch"`
	Finance   names            `yaml:"finance"`
	Operator  names            `yaml:"operator"`
	Merchants map[string]names `yaml:"merchants"`
}

// names are one name or a list of them.
type names []string

// UnmarshalYAML takes a text or a list of texts.
func (n *names) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.SequenceNode {
		return node.Decode((*[]string)(n))
	}
	var one string
	if err := node.Decode(&one); err != nil {
		return err
	}
	if one == "" {
		return fmt.Errorf("line %d: a principal is missing; write %q for no rights at all", node.Line, noPrincipal)
	}
	*n = names{one}
	return nil
}

// readPrincipals puts together the principals of the flags, the file and the pattern, for every
// merchant of the register.
func (f *policiesFlags) readPrincipals(rulebook *rules.Rulebook) (principals access.Principals, err error) {
	var file principalsFile
	if f.principals != "" {
		if file, err = readPrincipalsFile(f.principals); err != nil {
			return principals, usage("--principals: %w", err)
		}
	}
	principals = access.Principals{
		Batch: append(file.Batch, f.batch...), Finance: append(file.Finance, f.finance...), Operator: append(file.Operator, f.operator...),
		Merchants: make(map[string][]string),
	}
	if len(principals.Batch) == 0 {
		return principals, usage("who runs the batch? --batch-principal is needed, or batch in the file of --principals")
	}
	if f.principalPattern != "" && !strings.Contains(f.principalPattern, merchantInPattern) {
		return principals, usage("--principal-pattern %q: there is no %s in it, so that all merchants had the same principal", f.principalPattern, merchantInPattern)
	}
	var missing []string
	for _, merchant := range rulebook.Merchants {
		given, known := file.Merchants[merchant.ID]
		delete(file.Merchants, merchant.ID)
		switch {
		case known && slices.Equal(given, names{noPrincipal}):
			principals.Merchants[merchant.ID] = nil
		case known && len(given) == 0:
			return principals, usage("--principals %s: merchant %s has no principal; write %q if it gets no rights", f.principals, merchant.ID, noPrincipal)
		case known:
			principals.Merchants[merchant.ID] = given
		case f.principalPattern != "":
			principals.Merchants[merchant.ID] = []string{strings.ReplaceAll(f.principalPattern, merchantInPattern, merchant.ID)}
		default:
			missing = append(missing, merchant.ID)
		}
	}
	if len(missing) > 0 {
		return principals, usage("no principal is named for %s: add them to the file of --principals (as %q if they get no rights), or give --principal-pattern",
			strings.Join(missing, ", "), noPrincipal)
	}
	var unknown []string
	for id := range file.Merchants {
		unknown = append(unknown, id)
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return principals, usage("--principals %s: %s is no merchant of the rulebook: correct it, or take it out", f.principals, strings.Join(unknown, ", "))
	}
	return principals, nil
}

func readPrincipalsFile(path string) (file principalsFile, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return file, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return file, fmt.Errorf("%s: %w", path, err)
	}
	if err := decoder.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return file, fmt.Errorf("%s: there is more than one document in it", path)
	}
	return file, nil
}
