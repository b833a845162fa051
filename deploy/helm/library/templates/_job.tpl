{{/* A pod that runs one command and ends. `args` and `job` (the job's values: settings, secrets, resources …) are the caller's. */}}
{{- define "tandem.jobTemplate" -}}
metadata:
  labels:
    {{- include "tandem.labels" . | nindent 4 }}
spec:
  restartPolicy: Never
  {{- include "tandem.pod" . | nindent 2 }}
  {{- with .values.initContainers }}
  initContainers:
    {{- tpl . $ | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      {{- include "tandem.container" . | nindent 6 }}
      args:
        {{- toYaml .values.args | nindent 8 }}
      env:
        {{- include "tandem.env" . | trim | nindent 8 }}
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      volumeMounts:
        {{- include "tandem.volumeMounts" . | nindent 8 }}
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
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-weight: {{ .values.hookWeight | default 0 | quote }}
    # The last one stays, so that its log can be read.
    helm.sh/hook-delete-policy: before-hook-creation
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
