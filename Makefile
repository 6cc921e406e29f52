# Two commands are promised on a fresh Debian 12 with a Swift 6.3 toolchain: `make run` and
# `make test`. The others are for people who work on Roost; `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PORT ?= 8080
EXAMPLE ?= bandstand
DATA ?= .roost/$(EXAMPLE)

# The toolchain: on the PATH, or where the archive of swift.org is usually unpacked.
SWIFT_PATHS := $(addsuffix /usr/bin,/opt/swift /usr/local/swift $(HOME)/swift)
export PATH := $(PATH):$(subst $(eval) ,:,$(wildcard $(SWIFT_PATHS)))

SWIFT_SOURCES := Package.swift Sources Tests $(wildcard Benchmarks/Package.swift Benchmarks/Sources)
FORMAT := --recursive --parallel --configuration .swift-format $(SWIFT_SOURCES)

# How many tests run at a time: those that wait overlap, and none waits for the threads of all.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH ?= 8

# End-to-end modules that run at a time: most of their time they wait for a server.
TEST_JOBS ?= 3

# A PostgreSQL of its own around a command.
ON_POSTGRES := ROOST_TEST_ENGINE=postgres ROOST_TEST_POSTGRES_FSYNC=off Scripts/with-postgres.sh
# What runs on an engine, and what is driven through the server on PostgreSQL too (`make soak`: all).
ENGINE_TESTS := RulesTests RecordsTests AccountsTests RESTTests RoostServerTests \
  PostgresDriverTests
POSTGRES_MODULES := test_records test_lists test_relations test_masks test_batch \
  test_idempotency test_roles test_matrix test_policies test_move \
  test_replicas test_versions test_migrate test_actions \
  test_functions test_derived test_followers test_life test_former \
  test_sync test_sync_client test_sync_copies test_sync_strategies test_sync_former \
  test_gate test_examples \
  test_backup test_encryption test_attacks \
  test_postgres_start test_postgres_tls test_postgres_trouble test_postgres_log test_rolling
# The same behind PgBouncer in transaction mode.
ON_PGBOUNCER := $(ON_POSTGRES) Scripts/with-pgbouncer.sh
PGBOUNCER_MODULES := test_pooled test_batch
# The long tests run these behind it too.
PGBOUNCER_SOAK_MODULES := test_records test_lists test_relations test_idempotency test_actions

.PHONY: help run build test test-swift test-python test-template bench soak
.PHONY: fuzz fuzz-requests fuzz-readers
.PHONY: defences sanitize format lint
.PHONY: packages packages-test packages-python packages-bench toolchain clean

help: ## Lists these targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 20

run: build ## Builds the release binary and serves Examples/bandstand on PORT (8080)
	@mkdir -p "$(DATA)"
	@exec .build/release/roost dev "Examples/$(EXAMPLE)" --port "$(PORT)" --data "$(DATA)"

# The Swift runtime is linked in, so the binary needs nothing of the toolchain.
build: packages toolchain ## Builds the release binary, .build/release/roost
	@swift build --configuration release --static-swift-stdlib --product roost >&2

test: test-swift test-python ## Runs all tests (debug build)

test-swift: packages-test toolchain
	@mkdir -p .build/test-logs
	@swift build --build-tests
	@Scripts/swift-tests.py 2>&1 | tee .build/test-logs/swift.log
	@# One after the other: each test has a database, and each database its connections.
	@for tests in $(ENGINE_TESTS); do \
	  $(ON_POSTGRES) Scripts/swift-tests.py --filter "^$$tests\\." --skip "RoostServerTests\\.Import" || exit 1; \
	done 2>&1 | tee .build/test-logs/swift-postgres.log
	@$(ON_PGBOUNCER) swift test --skip-build \
	  --filter "^PostgresDriverTests\.PostgresConformanceTests/.keeps without prepared" 2>&1 \
	  | tee .build/test-logs/swift-pgbouncer.log
	@# A filter that finds nothing passes too.
	@grep -qE 'keeps without prepared statements" with .* passed|is left out' .build/test-logs/swift-pgbouncer.log

test-python: packages-test packages-python toolchain
	@mkdir -p .build/test-logs
	@swift build --product roost
	@swift build --product JobsWorker
	@swift build --product ActionServer
	@ROOST_BINARY="$${ROOST_BINARY:-.build/debug/roost}" python3 Tests/EndToEnd/run.py -j $(TEST_JOBS) 2>&1 \
	  | tee .build/test-logs/python.log
	@ROOST_BINARY="$${ROOST_BINARY:-.build/debug/roost}" $(ON_POSTGRES) \
	  python3 Tests/EndToEnd/run.py -j $(TEST_JOBS) $(POSTGRES_MODULES) 2>&1 | tee .build/test-logs/python-postgres.log
	@ROOST_BINARY="$${ROOST_BINARY:-.build/debug/roost}" $(ON_PGBOUNCER) \
	  python3 Tests/EndToEnd/run.py $(PGBOUNCER_MODULES) 2>&1 | tee .build/test-logs/python-pgbouncer.log
	@ROOST_BINARY="$${ROOST_BINARY:-.build/debug/roost}" python3 Tests/Soak/run.py --short 2>&1 \
	  | tee .build/test-logs/soak.log

test-template: packages toolchain ## Makes a server from the template in a fresh folder and tests it
	@swift build --product roost
	@Scripts/test-template.sh

bench: build packages-bench ## Measures (see docs/benchmarks.md)
	@python3 Benchmarks/run.py $(ARGS)

soak: build packages-bench packages-python ## Runs the long tests: kills, full disks, hours of load
	@ROOST_RULES_CASES="$${ROOST_RULES_CASES:-1000000}" swift test --filter RulesTests.AgreementTests
	@ROOST_TEST_THOROUGH=1 swift test --skip-build --filter 'StreamAuditTests|SearchOracleTests'
	@ROOST_BINARY="$${ROOST_BINARY:-.build/release/roost}" $(ON_POSTGRES) \
	  python3 Tests/EndToEnd/run.py
	@ROOST_BINARY="$${ROOST_BINARY:-.build/release/roost}" $(ON_PGBOUNCER) \
	  python3 Tests/EndToEnd/run.py $(PGBOUNCER_SOAK_MODULES)
	@ROOST_BINARY="$${ROOST_BINARY:-.build/release/roost}" ROOST_OPENAPI_CASES=5000 \
	  python3 Tests/EndToEnd/run.py test_openapi
	@swift build --configuration release --static-swift-stdlib --product JobsWorker
	@swift build --configuration release --static-swift-stdlib --product ActionServer
	@python3 Tests/Soak/run.py $(ARGS)

defences: packages-test toolchain ## Takes defences out of a copy of the sources; a test has to notice each
	@python3 Tests/Defences/run.py $(ARGS)

sanitize: packages-test toolchain ## Runs the Swift tests under the thread sanitizer; ARGS="RecordsTests"
	@Scripts/sanitize.py $(ARGS)

fuzz: fuzz-requests fuzz-readers ## Random requests, then the readers with libFuzzer; ARGS="--seconds 60"

fuzz-readers: packages-test toolchain ## Fuzzes the readers of what strangers send; ARGS="--only json"
	@python3 Tests/Fuzzing/run.py $(ARGS)

fuzz-requests: build packages-test ## Sends random requests; ARGS="--seconds 60 --seed 1"
	@ROOST_BINARY="$${ROOST_BINARY:-.build/release/roost}" python3 Tests/EndToEnd/fuzz.py $(ARGS)

format: toolchain ## Formats the Swift sources in place
	@swift format --in-place $(FORMAT)

lint: packages-test toolchain ## Checks format and the rules of the house
	@swift format lint --strict $(FORMAT)
	@Scripts/house-rules.sh

packages: ## Installs the Debian packages that a build needs, if any are missing
	@Scripts/packages.sh build

packages-test: packages ## Installs what the tests need beyond that
	@Scripts/packages.sh test

packages-python: packages-test ## Installs what checks /openapi.json into .build/python
	@Scripts/python-packages.sh

packages-bench: packages ## Installs what the benchmarks and the long tests need beyond that
	@Scripts/packages.sh bench

toolchain:
	@Scripts/toolchain.sh

clean: ## Removes what was built; keeps the data in .roost
	@rm -rf .build
