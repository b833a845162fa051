{{/* Where the upgrade runs beside the pods, they wait for it. */}}
{{- define "admin.waitForSchema" -}}
- name: wait-for-schema
  {{`{{- include "tandem.container" . | nindent 2 }}`}}
  args: [tandem-manage, wait_for_schema, --seconds=300]
  env:
    {{`{{- include "tandem.env" . | trim | nindent 4 }}`}}
  resources:
    {{- toYaml .Values.jobs.resources | nindent 4 }}
  volumeMounts:
    {{`{{- include "tandem.volumeMounts" . | nindent 4 }}`}}
{{- end -}}

{{/* Database and roles, by a superuser whose URL nothing else sees. */}}
{{- define "admin.createRoles" -}}
- name: create-roles
  {{`{{- include "tandem.container" . | nindent 2 }}`}}
  args: [tandem-manage, create_roles]
  env:
    {{`{{- include "tandem.env" . | trim | nindent 4 }}`}}
    {{- range $name, $key := dict "TANDEM_SUPERUSER_URL" "superuser-url" "TANDEM_ROLE_PASSWORDS" "role-passwords" }}
    - name: {{ $name }}
      valueFrom:
        secretKeyRef:
          name: {{ required "migration.createRoles.existingSecret must name the Secret with superuser-url and role-passwords" $.Values.migration.createRoles.existingSecret }}
          key: {{ $key }}
    {{- end }}
  resources:
    {{- toYaml .Values.jobs.resources | nindent 4 }}
  volumeMounts:
    {{`{{- include "tandem.volumeMounts" . | nindent 4 }}`}}
{{- end -}}
