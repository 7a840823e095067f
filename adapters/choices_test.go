package adapters_test

import (
	"crypto/rand"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"nativebridge/adapters"
	"nativebridge/adapters/auditlog/auditlogtest"
	"nativebridge/adapters/memory"
	"nativebridge/adapters/ops"
	"nativebridge/app"
	"nativebridge/ports"
)

// Whatever an adapter can do, opening it says so. What is found by reflection or by a
// type assertion is lost as soon as something wraps the adapter.
func TestNoAbilityIsFoundByAssertion(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("the files are %q, %v", files, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range file.Imports {
			if imported.Path.Value == `"reflect"` {
				t.Errorf("%s imports reflect", name)
			}
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if assertion, ok := node.(*ast.TypeAssertExpr); ok {
				t.Errorf("%s has a type assertion", set.Position(assertion.Pos()))
			}
			return true
		})
	}
}

// opened is what a configuration becomes.
type opened struct {
	config    adapters.Config
	run       adapters.Runtime
	in        adapters.Instruments
	verifiers adapters.OpenedVerifiers
	issuer    adapters.OpenedIssuer
	store     adapters.OpenedStore
	admission ports.Admission
	guard     ports.ReplayGuard
	renewals  ports.RenewalMemory
	audit     adapters.OpenedAuditLog
	tokens    ports.AccessTokenVerifier
	ended     ports.EndedSessions
}

func open(t *testing.T, environ map[string]string) opened {
	t.Helper()
	config, err := adapters.LoadConfig(environ)
	if err != nil {
		t.Fatal(err)
	}
	run := adapters.Runtime{Log: slog.New(slog.DiscardHandler), Audit: auditlogtest.New(t), Now: time.Now, Random: rand.Reader}
	in := adapters.NewInstruments(config, run, nil)
	store, closeStore, err := adapters.OpenStore(t.Context(), config, run, in)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(closeStore)
	audit, closeAudit := adapters.OpenAuditLog(config, run, in)
	t.Cleanup(closeAudit)
	issuer := adapters.OpenIssuer(config, run, in)
	return opened{
		config, run, in, adapters.OpenVerifiers(config, run, in), issuer, store,
		adapters.NewAdmission(issuer, audit, nil, in), adapters.NewGuard(store, run, in), adapters.NewRenewalMemory(store, run, in), audit,
		adapters.NewAccessTokenVerifier(config, issuer, run.Now, in),
		memory.NewEndedSessions(run.Now, time.Hour, 8),
	}
}

// watched returns the names of the parties and the outputs that readiness tells of.
func (o opened) watched(t *testing.T) (parties, streams []string) {
	t.Helper()
	health := adapters.NewHealth(o.config, o.verifiers, o.issuer, o.store, o.audit, o.run)
	w := httptest.NewRecorder()
	ops.NewServer(o.config.Ops, health, o.run.Log).Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	var told struct{ Upstreams, Streams map[string]string }
	if err := json.NewDecoder(w.Body).Decode(&told); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(told.Upstreams)), slices.Sorted(maps.Keys(told.Streams))
}

func TestWhatIsChosenIsOpenedWithAllItCanDo(t *testing.T) {
	for name, choice := range choices() {
		t.Run(name, func(t *testing.T) { open(t, choice.environ).canDoAll(t) })
	}
}

// canDoAll wants everything that the choice can do beside its ports.
func (o opened) canDoAll(t *testing.T) {
	t.Helper()
	if len(o.verifiers) != len(o.config.Verifiers) {
		t.Errorf("%d verifiers are opened, want %q", len(o.verifiers), o.config.Verifiers)
	}
	parties := []string{string(o.config.Issuer)}
	for name, verifier := range o.verifiers {
		parties = append(parties, name)
		if verifier.Warm == nil {
			t.Errorf("%s cannot be warmed up", name)
		}
		for _, choice := range adapters.Verifiers() {
			if choice.Name == name && choice.Enrols != (verifier.Enroller != nil) {
				t.Errorf("%s adds passkeys: %t, and its row says %t", name, verifier.Enroller != nil, choice.Enrols)
			}
		}
	}
	if o.config.Redis.Chosen() {
		parties = append(parties, "redis")
	}
	slices.Sort(parties)
	if got, streams := o.watched(t); !slices.Equal(got, parties) || !slices.Equal(streams, []string{"audit"}) {
		t.Errorf("readiness tells of %q and %q, want %q and the audit log", got, streams, parties)
	}
	if o.issuer.Warm == nil {
		t.Error("the issuer cannot be warmed up")
	}
	signs := o.config.Issuer == "oidc"
	if got := o.issuer.AssertionKeys != nil; got != signs {
		t.Errorf("the issuer has keys of assertions: %t, want %t", got, signs)
	}
}

func TestNoUseCaseLacksAnything(t *testing.T) {
	o := open(t, minimal())
	access, deadline, owners := adapters.NewAccessPolicy(o.config), adapters.NewDeadline(o.config), adapters.NewOwners(o.run)
	verifier := adapters.NewIdentityVerifier(o.config, o.verifiers, o.in)
	o.config.Enrolment.Audience = "https://bridge.example/passkeys"
	passkeys := adapters.NewPasskeys(o.config, o.verifiers, o.issuer, o.guard, o.audit, &app.EndSessions{}, nil, deadline, o.run.Now, owners, o.in)
	renew := adapters.NewRenewal(o.issuer, adapters.NewRenewOnce(o.config, o.renewals, o.run.Now, owners), o.audit, access, deadline, o.run.Now)
	renew.Watched = &app.WatchedSessions{} // there is none unless it is asked for
	for _, useCase := range []any{
		adapters.NewExchange(verifier, o.admission, o.guard, o.issuer, o.audit, adapters.NewSignInPolicies(o.config), access, deadline, o.run.Now, owners),
		renew,
		adapters.NewRevocation(o.issuer, adapters.NewRenewOnce(o.config, o.renewals, o.run.Now, owners), o.audit, deadline, o.run.Now),
		passkeys, passkeys.Enrol, passkeys.List, passkeys.Remove,
	} {
		fields := reflect.ValueOf(useCase).Elem()
		for i := range fields.NumField() {
			if fields.Field(i).IsZero() {
				t.Errorf("%s lacks %s", fields.Type(), fields.Type().Field(i).Name)
			}
		}
	}
}
