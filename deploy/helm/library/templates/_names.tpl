{{/*
Every template takes the same dictionary, which the chart makes:
  root       the chart's own context: Values, Release, Chart, Capabilities
  component  which of the chart's workloads, such as "relay"; the chart's name if there is one only
  values     the workload's values
*/}}

{{- define "tandem.name" -}}
{{- $base := .root.Values.fullnameOverride | default (ternary .root.Release.Name (printf "%s-%s" .root.Release.Name .root.Chart.Name) (contains .root.Chart.Name .root.Release.Name)) -}}
{{- $name := ternary $base (printf "%s-%s" $base .component) (eq .component .root.Chart.Name) -}}
{{- if gt (len $name) 52 -}}
  {{- fail (printf "%s is too long a name (52 at most, for what is appended to it): shorten the release's name or set fullnameOverride" $name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- define "tandem.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "tandem.labels" -}}
{{ include "tandem.selector" . }}
app.kubernetes.io/part-of: tandem
{{- /* A tag may be longer than a label, such as skaffold's digests. */}}
app.kubernetes.io/version: {{ include "tandem.version" . | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tandem.metadata" -}}
name: {{ include "tandem.name" . }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "tandem.labels" . | nindent 2 }}
{{- end -}}

{{/* A value of this chart, or the one that the umbrella gives to all: .path is "image.tag". */}}
{{- define "tandem.global" -}}
{{- $own := .root.Values -}}
{{- $all := .root.Values.global | default dict -}}
{{- range splitList "." .path -}}
  {{- $own = get ($own | default dict) . | default "" -}}
  {{- $all = get ($all | default dict) . | default "" -}}
{{- end -}}
{{- $own | default $all -}}
{{- end -}}

{{- define "tandem.version" -}}
{{- include "tandem.global" (dict "root" .root "path" "image.tag") | default .root.Chart.AppVersion -}}
{{- end -}}

{{/* registry/repository:tag@digest; with a digest the tag is for people only. */}}
{{- define "tandem.image" -}}
{{- $registry := include "tandem.global" (dict "root" .root "path" "image.registry") -}}
{{- with $registry }}{{ . }}/{{ end }}{{ .root.Values.image.repository }}:{{ include "tandem.version" . }}
{{- with .root.Values.image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{- define "tandem.serviceAccountName" -}}
{{- .values.serviceAccount.name | default (ternary (include "tandem.name" .) "default" (.values.serviceAccount.create | default false)) -}}
{{- end -}}

{{/* How many pods there are at least: what disruption budgets follow from. */}}
{{- define "tandem.minimum" -}}
{{- if .values.autoscaling.enabled }}{{ .values.autoscaling.minReplicas }}{{ else }}{{ .values.replicas }}{{ end -}}
{{- end -}}

{{/* The name of the port of metrics and health: one of its own, unless a process has only one. */}}
{{- define "tandem.operationsPort" -}}
{{- ternary "http" "operations" (and .values.service.enabled (eq (int .values.operations.port) (int .values.service.targetPort))) -}}
{{- end -}}
