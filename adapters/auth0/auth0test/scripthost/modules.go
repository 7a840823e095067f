package scripthost

import (
	"fmt"

	"github.com/dop251/goja"
)

// compileModules parses the modules a host is given, in the form of CommonJS.
func compileModules(sources map[string]string) map[string]*goja.Program {
	programs := make(map[string]*goja.Program, len(sources))
	for name, source := range sources {
		script, err := compile(source, "(function(exports,require,module){ ", "\n})")
		if err != nil {
			panic(fmt.Sprintf("scripthost: module %s: %v", name, err))
		}
		programs[name] = script.program
	}
	return programs
}

// moduleFunctions are what the prelude builds `require` from.
func (c *container) moduleFunctions() map[string]any {
	return map[string]any{"module": c.module}
}

// module returns the function around the text of a module, or null.
func (c *container) module(name string) (goja.Value, error) {
	program, ok := c.host.modules[name]
	if !ok {
		return goja.Null(), nil
	}
	return c.vm.RunProgram(program)
}
