{{/* What every container is: environment, limits, no rights. */}}
{{- define "tandem.container" -}}
image: {{ include "tandem.image" . }}
imagePullPolicy: {{ include "tandem.global" (dict "root" .root "path" "image.pullPolicy") | default "IfNotPresent" }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: {{ and .root.Values.readOnlyRootFilesystem (ne (get (.root.Values.global | default dict) "readOnlyRootFilesystem" | toString) "false") }}
  capabilities:
    drop: [ALL]
{{- end -}}

{{/*
The environment: what all processes share, the workload's own settings, its secrets, and whatever else somebody needs.
A secret is never a value of a chart: only where it is.
*/}}
{{- define "tandem.env" -}}
{{- $settings := dict "TANDEM_ENVIRONMENT" (include "tandem.global" (dict "root" .root "path" "environment") | default "production") -}}
{{- $_ := set $settings "TANDEM_OPERATIONS_HOST" "0.0.0.0" -}}
{{- $_ := set $settings "TANDEM_OPERATIONS_PORT" "9000" -}}
{{- range $name, $path := dict "TANDEM_ADMIN_URL" "adminUrl" "TANDEM_API_URL" "apiUrl" "TANDEM_KAFKA_BOOTSTRAP_SERVERS" "kafka.bootstrapServers" "TANDEM_KAFKA_SECURITY_PROTOCOL" "kafka.securityProtocol" "OTEL_EXPORTER_OTLP_ENDPOINT" "otlp.endpoint" -}}
  {{- with include "tandem.global" (dict "root" $.root "path" $path) }}{{ $_ := set $settings $name . }}{{ end -}}
{{- end -}}
{{- if include "tandem.global" (dict "root" .root "path" "kafka.caSecret") }}{{ $_ := set $settings "TANDEM_KAFKA_CA_FILE" "/etc/tandem/kafka/ca.crt" }}{{ end -}}
{{- if include "tandem.global" (dict "root" .root "path" "postgres.caSecret") -}}
  {{- $_ := mergeOverwrite $settings (dict "PGSSLMODE" "verify-full" "PGSSLROOTCERT" "/etc/tandem/postgres/ca.crt") -}}
{{- end -}}
{{- range $name, $value := .values.settings }}{{ $_ := set $settings $name $value }}{{ end -}}
{{- range $name := keys $settings | sortAlpha }}
- name: {{ $name }}
  value: {{ get $settings $name | toString | quote }}
{{- end }}
{{- range $name := keys .values.secrets | sortAlpha }}
{{- $key := get $.values.secrets $name }}
{{- if $key }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ required (printf "%s: existingSecret must name the Secret whose key %q holds %s" $.component $key $name) $.values.existingSecret }}
      key: {{ $key }}
{{- end }}
{{- end }}
{{- with .values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The pod around the containers, which the caller adds; works in the namespace that enforces `restricted`. */}}
{{- define "tandem.pod" -}}
serviceAccountName: {{ include "tandem.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with include "tandem.global" (dict "root" .root "path" "priorityClassName") }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.imagePullSecrets | default (.root.Values.global | default dict).imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: {{ .values.tmpSize }}
  {{- range $server := list "kafka" "postgres" }}
  {{- with include "tandem.global" (dict "root" $.root "path" (printf "%s.caSecret" $server)) }}
  - name: {{ $server }}-ca
    secret:
      secretName: {{ . }}
      items:
        - key: ca.crt
          path: ca.crt
  {{- end }}
  {{- end }}
  {{- with .values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "tandem.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- range $server := list "kafka" "postgres" }}
{{- if include "tandem.global" (dict "root" $.root "path" (printf "%s.caSecret" $server)) }}
- name: {{ $server }}-ca
  mountPath: /etc/tandem/{{ $server }}
  readOnly: true
{{- end }}
{{- end }}
{{- with .values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}
