// Package auditlogtest holds the audit lines of tests against docs/audit.schema.json, the
// form that readers of the audit log rely on.
package auditlogtest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Lines is an io.Writer for the output of an audit log. It fails its test at each line
// that is not of the documented form. It is safe for concurrent use.
type Lines struct {
	t      testing.TB
	schema *jsonschema.Schema

	mu   sync.Mutex
	rest []byte // the beginning of a line whose end is still to come
	seen int
}

// New returns an output for the audit log of a test.
func New(t testing.TB) *Lines {
	t.Helper()
	schema, err := compile()
	if err != nil {
		t.Fatal(err)
	}
	return &Lines{t: t, schema: schema}
}

// Check fails the test at each line of text that is not of the documented form.
func Check(t testing.TB, text string) {
	t.Helper()
	_, _ = New(t).Write([]byte(text))
}

// Write takes lines, or parts of them. It never fails.
func (l *Lines) Write(text []byte) (int, error) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, text...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(text), nil
		}
		l.seen++
		if err := valid(l.schema, line); err != nil {
			l.t.Errorf("an audit line is not as docs/audit.schema.json says: %v\n%s", err, line)
		}
		l.rest = rest
	}
}

// Seen returns how many whole lines were taken.
func (l *Lines) Seen() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen
}

// Valid returns what is wrong with a line, or nil.
func Valid(line []byte) error {
	schema, err := compile()
	if err != nil {
		return err
	}
	return valid(schema, line)
}

func valid(schema *jsonschema.Schema, line []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// compile reads the schema. Formats are held to, which is not the default.
func compile() (*jsonschema.Schema, error) {
	path, err := document()
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return schema, nil
}

// document finds the schema from the folder of any package of this module, which is where
// its tests run.
func document() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return filepath.Join(folder, "docs", "audit.schema.json"), nil
		}
		if folder == filepath.Dir(folder) {
			return "", errors.New("no go.mod above this folder: run tests of audit lines in their own package")
		}
		folder = filepath.Dir(folder)
	}
}
