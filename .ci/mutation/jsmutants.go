package main

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
	"github.com/dop251/goja/token"
)

// jsFile finds the mutants of a script.
type jsFile struct {
	name  string // in the module
	text  string
	in    string
	found []mutant
}

// scriptMutants returns the mutants of a script, in the order of their places.
func scriptMutants(name, text string) ([]mutant, error) {
	program, err := parseScript(text)
	if err != nil {
		return nil, err
	}
	f := &jsFile{name: name, text: text, in: "script"}
	f.walk(reflect.ValueOf(program.Body))
	return f.found, nil
}

func parseScript(text string) (*ast.Program, error) {
	return parser.ParseFile(new(file.FileSet), "", text, 0, parser.WithDisableSourceMaps)
}

func (f *jsFile) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		f.walk(v.Elem())
	case reflect.Pointer:
		if v.IsNil() || v.Type() == reflect.TypeFor[*file.File]() {
			return
		}
		defer func(outer string) { f.in = outer }(f.in)
		f.visit(v.Interface())
		f.walk(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			f.walk(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "DeclarationList" { // repeats bindings of the body
				f.walk(v.Field(i))
			}
		}
	}
}

func (f *jsFile) visit(node any) {
	switch node := node.(type) {
	case *ast.FunctionLiteral:
		if node.Name != nil {
			f.in = node.Name.Name.String()
		}
	case *ast.IfStatement:
		f.condition(node.Test)
	case *ast.ConditionalExpression:
		f.condition(node.Test)
	case *ast.UnaryExpression:
		if node.Operator == token.NOT {
			f.replace(node, node, f.source(node.Operand))
		}
	case *ast.BinaryExpression:
		f.binary(node)
	case *ast.BooleanLiteral:
		f.replace(node, node, strconv.FormatBool(!node.Value))
	case *ast.NumberLiteral:
		f.number(node)
	case *ast.StringLiteral:
		if text := node.Value.String(); text != "" && !isProse(text) {
			f.replace(node, node, `""`)
		}
	case *ast.TemplateLiteral:
		f.template(node)
	case *ast.RegExpLiteral:
		f.replace(node, node, "/(?:)/")
	case *ast.PropertyKeyed:
		f.property(node)
	case *ast.CallExpression:
		f.call(node)
	case *ast.ReturnStatement:
		f.returned(node)
	case *ast.ExpressionStatement:
		f.replace(node, node, "0")
	case *ast.ThrowStatement:
		f.replace(node, node, "0")
	}
}

// condition negates what a decision rests on. Operators have mutants of their own.
func (f *jsFile) condition(node ast.Expression) {
	switch node := node.(type) {
	case *ast.UnaryExpression:
		if node.Operator == token.NOT {
			return
		}
	case *ast.BinaryExpression:
		return
	}
	f.replace(node, node, "!"+f.source(node))
}

// opposites are what stands for an operator in its mutants.
var opposites = map[token.Token][]string{
	token.STRICT_EQUAL: {"!=="}, token.STRICT_NOT_EQUAL: {"==="}, token.EQUAL: {"!="}, token.NOT_EQUAL: {"=="},
	token.LESS: {"<=", ">="}, token.LESS_OR_EQUAL: {"<", ">"}, token.GREATER: {">=", "<="}, token.GREATER_OR_EQUAL: {">", "<"},
	token.PLUS: {"-"}, token.MINUS: {"+"}, token.MULTIPLY: {"/"}, token.SLASH: {"*"},
	token.LOGICAL_AND: {"||"}, token.LOGICAL_OR: {"&&"},
}

func (f *jsFile) binary(node *ast.BinaryExpression) {
	from, to := f.span(node)
	between := f.end(node.Left)
	operator := node.Operator.String()
	at := between + strings.Index(f.text[between:], operator)
	for _, other := range opposites[node.Operator] {
		f.add(node, f.text[from:at]+other+f.text[at+len(operator):to], from, to)
	}
	if node.Operator != token.LOGICAL_AND && node.Operator != token.LOGICAL_OR {
		return
	}
	for _, side := range []ast.Expression{node.Left, node.Right} {
		if inner, ok := side.(*ast.BinaryExpression); ok && inner.Operator == node.Operator {
			continue
		}
		f.condition(side)
		f.replace(node, side, strconv.FormatBool(node.Operator == token.LOGICAL_AND))
	}
}

func (f *jsFile) number(node *ast.NumberLiteral) {
	if value, ok := node.Value.(int64); ok {
		f.replace(node, node, strconv.FormatInt(value+1, 10))
		if value != 0 {
			f.replace(node, node, "0")
		}
	}
}

func (f *jsFile) template(node *ast.TemplateLiteral) {
	var text strings.Builder
	for _, element := range node.Elements {
		text.WriteString(element.Literal + " ")
	}
	if !isProse(text.String()) {
		f.replace(node, node, "``")
	}
}

func (f *jsFile) property(node *ast.PropertyKeyed) {
	if node.Kind != ast.PropertyKindValue {
		return
	}
	switch node.Value.(type) {
	case *ast.StringLiteral, *ast.NumberLiteral, *ast.BooleanLiteral, *ast.TemplateLiteral:
		return
	}
	f.replace(node, node.Value, "undefined")
}

// looser are methods that accept more, or less, than the one that was written.
var looser = map[string]string{
	"every": "some", "some": "every", "startsWith": "includes", "endsWith": "includes", "includes": "startsWith",
}

func (f *jsFile) call(node *ast.CallExpression) {
	method, ok := node.Callee.(*ast.DotExpression)
	if !ok {
		return
	}
	if other, ok := looser[method.Identifier.Name.String()]; ok {
		f.replace(node, &method.Identifier, other)
	}
	if len(node.ArgumentList) == 0 {
		f.replace(node, node, f.source(method.Left))
	}
}

func (f *jsFile) returned(node *ast.ReturnStatement) {
	switch node.Argument.(type) {
	case nil, *ast.BooleanLiteral, *ast.StringLiteral, *ast.NumberLiteral, *ast.TemplateLiteral:
		return
	case *ast.NullLiteral:
		f.replace(node, node.Argument, "{}")
		return
	}
	f.replace(node, node.Argument, "undefined")
}

// replace adds the mutant in which one node stands as text; around is what is
// shown of it.
func (f *jsFile) replace(around, node ast.Node, text string) {
	from, to := f.span(node)
	f.add(around, text, from, to)
}

func (f *jsFile) add(around ast.Node, replacement string, from, to int) {
	outerFrom, outerTo := f.span(around)
	outerFrom, outerTo = min(outerFrom, from), max(outerTo, to)
	m := mutant{
		file: f.name, line: 1 + strings.Count(f.text[:from], "\n"), in: f.in,
		old:  f.text[outerFrom:outerTo],
		new:  f.text[outerFrom:from] + replacement + f.text[to:outerTo],
		text: f.text[:from] + replacement + f.text[to:],
	}
	if _, err := parseScript(m.text); err == nil { // a few places are not where the parser says
		f.found = append(f.found, m)
	}
}

// span is where a node is. The parser forgets parentheses, so those that were cut
// in half are taken in.
func (f *jsFile) span(node ast.Node) (from, to int) {
	from, to = int(node.Idx0())-1, int(node.Idx1())-1
	for depth, i := 0, from; i < to; i++ {
		switch f.text[i] {
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				depth, from = 0, strings.LastIndexByte(f.text[:from], '(')
			}
		}
	}
	for strings.Count(f.text[from:to], "(") > strings.Count(f.text[from:to], ")") {
		next := strings.IndexByte(f.text[to:], ')')
		if next < 0 {
			break
		}
		to += next + 1
	}
	return from, to
}

// end is where a node ends.
func (f *jsFile) end(node ast.Node) int {
	_, to := f.span(node)
	return to
}

func (f *jsFile) source(node ast.Node) string {
	from, to := f.span(node)
	return f.text[from:to]
}
