# The whole toolbox. `make run` and `make test` are the two commands to know.

DATA ?= data
CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR
BINARY := $(CARGO_TARGET_DIR)/release/binnacle

# The web UI goes into the binary. It is built again when its sources are newer.
UI := ui/dist/app/index.html
UI_PACKAGES := ui/node_modules/.package-lock.json
UI_SOURCES := $(shell find ui/src ui/build ui/public -type f) ui/index.html ui/vite.config.ts ui/tsconfig.json

.PHONY: help build ui run demo test bench docs lint format

help:
	@echo "make run     build what is missing and start binnacle on ./$(DATA)"
	@echo "make ui      build the web UI, which \`make run\` does by itself"
	@echo "make demo    as run, with a shop to watch, on ./$(DATA)-demo"
	@echo "make test    set up and run every test"
	@echo "make bench   measure, and print the numbers"
	@echo "make docs    write the settings in docs/configuration.md anew"
	@echo "make lint    formatting and lints, as .ci/run checks them"
	@echo "make format  format the sources"

# Cargo knows what is stale, and does nothing when nothing is.
build: ui
	cargo build --release --locked

ui: $(UI)

$(UI): $(UI_PACKAGES) $(UI_SOURCES)
	npm run build --prefix ui

$(UI_PACKAGES): ui/package-lock.json
	@command -v npm >/dev/null || { echo "the web UI needs Node.js 20.19 or later, with npm" >&2; exit 1; }
	npm ci --prefix ui --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

run: build
	$(BINARY) serve --data $(DATA) $(ARGS)

demo: build
	$(BINARY) demo --data $(DATA)-demo $(ARGS)

test:
	tests/run

bench: build
	cargo bench --workspace --locked
	BINNACLE_BIN=$(abspath $(BINARY)) tests/load/run

docs: build
	docs/configuration.sh $(BINARY) >docs/configuration.md.new
	mv docs/configuration.md.new docs/configuration.md

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	$(MAKE) $(UI_PACKAGES)
	cd ui && npm run lint && npm run types

format:
	cargo fmt --all
