# Tandem. `make` lists what there is; nothing but Python >= 3.11 and pip is needed.

PYTHON ?= python3
# Installs what is missing, then becomes the command: from make to the command there is one process, and a signal to
# make, even SIGKILL, ends it.
RUN = @$(PYTHON) libs/local/start.py --stop-with-parent

SOURCES = $(wildcard libs/*/src services/*/src)
UV = UV_PYTHON=$(PYTHON) UV_PYTHON_DOWNLOADS=never .tools/uv-*/bin/uv
ASYNCAPI = .tools/asyncapi/node_modules/.package-lock.json
OASDIFF = .tools/oasdiff/oasdiff
GO = .tools/go/pyvenv.cfg
ACTIONLINT = .tools/actionlint/actionlint
CHART_TOOLS = .tools/charts/kube-score
COLLECTOR = .tools/collector/otelcol-tandem
CHARTS_PATH = PATH="$(CURDIR)/.tools/charts:$(CURDIR)/.tools/go/bin:$$PATH"
# Go programs, from locked packages by a locked Go. GOTOOLCHAIN: this Go and no other; GOFLAGS: whatever the user has set.
GO_BUILD = PATH="$(CURDIR)/.tools/go/bin:$$PATH" GOTOOLCHAIN=local GOFLAGS= GOWORK=off CGO_ENABLED=0 \
  go build -buildvcs=false -ldflags=-s

# Images: where a service is, and what its image is called.
IMAGES = admin-django:tandem-admin api-fastapi:tandem-api worker:tandem-worker payment-sandbox:tandem-payment-sandbox
TAG ?= dev
TARGET ?= final
-include deploy/images/bases.env

.DEFAULT_GOAL = help
.PHONY: help demo up shell reset test browser chaos chaos-mutants soak schemathesis bench-api bench-events bench-back-office bench-observe bench-streams observe-check observe-alerts collector-check lint types check format clean images test-images charts charts-generate lint-images image-bases kind-up kind-down secrets e2e-cluster skaffold-check

help: ## list the targets
	@sed -n 's/^\([a-z-]*\): *## \(.*\)/make \1: \2/p' $(MAKEFILE_LIST)

demo: ## start everything and carry one order through it, then stay up until Ctrl-C (ONCE=1: end)
	$(RUN) tandem demo $(if $(ONCE),--once)

up: ## start everything and stay up until Ctrl-C (OBSERVE=1: with a probe that orders, and where the machine has it Prometheus with the alerts)
	$(RUN) tandem up $(if $(OBSERVE),--observe)

shell: ## a shell beside the running system, with its settings, for such as tandem-worker lag (ROLE=tandem_worker)
	$(RUN) tandem exec $(if $(ROLE),--role $(ROLE)) $${SHELL:-sh}

reset: ## remove the data that `make demo` and `make up` keep in .tandem
	$(RUN) tandem reset

test: ## run the tests (TESTS=services/worker to run some)
	$(RUN) pytest -n auto --dist worksteal $(TESTS)

browser: ## the back office and the login in Chromium, which must be there (SCREENSHOTS=folder)
	$(RUN) python -c '' # first what is always installed: it would remove what the next line adds
	@$(UV) sync --frozen --inexact --quiet --group browser
	@TANDEM_SCREENSHOTS=$(SCREENSHOTS) $(PYTHON) libs/local/start.py --stop-with-parent pytest -n 0 tests/browser

chaos: ## faults under load, and a verdict (SEED=1 MINUTES=2 RATE=6; docs/reliability.md)
	@PYTHONPATH=tests $(PYTHON) libs/local/start.py --stop-with-parent python -m chaos run \
	  $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(RATE),--rate $(RATE)) $(if $(FOLDER),--folder $(FOLDER))

chaos-mutants: ## known defects put in on purpose, each of which the checker has to see (ONLY=last-id-cursor)
	@PYTHONPATH=tests $(PYTHON) libs/local/start.py --stop-with-parent python -m chaos mutants $(if $(ONLY),--only $(ONLY))

soak: ## steady load for half an hour, Postgres and Kafka restarted meanwhile: answers and memory (MINUTES=30)
	@PYTHONPATH=tests $(PYTHON) libs/local/start.py --stop-with-parent python -m chaos soak \
	  $(if $(MINUTES),--minutes $(MINUTES)) $(if $(RATE),--rate $(RATE)) $(if $(FOLDER),--folder $(FOLDER))

schemathesis: ## requests made of the API's description, against the whole system (CASES=10000 SEED=1)
	@PYTHONPATH=tests $(PYTHON) libs/local/start.py --stop-with-parent python -m fuzzing \
	  $(if $(CASES),--cases $(CASES)) $(if $(SEED),--seed $(SEED))

bench-events: ## measure the events' way (ONLY=relay ROUNDS=5 QUICK=1; for ONLY=backlog ROWS=, for ONLY=hold HOLD=)
	$(RUN) python -c '' # first what is always installed: it would remove what the next line adds
	@$(UV) sync --frozen --inexact --quiet --group bench
	$(RUN) python -m benchmarks.events $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(QUICK),--quick) \
		$(if $(ROWS),--rows $(ROWS)) $(if $(HOLD),--hold $(HOLD))

bench-api: ## Django and FastAPI side by side, and the API's reads; needs wrk (ONLY=page ROUNDS=5 QUICK=1)
	$(RUN) python -c '' # first what is always installed: it would remove what the next line adds
	@$(UV) sync --frozen --inexact --quiet --group bench
	$(RUN) python -m benchmarks.api $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(QUICK),--quick)

bench-back-office: ## measure the back office (ONLY=import ROUNDS=5 QUICK=1)
	$(RUN) python -c '' # first what is always installed: it would remove what the next line adds
	@$(UV) sync --frozen --inexact --quiet --group bench
	$(RUN) python -m benchmarks.back_office $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(QUICK),--quick)

bench-observe: $(COLLECTOR) ## measure what traces, logs and metrics cost; needs wrk (ONLY=placement ROUNDS=5 QUICK=1)
	$(RUN) python -c '' # first what is always installed: it would remove what the next line adds
	@$(UV) sync --frozen --inexact --quiet --group bench
	$(RUN) python -m benchmarks.observe $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(QUICK),--quick)

bench-streams: ## measure what an idle event stream costs a pod of the API (STREAMS=1000)
	$(RUN) python -m benchmarks.streams $(if $(STREAMS),--streams $(STREAMS))

observe-check: ## what dashboards, alerts and runbooks ask for, against the running system; needs Prometheus
	$(RUN) python -m observability.live check

observe-alerts: ## each alert fired by its fault and cleared after, a quarter of an hour; needs Prometheus (ONLY=Kafka)
	$(RUN) python -m observability.live alerts $(if $(ONLY),--only "$(ONLY)")

collector-check: $(COLLECTOR) ## the collectors' configurations in a real collector, and an order's trace through it
	$(RUN) pytest -n 0 observability/tests/test_collector.py observability/tests/test_collector_logs.py tests/e2e/test_traces.py

lint: ## check style, formatting, and who may import whom
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) lint-imports

lint-images: $(ACTIONLINT) ## check the Dockerfiles and the workflows
	$(RUN) python -c '' # first what is always installed: it would remove what the next line adds
	@$(UV) sync --frozen --inexact --quiet --group images
	@.venv/bin/hadolint services/*/Dockerfile
	@$(ACTIONLINT)

types: ## check the types
	$(RUN) mypy $(SOURCES) deploy/images/reload tests/chaos tests/charts tests/cluster tests/fuzzing benchmarks observability

check: ## check migrations and the lock, that events and API are what is published, and dashboards as generated
	$(RUN) tandem-contracts check
	$(RUN) tandem-contracts compatible
	@.tools/node/bin/node .tools/asyncapi/accept.mjs libs/contracts/asyncapi.json
	$(RUN) python -m observability check
	$(RUN) tandem-openapi check
	@$(OASDIFF) validate services/api-fastapi/openapi.json
	$(RUN) tandem-openapi compatible
	@TANDEM_ENVIRONMENT=test PYTHONWARNINGS='ignore:Got an error checking:RuntimeWarning' $(PYTHON) libs/local/start.py --stop-with-parent tandem-manage makemigrations --check --dry-run
	@$(UV) lock --check --quiet

charts: $(CHART_TOOLS) ## check the charts: schemas, helm 3 and 4, Kubernetes 1.30 to 1.35, Pod Security, policies
	$(RUN) python -c '' # first what is always installed: it would remove what the next line adds
	@$(UV) sync --frozen --inexact --quiet --group charts
	@$(CHARTS_PATH) deploy/helm/dependencies
	@$(CHARTS_PATH) PYTHONPATH=tests .venv/bin/python -m charts check
	@$(CHARTS_PATH) .venv/bin/pytest -q -n 0 tests/charts

charts-generate: $(CHART_TOOLS) ## write each chart's README.md and values.schema.json from its values
	@$(CHARTS_PATH) PYTHONPATH=tests $(PYTHON) libs/local/start.py --stop-with-parent python -m charts generate

images: ## build the services' images (TAG=dev TARGET=final; IMAGE_FLAGS=what else docker build needs)
	@for service in $(IMAGES); do \
	  echo "$${service%:*} => $${service#*:}:$(TAG)"; \
	  docker build $(IMAGE_FLAGS) --target $(TARGET) --file services/$${service%:*}/Dockerfile --tag $${service#*:}:$(TAG) \
	    --build-arg PYTHON_IMAGE=$(PYTHON_IMAGE) --build-arg VERSION=$(TAG) \
	    --build-arg REVISION=$$(git rev-parse HEAD) --build-arg SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) . || exit 1; \
	done

test-images: ## run the images that `make images` made against real servers (TAG=dev)
	@TANDEM_TEST_IMAGES_TAG=$(TAG) $(PYTHON) libs/local/start.py --stop-with-parent pytest -n 0 tests/images

kind-up: ## a kind cluster for `skaffold dev`
	@kind create cluster --config deploy/kind/cluster.yaml

kind-down: ## remove it
	@kind delete cluster --name tandem

secrets: ## the Secrets of a development cluster, for kubectl apply
	$(RUN) tandem secrets

e2e-cluster: ## the charts on the cluster of your kubeconfig, disturbed under load (LOAD='kind load docker-image')
	@$(MAKE) --no-print-directory images TAG=e2e-1
	@$(MAKE) --no-print-directory images TAG=e2e-2
	@if [ -n "$(LOAD)" ]; then for service in $(IMAGES); do \
	  $(LOAD) $${service#*:}:e2e-1 $${service#*:}:e2e-2 || exit 1; done; fi
	@deploy/helm/dependencies
	@PYTHONPATH=tests $(PYTHON) libs/local/start.py --stop-with-parent python -m cluster --tag e2e-1 --new-tag e2e-2 \
	  $(if $(RATE),--rate $(RATE)) $(if $(LOOKS),--looks $(LOOKS)) $(if $(KEEP),--keep)

skaffold-check: ## `skaffold dev` on a cluster of make kind-up: sync of each service, verify (FLAGS='--build-network host')
	@PYTHONPATH=tests $(PYTHON) libs/local/start.py --stop-with-parent python -m cluster.development $(FLAGS)

image-bases: ## write the digest of today's base image into deploy/images/bases.env (asks the registry)
	@deploy/images/pin

format: ## repair style and formatting where that is possible
	$(RUN) ruff check --fix
	$(RUN) ruff format

clean: ## remove what was installed into this checkout (data and the user's cache stay)
	@rm -rf .venv .tools .mypy_cache .pytest_cache .ruff_cache .import_linter_cache

check: $(ASYNCAPI) $(OASDIFF)

.venv:
	$(RUN) python -c ''

# Node and AsyncAPI's parser, both from locked packages: nothing else needs them.
$(ASYNCAPI): $(wildcard libs/contracts/asyncapi/*) uv.lock | .venv
	@UV_PROJECT_ENVIRONMENT=.tools/node $(UV) sync --frozen --quiet --only-group node
	@mkdir -p .tools/asyncapi && cp libs/contracts/asyncapi/* .tools/asyncapi
	@.tools/node/bin/npm ci --prefix .tools/asyncapi --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# Go, likewise.
$(GO): uv.lock | .venv
	@UV_PROJECT_ENVIRONMENT=.tools/go $(UV) sync --frozen --quiet --only-group go
	@touch $@

$(OASDIFF): $(wildcard services/api-fastapi/oasdiff/*) $(GO)
	@mkdir -p $(@D) && cd services/api-fastapi/oasdiff && $(GO_BUILD) -o $(CURDIR)/$@ github.com/oasdiff/oasdiff
	@touch $@

$(ACTIONLINT): $(wildcard tools/go.*) $(GO)
	@mkdir -p $(@D) && cd tools && $(GO_BUILD) -o $(CURDIR)/$@ github.com/rhysd/actionlint/cmd/actionlint
	@touch $@

# The charts' tools, each built from its locked modules; the last is the mark that all are there.
$(CHART_TOOLS): $(wildcard tools/go.* tools/kube-score/go.* tools/podsecurity/*) $(GO)
	@mkdir -p $(@D)
	@cd tools && $(GO_BUILD) -o $(CURDIR)/$(@D)/helm4 helm.sh/helm/v4/cmd/helm
	@cd tools && $(GO_BUILD) -o $(CURDIR)/$(@D)/ helm.sh/helm/v3/cmd/helm github.com/yannh/kubeconform/cmd/kubeconform \
	  github.com/norwoodj/helm-docs/cmd/helm-docs github.com/helm-unittest/helm-unittest/cmd/helm-unittest ./podsecurity
	@cd tools/kube-score && $(GO_BUILD) -o $(CURDIR)/$@ github.com/zegl/kube-score/cmd/kube-score
	@touch $@

# The OpenTelemetry collector with what our configurations name: its sources made from the manifest, all from locked modules.
$(COLLECTOR): $(wildcard tools/collector/*) $(GO)
	@mkdir -p $(@D) && cp tools/collector/* $(@D)
	@cd $(@D) && PATH="$(CURDIR)/.tools/go/bin:$$PATH" GOTOOLCHAIN=local GOFLAGS=-buildvcs=false GOWORK=off \
	  go tool builder --config builder.yaml --skip-get-modules
	@touch $@
