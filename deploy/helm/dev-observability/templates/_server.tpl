{{/*
A workload with its Service and policy. Takes, beside root, values (image, resources, storage) and name:
  kind, replicas   Deployment (one pod unless replicas says more) or DaemonSet
  user             of the container
  container        args, env, and what else is the container's own
  ports            name: number, each of them the Service's too
  probe            port and path of readiness
  files            mount path: ConfigMap
  scratch          mount path: size of an empty volume that ends with the pod
  hostPaths        mount path: the node's, read-only
  account          whether it asks the Kubernetes API
  callers, calls   for the policy: {port name: [pod labels]}, and [{to: pod labels, port}]
*/}}
{{- define "dev-observability.server" -}}
{{- $volumes := dict -}}
{{- range $path, $_ := merge (dict) (.files | default dict) (.scratch | default dict) (.hostPaths | default dict) -}}
  {{- $_ := set $volumes $path (trimPrefix "-" (replace "/" "-" $path)) -}}
{{- end }}
---
apiVersion: v1
kind: Service
metadata:
  {{- include "dev-observability.metadata" . | nindent 2 }}
spec:
  {{- if .headless }}
  clusterIP: None
  {{- end }}
  {{- if eq .kind "DaemonSet" }}
  # Each pod talks to the agent of its own node.
  internalTrafficPolicy: Local
  {{- end }}
  selector:
    {{- include "dev-observability.selector" . | nindent 4 }}
  ports:
    {{- range $name, $port := .ports }}
    - name: {{ $name }}
      port: {{ $port }}
      targetPort: {{ $name }}
    {{- end }}
---
apiVersion: apps/v1
kind: {{ .kind }}
metadata:
  {{- include "dev-observability.metadata" . | nindent 2 }}
spec:
  {{- if eq .kind "Deployment" }}
  replicas: {{ .replicas | default 1 }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "dev-observability.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "dev-observability.labels" . | nindent 8 }}
      annotations:
        # New settings make new pods.
        checksum/settings: {{ .settings | sha256sum }}
    spec:
      serviceAccountName: {{ ternary .name "default" (default false .account) }}
      automountServiceAccountToken: {{ default false .account }}
      enableServiceLinks: false
      securityContext:
        runAsNonRoot: {{ ne (int .user) 0 }}
        runAsUser: {{ .user }}
        runAsGroup: {{ .user }}
        fsGroup: {{ .user }}
        seccompProfile:
          type: RuntimeDefault
      {{- with .root.Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if eq .kind "DaemonSet" }}
      tolerations:
        - operator: Exists
      {{- end }}
      containers:
        - name: {{ .container | default .name }}
          image: {{ .values.image }}
          imagePullPolicy: {{ .root.Values.imagePullPolicy }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          {{- .own | nindent 10 }}
          ports:
            {{- range $name, $port := .ports }}
            - name: {{ $name }}
              containerPort: {{ $port }}
            {{- end }}
            {{- range $name, $port := .podPorts }}
            - name: {{ $name }}
              containerPort: {{ $port }}
            {{- end }}
          readinessProbe:
            httpGet:
              path: {{ .probe.path }}
              port: {{ .probe.port }}
            periodSeconds: 5
          resources:
            {{- toYaml .values.resources | nindent 12 }}
          volumeMounts:
            {{- range $path, $name := $volumes }}
            - name: {{ $name }}
              mountPath: {{ $path }}
              {{- if not (hasKey ($.scratch | default dict) $path) }}
              readOnly: true
              {{- end }}
            {{- end }}
      volumes:
        {{- range $path, $map := .files }}
        - name: {{ get $volumes $path }}
          configMap:
            name: {{ $map }}
        {{- end }}
        {{- range $path, $size := .scratch }}
        - name: {{ get $volumes $path }}
          emptyDir:
            sizeLimit: {{ $size }}
        {{- end }}
        {{- range $path, $_ := .hostPaths }}
        - name: {{ get $volumes $path }}
          hostPath:
            path: {{ $path }}
            type: Directory
        {{- end }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "dev-observability.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "dev-observability.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- range $port, $labels := .callers }}
    - from:
        {{- range $labels }}
        - podSelector:
            matchLabels:
              {{- toYaml . | nindent 14 }}
        {{- end }}
      ports:
        - port: {{ $port }}
          protocol: TCP
    {{- end }}
  egress:
    {{- if .calls }}
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
          podSelector:
            matchLabels:
              k8s-app: kube-dns
      ports:
        - port: 53
          protocol: UDP
        - port: 53
          protocol: TCP
    {{- end }}
    {{- range .calls }}
    - to:
        - podSelector:
            matchLabels:
              {{- toYaml .to | nindent 14 }}
      ports:
        - port: {{ .port }}
          protocol: TCP
    {{- end }}
    {{- if .account }}
    # The Kubernetes API, whose address differs from cluster to cluster.
    - to:
        - ipBlock:
            cidr: 0.0.0.0/0
      ports:
        - port: 443
          protocol: TCP
        - port: 6443
          protocol: TCP
    {{- end }}
{{- if .account }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "dev-observability.metadata" . | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "dev-observability.metadata" . | nindent 2 }}
rules:
  - apiGroups: [""]
    resources: [pods]
    verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "dev-observability.metadata" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  - kind: ServiceAccount
    name: {{ .name }}
    namespace: {{ .root.Release.Namespace }}
{{- end }}
{{- end -}}

{{- define "dev-observability.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end -}}

{{- define "dev-observability.labels" -}}
{{ include "dev-observability.selector" . }}
app.kubernetes.io/part-of: dev-observability
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{- define "dev-observability.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "dev-observability.labels" . | nindent 2 }}
{{- end -}}

{{/* A ConfigMap: `files` is name: content. */}}
{{- define "dev-observability.files" -}}
---
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "dev-observability.metadata" . | nindent 2 }}
data:
  {{- range $name, $content := .files }}
  {{ $name }}: |
    {{- $content | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* A file that deploy/helm/dependencies brings from observability/. */}}
{{- define "dev-observability.brought" -}}
{{- .root.Files.Get (printf "observability/%s" .file) | required (printf "there is no observability/%s in the chart: deploy/helm/dependencies brings it" .file) -}}
{{- end -}}
