package rules

import (
	"fmt"
	"slices"
	"strings"

	"alliance/settlement"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// The names that conditions know.
var (
	priceVariables = []string{"issuer.id", "issuer.category", "redeemer.id", "redeemer.category", "reason"}
	feeVariables   = priceVariables[:4]
)

// condition is a compiled `when`. It is safe for concurrent use.
type condition struct {
	text    string
	program cel.Program
	// asksReason is true if the reason can change the outcome.
	asksReason bool
}

// facts is what a condition is asked about. It implements [cel.Activation].
type facts struct {
	issuerID, issuerCategory, redeemerID, redeemerCategory, reason string
}

// ResolveName returns the value of a name.
func (f *facts) ResolveName(name string) (any, bool) {
	switch name {
	case "issuer.id":
		return f.issuerID, true
	case "issuer.category":
		return f.issuerCategory, true
	case "redeemer.id":
		return f.redeemerID, true
	case "redeemer.category":
		return f.redeemerCategory, true
	case "reason":
		return f.reason, true
	}
	return nil, false
}

// Parent returns nil: there are no other names.
func (f *facts) Parent() cel.Activation { return nil }

// holds evaluates the condition; none is always true. A condition that got through
// [compiler.compile] cannot fail.
func (c *condition) holds(about *facts) bool {
	if c == nil {
		return true
	}
	outcome, _, err := c.program.Eval(about)
	if err != nil {
		panic(fmt.Sprintf("rules: condition %s failed: %v", c.text, err))
	}
	return outcome == types.True
}

// facts returns what conditions may ask about a pair of parties.
func (r *Rulebook) facts(issuer, redeemer settlement.Party, reason string) *facts {
	about := &facts{issuerID: r.Parties.ID(issuer), redeemerID: r.Parties.ID(redeemer), reason: reason}
	if merchant := r.merchants[issuer]; merchant != nil {
		about.issuerCategory = merchant.Category
	}
	if merchant := r.merchants[redeemer]; merchant != nil {
		about.redeemerCategory = merchant.Category
	}
	return about
}

// A compiler compiles the conditions of one table.
type compiler struct {
	variables   []string
	environment *cel.Env
}

// condition reads a conditionShape: its text and what it compiles to.
func (f *fields) condition(name string, with *compiler) (string, *condition) {
	text, source, ok := f.scalar(name, "a condition")
	if !ok {
		return "", nil
	}
	compiled, problem := with.compile(text)
	if problem != "" {
		f.wrong(source, name, "%s", problem)
		return "", nil
	}
	return text, compiled
}

// compile returns the condition, or what is wrong with it.
func (c *compiler) compile(text string) (*condition, string) {
	if strings.TrimSpace(text) == "" {
		return nil, "is empty; leave the key out"
	}
	if len(text) > maxCondition {
		return nil, fmt.Sprintf("has %d bytes, the limit is %d", len(text), maxCondition)
	}
	checked, issues := c.env().Compile(text)
	if issues != nil && len(issues.Errors()) > 0 {
		first := issues.Errors()[0]
		message := strings.TrimSuffix(first.Message, " (in container '')")
		if strings.Contains(message, "undeclared reference") {
			message += "; known are " + strings.Join(c.variables, ", ")
		}
		return nil, fmt.Sprintf("%s, at character %d of the condition", message, first.Location.Column()+1)
	}
	if !checked.OutputType().IsExactType(cel.BoolType) {
		return nil, fmt.Sprintf("the condition is %s, it must be true or false", checked.OutputType())
	}
	native := checked.NativeRep()
	if problem := mayFail(native); problem != "" {
		return nil, problem
	}
	program, err := c.env().Program(checked)
	if err != nil {
		return nil, err.Error()
	}
	compiled := &condition{text: text, program: program, asksReason: names(native, "reason")}
	// Constant parts are evaluated while planning; this shows that the rest runs too.
	if _, _, err := program.Eval(&facts{}); err != nil {
		return nil, "the condition fails: " + err.Error()
	}
	return compiled, ""
}

func (c *compiler) env() *cel.Env {
	if c.environment != nil {
		return c.environment
	}
	options := []cel.EnvOption{cel.ASTValidators(
		cel.ValidateRegexLiterals(),
		cel.ValidateHomogeneousAggregateLiterals(),
		cel.ValidateComprehensionNestingLimit(1),
	)}
	for _, name := range c.variables {
		options = append(options, cel.Variable(name, cel.StringType))
	}
	environment, err := cel.NewEnv(options...)
	if err != nil {
		panic("rules: the environment of conditions: " + err.Error())
	}
	c.environment = environment
	return environment
}

// total lists the overloads that have a value for every argument: whatever a night brings,
// a condition made of them cannot fail.
var total = []string{
	"conditional", "logical_and", "logical_or", "logical_not", "not_strictly_false", "equals", "not_equals",
	"less_string", "less_equals_string", "greater_string", "greater_equals_string",
	"less_int64", "less_equals_int64", "greater_int64", "greater_equals_int64",
	"in_list", "add_string", "add_list", "size_string", "string_size", "size_list", "list_size",
	"contains_string", "ends_with_string", "starts_with_string", "matches", "matches_string",
}

const totalNames = "==, !=, <, <=, >, >=, &&, ||, !, ?:, in [...], + of texts, size, contains, startsWith, endsWith, matches, exists, all"

// mayFail returns what in a checked expression could fail when it is evaluated.
func mayFail(checked *ast.AST) (problem string) {
	visit := func(expression ast.Expr) {
		if problem != "" {
			return
		}
		switch expression.Kind() {
		case ast.CallKind:
			problem = callMayFail(checked, expression)
		case ast.MapKind, ast.StructKind, ast.SelectKind:
			problem = "the condition may use neither maps nor fields of anything but issuer and redeemer"
		}
	}
	ast.PostOrderVisit(checked.Expr(), ast.NewExprVisitor(visit))
	return problem
}

func callMayFail(checked *ast.AST, expression ast.Expr) string {
	call := expression.AsCall()
	for _, overload := range checked.GetOverloadIDs(expression.ID()) {
		if !slices.Contains(total, overload) {
			return fmt.Sprintf("the condition uses %s (%s), which may fail; allowed are %s",
				strings.Trim(call.FunctionName(), "_@"), overload, totalNames)
		}
	}
	if call.FunctionName() == "matches" {
		pattern := call.Args()[len(call.Args())-1]
		if pattern.Kind() != ast.LiteralKind {
			return "the pattern of matches must be written out"
		}
	}
	return ""
}

// names reports whether the expression uses a name.
func names(checked *ast.AST, name string) (found bool) {
	ast.PostOrderVisit(checked.Expr(), ast.NewExprVisitor(func(expression ast.Expr) {
		if expression.Kind() == ast.IdentKind && strings.TrimPrefix(expression.AsIdent(), ".") == name {
			found = true
		}
	}))
	return found
}
