# Every task of this project; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

RUN := .venv/bin/

.PHONY: help
help: ## List the tasks
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  \033[1m%-20s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Bring .venv to what uv.lock says
	@scripts/setup

.PHONY: demo
demo: setup ## From nothing to two pictures on a local Kubernetes (CONTEXT=kind-NAME: on your own kind cluster)
	@$(RUN)python -m demo up $(if $(CONTEXT),--context $(CONTEXT))

.PHONY: demo-down
demo-down: setup ## Stop and remove all that `make demo` started (CONTEXT as for demo)
	@$(RUN)python -m demo down $(if $(CONTEXT),--context $(CONTEXT))

.PHONY: test
test: setup ## Run the unit, contract, cluster and end-to-end tests
	@$(RUN)python -m demo prepare
	@$(RUN)pytest tests/cluster tests/e2e
	@$(RUN)pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile tests/contract tests/unit

.PHONY: test-unit
test-unit: setup ## Run the unit tests only: seconds, no cluster
	@$(RUN)pytest tests/unit

.PHONY: lint
lint: setup ## Formatting, lint, types, layers, Dockerfiles, the chart
	$(RUN)ruff format --check
	$(RUN)ruff check
	$(RUN)mypy
	$(RUN)lint-imports
	$(RUN)hadolint Dockerfile images/*/Dockerfile
	$(RUN)python -m devcluster.helm lint --strict --quiet charts/sdpipeline

.PHONY: generate
generate: setup ## Write what is generated and committed: the CRD, deploy/base, the protobuf code
	$(RUN)python -m sdp_operator crd > crds/.new && mv crds/.new crds/stablediffusionpipelines.yaml
	cp crds/stablediffusionpipelines.yaml charts/sdpipeline/files/
	{ echo '# Generated from charts/sdpipeline by `make generate`. Do not edit.'; \
	  $(RUN)python -m devcluster.helm template sdpipeline charts/sdpipeline --namespace=sdpipeline-system --set=crd.create=false; \
	} > deploy/base/.new && mv deploy/base/.new deploy/base/operator.yaml
	PATH="$(CURDIR)/.venv/bin:$$PATH" python -m grpc_tools.protoc --proto_path=serving --python_out=serving --mypy_out=quiet:serving serving/sdp_serving/servers/predict.proto serving/sdp_serving/puller/saved_model.proto

.PHONY: benchmark-scale
benchmark-scale: setup ## Measure the operator with up to 500 pipelines: about half an hour
	@$(RUN)python -m benchmarks.scale

.PHONY: benchmark-swap
benchmark-swap: setup ## Measure swaps under load, by each strategy and without the operator: about 50 minutes
	@$(RUN)python -m benchmarks.swap

.PHONY: benchmark-exporter
benchmark-exporter: setup ## Measure the exported diffusion model against the seed's and KerasCV's: about an hour and a half
	@$(RUN)python -m benchmarks.exporter

.PHONY: benchmark-dataplane
benchmark-dataplane: setup ## Measure the data plane against the seed's REST flow: about ten minutes
	@$(RUN)python -m benchmarks.dataplane

.PHONY: equality
equality: setup ## Compare the exported models with KerasCV's at full size: some hours
	@$(RUN)python -m benchmarks.equality

.PHONY: format
format: setup ## Format the code, mend what lint can mend
	$(RUN)ruff format
	$(RUN)ruff check --fix
