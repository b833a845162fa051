{{/* A StatefulSet of one pod with its Service and policy. Takes name, port, user, image, values, root, and the container's rest. */}}
{{- define "dev-infra.server" -}}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "dev-infra.labels" . | nindent 4 }}
spec:
  clusterIP: None
  # The server is asked by its own name before it is ready.
  publishNotReadyAddresses: true
  selector:
    {{- include "dev-infra.selector" . | nindent 4 }}
  ports:
    - name: {{ .name }}
      port: {{ .port }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "dev-infra.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels:
      {{- include "dev-infra.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              app.kubernetes.io/part-of: tandem
        - podSelector:
            matchLabels:
              {{- include "dev-infra.selector" (dict "name" "test" "root" .root) | nindent 14 }}
        {{- with .root.Values.networkPolicy.clients }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - port: {{ .port }}
          protocol: TCP
  egress: []
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "dev-infra.labels" . | nindent 4 }}
spec:
  serviceName: {{ .name }}
  replicas: 1
  selector:
    matchLabels:
      {{- include "dev-infra.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "dev-infra.labels" . | nindent 8 }}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 30
      securityContext:
        runAsNonRoot: true
        runAsUser: {{ .user }}
        runAsGroup: {{ .user }}
        fsGroup: {{ .user }}
        seccompProfile:
          type: RuntimeDefault
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .root.Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .root.Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumes:
        {{- range .scratch }}
        - name: {{ .name }}
          emptyDir: {}
        {{- end }}
      containers:
        - name: {{ .name }}
          image: {{ .values.image }}
          imagePullPolicy: {{ .root.Values.imagePullPolicy }}
          securityContext:
            {{- include "dev-infra.noRights" . | nindent 12 }}
          ports:
            - name: {{ .name }}
              containerPort: {{ .port }}
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          {{- .container | nindent 10 }}
          volumeMounts:
            - name: data
              mountPath: {{ .data }}
            {{- range .scratch }}
            - name: {{ .name }}
              mountPath: {{ .path }}
            {{- end }}
  volumeClaimTemplates:
    - apiVersion: v1
      kind: PersistentVolumeClaim
      metadata:
        name: data
      spec:
        accessModes: [ReadWriteOnce]
        {{- with .values.storageClassName }}
        storageClassName: {{ . }}
        {{- end }}
        resources:
          requests:
            storage: {{ .values.storage }}
{{- end -}}

{{- define "dev-infra.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "dev-infra.labels" -}}
{{ include "dev-infra.selector" . }}
app.kubernetes.io/part-of: dev-infra
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{- define "dev-infra.noRights" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
