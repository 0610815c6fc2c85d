.DEFAULT_GOAL := help
.PHONY: help install serve check test clients bench

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Make .venv and install into it; quick when nothing changed
	@scripts/install

serve: install ## Set up and run the gateway on 127.0.0.1:8080
	@.venv/bin/accrue serve

check: install ## Set up and check style, types and layers
	@scripts/check

test: install ## Set up, then check and test with coverage
	@scripts/check
	@scripts/test

clients: install ## Install real clients and drive them against the gateway
	@scripts/clients

bench: install ## Set up and measure the overhead
	@scripts/bench
