# Every target is a script of the same name under scripts/, which says more.
.PHONY: run test lint bench safety truth plans-truth cycles docs test-mysql messages install run-full clean help
.DEFAULT_GOAL := help
# `make bench sandbox rest`: the words after bench are benches, not targets
ifeq (bench,$(firstword $(MAKECMDGOALS)))
BENCHES := $(wordlist 2,$(words $(MAKECMDGOALS)),$(MAKECMDGOALS))
$(eval $(BENCHES):;@:)
.PHONY: $(BENCHES)
endif

run:         ## start everything on this machine: web, worker, scheduler (PORT=8001, MODEL=local)
	@scripts/run
test:        ## the whole suite against real parts, on SQLite and on MariaDB (ARGS="-k turn")
	@scripts/test $(ARGS)
test-mysql:  ## schema check and data tests on a real MySQL in Docker
	@scripts/test-mysql
lint:        ## ruff, mypy, djlint, missing migrations, Django's checks
	@scripts/lint
bench:       ## the figures, each against its baseline (make bench sandbox: only those)
	@scripts/bench $(BENCHES) $(ARGS)
safety:      ## hostile programs: contained in a sandbox, successful in a weak container; every kind of request
	@scripts/test-sandboxes safety
truth:       ## workers and engines killed at every step, two hosts, caches lost: every sandbox is in a true state
	@scripts/test-sandboxes truth
plans-truth: ## runs of plans at length: workers killed, Redis emptied, MariaDB restarted (PLANS_ROUNDS=5)
	@scripts/test-plans
cycles:      ## sandboxes made, used and deleted, with nothing left (CYCLES=1000)
	@scripts/test-sandboxes cycles
docs:        ## regenerate what the docs take from the code
	@scripts/docs
messages:    ## collect and compile the message catalogues
	@scripts/messages update
install:     ## .venv with everything a developer needs
	@scripts/install dev
run-full:    ## the full stack's processes on real MariaDB and Redis, without containers
	@scripts/full-stack
clean:       ## remove .venv, caches and the tests' servers; keeps your data in var/
	@scripts/clean
help:        ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile
