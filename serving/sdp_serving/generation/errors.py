"""What can go wrong between a request and its pictures.

    PipelineError
    ├── InvalidRequestError         the request is impossible, whatever models there are
    ├── NotOfferedError             the models that are served cannot do it; another one could
    └── ServerError                 one of the model servers, which `component` names
        ├── ServerUnreachableError  nothing answers there
        ├── ServerTimeoutError      no answer within the time given
        ├── RequestRefusedError     it answered with an error
        │   ├── VersionGoneError    it does not serve the version that was asked for
        │   └── BatchesOnlyError    it batches, and so takes only inputs with a row a picture
        └── UnexpectedAnswerError   it answered what the contract does not allow

The text of each is one sentence for a person, without its full stop: what is wrong and what to do.
"""

from sdp_serving.contract.components import Component


class PipelineError(Exception):
    """Anything below; catching it catches all."""


class InvalidRequestError(PipelineError, ValueError):
    """No model could do what is asked for."""


class NotOfferedError(PipelineError):
    """The models that are served cannot do what is asked for.

    Attributes:
        component: what lacks it.
    """

    def __init__(self, component: Component, message: str) -> None:
        super().__init__(message)
        self.component = component


class ServerError(PipelineError):
    """A model server could not do its part.

    Attributes:
        component: which one.
    """

    def __init__(self, component: Component, message: str) -> None:
        super().__init__(message)
        self.component = component


class ServerUnreachableError(ServerError):
    """Nothing answers at the server's address."""


class ServerTimeoutError(ServerError):
    """No answer within the time given."""


class RequestRefusedError(ServerError):
    """The server answered with an error.

    Attributes:
        is_clients_fault: whether the request can never succeed as it is, by the server's own account.
    """

    def __init__(self, component: Component, message: str, *, is_clients_fault: bool = False) -> None:
        super().__init__(component, message)
        self.is_clients_fault = is_clients_fault


class VersionGoneError(RequestRefusedError):
    """The server does not serve the version that was asked for."""


class BatchesOnlyError(RequestRefusedError):
    """The server batches, and so takes only inputs with a row a picture."""


class UnexpectedAnswerError(ServerError):
    """The server answered what the contract does not allow."""
