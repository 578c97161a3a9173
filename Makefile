# clew. `make` alone prints what there is to do.
#
# The targets install what they need from npm and the Go module proxy, and, where
# they can, from Debian (a C compiler for the race detector, Chromium for the
# browser tests). What they cannot install they name.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO ?= go
NPM ?= npm
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.buildVersion=$(VERSION)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# What the page is made of. Its build is skipped while the checksum of these is
# the one noted at the last build; that generates some of them, so it is taken
# afterwards.
UI_CHECKSUM := find ui api/v1/openapi.yaml -type f -not -path '*/node_modules/*' -not -path 'ui/test*' \
	-not -path 'ui/playwright-report/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
UI_STAMP := ui/node_modules/.page-checksum

.PHONY: help
help: ## print this
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

.PHONY: run
run: build ## build page and program, then start the server with its store in ./data
	@exec ./bin/clew serve --data ./data

.PHONY: build
build: need-go ui ## build ./bin/clew with its page
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/clew ./cmd/clew

.PHONY: ui
ui: ## build the page into web/dist, if its sources have changed
	@if [ ! -f web/dist/index.html ] || [ "$$(cat $(UI_STAMP) 2>/dev/null)" != "$$($(UI_CHECKSUM))" ]; then \
		$(MAKE) --no-print-directory ui-modules; \
		echo "building the page"; \
		(cd ui && $(NPM) run --silent build); \
		$(UI_CHECKSUM) > $(UI_STAMP); \
	fi

# node_modules is filled again when the lock file has changed. This is npm install
# and not npm ci, which refuses a lock file without the optional binaries of other
# platforms; --no-save takes the locked versions and leaves the lock file alone.
.PHONY: ui-modules
ui-modules: need-node
	@sum=$$(sha256sum ui/package-lock.json | cut -d' ' -f1); \
	if [ "$$(cat ui/node_modules/.lock-checksum 2>/dev/null)" != "$$sum" ]; then \
		echo "installing the page's packages"; \
		(cd ui && $(NPM) install --no-save --no-audit --no-fund --loglevel=error); \
		echo "$$sum" > ui/node_modules/.lock-checksum; \
	fi

# What the tests send with that users of Node.js have.
.PHONY: client-modules
client-modules: need-node
	@sum=$$(sha256sum test/clients/node/package-lock.json | cut -d' ' -f1); \
	if [ "$$(cat test/clients/node/node_modules/.lock-checksum 2>/dev/null)" != "$$sum" ]; then \
		(cd test/clients/node && $(NPM) install --no-save --no-audit --no-fund --loglevel=error); \
		echo "$$sum" > test/clients/node/node_modules/.lock-checksum; \
	fi

# Packages that start no goroutine and whose tests go through much data: there is
# nothing to race, and the race detector would make them ten times slower. What is
# shared of them is raced by those who share it.
ONE_GOROUTINE := /(block|column|exec|format/xray|otlp|sketch|span|traceql|exec/exectest|internal/(corpus|otlpfile|tidy)|spandb/(folder|tally|usage|segment/.*))$$

# What a server has in memory is not what it has under the race detector: those tests of
# cmd/clew run without it, by their names.

# Packages that have both: goroutines, and long sweeps in one. With -short, under the
# race detector, the sweeps are left out; without it all runs.
SWEEPS := /(api/v1|spandb|spandb/(segment|traceindex)|internal/upkeep)$$

.PHONY: test
test: export NODE_PATH := $(CURDIR)/test/clients/node/node_modules
test: need-go need-cc ui client-modules ## run every test that needs no outside server
	@$(GO) test -race -short -shuffle=on $$($(GO) list ./... | grep -vE '$(ONE_GOROUTINE)')
	@$(GO) test -shuffle=on $$($(GO) list ./... | grep -E '$(ONE_GOROUTINE)|$(SWEEPS)' | grep -v /internal/tidy)
	@$(GO) test -run 'Memory|Tenants' ./cmd/clew
	@$(GO) test -count=1 ./internal/tidy
	@cd test/clients && $(GO) test -race ./...
	@$(MAKE) --no-print-directory ui-modules
	@cd ui && $(NPM) run --silent test

.PHONY: check check-format check-vet check-static check-tidy check-ui
check: check-format check-vet check-static check-tidy check-ui ## formatting, vet, staticcheck, the repository's rules, the page's lint
check-format: need-go
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted; run gofmt -w on:" $$unformatted; exit 1; fi
check-vet: need-go
	@$(GO) vet ./...
	@cd test/clients && $(GO) vet ./...
check-static: need-go
	@$(GO) run $(STATICCHECK) ./...
check-tidy: need-go
	@$(GO) test -count=1 ./internal/tidy
check-ui: ui-modules
	@cd ui && $(NPM) run --silent check

.PHONY: bench
bench: build ## measure ingest, storage and queries on this machine
	@./bin/clew bench

.PHONY: e2e
e2e: build ui-modules need-chromium ## run the browser tests against a real server
	@scripts/e2e.sh

.PHONY: clean
clean: ## remove what was built; ./data stays
	@rm -rf bin ui/node_modules test/clients/node/node_modules
	@find web/dist -mindepth 1 -not -name .keep -delete

.PHONY: need-go
need-go:
	@command -v $(GO) >/dev/null || { echo "clew needs Go $$(sed -n 's/^go //p' go.mod) or newer: https://go.dev/dl/"; exit 1; }

.PHONY: need-node
need-node:
	@scripts/need-node.sh

.PHONY: need-cc
need-cc:
	@scripts/need-package.sh gcc 'gcc libc6-dev' 'the race detector needs a C compiler'

.PHONY: need-chromium
need-chromium:
	@scripts/need-package.sh chromium chromium 'the browser tests need Chromium'
