// Package docs_test enforces what the documents promise of the code's structure.
package docs_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "nativebridge"

// pkg is what 'go list -json' tells of a package.
type pkg struct {
	ImportPath string
	Imports    []string
	Standard   bool
	Module     *struct{ Path, Dir string }
}

func goList(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports,Standard,Module"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// place is a package's folder within the module; false for foreign packages.
func place(importPath string) (string, bool) {
	if importPath == module {
		return ".", true
	}
	return strings.CutPrefix(importPath, module+"/")
}

func within(folder, of string) bool { return folder == of || strings.HasPrefix(folder, of+"/") }

// mayImport is the one rule: domain ← ports ← app ← adapters ← wire.go ← cmd, a
// folder imports only what stands to its left, and adapters do not import each
// other.
func mayImport(from, to string) bool {
	switch {
	case within(from, "domain"):
		return false
	case within(from, "ports"):
		return within(to, "domain") || within(to, "ports")
	case within(from, "app"):
		return within(to, "domain") || to == "ports"
	case isEmulator(from):
		return isEmulator(to) && within(to, from)
	case within(from, "adapters/internal"):
		return within(to, "domain") || within(to, "adapters/internal")
	case from == "adapters":
		return to != "." && !within(to, "cmd") && !isEmulator(to) && !isForOperators(to)
	case from == "adapters/doctor":
		return to != "." && !within(to, "cmd") && !isEmulator(to)
	case within(from, "adapters"):
		adapter := path.Join("adapters", strings.Split(from, "/")[1])
		return within(to, "domain") || to == "ports" || to == "app" || within(to, "adapters/internal") || (within(to, adapter) && !isEmulator(to))
	case from == ".":
		return !within(to, "cmd") && !isEmulator(to) && !isForOperators(to)
	case from == "cmd/native-bridge":
		return !isEmulator(to)
	}
	return within(from, "cmd") || within(from, "docs")
}

func isEmulator(folder string) bool {
	return slices.ContainsFunc(strings.Split(folder, "/"), func(part string) bool {
		return strings.HasSuffix(part, "test") && part != "portstest"
	})
}

// isForOperators says whether only setup and doctor use the folder: it links the
// vendors' management SDKs, which the part that serves must not reach.
func isForOperators(folder string) bool {
	return within(folder, "adapters/doctor") || path.Base(folder) == "tenant"
}

func TestAFolderImportsOnlyWhatStandsToItsLeft(t *testing.T) {
	packages := goList(t, "./...")
	if len(packages) < 10 {
		t.Fatalf("only %d packages found", len(packages))
	}
	for _, p := range packages {
		from, _ := place(p.ImportPath)
		for _, imported := range p.Imports {
			if to, ours := place(imported); ours && !mayImport(from, to) {
				t.Errorf("%s imports %s", from, to)
			}
		}
	}
}

func TestTheRuleForbidsWhatItIsThereFor(t *testing.T) {
	for _, tt := range [][2]string{
		{"domain", "ports"}, {"ports", "app"}, {"app", "adapters/authsignal"}, {"app", "ports/portstest"},
		{"adapters/authsignal", "adapters/auth0"}, {"adapters/authsignal", "adapters/authsignal/authsignaltest"},
		{"adapters/internal/upstream", "ports"}, {"adapters/internal/upstream", "adapters/authsignal"},
		{"adapters/authsignal/authsignaltest", "domain"}, {"adapters/authsignal/authsignaltest", "adapters/authsignal"},
		{"adapters/auth0", "adapters"}, {"adapters", "adapters/auth0/auth0test"}, {".", "cmd/sandbox"},
		{"cmd/native-bridge", "adapters/auth0/auth0test"},
		{"adapters", "adapters/auth0/tenant"}, {"adapters", "adapters/doctor"}, {".", "adapters/auth0/tenant"},
	} {
		if mayImport(tt[0], tt[1]) {
			t.Errorf("%s may import %s", tt[0], tt[1])
		}
	}
}

func TestTheCoreUsesTheStandardLibraryOnly(t *testing.T) {
	for _, p := range goList(t, "-deps", "./domain", "./ports", "./app") {
		if _, ours := place(p.ImportPath); !ours && !p.Standard {
			t.Errorf("the core depends on %s", p.ImportPath)
		}
	}
}

// served is the modules that serve can reach. Adding one is a decision, with a document
// in docs/decisions.
var served = []string{
	"github.com/beorn7/perks",
	"github.com/caarlos0/env/v11",
	"github.com/cespare/xxhash/v2",
	"github.com/felixge/httpsnoop",
	"github.com/go-chi/chi/v5",
	"github.com/go-jose/go-jose/v4",
	"github.com/go-json-experiment/json",
	"github.com/go-logr/logr",
	"github.com/go-logr/stdr",
	"github.com/google/uuid",
	"github.com/google/wire",
	"github.com/hashicorp/golang-lru",
	"github.com/munnerz/goautoneg",
	"github.com/prometheus/client_golang",
	"github.com/prometheus/client_model",
	"github.com/prometheus/common",
	"github.com/prometheus/procfs",
	"github.com/redis/go-redis/extra/rediscmd/v9",
	"github.com/redis/go-redis/extra/redisotel/v9",
	"github.com/redis/go-redis/v9",
	"github.com/rs/cors",
	"github.com/sony/gobreaker/v2",
	"github.com/spf13/cobra",
	"github.com/spf13/pflag",
	"github.com/throttled/throttled/v2",
	"go.opentelemetry.io/auto/sdk",
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
	"go.opentelemetry.io/otel",
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace",
	"go.opentelemetry.io/otel/log",
	"go.opentelemetry.io/otel/metric",
	"go.opentelemetry.io/otel/sdk",
	"go.opentelemetry.io/otel/trace",
	"go.opentelemetry.io/proto/otlp",
	"go.uber.org/atomic",
	"golang.org/x/net",
	"golang.org/x/sync",
	"golang.org/x/sys",
	"golang.org/x/text",
	"golang.org/x/time",
	"google.golang.org/protobuf",
}

// forOperators is the modules that only setup and doctor reach (docs/decisions/0037).
var forOperators = []string{
	"github.com/PuerkitoBio/rehttp",
	"github.com/auth0/go-auth0/v3",
	"github.com/lestrrat-go/blackmagic",
	"github.com/lestrrat-go/httpcc",
	"github.com/lestrrat-go/httprc",
	"github.com/lestrrat-go/iter",
	"github.com/lestrrat-go/jwx/v2",
	"github.com/lestrrat-go/option",
	"golang.org/x/crypto",
	"golang.org/x/oauth2",
}

// TestTheProductsDependenciesCanBeReadAloud fails when the product links an emulator
// or a module that is in neither list.
func TestTheProductsDependenciesCanBeReadAloud(t *testing.T) {
	wantModules(t, "./cmd/native-bridge", slices.Concat(served, forOperators))
}

// TestServeReachesNoManagementSDK looks at the graph that Wire builds, which is what
// serve runs. The command line adds cobra and its flags.
func TestServeReachesNoManagementSDK(t *testing.T) {
	commandLine := []string{"github.com/spf13/cobra", "github.com/spf13/pflag"}
	reached := slices.DeleteFunc(slices.Clone(served), func(m string) bool { return slices.Contains(commandLine, m) })
	wantModules(t, ".", reached)
}

func wantModules(t *testing.T, of string, want []string) {
	t.Helper()
	var linked []string
	for _, p := range goList(t, "-deps", of) {
		if folder, ours := place(p.ImportPath); ours && isEmulator(folder) {
			t.Errorf("%s links the emulator %s", of, folder)
		}
		if p.Module != nil && p.Module.Path != module && !slices.Contains(linked, p.Module.Path) {
			linked = append(linked, p.Module.Path)
		}
	}
	slices.Sort(linked)
	slices.Sort(want)
	if !slices.Equal(linked, want) {
		t.Errorf("%s links %q, want %q", of, linked, want)
	}
}
