{{/* All that a running process needs, as one stream of documents. */}}
{{- define "tandem.workload" -}}
{{- $parts := list "tandem.serviceAccount" "tandem.deployment" "tandem.service" "tandem.autoscaler" "tandem.disruptionBudget" "tandem.networkPolicy" "tandem.route" "tandem.ingress" "tandem.podMonitor" "tandem.test" -}}
{{- range $parts }}
{{- with include . $ | trim }}
---
{{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Whatever else somebody needs beside the chart's objects; templates in it are rendered. */}}
{{- define "tandem.extraObjects" -}}
{{- range .Values.extraObjects }}
---
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end -}}
