"""What can be done about a pod's models."""

from dataclasses import dataclass

from sdp_serving.contract.report import NotPulled
from sdp_serving.contract.swap import ModelNumber, NumberedModel


@dataclass(frozen=True)
class Remove:
    """Remove what has that name in the folder of the models."""

    name: str


@dataclass(frozen=True)
class Keep:
    """Take a model from the server's sight, to go back to."""

    number: ModelNumber


@dataclass(frozen=True)
class Withdraw:
    """Take a candidate from the sight of a server that ended, so that it starts without it."""

    number: ModelNumber


@dataclass(frozen=True)
class Copy:
    """Bring in the model whose folder has that name once more, under a number of its own."""

    source: str
    number: ModelNumber


@dataclass(frozen=True)
class Lay:
    """Let the server see a model that has been brought in."""

    number: ModelNumber


@dataclass(frozen=True)
class Fail:
    """Give a model up."""

    number: ModelNumber
    trouble: NotPulled


@dataclass(frozen=True)
class Inspect:
    """Look at what lies in storage."""

    model: NumberedModel


@dataclass(frozen=True)
class Bring:
    """Fetch a model from storage."""

    model: NumberedModel


@dataclass(frozen=True)
class Prove:
    """Send a loaded model a golden request."""

    number: ModelNumber


Quick = Remove | Keep | Withdraw | Copy | Lay | Fail
"""What is done at once."""
Lengthy = Inspect | Bring | Prove
"""What takes its time, and is given up when something else is to be done."""
Action = Quick | Lengthy
