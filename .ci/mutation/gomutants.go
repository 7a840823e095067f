package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"strconv"
	"strings"
)

// goFile finds the mutants of one file of a package.
type goFile struct {
	name   string // in the module
	text   string
	syntax *ast.File
	fset   *token.FileSet
	info   *types.Info
	pkg    *types.Package

	in      string
	parents []ast.Node
	found   []mutant
}

// mutants returns the mutants of the file, in the order of their places.
func (f *goFile) mutants() []mutant {
	for _, decl := range f.syntax.Decls {
		f.in = declared(decl)
		if general, ok := decl.(*ast.GenDecl); ok && general.Tok == token.CONST {
			f.constants(general)
			continue
		}
		ast.Inspect(decl, func(node ast.Node) bool {
			if node == nil {
				f.parents = f.parents[:len(f.parents)-1]
				return true
			}
			into := f.visit(node)
			if into {
				f.parents = append(f.parents, node)
			}
			return into
		})
	}
	return f.found
}

// declared names a declaration: Type.Method, function, or the first name.
func declared(decl ast.Decl) string {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil || len(decl.Recv.List) == 0 {
			return decl.Name.Name
		}
		receiver := strings.TrimPrefix(types.ExprString(decl.Recv.List[0].Type), "*")
		receiver, _, _ = strings.Cut(receiver, "[")
		return receiver + "." + decl.Name.Name
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				return spec.Names[0].Name
			case *ast.TypeSpec:
				return spec.Name.Name
			}
		}
	}
	return "file"
}

// visit finds the mutants at a node, and reports whether there may be more in it.
func (f *goFile) visit(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.GenDecl: // within a function
		if node.Tok == token.CONST {
			f.constants(node)
		}
		return node.Tok == token.VAR || node.Tok == token.TYPE
	case *ast.StructType, *ast.ImportSpec, *ast.ArrayType:
		return false
	case ast.Expr:
		if f.isConstant(node) {
			f.constant(node)
			return false
		}
		f.expression(node)
	case *ast.IfStmt:
		f.condition(node.Cond)
	case *ast.ForStmt:
		if node.Cond != nil {
			f.condition(node.Cond)
			f.iterations(node.Body)
		}
	case *ast.RangeStmt:
		f.iterations(node.Body)
	case *ast.CaseClause:
		f.body(node, node.Body)
		if s, ok := f.parents[len(f.parents)-2].(*ast.SwitchStmt); ok && s.Tag == nil {
			for _, condition := range node.List {
				f.condition(condition)
			}
		}
	case *ast.CommClause:
		f.body(node, node.Body)
	case *ast.ReturnStmt:
		f.returned(node)
	case ast.Stmt:
		f.statement(node)
	}
	return true
}

func (f *goFile) expression(node ast.Expr) {
	switch node := node.(type) {
	case *ast.UnaryExpr:
		if node.Op == token.NOT {
			f.condition(node.X)
		}
	case *ast.BinaryExpr:
		f.binary(node)
	case *ast.CompositeLit:
		f.fields(node)
	}
}

func (f *goFile) binary(node *ast.BinaryExpr) {
	swap := func(op token.Token) string {
		from, to := f.offset(node.OpPos), f.offset(node.OpPos)+len(node.Op.String())
		return f.text[f.offset(node.Pos()):from] + op.String() + f.text[to:f.offset(node.End())]
	}
	switch node.Op {
	case token.EQL, token.NEQ:
		opposite := map[token.Token]token.Token{token.EQL: token.NEQ, token.NEQ: token.EQL}[node.Op]
		f.wrap(node, swap(opposite), "(mutationOn(#) != (", "))")
	case token.LSS, token.LEQ, token.GTR, token.GEQ:
		near := map[token.Token]token.Token{token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR}[node.Op]
		opposite := map[token.Token]token.Token{token.LSS: token.GEQ, token.LEQ: token.GTR, token.GTR: token.LEQ, token.GEQ: token.LSS}[node.Op]
		f.wrap(node, swap(near), "(mutationOn(#) && ("+swap(near)+") || !mutationOn(#) && (", "))")
		f.wrap(node, swap(opposite), "(mutationOn(#) != (", "))")
	case token.LAND, token.LOR:
		if !f.isBool(node) {
			return
		}
		other := map[token.Token]token.Token{token.LAND: token.LOR, token.LOR: token.LAND}[node.Op]
		f.wrap(node, swap(other), "(mutationOn(#) && ("+swap(other)+") || !mutationOn(#) && (", "))")
		f.operand(node, node.X, node.Y)
		f.operand(node, node.Y, node.X)
	case token.ADD, token.SUB, token.MUL, token.QUO, token.REM:
		f.arithmetic(node, swap)
	}
}

// operand leaves one side of && or || out.
func (f *goFile) operand(node *ast.BinaryExpr, side, other ast.Expr) {
	f.condition(side)
	if inner, ok := ast.Unparen(side).(*ast.BinaryExpr); ok && inner.Op == node.Op || !f.isBool(side) {
		return
	}
	before := "(mutationOn(#) || ("
	if node.Op == token.LOR {
		before = "(!mutationOn(#) && ("
	}
	f.add(node, f.source(node), f.source(other), edit{f.offset(side.Pos()), f.offset(side.End()), before, "))", false})
}

func (f *goFile) arithmetic(node *ast.BinaryExpr, swap func(token.Token) string) {
	basic, ok := f.info.TypeOf(node).Underlying().(*types.Basic)
	if !ok || basic.Info()&types.IsNumeric == 0 {
		return
	}
	helper := map[token.Token]string{token.ADD: "Add", token.SUB: "Sub", token.MUL: "Mul", token.QUO: "Quo", token.REM: "Rem"}[node.Op]
	op := map[token.Token]token.Token{token.ADD: token.SUB, token.SUB: token.ADD, token.MUL: token.QUO, token.QUO: token.MUL, token.REM: token.MUL}[node.Op]
	at := f.offset(node.OpPos)
	f.add(node, f.source(node), swap(op),
		edit{f.offset(node.Pos()), f.offset(node.End()), "mutation" + helper + "(#, ", ")", false},
		edit{at, at + 1, ",", "", true})
}

// condition negates what a decision rests on. Comparisons have mutants of their
// own, and so do the operators.
func (f *goFile) condition(node ast.Expr) {
	switch node := ast.Unparen(node).(type) {
	case *ast.UnaryExpr, *ast.BinaryExpr:
		return
	default:
		if f.isBool(node) && !f.isConstant(node) {
			f.wrap(node, "!"+f.source(node), "(mutationOn(#) != (", "))")
		}
	}
}

// fields leaves the fields of a struct out, one by one.
func (f *goFile) fields(node *ast.CompositeLit) {
	structure, ok := f.info.TypeOf(node).Underlying().(*types.Struct)
	if !ok {
		return
	}
	for _, element := range node.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok || f.isZero(pair.Value) || f.isLiteral(pair.Value) {
			continue
		}
		for field := range structure.Fields() {
			if field.Name() == pair.Key.(*ast.Ident).Name {
				f.zeroField(pair, field.Type())
			}
		}
	}
}

func (f *goFile) zeroField(pair *ast.KeyValueExpr, of types.Type) {
	before := "mutationZero(#, "
	if name, ok := f.typeName(of); ok {
		before = "mutationZero[" + name + "](#, "
	}
	f.add(pair, f.source(pair), f.source(pair.Key)+": (zero)", edit{f.offset(pair.Value.Pos()), f.offset(pair.Value.End()), before, ")", false})
}

// returned replaces each of the results by its zero value, and true and false by
// each other.
func (f *goFile) returned(node *ast.ReturnStmt) {
	results := f.results()
	if len(node.Results) == 1 && len(results) > 1 {
		f.returnedCall(node, results)
		return
	}
	for i, value := range node.Results {
		f.condition(value)
		zero := f.zero(results[i])
		switch name := f.source(value); {
		case name == "false" && f.failing(node):
			continue // with an error it means nothing
		case name == "false":
			zero = "true"
		case f.isZero(value) || f.isLiteral(value) || f.isBool(value) && !f.isConstant(value):
			continue
		}
		values := make([]string, len(node.Results))
		for j, other := range node.Results {
			values[j] = f.source(other)
		}
		values[i] = zero
		mutated := "return " + strings.Join(values, ", ")
		f.add(node, f.source(node), mutated, edit{f.offset(node.Pos()), f.offset(node.Pos()), "if mutationOn(#) { " + mutated + " }; ", "", false})
	}
}

// failing reports whether a function returns an error.
func (f *goFile) failing(node *ast.ReturnStmt) bool {
	last := node.Results[len(node.Results)-1]
	results := f.results()
	return f.info.TypeOf(results[len(results)-1]).String() == "error" && !f.isZero(last)
}

func (f *goFile) returnedCall(node *ast.ReturnStmt, results []ast.Expr) {
	for i, result := range results {
		var names, values []string
		for j := range results {
			name := fmt.Sprint("mutationResult", j)
			value := name
			if i == j {
				name, value = "_", f.zero(result)
			}
			names, values = append(names, name), append(values, value)
		}
		mutated := fmt.Sprintf("if mutationOn(#) { %s := %s; return %s }; ",
			strings.Join(names, ", "), f.source(node.Results[0]), strings.Join(values, ", "))
		f.add(node, f.source(node), fmt.Sprintf("the same with result %d zero", i+1), edit{f.offset(node.Pos()), f.offset(node.Pos()), mutated, "", false})
	}
}

// results are the types of the innermost function's results, one each.
func (f *goFile) results() []ast.Expr {
	var list *ast.FieldList
	for i := len(f.parents) - 1; i >= 0 && list == nil; i-- {
		switch node := f.parents[i].(type) {
		case *ast.FuncLit:
			list = node.Type.Results
		case *ast.FuncDecl:
			list = node.Type.Results
		default:
			continue
		}
		break
	}
	var all []ast.Expr
	if list == nil {
		return nil
	}
	for _, field := range list.List {
		for range max(1, len(field.Names)) {
			all = append(all, field.Type)
		}
	}
	return all
}

func (f *goFile) zero(of ast.Expr) string {
	t := f.info.TypeOf(of)
	switch under := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case under.Info()&types.IsString != 0:
			return `""`
		case under.Info()&types.IsBoolean != 0:
			return "false"
		case under.Info()&types.IsNumeric != 0:
			return "0"
		}
	case *types.Pointer, *types.Slice, *types.Map, *types.Chan, *types.Signature:
		return "nil"
	case *types.Interface:
		if _, parameter := t.(*types.TypeParam); !parameter {
			return "nil"
		}
	}
	return "*new(" + f.source(of) + ")"
}

// statement removes statements that are there for their effect.
func (f *goFile) statement(node ast.Stmt) {
	if !f.isInList(node) {
		return
	}
	switch node := node.(type) {
	case *ast.ExprStmt:
		if call, ok := node.X.(*ast.CallExpr); !ok || f.calls(call, "panic") {
			return
		}
	case *ast.AssignStmt:
		if node.Tok == token.DEFINE || f.isBlank(node) {
			return
		}
		f.compound(node)
	case *ast.DeferStmt:
		if t := f.info.TypeOf(node.Call.Fun); t != nil && t.String() == "context.CancelFunc" {
			return // frees a timer, which nobody can see
		}
	case *ast.GoStmt, *ast.SendStmt, *ast.IncDecStmt:
	case *ast.BranchStmt:
		if node.Tok != token.BREAK && node.Tok != token.CONTINUE {
			return
		}
	default:
		return
	}
	f.wrap(node, "(removed)", "if !mutationOn(#) { ", " }")
}

func (f *goFile) compound(node *ast.AssignStmt) {
	op, ok := map[token.Token]token.Token{
		token.ADD_ASSIGN: token.SUB_ASSIGN, token.SUB_ASSIGN: token.ADD_ASSIGN,
		token.MUL_ASSIGN: token.QUO_ASSIGN, token.QUO_ASSIGN: token.MUL_ASSIGN,
	}[node.Tok]
	if !ok { // also for _ = x, whose left side has no type
		return
	}
	if basic, numeric := f.info.TypeOf(node.Lhs[0]).Underlying().(*types.Basic); !numeric || basic.Info()&types.IsNumeric == 0 {
		return
	}
	mutated := f.source(node.Lhs[0]) + " " + op.String() + " " + f.source(node.Rhs[0])
	f.wrap(node, mutated, "if mutationOn(#) { "+mutated+" } else { ", " }")
}

// iterations lets a loop run not at all, or once.
func (f *goFile) iterations(body *ast.BlockStmt) {
	if len(body.List) == 0 {
		return
	}
	loop := f.text[f.offset(body.Pos())+1 : f.offset(body.List[0].End())]
	first, last := f.offset(body.List[0].Pos()), body.List[len(body.List)-1]
	f.add(body, "loop: "+loop, "not at all", edit{first, first, "if mutationOn(#) { break }; ", "", false})
	if !terminates(last) {
		end := f.offset(body.Rbrace)
		f.add(body, "loop: "+loop, "once", edit{end, end, "; if mutationOn(#) { break }; ", "", false})
	}
}

// body empties a case.
func (f *goFile) body(node ast.Node, list []ast.Stmt) {
	if len(list) < 2 || terminates(list[len(list)-1]) { // with one statement, its own mutant is the same
		return
	}
	from, to := f.offset(list[0].Pos()), f.offset(list[len(list)-1].End())
	f.add(node, f.text[from:to], "(removed)", edit{from, to, "if !mutationOn(#) { ", " }", false})
}

func terminates(node ast.Stmt) bool {
	switch node := node.(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	case *ast.ExprStmt:
		call, ok := node.X.(*ast.CallExpr)
		return ok && types.ExprString(call.Fun) == "panic"
	case *ast.IfStmt, *ast.ForStmt, *ast.SwitchStmt, *ast.TypeSwitchStmt, *ast.SelectStmt, *ast.BlockStmt, *ast.LabeledStmt:
		return true // perhaps, and then the compiler wants it to stay
	}
	return false
}

// constant changes the literals of a constant expression within a function or a
// variable.
func (f *goFile) constant(node ast.Expr) {
	if f.mustBeConstant(node) {
		return
	}
	before := "mutationPick("
	if t := f.info.TypeOf(node); t != nil {
		name, ok := f.typeName(types.Default(t))
		if !ok {
			return
		}
		before = "mutationPick[" + name + "]("
	}
	f.literals(node, func(literal *ast.BasicLit, replacement string) {
		from, to := f.offset(node.Pos()), f.offset(node.End())
		at := f.offset(literal.Pos())
		mutated := f.text[from:at] + replacement + f.text[f.offset(literal.End()):to]
		f.add(literal, f.source(node), f.changed(node, literal, replacement), edit{from, to, before + "#, " + mutated + ", ", ")", false})
	})
}

// constants changes the literals of declared constants. Each is built by itself.
func (f *goFile) constants(decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		spec := spec.(*ast.ValueSpec)
		outer := f.in
		if len(f.parents) == 0 {
			f.in = spec.Names[0].Name
		}
		for _, value := range spec.Values {
			f.literals(value, func(literal *ast.BasicLit, replacement string) {
				f.add(literal, f.source(value), f.changed(value, literal, replacement))
				m := &f.found[len(f.found)-1]
				m.text = f.text[:f.offset(literal.Pos())] + replacement + f.text[f.offset(literal.End()):]
			})
		}
		f.in = outer
	}
}

// literals calls yield with each literal in node, and with what to put in its
// place: 0 and one more for an integer, "" for a string.
func (f *goFile) literals(node ast.Expr, yield func(*ast.BasicLit, string)) {
	if f.isMessage(node) {
		return
	}
	ast.Inspect(node, func(inner ast.Node) bool {
		literal, ok := inner.(*ast.BasicLit)
		if !ok {
			return true
		}
		switch literal.Kind {
		case token.INT:
			value, _ := constant.Int64Val(constant.MakeFromLiteral(literal.Value, literal.Kind, 0))
			yield(literal, strconv.FormatInt(value+1, 10))
			if value != 0 {
				yield(literal, "0")
			}
		case token.STRING:
			if text, err := strconv.Unquote(literal.Value); err == nil && text != "" && !isProse(text) {
				yield(literal, `""`)
			}
		}
		return true
	})
}

func (f *goFile) changed(node ast.Expr, literal *ast.BasicLit, replacement string) string {
	return f.text[f.offset(node.Pos()):f.offset(literal.Pos())] + replacement + f.text[f.offset(literal.End()):f.offset(node.End())]
}

// isMessage reports whether node is a text for people: an argument of what makes
// errors, logs or panics.
func (f *goFile) isMessage(node ast.Expr) bool {
	for i := len(f.parents) - 1; i >= 0; i-- {
		switch parent := f.parents[i].(type) {
		case *ast.FuncLit, ast.Stmt:
			return false
		case *ast.BinaryExpr: // a text in pieces
			if parent.Op == token.ADD && isProse(f.pieces(parent)) {
				return true
			}
		case *ast.CallExpr:
			if node.Pos() > parent.Lparen && f.calls(parent, "panic", "errors.New", "fmt.Errorf", "log", "log/slog") {
				return true
			}
		}
	}
	return false
}

// pieces joins the strings that an expression is put together from.
func (f *goFile) pieces(node ast.Expr) string {
	var all strings.Builder
	ast.Inspect(node, func(inner ast.Node) bool {
		if value := f.valueOf(inner); value != nil && value.Kind() == constant.String {
			all.WriteString(constant.StringVal(value))
			return false
		}
		return true
	})
	return all.String()
}

func (f *goFile) valueOf(node ast.Node) constant.Value {
	expression, ok := node.(ast.Expr)
	if !ok {
		return nil
	}
	return f.info.Types[expression].Value
}

// calls reports whether a call is of one of these functions, or of a function or
// method of one of these packages.
func (f *goFile) calls(call *ast.CallExpr, names ...string) bool {
	var name *ast.Ident
	switch fun := ast.Unparen(call.Fun).(type) {
	case *ast.Ident:
		name = fun
	case *ast.SelectorExpr:
		name = fun.Sel
	default:
		return false
	}
	object := f.info.Uses[name]
	if object == nil {
		return false
	}
	full, of := object.Name(), ""
	if object.Pkg() != nil {
		of = object.Pkg().Path()
		full = of + "." + full
	}
	for _, wanted := range names {
		if wanted == full || of != "" && wanted == of {
			return true
		}
	}
	return false
}

// mustBeConstant reports whether the language wants a constant where node is.
func (f *goFile) mustBeConstant(node ast.Expr) bool {
	pair, ok := f.parents[len(f.parents)-1].(*ast.KeyValueExpr)
	if !ok || pair.Key != node {
		return false
	}
	literal, ok := f.parents[len(f.parents)-2].(*ast.CompositeLit)
	if !ok {
		return false
	}
	switch f.info.TypeOf(literal).Underlying().(type) {
	case *types.Array, *types.Slice:
		return true
	}
	return false
}

func (f *goFile) isConstant(node ast.Expr) bool {
	t := f.info.Types[node]
	return t.Value != nil
}

// isLiteral reports whether a value has mutants of its own that make it zero.
func (f *goFile) isLiteral(node ast.Expr) bool {
	literal, ok := ast.Unparen(node).(*ast.BasicLit)
	return ok && (literal.Kind == token.INT || literal.Kind == token.STRING)
}

func (f *goFile) isZero(node ast.Expr) bool {
	if t := f.info.Types[node]; t.IsNil() {
		return true
	} else if t.Value != nil {
		switch t.Value.Kind() {
		case constant.String:
			return constant.StringVal(t.Value) == ""
		case constant.Bool:
			return !constant.BoolVal(t.Value)
		case constant.Int:
			return constant.Sign(t.Value) == 0
		}
		return false
	}
	literal, ok := node.(*ast.CompositeLit)
	if !ok || len(literal.Elts) > 0 {
		return false
	}
	switch f.info.TypeOf(literal).Underlying().(type) {
	case *types.Struct, *types.Array:
		return true
	}
	return false
}

func (f *goFile) isBool(node ast.Expr) bool {
	basic, ok := f.info.TypeOf(node).(*types.Basic)
	return ok && basic.Info()&types.IsBoolean != 0
}

func (f *goFile) isBlank(node *ast.AssignStmt) bool {
	for _, left := range node.Lhs {
		if name, ok := left.(*ast.Ident); !ok || name.Name != "_" {
			return false
		}
	}
	return true
}

// isInList reports whether a statement stands in a list, where an if may stand
// for it.
func (f *goFile) isInList(node ast.Stmt) bool {
	var list []ast.Stmt
	switch parent := f.parents[len(f.parents)-1].(type) {
	case *ast.BlockStmt:
		list = parent.List
	case *ast.CaseClause:
		list = parent.Body
	case *ast.CommClause:
		list = parent.Body
	}
	for _, other := range list {
		if other == node {
			return true
		}
	}
	return false
}

// typeName spells a type as this file can, if it can.
func (f *goFile) typeName(t types.Type) (string, bool) {
	known := true
	name := types.TypeString(t, func(p *types.Package) string {
		if p == f.pkg {
			return ""
		}
		for _, spec := range f.syntax.Imports {
			if path, _ := strconv.Unquote(spec.Path.Value); path == p.Path() {
				if spec.Name != nil {
					return spec.Name.Name
				}
				return p.Name()
			}
		}
		known = false
		return p.Name()
	})
	return name, known && !strings.Contains(name, "struct{") && !strings.HasPrefix(name, "untyped")
}

// wrap adds a mutant that stands around a node.
func (f *goFile) wrap(node ast.Node, mutated, before, after string) {
	f.add(node, f.source(node), mutated, edit{f.offset(node.Pos()), f.offset(node.End()), before, after, false})
}

func (f *goFile) add(node ast.Node, old, mutated string, edits ...edit) {
	f.found = append(f.found, mutant{
		file: f.name, line: f.fset.Position(node.Pos()).Line, in: f.in, old: old, new: mutated, edits: edits,
	})
}

func (f *goFile) offset(pos token.Pos) int { return f.fset.Position(pos).Offset }

func (f *goFile) source(node ast.Node) string {
	return f.text[f.offset(node.Pos()):f.offset(node.End())]
}
