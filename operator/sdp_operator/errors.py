"""What can go wrong, sorted by who can mend it.

OperatorError
├── InvalidPipelineError   the user: the spec is not one that this operator understands
├── RefusedError           the user or an administrator: the API server refuses what we ask for
│   └── ForbiddenError     an administrator: the operator lacks the permission
└── TransientError         nobody: it passes, try again
"""

from pydantic import ValidationError


class OperatorError(Exception):
    """Its text is one sentence that can be shown to a user: no HTTP bodies, no tracebacks."""


class InvalidPipelineError(OperatorError):
    """The spec is not one that this operator understands."""


class RefusedError(OperatorError):
    """The API server refuses a request and will refuse it again until somebody changes something."""


class ForbiddenError(RefusedError):
    """The operator lacks a permission."""


class TransientError(OperatorError):
    """A request failed in a way that passes by itself."""


def first_complaint(error: ValidationError) -> tuple[tuple[str, ...], str]:
    """Where the first bad value stands, and what is wrong with it."""
    first = error.errors(include_url=False)[0]
    return tuple(str(part) for part in first["loc"]), first["msg"].removeprefix("Value error, ")
