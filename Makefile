# Everything runs from the locked environment in .venv; `make setup` makes it, and nothing here needs more than Debian and Python.
export PATH := $(PATH):$(shell python3 -m site --user-base)/bin
RUN := uv run --no-sync
CODE := libs services sandbox stack scripts tests $(if $(wildcard benchmarks/*.py),benchmarks)
NIGHTLY := $(addprefix services/booking/tests/,test_races.py test_waitlist_races.py test_plans.py test_machine.py)
MIGRATIONS = $(shell find libs services -path '*/src/*/migrations/*.sql')

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test nightly lint docs bench fuzz

help:  ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## install what is missing: PostgreSQL, RabbitMQ, uv, the locked Python environment
	@scripts/setup

demo: setup  ## everything on this machine, and one booking by chat, live; ONCE=1 stops after it and fails if nothing was booked
	@$(RUN) python -m booka_stack demo $(if $(filter-out 0,$(ONCE)),--once)

up: setup  ## everything on this machine, with a salon to chat with
	@$(RUN) python -m booka_stack up

down:  ## stop what `make up` started
	@$(RUN) python -m booka_stack down

test: setup  ## all tests: each package beside its code, then the whole system as processes
	$(RUN) pytest libs services sandbox stack -n 2 --dist loadfile --no-loadscope-reorder
	$(RUN) pytest tests -n 2

nightly: setup  ## the long versions: races, a million visits, 20 000 messages, random histories for half an hour; MINUTES=3 MESSAGES=2000
	BOOKA_NIGHTLY=1 BOOKA_NIGHTLY_MINUTES=$(or $(MINUTES),30) $(RUN) pytest $(NIGHTLY)
	FLOOD_MESSAGES=$(or $(MESSAGES),20000) $(RUN) pytest tests/test_flood.py

lint: setup  ## style, types, who imports whom, migrations, lock file
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy $(CODE)
	$(RUN) lint-imports --no-logo
	$(RUN) squawk $(MIGRATIONS)
	uv lock --check --quiet

docs:  ## write docs/events.md from the contracts
	$(RUN) python scripts/render_events.py

bench: setup  ## measure, write benchmarks/results.json; ONLY=turn measures one thing
	$(RUN) python -m benchmarks $(ONLY)

fuzz: setup  ## look for payloads that break the parsers of messaging, guided by coverage; SECONDS=60
	$(RUN) --with atheris==3.0.0 python services/messaging/fuzz/parsers.py $(or $(SECONDS),60)
