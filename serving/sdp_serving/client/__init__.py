"""From a prompt to images over a pipeline's three Services.

    from sdp_serving.client import connect

    with connect("my-pipeline") as pipeline:
        images = pipeline.generate("a small red circle on a blue background", images=4, seed=1).images

`errors` draws the tree of what can be raised.
"""

from sdp_serving.client.connection import Protocol, Route, connect
from sdp_serving.client.errors import (
    KubectlError,
    NoCanaryError,
    PipelineError,
    PipelineNotFoundError,
    PipelineNotReadyError,
    PortForwardError,
    RequestRefusedError,
    ServerError,
    ServerTimeoutError,
    ServerUnreachableError,
    UnexpectedAnswerError,
    VersionGoneError,
)
from sdp_serving.client.pipeline import Generation, Pipeline, Stage
from sdp_serving.contract.routes import Variant

__all__ = [
    "Generation",
    "KubectlError",
    "NoCanaryError",
    "Pipeline",
    "PipelineError",
    "PipelineNotFoundError",
    "PipelineNotReadyError",
    "PortForwardError",
    "Protocol",
    "RequestRefusedError",
    "Route",
    "ServerError",
    "ServerTimeoutError",
    "ServerUnreachableError",
    "Stage",
    "UnexpectedAnswerError",
    "Variant",
    "VersionGoneError",
    "connect",
]
