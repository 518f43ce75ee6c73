# Everything a person needs is here; `make help` lists it. Environments are made and kept up to date by tools/setup.sh.
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run-environment:
	@tools/setup.sh .venv run

environment:
	@tools/setup.sh .venv dev

demo: run-environment  ## audit a simulated estate, repair what has drifted, audit again (leaves out/demo)
	@$(PYTHON) -m tools.demo

lab: run-environment  ## serve the simulated estate until Ctrl-C; ARGS="--help" lists its options
	@$(PYTHON) -m lab $(ARGS)

check: environment  ## lint and unit tests, under a minute
	@$(PYTHON) tools/test.py check

test: environment  ## everything: every test on both versions of ansible-core, the linters, the package
	@$(PYTHON) tools/test.py test

lint: environment  ## the linters alone
	@$(PYTHON) tools/test.py lint

sanity:  ## ansible-test sanity; ARGS="--test validate-modules" runs one test
	@tools/setup.sh .venv-2.21 dev
	@.venv-2.21/bin/python tools/sanity.py $(ARGS)

docs: environment  ## build the documentation of all plugins, in out/docs
	@$(PYTHON) tools/docs.py

bench: run-environment  ## controller CPU of an audit, as a ratio to a raw command on the same hosts
	@$(PYTHON) -m tools.bench $(ARGS)

build: run-environment  ## the collection's tarball, of the files that git tracks, in out/
	@rm -rf out/build && mkdir -p out/build && git ls-files -z | tar -c --null -T - | tar -x -C out/build
	@.venv/bin/ansible-galaxy collection build --force --output-path out out/build

clean:  ## remove the environments and what was made in out/
	rm -rf .venv .venv-2.21 out

.PHONY: help run-environment environment demo lab check test lint sanity docs bench build clean
