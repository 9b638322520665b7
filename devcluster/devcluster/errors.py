"""The one exception of this package."""


class ClusterError(Exception):
    """Something the user can mend; the message says what is wrong and what to do."""
