# Seikan: `make help` lists what there is.
SHELL := /bin/bash
VERSION ?= 0.1.0
COMMIT  := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X seikan/appliance/cli.Version=$(VERSION) -X seikan/appliance/cli.Commit=$(COMMIT)
TAGS    := osusergo,netgo
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
OUT     ?= build/airports
FUZZTIME ?= 500x
# Simulations begin at another seed with each commit; one that fails prints how it is replayed.
export SEIKAN_SIM_FROM ?= $(shell printf '%d' "0x$$(git rev-parse --short=12 HEAD 2>/dev/null || echo 0)")

.DEFAULT_GOAL := help
.PHONY: help build home run test check lint fuzz faults soak bench generate parts parts-stop clean

build: ## build bin/seikan, stamped with version and commit
	go build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/seikan ./appliance

home: build ## build/home: a ready SEATUNNEL_HOME
	rm -rf build/home && mkdir -p build/home && cp -r packaging/home/. build/home
	install -m 0755 bin/seikan build/home/bin/seikan
	for n in seatunnel.sh seatunnel-cluster.sh stop-seatunnel-cluster.sh seatunnel-connector.sh; do ln -sf seikan build/home/bin/$$n; done

run: build ## move real data: airports.csv into Parquet files and an SQLite database
	mkdir -p $(OUT)
	SEIKAN_STATE_DIR=build/state bin/seikan run packaging/home/examples/airports.conf \
	  -i data=packaging/home/examples/data -i out=$(OUT)
	@echo && echo "The result is in $(OUT):" && find $(OUT) -type f ! -name '*-wal' ! -name '*-shm' | sort | sed 's/^/  /'

test: build ## every test, then each fuzz target for a while
	go test -tags $(TAGS) $$(go list ./... | grep -vE '/appliance/(testbed|node|cli)')
	go test -tags $(TAGS) -p 1 -timeout 20m ./appliance/testbed ./appliance/node ./appliance/cli
	$(MAKE) --no-print-directory faults
	$(MAKE) --no-print-directory fuzz

parts: ## start the servers that tests need (root, Debian 12; the first time about 4 minutes)
	@appliance/testbed/parts/all.sh start
	@echo "make test finds them; make parts-stop ends them" >&2

parts-stop: ## end what make parts started
	@appliance/testbed/parts/all.sh stop

check: ## format, vet, lint, quick tests: what every commit must pass
	@bad=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); [ -z "$$bad" ] || { echo "not gofmt-ed:"; echo "$$bad"; exit 1; }
	go vet -tags $(TAGS),faults ./...
	$(MAKE) --no-print-directory lint
	go test -tags $(TAGS) -short ./...

lint: ## staticcheck
	go run $(STATICCHECK) -tags $(TAGS),faults ./...

fuzz: ## every fuzz target for FUZZTIME (a count or a time; default 500x)
	@set -e; for p in $$(git ls-files -co --exclude-standard '*_test.go' | xargs grep -l '^func Fuzz' | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$p/*_test.go | cut -c6-); do \
	    go test -tags $(TAGS) -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) ./$$p; done; done

faults: ## real clusters in namespaces, under every fault once (root; else skipped; about 4 minutes)
	go test -tags $(TAGS),faults -count=1 -timeout 20m -parallel 6 -shuffle $$((16#$$(git rev-parse --short=8 HEAD 2>/dev/null || echo 1))) ./appliance/testbed/faults

soak: ## the large counts, see web/docs/proof.md
	SEIKAN_SOAK=1 go test -tags $(TAGS) -count=1 -timeout 60m -run 'KillAndRestore|DurableStep|AllDisksLost' -v ./appliance/testbed
	SEIKAN_SOAK=1 SEIKAN_SIM_SEEDS=60000 go test -tags $(TAGS) -count=1 -timeout 60m -run 'EveryRow|Invariants|Crash' ./engine/checkpoint ./engine/master ./engine/task
	SEIKAN_SOAK=1 go test -tags $(TAGS),faults -count=1 -timeout 120m -parallel 6 ./appliance/testbed/faults

bench: build ## the table of figures, beside DuckDB (installed into build/bench), then a cluster's (root)
	go run ./appliance/testbed/bench
	go test -tags $(TAGS),faults -run '^$$' -bench . -benchtime 3x -timeout 60m ./appliance/testbed/faults
	go test -tags $(TAGS) -run '^$$' -bench RestartWithLongHistory -benchtime 3x ./appliance/node

generate: build ## reference pages and other generated files
	bin/seikan docs web/docs/reference

# ---- what is handed out, in build/dist: the same bytes from the same commit
ARCHS  ?= amd64 arm64
DISTDO := VERSION='$(VERSION)' COMMIT='$(COMMIT)' packaging/build.sh
.PHONY: static sbom deb rpm tarball packages packages-ready packages-test

static: ## one static program for each of ARCHS (amd64 arm64), in build/dist
	@set -e; for a in $(ARCHS); do $(DISTDO) static $$a; done

sbom: static ## what each program is made of, as SPDX
	@set -e; for a in $(ARCHS); do $(DISTDO) sbom $$a; done

deb: sbom ## Debian packages
	@set -e; for a in $(ARCHS); do $(DISTDO) deb $$a; done

rpm: sbom ## rpm packages
	@set -e; for a in $(ARCHS); do $(DISTDO) rpm $$a; done

tarball: sbom ## a SEATUNNEL_HOME to unpack anywhere, with bin/install.sh
	@set -e; for a in $(ARCHS); do $(DISTDO) tarball $$a; done

packages: deb rpm tarball ## all of them, and their checksums
	@$(DISTDO) sums

packages-ready: ## compile ahead of time what packages-test links and calls
	@$(DISTDO) tools
	@set -e; for a in $(ARCHS); do $(DISTDO) static $$a; done

packages-test: ## packages and units in machines with a systemd (root, Debian 12)
	SEIKAN_PACKAGING=1 go test -tags $(TAGS) -count=1 -timeout 30m -parallel 3 -v ./packaging/test

clean: ## remove what the targets above made
	rm -rf bin build

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'
