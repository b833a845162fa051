{{/* The last one stays, so that its log can be read: helm test --logs. */}}
{{- define "tandem.testHook" -}}
helm.sh/hook: test
helm.sh/hook-delete-policy: before-hook-creation
{{- end -}}

{{/*
`helm test` of a process that nobody calls: a pod with the settings, secrets and peers of .values runs .values.args.
*/}}
{{- define "tandem.commandTest" -}}
apiVersion: v1
kind: Pod
metadata:
  {{- include "tandem.metadata" . | nindent 2 }}
  annotations:
    {{- include "tandem.testHook" . | nindent 4 }}
spec:
  {{- include "tandem.commandSpec" . | nindent 2 }}
---
{{ include "tandem.networkPolicy" . }}
{{- end -}}

{{/*
`helm test`: a pod that asks the Service for .test.path as a client of .test.host does, and its policy; the service's own
policy lets it in. None where the context has no .test, or the values do not want it.
*/}}
{{- define "tandem.test" -}}
{{- if include "tandem.isTested" . -}}
{{- with .test -}}
{{- $context := merge (dict "component" (printf "%s-test" $.component)) (omit $ "component") -}}
apiVersion: v1
kind: Pod
metadata:
  name: {{ include "tandem.name" $ }}-test
  namespace: {{ $.root.Release.Namespace }}
  labels:
    {{- include "tandem.labels" $context | nindent 4 }}
  annotations:
    {{- include "tandem.testHook" . | nindent 4 }}
spec:
  restartPolicy: Never
  {{- include "tandem.pod" (dict "root" $.root "values" (dict "tmpSize" "16Mi" "serviceAccount" (dict "create" false "name" "default"))) | nindent 2 }}
  containers:
    - name: test
      {{- include "tandem.container" (dict "root" $.root "image" $.values.test.image) | nindent 6 }}
      command:
        - python
        - -c
        - |-
          import sys, urllib.request
          url, host = sys.argv[1:]
          # As a gateway asks, which has taken the TLS off.
          headers = {"Host": host, "X-Forwarded-Proto": "https"}
          with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
              print(url, answer.status, answer.read(300))
        - http://{{ include "tandem.name" $ }}:{{ $.values.service.port }}{{ .path }}
        - {{ .host | default (include "tandem.name" $) | quote }}
      resources:
        requests:
          cpu: 10m
          memory: 32Mi
          ephemeral-storage: 16Mi
        limits:
          memory: 64Mi
          ephemeral-storage: 64Mi
      volumeMounts:
        {{- include "tandem.volumeMounts" (dict "root" $.root "values" dict) | nindent 8 }}
{{- if $.root.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "tandem.name" $ }}-test
  namespace: {{ $.root.Release.Namespace }}
  labels:
    {{- include "tandem.labels" $context | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "tandem.selector" $context | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress: []
  egress:
    {{- include "tandem.dns" . | nindent 4 }}
    - to:
        - podSelector:
            matchLabels:
              {{- include "tandem.selector" $ | nindent 14 }}
      ports:
        - port: http
          protocol: TCP
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tandem.isTested" -}}
{{- if and .test .values.test.enabled }}yes{{ end -}}
{{- end -}}
