package scripthost

import (
	"fmt"
	"strings"

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

// module returns the given module of that name. A version in the name, which Auth0 allows, selects the same text.
func (h *Host) module(name string) (*goja.Program, bool) {
	if program, ok := h.modules[name]; ok {
		return program, true
	}
	if bare, _, versioned := cutVersion(name); versioned {
		program, ok := h.modules[bare]
		return program, ok
	}
	return nil, false
}

// cutVersion splits name@version; the @ of a scoped package's name does not count.
func cutVersion(name string) (bare, version string, ok bool) {
	i := strings.LastIndexByte(name, '@')
	if i <= 0 {
		return name, "", false
	}
	return name[:i], name[i+1:], true
}

// moduleFunctions are what the prelude builds `require` from.
func (c *container) moduleFunctions() map[string]any {
	return map[string]any{"loadModule": c.loadModule}
}

// loadModule returns the `module` object of a given module, evaluated once for each container, or null. A module that
// is required while it is evaluated is seen half-made, as in Node.
func (c *container) loadModule(name string, require goja.Value) (goja.Value, error) {
	if module, ok := c.loaded[name]; ok {
		return module, nil
	}
	program, ok := c.host.module(name)
	if !ok {
		return goja.Null(), nil
	}
	module, exports := c.vm.NewObject(), c.vm.NewObject()
	must(module.Set("exports", exports))
	c.loaded[name] = module
	wrapper, err := c.vm.RunProgram(program)
	if err == nil {
		_, err = c.call(wrapper, exports, require, module)
	}
	if err != nil {
		delete(c.loaded, name)
		return nil, err
	}
	return module, nil
}
