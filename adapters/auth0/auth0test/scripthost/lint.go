package scripthost

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
)

// nodeGlobals are globals of Node 22 that the engine or the host may lack. What a container has is struck off.
var nodeGlobals = strings.Fields(`
	Atomics Blob BroadcastChannel ByteLengthQueuingStrategy CloseEvent CompressionStream CountQueuingStrategy Crypto
	CryptoKey CustomEvent DecompressionStream EventSource File FinalizationRegistry FormData Intl Iterator MessageChannel
	MessageEvent MessagePort Navigator PerformanceObserver ReadableStream SharedArrayBuffer Storage SubtleCrypto
	TextDecoderStream TextEncoderStream TransformStream WeakRef WebAssembly WebSocket WritableStream __dirname
	__filename localStorage navigator sessionStorage`)

// lackingMembers are methods nobody's own objects have, and that the host lacks or answers differently.
var lackingMembers = map[string]string{
	"formData":           "the host has no FormData",
	"blob":               "the host has no Blob",
	"getReader":          "the host has no streams",
	"pipeTo":             "the host has no streams",
	"pipeThrough":        "the host has no streams",
	"toLocaleDateString": "the engine ignores locale and time zone",
	"toLocaleTimeString": "the engine ignores locale and time zone",
}

// lint refuses what would run differently here than in Node, naming all of it with its line. What the host has is read
// off a container no script has touched.
func (h *Host) lint(program *ast.Program) error {
	h.pristine.Lock()
	defer h.pristine.Unlock()
	if h.pristine.container == nil {
		h.pristine.container = newContainer(h)
	}
	l := &linter{container: h.pristine.container, file: program.File, declared: map[string]int{}, modules: map[string]string{}, uses: map[string][]file.Idx{}}
	walk(reflect.ValueOf(program.Body), l.declare)
	walk(reflect.ValueOf(program.Body), l.check)
	l.checkHoisting()
	if len(l.findings) == 0 {
		return nil
	}
	slices.SortStableFunc(l.findings, func(a, b finding) int { return cmp.Compare(a.line, b.line) })
	var lines []string
	for _, f := range l.findings {
		lines = append(lines, fmt.Sprintf("line %d: %s", f.line, f.text))
	}
	return fmt.Errorf("the script host cannot run this script, though Auth0 might:\n%s", strings.Join(slices.Compact(lines), "\n"))
}

// linter looks at one script. It knows no scopes: a name that is declared anywhere in the script is the script's own.
type linter struct {
	*container
	file     *file.File
	declared map[string]int        // how often the script declares a name
	modules  map[string]string     // names bound to a module: const crypto = require("crypto")
	uses     map[string][]file.Idx // where a name is used
	blocks   []*ast.BlockStatement // blocks that may hold function declarations
	bodies   []*ast.BlockStatement // blocks that are bodies of functions
	assigned []ast.Node            // what the script assigns to
	findings []finding
}

type finding struct {
	line int
	text string
}

func (l *linter) report(at ast.Node, format string, args ...any) {
	line := l.file.Position(int(at.Idx0()) - l.file.Base()).Line
	l.findings = append(l.findings, finding{line, fmt.Sprintf(format, args...)})
}

// declare notes the names a node declares.
func (l *linter) declare(node any) {
	switch node := node.(type) {
	case *ast.Binding:
		l.declareTarget(node.Target)
		l.bindModule(node)
	case *ast.FunctionLiteral:
		if node.Name != nil {
			l.declared[node.Name.Name.String()]++
		}
	case *ast.ClassLiteral:
		if node.Name != nil {
			l.declared[node.Name.Name.String()]++
		}
	case *ast.ParameterList:
		l.declareTarget(node.Rest)
	case *ast.CatchStatement:
		l.declareTarget(node.Parameter)
	case *ast.ForDeclaration:
		l.declareTarget(node.Target)
	}
}

// declareTarget notes the names a binding pattern declares.
func (l *linter) declareTarget(target ast.Expression) {
	switch target := target.(type) {
	case *ast.Identifier:
		l.declared[target.Name.String()]++
	case *ast.AssignExpression: // a default
		l.declareTarget(target.Left)
	case *ast.ArrayPattern:
		for _, element := range target.Elements {
			l.declareTarget(element)
		}
		l.declareTarget(target.Rest)
	case *ast.ObjectPattern:
		for _, property := range target.Properties {
			switch property := property.(type) {
			case *ast.PropertyShort:
				l.declared[property.Name.Name.String()]++
			case *ast.PropertyKeyed:
				l.declareTarget(property.Value)
			}
		}
		l.declareTarget(target.Rest)
	}
}

// bindModule notes a name that is bound to a module, and checks the members that are taken out of one at once.
func (l *linter) bindModule(b *ast.Binding) {
	name, ok := requiredModule(b.Initializer)
	if !ok {
		return
	}
	switch target := b.Target.(type) {
	case *ast.Identifier:
		l.modules[target.Name.String()] = name
	case *ast.ObjectPattern:
		for _, property := range target.Properties {
			switch property := property.(type) {
			case *ast.PropertyShort:
				l.checkModuleMember(b, name, property.Name.Name.String())
			case *ast.PropertyKeyed:
				if key, ok := property.Key.(*ast.StringLiteral); ok && !property.Computed {
					l.checkModuleMember(b, name, key.Value.String())
				}
			}
		}
	}
}

// check looks at one node; parents come before their children.
func (l *linter) check(node any) {
	switch node := node.(type) {
	case *ast.Identifier:
		l.checkName(node)
	case *ast.PropertyShort: // { Intl } uses a name, and so does ({ Intl } = x)
		l.checkName(&node.Name)
	case *ast.DotExpression:
		l.checkMember(node)
	case *ast.CallExpression:
		l.checkCall(node, node.Callee, node.ArgumentList)
	case *ast.NewExpression:
		l.checkCall(node, node.Callee, node.ArgumentList)
	case *ast.RegExpLiteral:
		l.checkRegExp(node, node.Pattern, node.Flags)
	case *ast.AssignExpression:
		l.assigned = append(l.assigned, node.Left)
	case *ast.FunctionLiteral:
		l.bodies = append(l.bodies, node.Body)
		if node.Async && node.Generator {
			l.report(node, "async generators are not available")
		}
	case *ast.ArrowFunctionLiteral:
		if body, ok := node.Body.(*ast.BlockStatement); ok {
			l.bodies = append(l.bodies, body)
		}
	case *ast.BlockStatement:
		if !slices.Contains(l.bodies, node) {
			l.blocks = append(l.blocks, node)
		}
	}
}

// checkName refuses a global of Node that is missing here.
func (l *linter) checkName(name *ast.Identifier) {
	text := name.Name.String()
	l.uses[text] = append(l.uses[text], name.Idx)
	if l.declared[text] == 0 {
		l.checkGlobal(name, text)
	}
}

func (l *linter) checkGlobal(at ast.Node, name string) {
	if slices.Contains(nodeGlobals, name) && l.vm.GlobalObject().Get(name) == nil {
		l.report(at, "`%s` is not available", name)
	}
}

// checkMember refuses a member that a global, or a module of the host, does not have.
func (l *linter) checkMember(dot *ast.DotExpression) {
	member := dot.Identifier.Name.String()
	if why, lacking := lackingMembers[member]; lacking {
		l.report(dot, "`.%s` is not available: %s", member, why)
	}
	if module, ok := requiredModule(dot.Left); ok {
		l.checkModuleMember(dot, module, member)
		return
	}
	left, ok := dot.Left.(*ast.Identifier)
	if !ok {
		return
	}
	name := left.Name.String()
	switch module, bound := l.modules[name]; {
	case bound:
		l.checkModuleMember(dot, module, member)
	case l.declared[name] > 0 || slices.Contains(l.assigned, ast.Node(dot)):
	case name == "global" || name == "globalThis":
		l.checkGlobal(dot, member)
	default:
		if object, ok := l.vm.GlobalObject().Get(name).(*goja.Object); ok && object.Get(member) == nil {
			l.report(dot, "`%s.%s` is not available", name, member)
		}
	}
}

func (l *linter) checkModuleMember(at ast.Node, module, member string) {
	if exports := l.builtinModule(module); exports != nil && exports.Get(member) == nil {
		l.report(at, "`%s` of the module %q is not available", member, module)
	}
}

// checkCall refuses modules the host does not have, and calls whose arguments it ignores.
func (l *linter) checkCall(call ast.Node, callee ast.Expression, args []ast.Expression) {
	switch callee := callee.(type) {
	case *ast.DotExpression:
		if callee.Identifier.Name == "toLocaleString" && len(args) > 0 {
			l.report(callee, "`.toLocaleString` with a locale is not available: the engine has no Intl")
		}
	case *ast.Identifier:
		if callee.Name == "RegExp" && len(args) > 0 && l.declared["RegExp"] == 0 {
			l.checkRegExp(call, stringOf(args[0]), stringOf(at(args, 1)))
		}
		name, ok := requiredModule(call)
		if ok && l.declared["require"] == 0 && !l.host.hasModule(name) {
			l.report(call, "the module %q is not available; the host has crypto, buffer, util and url", name)
		}
	}
}

// checkRegExp refuses what the engine does not know, or silently never matches.
func (l *linter) checkRegExp(at ast.Node, pattern, flags string) {
	if i := strings.IndexAny(flags, "dv"); i >= 0 {
		l.report(at, "the regular expression flag `%c` is not available", flags[i])
	}
	if strings.ContainsAny(flags, "uv") && propertyEscape.MatchString(pattern) {
		l.report(at, "the Unicode property escape `\\p{…}` is not available: it would never match")
	}
}

var propertyEscape = regexp.MustCompile(`\\[pP]\{`)

// checkHoisting refuses functions that are declared in a block and used outside it, which only sloppy-mode browsers
// and Node allow (ECMA-262 Annex B.3.2).
func (l *linter) checkHoisting() {
	for _, block := range l.blocks {
		for _, statement := range block.List {
			function, ok := statement.(*ast.FunctionDeclaration)
			if !ok || l.declared[function.Function.Name.Name.String()] > 1 {
				continue
			}
			name := function.Function.Name.Name.String()
			for _, use := range l.uses[name] {
				if use < block.Idx0() || use > block.Idx1() {
					l.report(&ast.Identifier{Idx: use}, "`%s` is declared inside a block and used outside it, which is not available", name)
				}
			}
		}
	}
}

// requiredModule returns the name in require("name").
func requiredModule(node ast.Node) (name string, ok bool) {
	call, ok := node.(*ast.CallExpression)
	if !ok || len(call.ArgumentList) != 1 {
		return "", false
	}
	callee, ok := call.Callee.(*ast.Identifier)
	if !ok || callee.Name != "require" {
		return "", false
	}
	name = stringOf(call.ArgumentList[0])
	return name, name != ""
}

// stringOf returns the text of a string or of a template without substitutions, else "".
func stringOf(node ast.Node) string {
	switch node := node.(type) {
	case *ast.StringLiteral:
		return node.Value.String()
	case *ast.TemplateLiteral:
		if len(node.Elements) == 1 && node.Tag == nil {
			return node.Elements[0].Parsed.String()
		}
	}
	return ""
}

func at(args []ast.Expression, i int) ast.Expression {
	if i < len(args) {
		return args[i]
	}
	return nil
}

// walk visits every node of a syntax tree, parents before children. The tree has no walker of its own.
func walk(v reflect.Value, visit func(node any)) {
	switch v.Kind() {
	case reflect.Interface:
		walk(v.Elem(), visit)
	case reflect.Pointer:
		if v.IsNil() || v.Type() == reflect.TypeFor[*file.File]() {
			return
		}
		visit(v.Interface())
		walk(v.Elem(), visit)
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "DeclarationList" { // repeats bindings of the body
				walk(v.Field(i), visit)
			}
		}
	}
}

// unparsable are constructs the engine's parser does not know. They are looked for only in a text it did not parse, so
// that a match in a comment or a string does no harm.
var unparsable = []struct {
	name    string
	pattern *regexp.Regexp
}{
	{"`for await`", regexp.MustCompile(`\bfor\s+await\b`)},
	{"`import`", regexp.MustCompile(`\bimport\b\s*[({*"'\w]`)},
	{"`import.meta`", regexp.MustCompile(`\bimport\.meta\b`)},
	{"`export`", regexp.MustCompile(`(?m)^\s*export\b`)},
	{"`using`", regexp.MustCompile(`\busing\s+\w+\s*=`)},
	{"HTML-like comments", regexp.MustCompile(`<!--`)},
}

// explainSyntaxError tells where the parser stopped, and which constructs of the text it is known not to parse.
func explainSyntaxError(source string, err error) error {
	text := err.Error()
	if list, ok := errors.AsType[parser.ErrorList](err); ok && len(list) > 0 {
		text = fmt.Sprintf("line %d: %s", list[0].Position.Line, list[0].Message)
	}
	for _, construct := range unparsable {
		for _, match := range construct.pattern.FindAllStringIndex(source, -1) {
			line := 1 + strings.Count(source[:match[0]], "\n")
			text += fmt.Sprintf("\nline %d: the engine does not know %s, though Auth0 might", line, construct.name)
		}
	}
	return fmt.Errorf("the script does not parse: %s", text)
}
