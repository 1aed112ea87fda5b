# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE # many tests run a command as a process of its own

.PHONY: demo test fuzz lint golden docs site bench lock clean

demo: .venv/demo.stamp
	$(BIN)/archdsl check specs/*.arch specs/*.yaml
	$(BIN)/archdsl report resnet50
	mkdir -p out
	$(BIN)/archdsl draw alexnet -o out/alexnet.svg
	$(BIN)/archdsl run lenet5 -o out/lenet5.safetensors
	@echo "Done: see out/. The command is $(BIN)/archdsl, or archdsl after: source $(BIN)/activate"

test: .venv/test.stamp
	$(BIN)/python -m pytest -n auto --dist worksteal

# The property tests with cases drawn anew, the tests that `make test` leaves out for their length, and ten minutes of
# generated texts and networks (FUZZ_TIME, in seconds).
fuzz: .venv/test.stamp
	$(BIN)/python -m pytest -q -n auto -m "hypothesis or heavy" --hypothesis-profile=random
	PYTHONPATH=$(CURDIR) $(BIN)/python -m tests.generate.fuzz

lint: .venv/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python docs/generate.py --check
	$(BIN)/python .ci/check_lock.py

# The texts that tests compare with, written anew; read the difference before committing it.
golden: .venv/test.stamp
	$(BIN)/python -m pytest -q --update-golden tests/faults tests/errata tests/golden tests/lint

docs: .venv/test.stamp
	$(BIN)/python docs/generate.py

# The documentation as a site, in out/site, to be served: `python -m http.server -d out/site`.
site: .venv/test.stamp
	$(BIN)/pip install -q -e '.[site]'
	$(BIN)/mkdocs build -q
	@echo "Done: $(BIN)/python -m http.server -d out/site"

bench: .venv/test.stamp
	$(BIN)/pip install -q -e '.[bench]'
	$(BIN)/python -m benchmarks.run
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.times
	$(BIN)/python -m benchmarks.schedules
	$(BIN)/python -m benchmarks.pictures
	$(BIN)/python -m benchmarks.placement --certify

# The lock, from what pip chooses today.
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	env -u PIP_CONSTRAINT .venv-lock/bin/pip install -q torch==2.13.0 '.[bench,test]'
	.venv-lock/bin/pip freeze --all --exclude archdsl --exclude pip | sed 's/+cpu$$//' | sort -f > constraints.txt
	rm -rf .venv-lock

.venv/demo.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e '.[demo]'
	touch $@

.venv/test.stamp: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e '.[test]'
	touch $@ .venv/demo.stamp

clean:
	rm -rf .venv .venv-lock out build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
