"""StableDiffusionPipeline v1alpha1: its spec and its status.

The CustomResourceDefinition is generated from this package. The docstring below a field is its description in
`kubectl explain`.
"""

from sdp_operator.api.v1alpha1.base import KUBERNETES_TYPE, KubernetesObject, Resources
from sdp_operator.api.v1alpha1.component import URI_PATTERN, Canary, ComponentSpec, DiffusionModelSpec, SharedComponent
from sdp_operator.api.v1alpha1.export import ExportSpec
from sdp_operator.api.v1alpha1.gateway import (
    GatewayAuth,
    GatewayIngress,
    GatewayLimits,
    GatewayRoute,
    GatewayService,
    GatewaySpec,
    ParentReference,
)
from sdp_operator.api.v1alpha1.names import API_VERSION, GROUP, KIND, MAX_NAME, NAME_PATTERN, PLURAL, VERSION
from sdp_operator.api.v1alpha1.pipeline import Pipeline
from sdp_operator.api.v1alpha1.placement import DriverCheck, Gpu, Toleration
from sdp_operator.api.v1alpha1.serving import (
    Autoscaling,
    Batching,
    EnvironmentVariable,
    Overrides,
    ScalingMetric,
    Server,
    ServiceOptions,
    Volume,
    VolumeMount,
)
from sdp_operator.api.v1alpha1.spec import (
    Cache,
    Monitoring,
    NetworkPolicy,
    PipelineSpec,
    PodMonitor,
    Sharing,
    StableDiffusion,
    Storage,
    Swap,
)
from sdp_operator.api.v1alpha1.status import (
    MAX_SWAPS,
    CanaryStatus,
    ComponentStatus,
    Condition,
    Endpoints,
    PipelineStatus,
    Serving,
    SwapRecord,
    SwapStatus,
    format_time,
)

__all__ = [
    "API_VERSION",
    "GROUP",
    "KIND",
    "KUBERNETES_TYPE",
    "MAX_NAME",
    "MAX_SWAPS",
    "NAME_PATTERN",
    "PLURAL",
    "URI_PATTERN",
    "VERSION",
    "Autoscaling",
    "Batching",
    "Cache",
    "Canary",
    "CanaryStatus",
    "ComponentSpec",
    "ComponentStatus",
    "Condition",
    "DiffusionModelSpec",
    "DriverCheck",
    "Endpoints",
    "EnvironmentVariable",
    "ExportSpec",
    "GatewayAuth",
    "GatewayIngress",
    "GatewayLimits",
    "GatewayRoute",
    "GatewayService",
    "GatewaySpec",
    "Gpu",
    "KubernetesObject",
    "Monitoring",
    "NetworkPolicy",
    "Overrides",
    "ParentReference",
    "Pipeline",
    "PipelineSpec",
    "PipelineStatus",
    "PodMonitor",
    "Resources",
    "ScalingMetric",
    "Server",
    "ServiceOptions",
    "Serving",
    "SharedComponent",
    "Sharing",
    "StableDiffusion",
    "Storage",
    "Swap",
    "SwapRecord",
    "SwapStatus",
    "Toleration",
    "Volume",
    "VolumeMount",
    "format_time",
]
