// Modules that carry the types of custom resources (tests/charts/crds.py): fetched as they are, none is built. A `go mod tidy` would
// drop them; a new version is a line here, and `python -m charts check` writes its sum.
module tandem/tools/crds

go 1.26.0

require (
	github.com/argoproj/argo-cd/v3 v3.4.13
	github.com/cloudnative-pg/cloudnative-pg v1.30.0
	github.com/cloudnative-pg/plugin-barman-cloud v0.15.0
	github.com/external-secrets/external-secrets v0.16.2
	github.com/kedacore/keda/v2 v2.20.2
	github.com/prometheus-operator/prometheus-operator v0.85.0
	sigs.k8s.io/gateway-api v1.6.3
)
