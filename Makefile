# The whole toolbox. `make run` and `make test` are the two commands to know.

DATA ?= data
CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR
BINARY := $(CARGO_TARGET_DIR)/release/binnacle

.PHONY: help build run test bench lint format

help:
	@echo "make run     build what is missing and start binnacle on ./$(DATA)"
	@echo "make test    set up and run every test"
	@echo "make bench   measure, and print the numbers"
	@echo "make lint    formatting and lints, as .ci/run checks them"
	@echo "make format  format the sources"

# Cargo knows what is stale, and does nothing when nothing is.
build:
	cargo build --release --locked

run: build
	$(BINARY) serve --data $(DATA) $(ARGS)

test:
	tests/run

bench: build
	cargo bench --workspace --locked
	BINNACLE_BIN=$(abspath $(BINARY)) tests/load/run

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

format:
	cargo fmt --all
