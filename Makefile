# One command each; all of them are plain scripts that run without make too.
VENV ?= .venv

.PHONY: test lint sanitize bench docs format
test:
	VENV=$(VENV) sh tests/run
lint:
	sh tests/lint $(VENV)
	sh tests/thread_safety
sanitize:
	$(VENV)/bin/python -m pytest tests/test_native.py tests/test_fuzz.py --sanitize
bench:
	$(VENV)/bin/python -m bench
docs:
	$(VENV)/bin/triton-lite options --markdown > docs/options.md
format:
	$(VENV)/bin/ruff format .
	git ls-files 'csrc/*.h' 'csrc/*.cc' 'tests/*.h' 'tests/*.cc' 'bench/*.cc' 'bench/*.h' | xargs $(VENV)/bin/clang-format -i
