{{/* The name of all that the release makes: sdpipeline-operator for a release named sdpipeline. */}}
{{- define "sdpipeline.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}-operator
{{- else -}}
{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}-operator
{{- end -}}
{{- end }}

{{- define "sdpipeline.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "sdpipeline.name" .) }}
{{- else -}}
{{ required "serviceAccount.create is false: set serviceAccount.name to an account that exists" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{/* A Deployment's selector can never change, so it has nothing of the version in it. */}}
{{- define "sdpipeline.selector" -}}
app.kubernetes.io/name: {{ include "sdpipeline.name" . }}
{{- end }}

{{- define "sdpipeline.labels" -}}
{{ include "sdpipeline.selector" . }}
app.kubernetes.io/part-of: sdpipeline
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/* The reference of an image: include "sdpipeline.image" (list . "puller") */}}
{{- define "sdpipeline.image" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $image := index $root.Values.images $name -}}
{{- if and $root.Values.images.registry (has $name (list "operator" "puller" "gateway" "exporter")) -}}
{{ trimSuffix "/" $root.Values.images.registry }}/
{{- end -}}
{{ $image.repository }}
{{- if $image.digest -}}
@{{ $image.digest }}
{{- else -}}
:{{ $image.tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end }}
