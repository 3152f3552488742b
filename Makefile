# Two commands matter: `make run` and `make test`. Both work on a fresh machine
# with Go, git, make and root or sudo for Debian packages.

.DEFAULT_GOAL := help
.NOTPARALLEL:
SHELL := /bin/sh

VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)

# The version comes from VERSION; Go's own stamp would only add a way to fail,
# where git refuses a folder that belongs to somebody else.
GO_BUILD := go build -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)"

# For every go command, so that what one compiles serves the others: the program,
# the linters and the tests that measure memory.
export GOFLAGS := $(shell go env GOFLAGS) -trimpath

# The race detector watches everything but SQLite itself: C that a program turned
# into Go, of which watching every access takes a quarter of the tests' time. See
# docs/decisions/0018.
RACE := -race -gcflags=modernc.org/sqlite/lib=-race=false \
	-gcflags=modernc.org/libc/...=-race=false -gcflags=modernc.org/memory=-race=false

# More for `aldaba demo` or the bench: make run ARGS="--people 50 --policy ficha-2026"
ARGS ?=

# One step's title.
title = @printf '\n== %s\n' "$(1)"

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## build and start the demo: http://127.0.0.1:8080 (ARGS="..." for its options)
	@mkdir -p var
	@exec bin/aldaba demo --data var/demo $(ARGS)

.PHONY: build
build: ## build bin/aldaba
	@mkdir -p bin
	$(GO_BUILD) -o bin/aldaba ./cmd/aldaba

.PHONY: assets
assets: ## rebuild the committed styles, scripts and word lists from their sources
	@scripts/bootstrap.sh node
	@scripts/assets.sh build

.PHONY: test
test: bootstrap format vet lint unit html assets-check browser ## install what is missing, then run every check
	$(call title,all checks passed)

.PHONY: bootstrap
bootstrap: ## install what the tests need and is missing (apt and npm)
	$(call title,what the tests need)
	@scripts/bootstrap.sh

.PHONY: format
format: ## name the Go files that gofmt would change, and fail if there are any
	$(call title,format)
	@files=$$(find . -name node_modules -prune -o -name '*.go' -type f -print | xargs gofmt -l) && \
	if [ -n "$$files" ]; then echo "run gofmt -w on:"; echo "$$files"; exit 1; fi

.PHONY: vet
vet: ## go vet
	$(call title,vet)
	@go vet ./...

.PHONY: lint
lint: ## staticcheck, errcheck, unparam, deadcode
	$(call title,staticcheck)
	@go tool staticcheck ./...
	$(call title,errcheck)
	@go tool errcheck -ignoretests -exclude .errcheck ./...
	$(call title,unparam)
	@go tool unparam ./...
	$(call title,deadcode)
	@dead=$$(go tool deadcode -test ./...) || exit 1; \
	if [ -n "$$dead" ]; then echo "nothing reaches:"; echo "$$dead"; exit 1; fi

.PHONY: unit
unit: ## Go tests with the race detector, both database engines
	$(call title,Go tests)
	@CGO_ENABLED=1 go test $(RACE) -vet=off -shuffle=on -short -timeout 20m ./...
	$(call title,Go tests that measure memory or let a month go by)
	@go test -vet=off -timeout 10m -run 'TestS26_FiveHundredAtOnce|TestImportMemory|TestS30_AMonthOfTraffic' ./internal/site

# Left in a folder that git ignores, so that a fault can be looked up where it stands.
PAGES := $(CURDIR)/e2e/results/html

.PHONY: html
html: ## validate the HTML of every page and mail, as it is sent
	$(call title,HTML)
	@rm -rf "$(PAGES)" && mkdir -p "$(PAGES)"
	@go test -vet=off ./internal/web -pages "$(PAGES)"
	@cd e2e && node validate.mjs results/html ../internal/mail/testdata

.PHONY: assets-check
assets-check: ## check that the committed assets are what make assets builds
	$(call title,assets)
	@scripts/assets.sh check
	@cd assets && node --test

# Where the files of tests tell one another which pages were inspected already.
INSPECTED := $(CURDIR)/e2e/results/inspected

.PHONY: browser
browser: build ## browser tests against bin/aldaba
	$(call title,browser tests)
	@rm -rf "$(INSPECTED)" && mkdir -p "$(INSPECTED)"
	@cd e2e && ALDABA="$(CURDIR)/bin/aldaba" INSPECTED="$(INSPECTED)" \
		node --test --test-concurrency="$$(getconf _NPROCESSORS_ONLN)"

# Installed when it is first asked for, in a folder that git ignores: it brings many
# times the packages that the tests need.
LIGHTHOUSE := e2e/results/lighthouse-12.8.2

.PHONY: lighthouse
lighthouse: bootstrap build ## measure the pages people arrive at with Lighthouse; see docs/testing.md
	@[ -x $(LIGHTHOUSE)/node_modules/.bin/lighthouse ] || \
		npm install --prefix $(LIGHTHOUSE) --no-audit --no-fund lighthouse@12.8.2
	@cd e2e && ALDABA="$(CURDIR)/bin/aldaba" node lighthouse.mjs "$(CURDIR)/$(LIGHTHOUSE)/node_modules/.bin/lighthouse"

.PHONY: bench
bench: build ## measure the program against its figures (ARGS="--only cpu --quick"); see docs/bench.md
	@go run ./bench $(ARGS)
