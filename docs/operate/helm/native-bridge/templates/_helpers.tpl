{{- define "native-bridge.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 54 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 54 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "native-bridge.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "native-bridge.labels" -}}
{{ include "native-bridge.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "native-bridge.serviceAccount" -}}
{{ .Values.serviceAccount.name | default (include "native-bridge.fullname" .) }}
{{- end }}

{{- define "native-bridge.image" -}}
{{- $image := .Values.image -}}
{{- $repository := required "set image.repository to where you keep the image: none is published" $image.repository -}}
{{- if $image.digest }}{{ $repository }}@{{ $image.digest }}{{ else }}{{ $repository }}:{{ required "set image.tag or image.digest" $image.tag }}{{ end }}
{{- end }}

{{- /* The Secret that the pods mount. external-secrets makes it if that is asked for. */ -}}
{{- define "native-bridge.secret" -}}
{{- if .Values.secrets.externalSecret.enabled }}{{ .Values.secrets.existingSecret | default (include "native-bridge.fullname" .) }}{{ else }}{{ required "set secrets.existingSecret to the name of the Secret that secrets.keys are in" .Values.secrets.existingSecret }}{{ end }}
{{- end }}

{{- /* With the memory in the process there is one replica and never a second beside it. */ -}}
{{- define "native-bridge.several" -}}
{{- if .Values.redis.url }}yes{{ end }}
{{- end }}

{{- /* A number from values is a float64 in templates: 3000000 would become 3e+06. */ -}}
{{- define "native-bridge.text" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}
