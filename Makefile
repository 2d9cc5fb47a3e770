# The commands of a developer; `make run` and `make test` need Python 3.11 and make, nothing else.
PY := .venv/bin/python
BIN := .venv/bin
PYTEST := $(PY) -m pytest
SIDE_BY_SIDE := --dist loadfile
# Journals wait for the disk, so the files of unit tests are in memory if there is room.
IN_MEMORY := if [ "$$(df -m --output=avail /dev/shm 2>/dev/null | tail -n 1)" -ge 2000 ] 2>/dev/null && \
	! grep -q " /dev/shm .*noexec" /proc/mounts; then \
	TMPDIR=$$(mktemp -d -p /dev/shm journeyman.XXXXXX) && export TMPDIR && \
	trap 'rm -rf "$$TMPDIR"' EXIT && trap 'exit 130' INT TERM; fi;
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PYTHONDONTWRITEBYTECODE = # pytest keeps its rewritten modules: 5 s of CPU less for each process

PAGE := $(BIN)/uv pip install -q --python $(PY) --require-hashes -r requirements-page.txt && $(PY) ui/build.py

.PHONY: run page unit check test test-long test-protocols lint index bench bench-beside dashboard install install-dev lock clean

run: .venv/.run           ## the server with the example agent on http://127.0.0.1:8000
	@mkdir -p build; { nice -n 19 sh -c '$(PAGE) --quiet' >build/page.log 2>&1 || \
	echo "The page could not be built, and the server does not need it. build/page.log says why." >&2; } & # beside the server
	$(BIN)/journeyman serve examples/support

page: .venv/.run          ## the page, if its sources have changed
	@$(PAGE)

unit: .venv/.dev          ## the unit tests but those that measure CPU, with few examples of Hypothesis, in 15 s
	@$(IN_MEMORY) $(PYTEST) tests/unit -m "not long and not alone" --examples few -n 2 $(SIDE_BY_SIDE)

check: .venv/.dev         ## one test file or folder: make check F=tests/unit/test_ids.py
	$(PYTEST) $(F) -m "not long"

test: .venv/.dev          ## every suite, the long ones in a reduced dose: first what may share the machine with much
	@failed=0; \
	$(PYTEST) tests -m "not long and not alone" --examples first -n 3 $(SIDE_BY_SIDE) || failed=1; \
	$(PYTEST) tests -m "alone and not long" --examples first -n 2 $(SIDE_BY_SIDE) || failed=1; \
	exit $$failed

test-long: .venv/.dev .venv/.prometheus build/protocols/openai-python/.done ## the full doses
	$(PYTEST) tests -m "long or hypothesis" --examples rest --timeout 900

test-protocols: .venv/.dev build/protocols/openai-python/.done ## clients that others wrote, against a real server
	$(PYTEST) tests/protocols --timeout 120

lint: .venv/.dev          ## style, types, layers
	$(PY) ui/build.py --quiet
	$(PY) ui/check.py
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

index: .venv/.dev         ## every module with the first line of its docstring
	@$(PY) -m tests.harness.module_index

bench: .venv/.dev         ## CPU per run, latency and memory, each beside its floor
	$(PY) -m benchmarks
	@$(MAKE) --no-print-directory bench-beside

bench-beside: .venv-peers/.done ## a graph that does nothing, beside langgraph and pydantic-graph
	.venv-peers/bin/python -m benchmarks.graphs_beside

dashboard: .venv/.dev .venv/.prometheus ## a server under load, seen by Prometheus: build/dashboard.html (and .png, with Chromium)
	PYTHONPATH=. $(PY) -m tests.harness.dashboard_page build/dashboard.html

lock: .venv/bin/uv        ## fresh locks: versions and hashes, no addresses, nothing younger than a week
	$(BIN)/uv pip compile pyproject.toml --extra redis --generate-hashes --no-emit-index-url --no-header --exclude-newer "$$(date -d '7 days ago' +%F)" -o requirements.txt
	$(BIN)/uv pip compile pyproject.toml --extra dev --generate-hashes --no-emit-index-url --no-header --exclude-newer "$$(date -d '7 days ago' +%F)" -o requirements-dev.txt
	$(BIN)/uv pip compile pyproject.toml requirements-peers.in --generate-hashes --no-emit-index-url --no-header --exclude-newer "$$(date -d '7 days ago' +%F)" -o requirements-peers.txt

.venv/bin/uv:
	python3 -m venv .venv
	$(BIN)/pip install -q uv==0.13.9

.venv/.run: requirements.txt pyproject.toml | .venv/bin/uv
	$(BIN)/uv pip install -q --compile-bytecode --python $(PY) --require-hashes -r requirements.txt
	$(BIN)/uv pip install -q --python $(PY) --no-deps -e .
	@$(PY) -m compileall -q src examples
	@touch $@

.venv/.dev: requirements-dev.txt requirements-page.txt pyproject.toml | .venv/bin/uv
	$(BIN)/uv pip install -q --compile-bytecode --python $(PY) --require-hashes -r requirements-dev.txt
	$(BIN)/uv pip install -q --python $(PY) --no-deps -e .
	@$(PY) -m compileall -q src
	@for tool in strace chromium; do command -v $$tool >/dev/null || MISSING="$$MISSING $$tool"; done; [ -z "$$MISSING" ] || \
	{ S=$$([ "$$(id -u)" = 0 ] || echo sudo); $$S apt-get update -qq && $$S apt-get install -y -qq $$MISSING; }
	@$(PAGE)
	@touch $@

.venv/.prometheus: | .venv/.dev ## unpacked, not installed: no daemon starts
	@command -v prometheus >/dev/null || { mkdir -p .venv/prometheus && cd .venv/prometheus; S=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	apt-get download -qq prometheus 2>/dev/null || { $$S apt-get update -qq && apt-get download -qq prometheus; }; \
	dpkg -x prometheus_*.deb . && ln -sf ../prometheus/usr/bin/prometheus ../bin/prometheus; }
	@touch $@

.venv-peers/.done: requirements-peers.txt | .venv/bin/uv
	python3 -m venv .venv-peers
	$(BIN)/uv pip install -q --compile-bytecode --python .venv-peers/bin/python --require-hashes -r requirements-peers.txt
	$(BIN)/uv pip install -q --python .venv-peers/bin/python --no-deps -e .
	@touch $@

build/protocols/%/.done: tests/protocols/%.txt | .venv/bin/uv
	python3 -m venv build/protocols/$*
	$(BIN)/uv pip install -q --python build/protocols/$*/bin/python --require-hashes -r $<
	@touch $@

clean:
	rm -rf build src/journeyman/web/static ui/node_modules .venv .venv-peers .mypy_cache .ruff_cache .hypothesis .import_linter_cache
