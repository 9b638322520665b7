"""The version of TensorFlow that a model server is, as far as its image tells."""

import re
from typing import Final

from sdp_operator.api.v1alpha1 import ComponentSpec
from sdp_operator.settings import Settings

_NAMED: Final = re.compile(r"(?:.*/)?[^/:]*tensorflow[^:]*:v?(?P<version>[0-9]+\.[0-9]+)(?:[.-][^/@:]*)?(?:@[^/]*)?")
"""An image of TensorFlow's, such as tensorflow/serving:2.20.0-gpu; the tags of others count something else."""


def server_tensorflow(spec: ComponentSpec, image: str, settings: Settings) -> str | None:
    """The version, such as 2.20; None where nothing tells it, as for an image of the user's own."""
    if (match := _NAMED.fullmatch(image)) is not None:
        return match["version"]
    return settings.server_tensorflow if spec.server is None or spec.server.image is None else None
