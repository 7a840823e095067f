package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// target is a package whose mutants are tried.
type target struct {
	listed
	module  string // its folder
	texts   map[string]string
	mutants []mutant
	dropped int // mutants that do not compile in their place
}

// listed is what 'go list -json' tells of a package.
type listed struct {
	ImportPath, Dir, Name, Export string
	GoFiles                       []string
	TestGoFiles, XTestGoFiles     []string
	Module                        *struct{ Dir string }
}

// folder is the package's place in the module.
func (t *target) folder() string {
	folder, _ := filepath.Rel(t.module, t.Dir)
	return folder
}

func goList(dir string, args ...string) ([]listed, error) {
	command := exec.Command("go", append([]string{"list", "-json=ImportPath,Dir,Name,Export,GoFiles,TestGoFiles,XTestGoFiles,Module"}, args...)...)
	command.Dir, command.Stderr = dir, os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var one listed
		if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
}

// load reads a package and finds its mutants.
func load(pkg listed) (*target, error) {
	t := &target{listed: pkg, module: pkg.Module.Dir, texts: map[string]string{}}
	exports, err := goList(pkg.Dir, "-export", "-deps", ".", "os", "strconv") // those are what switches imports
	if err != nil {
		return nil, err
	}
	imports := importerOf(exports)
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range pkg.GoFiles {
		text, err := os.ReadFile(filepath.Join(pkg.Dir, name))
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		t.texts[name] = string(text)
		files = append(files, file)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	checked, err := (&types.Config{Importer: imports(fset)}).Check(pkg.ImportPath, fset, files, info)
	if err != nil {
		return nil, err
	}
	for i, file := range files {
		if ast.IsGenerated(file) {
			continue
		}
		f := &goFile{name: filepath.Join(t.folder(), pkg.GoFiles[i]), text: t.texts[pkg.GoFiles[i]], syntax: file, fset: fset, info: info, pkg: checked}
		t.mutants = append(t.mutants, f.mutants()...)
		scripts, err := t.scripts(file)
		if err != nil {
			return nil, err
		}
		t.mutants = append(t.mutants, scripts...)
	}
	t.mutants = distinguish(t.mutants)
	return t, t.dropWhatDoesNotCompile(imports)
}

func importerOf(exports []listed) func(*token.FileSet) types.Importer {
	files := map[string]string{}
	for _, pkg := range exports {
		files[pkg.ImportPath] = pkg.Export
	}
	return func(fset *token.FileSet) types.Importer {
		return importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(files[path]) })
	}
}

// scripts returns the mutants of the JavaScript that a file embeds.
func (t *target) scripts(file *ast.File) ([]mutant, error) {
	var all []mutant
	for name := range embedded(file) {
		text, err := os.ReadFile(filepath.Join(t.Dir, name))
		if err != nil {
			return nil, err
		}
		found, err := scriptMutants(filepath.Join(t.folder(), name), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// embedded returns the scripts that a file embeds, and the variables that hold them.
func embedded(file *ast.File) map[string]string {
	scripts := map[string]string{}
	for _, decl := range file.Decls {
		general, ok := decl.(*ast.GenDecl)
		if !ok || general.Tok != token.VAR || general.Doc == nil {
			continue
		}
		for _, comment := range general.Doc.List {
			if name, ok := strings.CutPrefix(comment.Text, "//go:embed "); ok && strings.HasSuffix(name, ".js") {
				scripts[name] = general.Specs[0].(*ast.ValueSpec).Names[0].Name
			}
		}
	}
	return scripts
}

// dropWhatDoesNotCompile drops the mutants that the type checker refuses, such as
// one that names a package where a variable has that name.
func (t *target) dropWhatDoesNotCompile(imports func(*token.FileSet) types.Importer) error {
	for {
		fset := token.NewFileSet()
		var files []*ast.File
		pieces := map[string][]piece{}
		for name, text := range t.instrumented(pieces) {
			file, err := parser.ParseFile(fset, name, text, parser.SkipObjectResolution)
			if err != nil {
				return fmt.Errorf("an instrumented file does not parse: %w", err)
			}
			files = append(files, file)
		}
		var refused []int
		var foreign error
		config := types.Config{Importer: imports(fset), Error: func(err error) {
			number := 0
			failed, _ := errors.AsType[types.Error](err)
			at := fset.Position(failed.Pos)
			for _, p := range pieces[at.Filename] {
				if p.at <= at.Offset {
					number = p.number
				}
			}
			if number == 0 {
				foreign = err
			}
			refused = append(refused, number)
		}}
		if _, err := config.Check(t.ImportPath, fset, files, nil); err == nil {
			return nil
		}
		if foreign != nil {
			return foreign
		}
		before := len(t.mutants)
		t.mutants = slices.DeleteFunc(t.mutants, func(m mutant) bool { return m.edits != nil && slices.Contains(refused, m.number) })
		t.dropped += before - len(t.mutants)
	}
}

// instrumented returns the package's files with all mutants in them, and the file
// of their switches.
func (t *target) instrumented(pieces map[string][]piece) map[string]string {
	files := map[string]string{}
	for name, text := range t.texts {
		var here []mutant
		for _, m := range t.mutants {
			if m.edits != nil && filepath.Base(m.file) == name {
				here = append(here, m)
			}
		}
		files[name], pieces[name] = instrument(text, here)
	}
	last := 0
	for _, m := range t.mutants {
		last = max(last, m.number)
	}
	files["mutation_switches.go"] = fmt.Sprintf(switches, t.Name, last+1)
	return files
}
