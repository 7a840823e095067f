package scripthost

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/dop251/goja"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
)

// maxScriptSize is Auth0's limit for one script: 100 KB (Auth0 docs, "Custom Database Action Script Templates").
const maxScriptSize = 100_000

// Script is a script or an Action that was found fit to run, with the containers it has run in. It is run by the host
// that compiled it, and may be shared by goroutines.
type Script struct {
	program *goja.Program

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

// Compile parses a Login script: a declaration of a function named login, with or without helpers around it. It
// refuses a text above Auth0's 100 KB, one that does not name login, and what the engine does not parse or would run
// differently from Node. What the script needs besides, and the host lacks, is refused when it is used: see
// [Unsupported].
func (h *Host) Compile(source string) (*Script, error) {
	if !loginName.MatchString(source) {
		return nil, errors.New("the script defines no login function: declare `function login(identifier, password, callback)`")
	}
	return compile(source, "(function(){ ", "\n; return login; })")
}

var loginName = regexp.MustCompile(`\blogin\b`)

// CompileAction parses an Action of the trigger custom-token-exchange: a CommonJS module that exports the handler
// onExecuteCustomTokenExchange. It refuses what [Host.Compile] refuses, for the same reasons.
func (h *Host) CompileAction(source string) (*Script, error) {
	return compileAction(source, actionHandler)
}

// CompilePostLogin parses an Action of the trigger post-login, which exports onExecutePostLogin.
func (h *Host) CompilePostLogin(source string) (*Script, error) {
	return compileAction(source, postLoginHandler)
}

func compileAction(source, handler string) (*Script, error) {
	if !strings.Contains(source, handler) {
		return nil, errors.New("the Action exports no " + handler)
	}
	return compile(source, "(function(exports,module){ ", "\n})")
}

// compile parses a script inside a wrapper, which opens on the script's first line, so that line numbers hold. No
// sourceMappingURL comment is followed, which the engine would otherwise read from the disk.
func compile(source, opening, closing string) (*Script, error) {
	if len(source) > maxScriptSize {
		return nil, fmt.Errorf("the script has %d bytes, Auth0 takes at most %d: shorten it", len(source), maxScriptSize)
	}
	if err := refuseSilentFaults(source); err != nil {
		return nil, err
	}
	parsed, err := parser.ParseFile(new(file.FileSet), "script.js", opening+source+closing, 0, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, explainSyntaxError(err)
	}
	program, err := goja.CompileAST(parsed, false)
	if err != nil {
		return nil, fmt.Errorf("the engine does not compile the script: %w", err)
	}
	return &Script{program: program}, nil
}

// explainSyntaxError tells where the parser stopped.
func explainSyntaxError(err error) error {
	if list, ok := errors.AsType[parser.ErrorList](err); ok && len(list) > 0 {
		return fmt.Errorf("line %d: %s: the engine does not parse this, though Auth0's might", list[0].Position.Line, list[0].Message)
	}
	return err
}

// refuseSilentFaults refuses what the engine accepts but silently runs differently from Node.
func refuseSilentFaults(source string) error {
	for i, line := range strings.Split(source, "\n") {
		if strings.Contains(line, `\p{`) || strings.Contains(line, `\P{`) {
			return fmt.Errorf("line %d: a Unicode property escape, \\p{…}, is not in this host: it would never match", i+1)
		}
	}
	return nil
}
