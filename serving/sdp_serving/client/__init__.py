"""From a prompt to pictures over a pipeline's Services.

    from sdp_serving.client import connect

    with connect("my-pipeline") as pipeline:
        images = pipeline.generate("a small red circle on a blue background", images=4, seed=1).images

`errors` and `generation.errors` draw the tree of what can be raised.
"""

from sdp_serving.client.connection import Protocol, Route
from sdp_serving.client.errors import (
    KubectlError,
    NoCanaryError,
    PipelineNotFoundError,
    PipelineNotReadyError,
    PortForwardError,
)
from sdp_serving.client.pipeline import AsyncPipeline, Pipeline
from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Variant
from sdp_serving.contract.sampling import Sampler, Schedule
from sdp_serving.generation.ask import Progress, Stage
from sdp_serving.generation.decode import Encoding
from sdp_serving.generation.errors import (
    InvalidRequestError,
    NotOfferedError,
    PipelineError,
    RequestRefusedError,
    ServerError,
    ServerTimeoutError,
    ServerUnreachableError,
    UnexpectedAnswerError,
    VersionGoneError,
)
from sdp_serving.generation.generation import Generation
from sdp_serving.generation.receipt import Receipt
from sdp_serving.servers.local import NoLocalModelError

connect = Pipeline.connect

__all__ = [
    "AsyncPipeline",
    "Component",
    "Encoding",
    "Generation",
    "InvalidRequestError",
    "KubectlError",
    "NoCanaryError",
    "NoLocalModelError",
    "NotOfferedError",
    "Pipeline",
    "PipelineError",
    "PipelineNotFoundError",
    "PipelineNotReadyError",
    "PortForwardError",
    "Progress",
    "Protocol",
    "Receipt",
    "RequestRefusedError",
    "Route",
    "Sampler",
    "Schedule",
    "ServerError",
    "ServerTimeoutError",
    "ServerUnreachableError",
    "Stage",
    "UnexpectedAnswerError",
    "Variant",
    "VersionGoneError",
    "connect",
]
