{{/* Takes root and name. */}}
{{- define "operators.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "operators.labels" .root | nindent 2 }}
{{- end -}}

{{- define "operators.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What holds data outlives the release, and so does what guards it and copies it. */}}
{{- define "operators.keep" -}}
{{- if .Values.keep -}}
annotations:
  helm.sh/resource-policy: keep
{{- end }}
{{- end -}}

{{/* Takes root and labels: copies on different nodes and in different zones. */}}
{{- define "operators.spread" -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" -}}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: {{ $.root.Values.whenUnsatisfiable }}
  labelSelector:
    matchLabels:
      {{- toYaml $.labels | nindent 6 }}
{{ end }}
{{- end -}}

{{/* Where pods may run; CloudNativePG's Cluster has words of its own for it. */}}
{{- define "operators.placement" -}}
{{- with .Values.nodeSelector -}}
affinity:
  nodeAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      nodeSelectorTerms:
        - matchExpressions:
            {{- range $label, $value := . }}
            - key: {{ $label }}
              operator: In
              values: [{{ $value | quote }}]
            {{- end }}
{{ end -}}
tolerations:
  {{- toYaml .Values.tolerations | nindent 2 }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}
