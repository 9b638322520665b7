"""The one error of the puller: a reason for the operator and a sentence for a person."""

from sdp_serving.contract.report import PullFailure


class PullError(Exception):
    """The model could not be brought in; the text says what is wrong and what to do."""

    def __init__(self, reason: PullFailure, message: str) -> None:
        super().__init__(message)
        self.reason = reason
