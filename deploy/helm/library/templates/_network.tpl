{{- define "tandem.service" -}}
{{- if .values.service.enabled -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "tandem.metadata" . | nindent 2 }}
  {{- with .values.service.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  type: {{ .values.service.type }}
  selector:
    {{- include "tandem.selector" . | nindent 4 }}
  ports:
    - name: http
      port: {{ .values.service.port }}
      targetPort: http
      appProtocol: http
      {{- with .values.service.nodePort }}
      nodePort: {{ . }}
      {{- end }}
{{- end -}}
{{- end -}}

{{- define "tandem.route" -}}
{{- $route := .values.httpRoute -}}
{{- if $route.enabled -}}
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  {{- include "tandem.metadata" . | nindent 2 }}
spec:
  parentRefs:
    {{- required (printf "%s: httpRoute.parentRefs must name the Gateway" .component) ($route.parentRefs | default "") | toYaml | nindent 4 }}
  hostnames:
    {{- required (printf "%s: httpRoute.hostnames must name a host" .component) ($route.hostnames | default "") | toYaml | nindent 4 }}
  rules:
    - matches:
        - path:
            type: PathPrefix
            value: /
      backendRefs:
        - name: {{ include "tandem.name" . }}
          port: {{ .values.service.port }}
{{- end -}}
{{- end -}}

{{- define "tandem.ingress" -}}
{{- $ingress := .values.ingress -}}
{{- if $ingress.enabled -}}
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  {{- include "tandem.metadata" . | nindent 2 }}
  {{- with $ingress.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with $ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with $ingress.tls }}
  tls:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  rules:
    {{- range required (printf "%s: ingress.hosts must name a host" .component) ($ingress.hosts | default "") }}
    - host: {{ . }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {{ include "tandem.name" $ }}
                port:
                  name: http
    {{- end }}
{{- end -}}
{{- end -}}

{{/* A peer by its name: this chart's, or the umbrella's. */}}
{{- define "tandem.peer" -}}
{{- $own := get (.root.Values.networkPolicy.peers | default dict) .peer -}}
{{- $all := get ((.root.Values.global | default dict).networkPeers | default dict) .peer -}}
{{- $peer := $own | default $all -}}
{{- if not $peer }}{{ fail (printf "%s: networkPolicy.peers.%s must say who that is: {to: […], ports: […]}" .component .peer) }}{{ end -}}
- to:
    {{- toYaml $peer.to | nindent 4 }}
  ports:
    {{- range $peer.ports }}
    - port: {{ . }}
      protocol: TCP
    {{- end }}
{{- end -}}

{{- define "tandem.dns" -}}
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
{{- end -}}

{{/*
Nothing comes in and nothing goes out but what is named here. A hook's policy is a hook too, before it, as nothing of the release is
there when it runs; it has a name of its own, so that helm never finds another's object under the name of the release's.
*/}}
{{- define "tandem.networkPolicy" -}}
{{- if .root.Values.networkPolicy.enabled -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "tandem.name" . }}{{ if .values.hook }}-hook{{ end }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "tandem.labels" . | nindent 4 }}
  {{- if .values.hook }}
  annotations:
    {{- include "tandem.hook" (dict "weight" -1) | nindent 4 }}
  {{- end }}
spec:
  podSelector:
    matchLabels:
      {{- include "tandem.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- $in := .root.Values.networkPolicy }}
  ingress:
    {{- $tested := include "tandem.isTested" . }}
    {{- if and .values.service.enabled (or $in.clients $tested) }}
    - from:
        {{- with $in.clients }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
        {{- if $tested }}
        - podSelector:
            matchLabels:
              {{- include "tandem.selector" (merge (dict "component" (printf "%s-test" .component)) (omit . "component")) | nindent 14 }}
        {{- end }}
      ports:
        - port: http
          protocol: TCP
    {{- end }}
    {{- with $in.monitoring }}
    - from:
        {{- toYaml . | nindent 8 }}
      ports:
        - port: {{ include "tandem.operationsPort" $ }}
          protocol: TCP
    {{- end }}
  egress:
    {{- include "tandem.dns" . | nindent 4 }}
    {{- range .values.egress }}
    {{- include "tandem.peer" (merge (dict "peer" .) $) | nindent 4 }}
    {{- end }}
    {{- if include "tandem.global" (dict "root" .root "path" "otlp.endpoint") }}
    {{- include "tandem.peer" (merge (dict "peer" "otlp") $) | nindent 4 }}
    {{- end }}
    {{- if .values.internet }}
    # The internet, and none of our own networks: whoever registers a webhook must not reach what is behind it.
    - to:
        - ipBlock:
            cidr: 0.0.0.0/0
            except: [0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 224.0.0.0/3]
        - ipBlock:
            cidr: 2000::/3
      ports:
        - port: 443
          protocol: TCP
    {{- end }}
    {{- with $in.extraEgress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
{{- end -}}
