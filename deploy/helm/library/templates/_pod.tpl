{{/* What every container is: the service's image, unless .image is another, and no rights. */}}
{{- define "tandem.container" -}}
image: {{ .image | default (include "tandem.image" .) }}
imagePullPolicy: {{ include "tandem.global" (dict "root" .root "path" "image.pullPolicy") | default "IfNotPresent" }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: {{ and .root.Values.readOnlyRootFilesystem (ne (get (.root.Values.global | default dict) "readOnlyRootFilesystem" | toString) "false") }}
  capabilities:
    drop: [ALL]
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
