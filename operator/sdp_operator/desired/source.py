"""What the pods of a component serve, once it is known where the model comes from."""

from dataclasses import dataclass
from typing import TypeAlias

from sdp_operator.api.v1alpha1 import ComponentSpec
from sdp_serving.contract.artifact import ModelUri


@dataclass(frozen=True)
class Pulled:
    """A model that the puller brings from storage before the server starts."""

    uri: ModelUri


@dataclass(frozen=True)
class Baked:
    """A model that the model server's image holds."""

    image: str


Source: TypeAlias = Pulled | Baked


def declared_source(spec: ComponentSpec) -> Source | None:
    """The source that the component names itself.

    None for `weights`, whose source is known only once they are exported, and for `from`, which has no pods here.
    """
    if (uri := spec.uri) is not None:
        return Pulled(uri)
    if spec.image is not None:
        return Baked(spec.image)
    return None
