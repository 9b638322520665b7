"""Reasons of conditions, beside those of the puller's (`sdp_serving.contract.report.PullFailure`)."""

from enum import StrEnum

from sdp_operator.exports.state import ExportReason
from sdp_operator.gpus.verdict import GpuReason


class Reason(StrEnum):
    """Why a condition has its status."""

    SERVING = "Serving"
    """All replicas serve the model that is asked for."""
    ALL_SERVING = "AllServing"
    """All components do."""

    STARTING = "Starting"
    PULLING = "Pulling"
    LOADING = "Loading"
    SWAPPING = "Swapping"
    """Another model is being brought in beside the running one."""
    SWAP_STRATEGY = "SwapStrategy"
    """Of the Event that tells how a model is to come to its pods."""
    SCALED_TO_ZERO = "ScaledToZero"

    UNSCHEDULABLE = "Unschedulable"
    IMAGE_UNAVAILABLE = "ImageUnavailable"
    CONTAINER_REFUSED = "ContainerRefused"
    PULLER_FAILED = "PullerFailed"
    SERVER_CRASHED = "ServerCrashed"
    OUT_OF_MEMORY = "OutOfMemory"
    PULLERS_UNREACHABLE = "PullersUnreachable"
    """The operator can't ask the replicas how far a swap is."""
    PODS_REFUSED = "PodsRefused"
    """The Deployment can't make pods: a quota, a Pod Security level, a missing ServiceAccount."""

    VOLUME_UNAVAILABLE = "VolumeUnavailable"
    """A volume of a pod can't be mounted."""
    SANDBOX_FAILED = "SandboxFailed"
    """The node can't set up the pod."""

    NODES_HIDDEN = "NodesHidden"
    """The operator may not see nodes, so GPUs can't be checked."""
    GATEWAY_SERVING = "GatewayServing"
    GATEWAY_CRASHED = "GatewayCrashed"
    ROUTE_NOT_ACCEPTED = "RouteNotAccepted"
    """No Gateway takes the HTTPRoute that leads to the gateway."""
    AUTOSCALING = "Autoscaling"
    METRIC_UNAVAILABLE = "MetricUnavailable"
    """An autoscaler can't read its metric."""
    AUTOSCALER_FAILING = "AutoscalerFailing"
    """An autoscaler can't set the number of replicas."""
    MONITORED = "Monitored"
    """PodMonitors lead to the metrics."""
    KIND_UNKNOWN = "KindUnknown"
    """The cluster lacks a kind that the spec asks for."""

    SHARED_PIPELINE_MISSING = "SharedPipelineMissing"
    SHARED_COMPONENT_MISSING = "SharedComponentMissing"
    SHARING_NOT_ALLOWED = "SharingNotAllowed"

    PROGRESSING = "Progressing"
    """Nothing stands still: of the condition Stalled."""
    HINDERED = "Hindered"
    """The operator may not see what it needs to."""

    FILES_FORBIDDEN = "FilesForbidden"
    """The operator's settings do not allow this file:// URI, or this folder for the cache."""
    NAME_TAKEN = "NameTaken"
    """An object of that name is there already, and it is not ours."""
    API_FAILING = "APIFailing"
    """The API server fails to make or change a child, for a reason that passes by itself."""
    REFUSED = "Refused"
    """The API server refuses a child."""
    INVALID_SPEC = "InvalidSpec"
    """The spec passed an older CustomResourceDefinition and makes no sense to this operator."""


_EXPORTING = (ExportReason.STARTING, ExportReason.RUNNING, ExportReason.RETRYING)

IN_PROGRESS = frozenset(
    {
        Reason.STARTING,
        Reason.PULLING,
        Reason.LOADING,
        Reason.SWAPPING,
        Reason.API_FAILING,
        *_EXPORTING,
        GpuReason.DRIVER_INSTALLING,
    }
)
"""These pass by themselves."""
