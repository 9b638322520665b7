{{/* What the operator does in a namespace that it serves, and no more. It reads no Secrets, makes no pods, opens no shells. */}}
{{- define "sdpipeline.namespaceRules" -}}
- apiGroups: [sdpipeline.dev]
  resources: [stablediffusionpipelines]
  verbs: [get, list, watch]
- apiGroups: [sdpipeline.dev]
  resources: [stablediffusionpipelines/status]
  verbs: [patch]
# The children of a pipeline.
- apiGroups: [""]
  resources: [configmaps, services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
# Why a pod does not run is told by the pod and by events about it. An annotation makes the kubelet bring news to it.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
- apiGroups: [""]
  resources: [events]
  verbs: [list, watch, create]
{{- end }}

{{- define "sdpipeline.nodeRules" -}}
# The GPU and driver check.
- apiGroups: [""]
  resources: [nodes]
  verbs: [list, watch]
{{- end }}
