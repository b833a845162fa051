{{- define "tandem.deployment" -}}
{{- $needed := add .values.preStopSeconds .values.gracefulSeconds 5 -}}
{{- if lt (int .values.terminationGracePeriodSeconds) (int $needed) -}}
  {{- fail (printf "%s: terminationGracePeriodSeconds is %v, must be at least %v: preStopSeconds %v, gracefulSeconds %v, and 5 to end" .component .values.terminationGracePeriodSeconds $needed .values.preStopSeconds .values.gracefulSeconds) -}}
{{- end }}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "tandem.metadata" . | nindent 2 }}
spec:
  {{- if not .values.autoscaling.enabled }}
  replicas: {{ .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    {{- /* Who asks for Recreate keeps the default of rollingUpdate, which the API server refuses beside it. */}}
    {{- toYaml (eq .values.strategy.type "Recreate" | ternary (pick .values.strategy "type") .values.strategy) | nindent 4 }}
  selector:
    matchLabels:
      {{- include "tandem.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "tandem.labels" . | nindent 8 }}
        {{- with .values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        # New settings make new pods, and nothing else does. Secrets are not ours to read: say here when one is changed.
        checksum/settings: {{ include "tandem.env" . | sha256sum }}
        {{- with .values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "tandem.pod" . | nindent 6 }}
      terminationGracePeriodSeconds: {{ .values.terminationGracePeriodSeconds }}
      {{- if .values.topologySpread.enabled }}
      topologySpreadConstraints:
        {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
        - topologyKey: {{ . }}
          maxSkew: 1
          whenUnsatisfiable: {{ $.values.topologySpread.whenUnsatisfiable }}
          labelSelector:
            matchLabels:
              {{- include "tandem.selector" $ | nindent 14 }}
          matchLabelKeys: [pod-template-hash]
        {{- end }}
      {{- end }}
      {{- with .values.initContainers }}
      initContainers:
        {{- tpl . $ | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          {{- include "tandem.container" . | nindent 10 }}
          {{- with .values.args }}
          args:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          env:
            {{- include "tandem.env" . | trim | nindent 12 }}
          ports:
            {{- if .values.service.enabled }}
            - name: http
              containerPort: {{ .values.service.targetPort }}
            {{- end }}
            {{- if eq (include "tandem.operationsPort" .) "operations" }}
            - name: operations
              containerPort: {{ .values.operations.port }}
            {{- end }}
          startupProbe:
            httpGet:
              path: {{ .values.operations.livePath }}
              port: {{ include "tandem.operationsPort" . }}
            periodSeconds: 1
            failureThreshold: {{ .values.startupSeconds }}
          livenessProbe:
            httpGet:
              path: {{ .values.operations.livePath }}
              port: {{ include "tandem.operationsPort" . }}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: {{ div .values.livenessSeconds 10 | max 1 }}
          readinessProbe:
            httpGet:
              path: {{ .values.operations.readyPath }}
              port: {{ include "tandem.operationsPort" . }}
            periodSeconds: 2
            timeoutSeconds: 5
            failureThreshold: {{ div .values.readinessSeconds 2 | max 1 }}
          {{- if .values.preStopSeconds }}
          lifecycle:
            preStop:
              # Until every proxy knows that this pod is going, it answers.
              sleep:
                seconds: {{ .values.preStopSeconds }}
          {{- end }}
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          volumeMounts:
            {{- include "tandem.volumeMounts" . | nindent 12 }}
{{- end -}}
