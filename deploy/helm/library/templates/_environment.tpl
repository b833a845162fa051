{{/*
What all processes are told, each setting by the path of the value that it comes from. Whoever takes these charts for another
system has its own settings here; all else knows nothing of them.
*/}}
{{- define "tandem.sharedSettings" -}}
TANDEM_ENVIRONMENT: environment
TANDEM_ADMIN_URL: adminUrl
TANDEM_API_URL: apiUrl
TANDEM_KAFKA_BOOTSTRAP_SERVERS: kafka.bootstrapServers
TANDEM_KAFKA_SECURITY_PROTOCOL: kafka.securityProtocol
OTEL_EXPORTER_OTLP_ENDPOINT: otlp.endpoint
{{- end -}}

{{/* What they are told besides, unless a value says otherwise. */}}
{{- define "tandem.defaultSettings" -}}
TANDEM_ENVIRONMENT: production
{{- with .values.operations }}
TANDEM_OPERATIONS_HOST: 0.0.0.0
TANDEM_OPERATIONS_PORT: {{ .port | quote }}
{{- end }}
{{- if include "tandem.global" (dict "root" .root "path" "kafka.caSecret") }}
TANDEM_KAFKA_CA_FILE: /etc/tandem/kafka/ca.crt
{{- end }}
{{- if include "tandem.global" (dict "root" .root "path" "postgres.caSecret") }}
PGSSLMODE: verify-full
PGSSLROOTCERT: /etc/tandem/postgres/ca.crt
{{- end }}
{{- end -}}

{{/*
The environment: what all processes share, the workload's own settings, its secrets, and whatever else somebody needs.
A secret is never a value of a chart: only where it is.
*/}}
{{- define "tandem.env" -}}
{{- $settings := include "tandem.defaultSettings" . | fromYaml -}}
{{- range $name, $path := include "tandem.sharedSettings" . | fromYaml -}}
  {{- with include "tandem.global" (dict "root" $.root "path" $path) }}{{ $_ := set $settings $name . }}{{ end -}}
{{- end -}}
{{- $settings = mergeOverwrite $settings (deepCopy (.values.settings | default dict)) -}}
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

{{/* With what a process logs in to Kafka, for who reads its environment; and the mechanism, in KEDA's words. */}}
{{- define "tandem.kafkaLogin" -}}
username: TANDEM_KAFKA_USERNAME
password: TANDEM_KAFKA_PASSWORD
{{- end -}}

{{- define "tandem.kafkaMechanism" -}}
{{- $mechanisms := dict "SCRAM-SHA-512" "scram_sha512" "SCRAM-SHA-256" "scram_sha256" "PLAIN" "plaintext" -}}
{{- get $mechanisms (get (.values.settings | default dict) "TANDEM_KAFKA_SASL_MECHANISM" | default "SCRAM-SHA-512") -}}
{{- end -}}
