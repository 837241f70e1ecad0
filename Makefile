# make help lists what there is to make. All set-up is done here: Go modules and tools come by go.mod.

GO      ?= go
BUILD   := build
LAKE    := lake
FUZZ    := 10s
ROUNDS  := 5
PKGS    := ./...

# DuckDB is C++, and its linker asks for libstdc++.so, which comes with g++. Where there is gcc alone,
# the libstdc++.so.6 that gcc itself needs serves as well, under the other name.
ifneq ($(shell echo 'int main(void){return 0;}' | $(CC) -x c - -lstdc++ -o /dev/null 2>&1),)
$(shell mkdir -p $(BUILD)/lib && ln -sf "$$($(CC) -print-file-name=libstdc++.so.6)" $(BUILD)/lib/libstdc++.so)
export CGO_LDFLAGS := -O2 -g -L$(CURDIR)/$(BUILD)/lib
endif

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the flowlake command into build/
	$(GO) build -trimpath -o $(BUILD)/flowlake ./functions/flowlake

# The Lambda's zip files. The bytes depend on the source and the Go version alone: no paths, no build
# identity, no times.
ARCHS       := arm64 amd64
ZIP_LIMIT   := 15000000
LAMBDA_FLAGS = -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w -buildid='

.PHONY: package
package: ## build the Lambda's zip files, build/convert-arm64.zip and build/convert-amd64.zip
	@set -e; for arch in $(ARCHS); do \
	  CGO_ENABLED=0 GOOS=linux GOARCH=$$arch $(GO) build $(LAMBDA_FLAGS) -o $(BUILD)/lambda/$$arch/bootstrap ./functions/convert; \
	  $(GO) tool build-lambda-zip -o $(BUILD)/convert-$$arch.zip $(BUILD)/lambda/$$arch/bootstrap >/dev/null; \
	  size=$$(wc -c < $(BUILD)/convert-$$arch.zip); echo "$(BUILD)/convert-$$arch.zip: $$size bytes"; \
	  if [ $$size -ge $(ZIP_LIMIT) ]; then echo "want less than $(ZIP_LIMIT)"; exit 1; fi; \
	done

# A copy of the tree elsewhere and an empty build cache are as near as one machine comes to two. One
# architecture stands for both: to build everything anew takes minutes.
.PHONY: reproducible
reproducible: package ## check that another build, from another directory, gives the same zip file
	@set -e; dir=$$(mktemp -d); trap 'chmod -R u+w $$dir; rm -rf $$dir' EXIT; \
	mkdir $$dir/tree; cp -R Makefile go.mod go.sum functions schema deploy $$dir/tree; \
	GOCACHE=$$dir/cache $(MAKE) -s -C $$dir/tree package ARCHS=arm64 BUILD=out; \
	cmp $(BUILD)/convert-arm64.zip $$dir/tree/out/convert-arm64.zip; echo 'the same bytes'

.PHONY: run
run: build ## make a synthetic day, convert it and the real records to a new ./lake, answer four questions
	rm -rf $(LAKE)
	$(BUILD)/flowlake synth --out $(BUILD)/demo --day 2026-01-09 --accelerators 2 --records 250000 --seed 1
	$(BUILD)/flowlake replay $(BUILD)/demo testdata/logs/myprefix testdata/logs/AWSLogs/071855492661 --lake $(LAKE)
	@for q in top-talkers-by-bytes top-talkers-by-ingress-bytes top-talkers-by-egress-bytes top-talkers-by-packets; do \
	  printf '\n%s\n' "$$($(BUILD)/flowlake query --list | grep "^$$q ")"; \
	  $(BUILD)/flowlake query --lake $(LAKE) $$q || exit 1; \
	done
	@printf '\nThe lake is in ./$(LAKE). Look at it in a browser, and ask it more:\n  $(BUILD)/flowlake serve --lake $(LAKE)\n  $(BUILD)/flowlake query --lake $(LAKE) "SELECT direction, count(*) AS flows, sum(bytes) AS bytes FROM aga_flow_logs GROUP BY direction"\n'

# STACK and FLOW_LOG_BUCKET say which, REGION where, and PARAMETERS what else: Name=value ... of
# deploy/template.yaml.
ARCH := arm64
.PHONY: deploy
deploy: build package ## deploy to AWS: STACK=name FLOW_LOG_BUCKET=bucket [REGION=region] [ARCH=arm64] [PARAMETERS='Name=value ...']
	$(if $(REGION),AWS_REGION=$(REGION) AWS_DEFAULT_REGION=$(REGION)) deploy/deploy.sh '$(STACK)' '$(FLOW_LOG_BUCKET)' \
	  $(CURDIR)/$(BUILD)/convert-$(ARCH).zip $(ARCH:amd64=x86_64) $(PARAMETERS)

# The end-to-end tests are a module of their own, with what stands in for AWS. Its packages run the same
# programs, which are compiled into a directory for all of them; Go's cache of test results does not see these.
E2E := functions/e2e
IN_E2E = cd $(E2E) && FLOWLAKE_PROGRAMS=$$(mktemp -d) && export FLOWLAKE_PROGRAMS && trap 'rm -rf $$FLOWLAKE_PROGRAMS' EXIT &&

.PHONY: test
test: ## run all tests
	$(GO) test $(PKGS)
	$(IN_E2E) $(GO) test -count=1 ./pipeline $(PKGS)

# What the race detector does not run on, as it takes ten times as long: packages that start no goroutines,
# and tests of all bytes and cases, which other tests of the same goroutines stand for, or of memory.
UNRACED_PKGS  := /deploy|/functions$$|/functions/bench|/schema|/internal/(batch|event|inflate|query/format|report|stepfunctions)
UNRACED_TESTS := AllocationBudget|AllocationsPerRecord|AMillionObjects|BoundsOfLarge|Reread|TestCalls|WhateverTheProcessor|$\
	AgainstOracle|AnyTextIsRead|DictionaryOverflow|HalfAFile|LakeEqualsTheText|LookUpsLoseNoRow|PageIndexIsExact|$\
	RoundTrip|TestContent|RecordsAreExact|VerifyFixMends|WhateverCallFails|$\
	TestScripts/(completion|days|help|query_.*|synth|table|usage)
.PHONY: race
race: ## run the tests of what has goroutines with the race detector
	$(GO) test -race -timeout 20m -skip '$(UNRACED_TESTS)' $$($(GO) list $(PKGS) | grep -Ev '$(UNRACED_PKGS)')
	$(IN_E2E) $(GO) test -race ./faultproxy ./gateway ./runtimeapi ./sqs && $(GO) test -race -run 'Day|Poison|Invocation' ./pipeline

# Programs that tests need and Go does not build. The tests skip without them, but not in CI. In VENV are
# moto's server, the second opinion on Glue, cfn-lint and the AWS CLI; pip refuses requirements that
# disagree. In MODULES are the other validators of the templates.
VENV    := .venv
LINT    := deploy/lint
MODULES := $(LINT)/node_modules
$(VENV)/installed: functions/internal/catalog/gluecatalog/testdata/requirements.txt $(LINT)/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check $(addprefix -r ,$^)
	touch $@

$(MODULES)/installed: $(LINT)/package.json $(LINT)/package-lock.json
	npm ci --prefix $(LINT) --no-audit --no-fund --ignore-scripts
	touch $@

# The browser of the end-to-end tests. As root on Debian it is installed where there is none.
.PHONY: browser
browser:
	@for b in "$$FLOWLAKE_CHROMIUM" chromium chromium-browser google-chrome; do [ -n "$$b" ] && command -v "$$b" >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	else echo 'want Chromium: install it, or name it in FLOWLAKE_CHROMIUM'; exit 1; fi

.PHONY: templates
templates: export FLOWLAKE_CI := 1
templates: export FLOWLAKE_CFN_LINT := $(CURDIR)/$(VENV)/bin/cfn-lint
templates: $(VENV)/installed $(MODULES)/installed ## lint the templates, and say what else the validators say (part of make ci)
	$(GO) test -count=1 -v -run TestValidators ./deploy

.PHONY: portable
portable: ## check that the outputs' bytes are the same without any assembly
	$(GO) test -tags purego,noasm -run 'Golden|Identity' ./functions/internal/etl
	$(GO) test -tags purego,noasm ./functions/internal/flowlog
	CGO_ENABLED=0 GOARCH=arm64 $(GO) vet ./functions/internal/etl

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZ (default 10s)
	@set -e; for target in $$(grep -rhoE '^func Fuzz[A-Za-z]+' --include='*_test.go' functions | sed 's/func //' | sort); do \
	  dir=$$(dirname $$(grep -rlE "^func $$target\(" --include='*_test.go' functions)); \
	  echo "$(GO) test ./$$dir -fuzz $$target"; \
	  $(GO) test ./$$dir -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZ) -fuzzminimizetime 1x; \
	done

.PHONY: bench
bench: build ## compare with DuckDB, plain Go and bare gunzip, then run the Go benchmarks
	$(GO) build -trimpath -o $(BUILD)/flowlake-bench ./functions/bench
	$(BUILD)/flowlake-bench -rounds $(ROUNDS)
	$(GO) test -run '^$$' -bench . -benchtime 1s ./functions/internal/...
	cd $(E2E) && $(GO) test -run '^$$' -bench . -benchtime 20x ./pipeline

.PHONY: lint
lint: ## gofmt, vet, staticcheck, go.mod tidy
	@files=$$(gofmt -l .); if [ -n "$$files" ]; then echo "not gofmt-ed:"; echo "$$files"; exit 1; fi
	$(GO) vet $(PKGS)
	$(GO) build -o $(BUILD)/staticcheck honnef.co/go/tools/cmd/staticcheck
	$(BUILD)/staticcheck $(PKGS)
	$(GO) mod tidy -diff
	$(GO) mod verify
	cd $(E2E) && $(GO) vet $(PKGS) && $(CURDIR)/$(BUILD)/staticcheck $(PKGS) && $(GO) mod tidy -diff && $(GO) mod verify

# govulncheck asks a database on the network. Where that cannot be reached, nothing was checked, and
# this says so; what it finds is an error.
.PHONY: vuln
vuln: ## look for known vulnerabilities in what is built
	@out=$$($(GO) tool govulncheck $(PKGS) 2>&1) && { echo "$$out"; exit 0; }; code=$$?; echo "$$out"; \
	if echo "$$out" | grep -q 'fetching vulnerabilities'; then echo 'govulncheck: NOT CHECKED: the vulnerability database cannot be reached; set GOVULNDB to a copy'; exit 0; fi; \
	exit $$code

.PHONY: ci
ci: export FLOWLAKE_CI := 1
ci: export FLOWLAKE_MOTO_SERVER := $(CURDIR)/$(VENV)/bin/moto_server
ci: export FLOWLAKE_AWS := $(CURDIR)/$(VENV)/bin/aws
ci: export FLOWLAKE_SCREENSHOTS := $(CURDIR)/$(BUILD)/screenshots
ci: export FLOWLAKE_CFN_LINT := $(CURDIR)/$(VENV)/bin/cfn-lint
ci: $(VENV)/installed $(MODULES)/installed browser lint vuln test portable race fuzz reproducible ## all that CI runs
	$(MAKE) run

.PHONY: clean
clean: ## remove what was built and the demonstration's lake
	rm -rf $(BUILD) $(LAKE) $(VENV) $(MODULES)
