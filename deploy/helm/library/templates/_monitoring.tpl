{{- define "tandem.podMonitor" -}}
{{- $monitor := .root.Values.podMonitor -}}
{{- if $monitor.enabled -}}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: {{ include "tandem.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "tandem.labels" . | nindent 4 }}
    {{- with $monitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "tandem.selector" . | nindent 6 }}
  podTargetLabels: [app.kubernetes.io/component]
  podMetricsEndpoints:
    - port: {{ include "tandem.operationsPort" . }}
      path: {{ .values.operations.metricsPath }}
      interval: {{ $monitor.interval }}
{{- end -}}
{{- end -}}
