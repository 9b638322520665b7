"""Digests of parts of objects."""

import hashlib
import json
from typing import Any


def digest(content: Any) -> str:
    """Sixteen characters that change with the content, whatever the order of its keys; fit for a label's value."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
