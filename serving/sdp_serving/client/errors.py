"""What can go wrong between a prompt and its images.

    PipelineError
    ├── KubectlError                kubectl is missing, or the cluster refused or did not answer
    │   └── PortForwardError        kubectl port-forward did not start, or ended
    ├── PipelineNotFoundError       there is no such pipeline, or no single one to choose by itself
    ├── PipelineNotReadyError       it cannot serve yet; the text has its Ready condition's message
    ├── NoCanaryError               the canary was asked for, and there is none
    └── ServerError                 one of the three model servers
        ├── ServerUnreachableError  nothing answers there
        ├── ServerTimeoutError      no answer within the time given
        ├── RequestRefusedError     it answered with an error
        │   └── VersionGoneError    it does not serve the version that was asked for
        └── UnexpectedAnswerError   it answered what the contract does not allow

The text of each is one sentence for a person: what is wrong and what to do.
"""


class PipelineError(Exception):
    """Anything below; catching it catches all."""


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


class ServerError(PipelineError):
    """A model server could not do its part."""


class ServerUnreachableError(ServerError):
    """Nothing answers at the server's address."""


class ServerTimeoutError(ServerError):
    """No answer within the time given."""


class RequestRefusedError(ServerError):
    """The server answered with an error."""


class VersionGoneError(RequestRefusedError):
    """The server does not serve the version that was asked for."""


class UnexpectedAnswerError(ServerError):
    """The server answered what the contract does not allow."""
