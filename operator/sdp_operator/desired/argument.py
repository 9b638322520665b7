"""What a user wrote, as an argument of a container."""


def literal(text: str) -> str:
    """The text as an argument in which Kubernetes fills in no variables: it would make something of `$(HOME)`."""
    return text.replace("$", "$$")
