{{/* A pod that runs one command, .values.args, and ends. */}}
{{- define "tandem.commandSpec" -}}
restartPolicy: Never
{{ include "tandem.pod" . }}
{{- with .values.initContainers }}
initContainers:
  {{- tpl . $ | nindent 2 }}
{{- end }}
containers:
  - name: {{ .component }}
    {{- include "tandem.container" . | nindent 4 }}
    args:
      {{- toYaml .values.args | nindent 6 }}
    env:
      {{- include "tandem.env" . | trim | nindent 6 }}
    resources:
      {{- toYaml .values.resources | nindent 6 }}
    volumeMounts:
      {{- include "tandem.volumeMounts" . | nindent 6 }}
{{- end -}}

{{- define "tandem.jobTemplate" -}}
metadata:
  labels:
    {{- include "tandem.labels" . | nindent 4 }}
spec:
  {{- include "tandem.commandSpec" . | nindent 2 }}
{{- end -}}

{{/* Before all else of the release. The last one stays, so that its log can be read. */}}
{{- define "tandem.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation
{{- end -}}

{{- define "tandem.job" -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "tandem.name" . }}{{ if not .values.hook }}-{{ .root.Release.Revision }}{{ end }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "tandem.labels" . | nindent 4 }}
  {{- if .values.hook }}
  annotations:
    {{- include "tandem.hook" (dict "weight" 0) | nindent 4 }}
  {{- end }}
spec:
  backoffLimit: {{ .values.backoffLimit }}
  activeDeadlineSeconds: {{ .values.deadlineSeconds }}
  {{- if not .values.hook }}
  ttlSecondsAfterFinished: 86400
  {{- end }}
  template:
    {{- include "tandem.jobTemplate" . | nindent 4 }}
{{- end -}}

{{- define "tandem.cronJob" -}}
apiVersion: batch/v1
kind: CronJob
metadata:
  {{- include "tandem.metadata" . | nindent 2 }}
spec:
  schedule: {{ .values.schedule | quote }}
  timeZone: Etc/UTC
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 300
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 2
  jobTemplate:
    spec:
      backoffLimit: {{ .values.backoffLimit }}
      activeDeadlineSeconds: {{ .values.deadlineSeconds }}
      template:
        {{- include "tandem.jobTemplate" . | nindent 8 }}
{{- end -}}
