{{- define "tandem.serviceAccount" -}}
{{- if .values.serviceAccount.create -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "tandem.serviceAccountName" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "tandem.labels" . | nindent 4 }}
  {{- with .values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}
{{- end -}}

{{/* Of two pods or more one may be away; a budget for a single pod would only hold up the node's drain. */}}
{{- define "tandem.disruptionBudget" -}}
{{- if and .values.disruptionBudget.enabled (gt (int (include "tandem.minimum" .)) 1) -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "tandem.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ .values.disruptionBudget.maxUnavailable }}
  # A pod that is not ready serves nobody: it must not hold up a drain.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "tandem.selector" . | nindent 6 }}
{{- end -}}
{{- end -}}

{{/*
KEDA reads a role's lag as the role itself gets at Kafka: by the login of its pods' environment, and the authority that they trust.
Empty where the brokers ask for neither.
*/}}
{{- define "tandem.kafkaAuthentication" -}}
{{- $protocol := include "tandem.global" (dict "root" .root "path" "kafka.securityProtocol") -}}
{{- if hasPrefix "SASL_" $protocol }}
env:
  {{- range $parameter, $variable := include "tandem.kafkaLogin" . | fromYaml }}
  - parameter: {{ $parameter }}
    name: {{ $variable }}
  {{- end }}
{{- end }}
{{- if hasSuffix "SSL" $protocol }}
{{- with include "tandem.global" (dict "root" .root "path" "kafka.caSecret") }}
secretTargetRef:
  - parameter: ca
    name: {{ . }}
    key: ca.crt
{{- end }}
{{- end }}
{{- end -}}

{{- define "tandem.autoscaler" -}}
{{- $scaling := .values.autoscaling -}}
{{- if $scaling.enabled -}}
{{- if lt (int $scaling.maxReplicas) (int $scaling.minReplicas) -}}
  {{- fail (printf "%s: autoscaling.maxReplicas is below minReplicas" .component) -}}
{{- end -}}
{{- if $scaling.kafka -}}
{{- $partitions := 0 -}}
{{- range values $scaling.kafka.topics }}{{ $partitions = max $partitions (int .) }}{{ end -}}
{{- if gt (int $scaling.maxReplicas) (int $partitions) -}}
  {{- fail (printf "%s: autoscaling.maxReplicas is %v, but its topics have %v partitions at most: more pods would have nothing to do" .component $scaling.maxReplicas $partitions) -}}
{{- end }}
{{- $protocol := include "tandem.global" (dict "root" .root "path" "kafka.securityProtocol") }}
{{- $authentication := include "tandem.kafkaAuthentication" . | trim }}
{{- with $authentication }}
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata:
  {{- include "tandem.metadata" $ | nindent 2 }}
spec:
  {{- . | nindent 2 }}
---
{{- end }}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  {{- include "tandem.metadata" . | nindent 2 }}
spec:
  scaleTargetRef:
    name: {{ include "tandem.name" . }}
  minReplicaCount: {{ $scaling.minReplicas }}
  maxReplicaCount: {{ $scaling.maxReplicas }}
  triggers:
    {{- range $topic, $_ := $scaling.kafka.topics }}
    - type: kafka
      metadata:
        bootstrapServers: {{ include "tandem.global" (dict "root" $.root "path" "kafka.bootstrapServers") | required (printf "%s: kafka.bootstrapServers is needed for scaling" $.component) }}
        consumerGroup: {{ $scaling.kafka.consumerGroup }}
        topic: {{ $topic }}
        lagThreshold: {{ $scaling.kafka.lagPerPod | quote }}
        # A group that has committed nothing yet begins at the beginning, as our consumers do.
        offsetResetPolicy: earliest
        {{- if hasPrefix "SASL_" $protocol }}
        sasl: {{ include "tandem.kafkaMechanism" $ }}
        {{- end }}
        {{- if hasSuffix "SSL" $protocol }}
        tls: enable
        {{- end }}
      {{- if $authentication }}
      authenticationRef:
        name: {{ include "tandem.name" $ }}
      {{- end }}
    {{- end }}
{{- else }}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "tandem.metadata" . | nindent 2 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ include "tandem.name" . }}
  minReplicas: {{ $scaling.minReplicas }}
  maxReplicas: {{ $scaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ $scaling.cpuUtilization }}
  behavior:
    scaleDown:
      # A pod that leaves ends its customers' event streams: not for a moment's calm.
      stabilizationWindowSeconds: 300
{{- end }}
{{- end -}}
{{- end -}}
