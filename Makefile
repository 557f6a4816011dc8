GO       ?= go
FUZZTIME ?= 10s
PYTHON   ?= $(or $(TICKRING_PYTHON),python3)
DURATION ?= 1m
SEED     ?=
QEMU     ?= $(shell command -v qemu-aarch64-static || command -v qemu-aarch64)

# What CI runs, in its order: what fails soonest comes first.
STEPS = tidy build test lint cpp python mutants race purego cross arm64 fuzz

CROSS = linux/arm64 linux/386 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

# What has assembly or makes system calls. The rest is the same on every architecture.
ARM64 = ./ring/... ./seqlock/... ./segment/... ./hugepages/... ./internal/...

# What runs the code that has assembly, by itself and against the other clients.
PUREGO = ./ring/... ./seqlock/... ./segment/... ./test/interop/... ./test/legacy/... ./test/torture/... ./test/hostile/...

.DEFAULT_GOAL := help
.PHONY: help ci bench clean soak torture hostile mutants-all $(STEPS)

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## The commands, into bin/
	$(GO) build -o bin/ ./cmd/...

test: ## Vet and test; needs no root
	$(GO) vet ./... && $(GO) test ./...

# Without what has one goroutine, and what is of processes: the detector sees races within one.
race: ## Test under the race detector, which needs a C compiler
	CGO_ENABLED=1 $(GO) test -race $$($(GO) list ./... | grep -vE '/(model|test/[a-z]+)$$')

mutants: ## Remove orders, checks and bounds from the source, a share by lot: the tests must fail
	TICKRING_MUTANTS=1 $(GO) test -count=1 -v -p 1 -timeout 20m -run Mutants ./test/mutants ./test/torture

mutants-all: ## Remove each of them, and write docs/MUTANTS.md
	TICKRING_MUTANTS=all $(GO) test -count=1 -v -p 1 -timeout 40m -run Mutants ./test/torture
	TICKRING_MUTANTS=all $(GO) test -count=1 -v -p 1 -timeout 40m -run Mutants ./test/mutants -update

purego: ## Test without assembly what there is of it
	$(GO) vet -tags purego ./... && $(GO) test -tags purego $(PUREGO)

arm64: ## Test what differs on arm64, under qemu
	@test -n "$(QEMU)" || { echo 'arm64: no qemu-aarch64: apt-get install qemu-user-static'; exit 1; }
	CGO_ENABLED=0 GOARCH=arm64 $(GO) test -exec $(QEMU) $(ARM64)

cross: ## Build and vet for every other system
	@for target in $(CROSS); do \
		export CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/}; \
		echo "$$target"; $(GO) build ./... && $(GO) vet ./... || exit 1; \
	done

cpp: ## Build and test the C++ client with g++ and clang++, as C++17 and C++20
	@for with in g++-17 clang++-20; do \
		cxx=$${with%-*} std=$${with#*-} build=bin/cpp/$$with; echo "$$cxx, C++$$std"; \
		cmake -S clients/cpp -B $$build -DCMAKE_CXX_COMPILER=$$cxx -DCMAKE_CXX_STANDARD=$$std >/dev/null && \
		cmake --build $$build -j2 >/dev/null && \
		ctest --test-dir $$build --output-on-failure || exit 1; \
	done
	@for with in g++-20 clang++-17; do for source in clients/cpp/test/driver.cpp clients/cpp/bench/peer.cpp clients/cpp/examples/*.cpp; do \
		echo "$$with $$source"; \
		$${with%-*} -std=c++$${with#*-} -O2 -Wall -Wextra -Wpedantic -Werror -Iclients/cpp/include -c -o /dev/null $$source || exit 1; \
	done; done

python: ## Test the Python client, with its extension and without
	$(PYTHON) -m unittest discover -s clients/python/tests

# Twice, because a run sees only the files of its build.
lint: ## The linter, built from tools/go.mod
	$(GO) tool -modfile=tools/go.mod golangci-lint run --allow-parallel-runners
	$(GO) tool -modfile=tools/go.mod golangci-lint run --allow-parallel-runners --build-tags purego

tidy: ## Check formatting and modules
	@files=$$(gofmt -l .); test -z "$$files" || { echo "not gofmt's: $$files"; exit 1; }
	$(GO) mod tidy -diff && $(GO) mod verify
	$(GO) -C tools mod tidy -diff

fuzz: ## Fuzz every target for FUZZTIME (10s)
	@grep -rEo --include='*_test.go' '^func Fuzz\w+' . | while IFS=: read -r file func; do \
		echo "$$file $${func#func }"; \
		$(GO) test -run '^$$' -fuzz "^$${func#func }$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" </dev/null || exit 1; \
	done

torture: ## Writers killed everywhere, for DURATION (1m) under load, by SEED (any)
	TICKRING_TORTURE=$(DURATION) TICKRING_TORTURE_SEED=$(SEED) $(GO) test -v -count=1 -timeout 0 ./test/torture

hostile: ## Segments forged, scribbled on, cut and replaced, each for DURATION (1m), by SEED (any)
	TICKRING_HOSTILE=$(DURATION) TICKRING_HOSTILE_SEED=$(SEED) $(GO) test -v -count=1 -timeout 0 ./test/hostile

soak: ## Every fault, again and again, for DURATION (1m) by SEED (any)
	TICKRING_SOAK=$(DURATION) TICKRING_SOAK_SEED=$(SEED) $(GO) test -v -count=1 -run Soak -timeout 0 ./test/soak

bench: ## Benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

ci: ## All that CI runs, each step with its time
	@for step in $(STEPS); do \
		printf '\n=== make %s\n' $$step; start=$$(date +%s); \
		$(MAKE) --no-print-directory $$step || exit 1; \
		echo "=== $$step: $$(($$(date +%s) - start)) s"; \
	done

clean: ## Remove what was built
	rm -rf bin
