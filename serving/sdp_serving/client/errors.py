"""What can go wrong between a pipeline's name and its pictures.

    PipelineError
    ├── KubectlError                kubectl is missing, or the cluster refused or did not answer
    │   └── PortForwardError        kubectl port-forward did not start, or ended
    ├── PipelineNotFoundError       there is no such pipeline, or no single one to choose by itself
    ├── PipelineNotReadyError       it cannot serve yet; the text has its Ready condition's message
    ├── NoCanaryError               the canary was asked for, and there is none
    ├── NoLocalModelError           a folder can't be used in place of a server
    └── ...                         those of a request: see `generation.errors`

The text of each is one sentence for a person: what is wrong and what to do.
"""

from sdp_serving.generation.errors import PipelineError


class KubectlError(PipelineError):
    """kubectl is missing, or the cluster refused or did not answer."""


class PortForwardError(KubectlError):
    """`kubectl port-forward` did not start, or ended."""


class PipelineNotFoundError(PipelineError):
    """There is no such pipeline, or no single one to choose."""


class PipelineNotReadyError(PipelineError):
    """The pipeline cannot serve yet."""


class NoCanaryError(PipelineError):
    """The canary was asked for, and there is none."""
