package scripthost

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
)

// maxScriptSize is Auth0's limit for one script: 100 KB (Auth0 docs, "Custom Database Action Script Templates").
const maxScriptSize = 100_000

// Script is a script or an Action that was found fit to run, with the containers it has run in. It is run by the host
// that compiled it, and may be shared by goroutines.
type Script struct {
	program *goja.Program
	cache   actionCache

	mu   sync.Mutex
	idle []*container
}

func (s *Script) push(c *container) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, c)
}

// pop returns nil if no container is idle.
func (s *Script) pop() *container {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.idle) == 0 {
		return nil
	}
	c := s.idle[len(s.idle)-1]
	s.idle = s.idle[:len(s.idle)-1]
	return c
}

// Compile parses a Login script: a declaration of a function named login, with or without helpers around it, or the
// expression of one function. It refuses, naming every construct and module at fault with its line, what the engine
// or the host lacks, although Auth0 might run it; a text above Auth0's 100 KB; and a text that defines no login function.
func (h *Host) Compile(source string) (*Script, error) {
	if len(source) > maxScriptSize {
		return nil, fmt.Errorf("the script has %d bytes, Auth0 takes at most %d: shorten it", len(source), maxScriptSize)
	}
	program, err := parseLogin(source)
	if err != nil {
		return nil, err
	}
	if err := h.lint(program); err != nil {
		return nil, err
	}
	compiled, err := goja.CompileAST(program, false)
	if err != nil {
		return nil, fmt.Errorf("the script does not compile: %w", err)
	}
	return &Script{program: compiled}, nil
}

// parseLogin finds the form of the script and wraps it into a function that returns the login function. The wrapper
// opens on the script's first line, so that line numbers hold.
func parseLogin(source string) (*ast.Program, error) {
	expression := strings.TrimRight(source, "; \t\r\n")
	program, err := parse("(function(module,exports){ return (" + expression + "\n); })")
	if err == nil && returnsFunction(program) {
		return program, nil
	}
	program, err = parse("(function(module,exports){ " + source + "\n; return login; })")
	if err != nil {
		return nil, explainSyntaxError(source, err)
	}
	if !declaresLogin(program) {
		return nil, errNoLogin
	}
	return program, nil
}

var errNoLogin = errors.New("the script defines no login function: declare `function login(identifier, password, callback)`")

// parse parses without following a sourceMappingURL comment, which the engine would otherwise read from the disk.
func parse(text string) (*ast.Program, error) {
	return parser.ParseFile(new(file.FileSet), "login.js", text, 0, parser.WithDisableSourceMaps)
}

// wrapperBody returns the statements of the function parseLogin puts around a script.
func wrapperBody(program *ast.Program) []ast.Statement {
	wrapper := program.Body[0].(*ast.ExpressionStatement).Expression.(*ast.FunctionLiteral)
	return wrapper.Body.List
}

// returnsFunction reports whether the wrapped expression is a function: anonymous, or named login.
func returnsFunction(program *ast.Program) bool {
	returned, ok := wrapperBody(program)[0].(*ast.ReturnStatement)
	if !ok {
		return false
	}
	switch function := returned.Argument.(type) {
	case *ast.ArrowFunctionLiteral:
		return true
	case *ast.FunctionLiteral:
		return function.Name == nil || function.Name.Name == "login"
	}
	return false
}

// declaresLogin reports whether one of the wrapped statements declares login or assigns to it.
func declaresLogin(program *ast.Program) bool {
	return slices.ContainsFunc(wrapperBody(program), func(statement ast.Statement) bool {
		switch statement := statement.(type) {
		case *ast.FunctionDeclaration:
			return isLogin(statement.Function.Name)
		case *ast.VariableStatement:
			return bindsLogin(statement.List)
		case *ast.LexicalDeclaration:
			return bindsLogin(statement.List)
		case *ast.ExpressionStatement:
			assignment, ok := statement.Expression.(*ast.AssignExpression)
			return ok && isLogin(assignment.Left)
		}
		return false
	})
}

func bindsLogin(bindings []*ast.Binding) bool {
	return slices.ContainsFunc(bindings, func(b *ast.Binding) bool { return isLogin(b.Target) })
}

func isLogin(node ast.Node) bool {
	identifier, ok := node.(*ast.Identifier)
	return ok && identifier.Name == "login"
}
