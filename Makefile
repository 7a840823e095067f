# Native Bridge. 'make' alone lists what there is.

GOLANGCI_LINT_VERSION := v2.15.0
GORELEASER_VERSION    := v2.15.1
SYFT_VERSION          := v1.57.1
GOVULNCHECK_VERSION   := v1.9.0
VULNDB_VERSION        := v0.0.0-20261105234957-e22db6528018 # Go's database of vulnerabilities, of that day

GO        ?= go
LINT      := bin/golangci-lint-$(GOLANGCI_LINT_VERSION)
RELEASER  := bin/goreleaser-$(GORELEASER_VERSION)
SYFT      := bin/syft-$(SYFT_VERSION)
GOVULN    := bin/govulncheck-$(GOVULNCHECK_VERSION)
WEB       := cmd/sandbox/web
KEYCLOAKS := .ci/witnesses/keycloak
GENERATED := wire_gen.go ports/portsmock/portsmock.go docs/configuration.md adapters/httpapi/openapi.yaml docs/choosing-an-issuer.md docs/doctor.md docs/operate/helm/native-bridge/values.schema.json THIRD_PARTY_LICENSES.txt

.PHONY: help run test properties witnesses check drift lint core model generate build release-check snapshot release vulnerabilities fuzz mutation bench needs page picture clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Built and not 'go run', which calls Ctrl-C a failure.
run: ## start the sandbox and sign in once; ONCE=1 exits after that, ISSUER=oidc uses another issuer, ISSUER=keycloak a real one, TENANT=FILE a real tenant
	@$(MAKE) --no-print-directory page OPTIONAL=1
	@$(GO) build -o bin/sandbox ./cmd/sandbox
	@$(if $(filter keycloak,$(ISSUER)),$(KEYCLOAKS)/with $(KEYCLOAKS)/sandbox,$(if $(ISSUER),TOKEN_ISSUER=$(ISSUER)) bin/sandbox) $(if $(ONCE),--once) $(if $(TENANT),--tenant $(TENANT)) $(if $(ENROL),--enrol '$(ENROL)')

test: needs page ## install what the tests need and run all of them
	@mkdir -p bin
	WITNESSES=$(CURDIR)/bin/witnesses $(GO) test -race -timeout 25m ./cmd/... ./... # the longest first
	$(GO) -C adapters/oidc/fositetest test -race ./...
	$(GO) -C adapters/auth0/tenant/hcltest test -race ./...
	$(GO) -C docs/operate/helm/helmtest test -vet=off ./... # no vet: that would read all of Kubernetes
	$(GO) test ./.ci/mutation ./.ci/bench ./.ci/capacity ./.ci/witnesses
	@cat bin/witnesses

properties: ## have Schemathesis try the sandbox' bridge by docs/openapi.yaml; needs Python 3.11 or newer
	@$(GO) build -o bin/sandbox ./cmd/sandbox
	@.ci/properties/run

witnesses: build ## have other people's software in Java and Python, and real servers, try the bridge; ONLY='python keycloak' for some
	@$(GO) build -o bin/sandbox ./cmd/sandbox
	@.ci/witnesses/run $(ONLY)

check: drift lint core model ## look for drift, vet, lint, shuffle the core's tests, and check the model of the protocol

drift:
	@.ci/drift $(GENERATED)

lint: $(LINT) # which vets too, but for what has a tag
	$(GO) vet -tags wireinject .
	$(GO) vet -tags manpages ./cmd/native-bridge
	$(GO) vet -tags cluster ./adapters/redis ./cmd/native-bridge
	$(GO) vet -tags snapshot ./.ci/release
	$(LINT) run ./... ./.ci/mutation ./.ci/dashboard ./.ci/bench ./.ci/capacity ./.ci/witnesses ./$(KEYCLOAKS) ./.ci/release

core:
	$(GO) test -shuffle=on -count=3 ./domain/... ./app/... ./adapters/memory/...
	$(GO) test -shuffle=on ./ports/portstest/...
	$(GO) test -count=1 -v -run Allocate ./adapters/cannedtest ./cmd/native-bridge

model:
	@.ci/model

generate: ## write the generated files anew
	$(GO) generate ./ports ./adapters/httpapi
	$(GO) tool wire .
	$(GO) test ./cmd/native-bridge -run IsDocumented -update
	$(GO) test ./docs -run 'TheChartsSchema|IsLinked' -update

build: ## build bin/native-bridge
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/native-bridge ./cmd/native-bridge

release-check: ## run the suite as a FIPS build, build the binary and the image twice, and sign in with the image and with the other builds; as root on Linux
	@.ci/needs buildah=buildah qemu-aarch64=qemu-user
	GOFIPS140=v1.0.0 GODEBUG=fips140=only $(GO) test -timeout 25m -count=1 ./cmd/native-bridge ./domain ./app ./ports/... ./adapters/...
	$(GO) test -count=1 ./.ci/release

snapshot: $(RELEASER) $(SYFT) ## make all of a release of the last commit twice, compare and look into it; bin/dist has it then. Takes long
	@.ci/needs rpm=rpm
	GORELEASER=$(CURDIR)/$(RELEASER) SYFT=$(CURDIR)/$(SYFT) $(GO) test -tags snapshot -count=1 -timeout 90m -run TestASnapshot ./.ci/release

release: $(RELEASER) $(SYFT) ## make a release of the tag that is checked out, as a draft; a workflow does this
	SYFT=$(CURDIR)/$(SYFT) $(RELEASER) release --clean

vulnerabilities: build $(GOVULN) ## look for known vulnerabilities in what is linked; DB=https://vuln.go.dev for those of today
	@.ci/vulnerabilities $(GOVULN) $(or $(DB),$(VULNDB_VERSION)) bin/native-bridge

fuzz: ## fuzz each decoder that faces the outside for a minute
	@for target in ./domain:FuzzParsePasskeyToken ./adapters/authsignal:FuzzVerify ./adapters/authsignal:FuzzWebhook ./adapters/internal/compact:FuzzVerify ./adapters/jwt:FuzzVerify ./adapters/httpapi:FuzzSessionsBody ./adapters/httpapi:FuzzOAuthBody; do \
		$(GO) test "$${target%%:*}" -run '^$$' -fuzz "^$${target##*:}$$" -fuzztime 1m || exit 1; \
	done

mutation: ## change the code in small ways and list what no test notices; PKG=./domain for one package
	@$(GO) run ./.ci/mutation $(PKG)

bench: build ## measure the bridge against floors and Node back ends; QUICK=1, or BENCH='-scenarios plain-32 -rounds 9', for less
	@$(GO) build -o bin/bench ./.ci/bench
	@bin/bench $(if $(QUICK),-quick) $(if $(PGO),-profile cmd/native-bridge/default.pgo) $(if $(KEEP),-out docs/performance.md -chart docs/images/performance.svg) $(BENCH)
	@$(if $(KEEP),$(GO) run ./.ci/capacity)

needs: ## install what the tests need (as root on Debian), or say what is missing
	@.ci/needs

page: ## build the sandbox's page; needs Node.js and npm
	@.ci/page $(WEB) $(OPTIONAL)

picture: page ## draw docs/images/dashboard.png and sandbox.png anew; needs chromium, and prometheus of Debian
	@$(GO) build -o bin/sandbox ./cmd/sandbox
	$(GO) run ./.ci/dashboard
	$(GO) test ./cmd/sandbox -count=1 -run TestAButtonSignsIn -picture $(CURDIR)/docs/images/sandbox.png

clean: ## remove what was built
	rm -rf bin $(WEB)/node_modules .ci/bench/node/*/node_modules

$(LINT):
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	@mv bin/golangci-lint $@

$(RELEASER):
	GOBIN=$(CURDIR)/bin $(GO) install github.com/goreleaser/goreleaser/v2@$(GORELEASER_VERSION)
	@mv bin/goreleaser $@

$(SYFT):
	GOBIN=$(CURDIR)/bin $(GO) install github.com/anchore/syft/cmd/syft@$(SYFT_VERSION)
	@mv bin/syft $@

$(GOVULN):
	GOBIN=$(CURDIR)/bin $(GO) install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)
	@mv bin/govulncheck $@
