"""What the pods of a component serve, once it is known where the model comes from."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sdp_operator.api.v1alpha1 import ComponentSpec
from sdp_serving.contract.artifact import ModelUri


@dataclass(frozen=True)
class Pulled:
    """A model that a puller brings beside the server, and others after it while the pod runs."""

    uri: ModelUri


@dataclass(frozen=True)
class Mounted:
    """A model on a PersistentVolumeClaim (pvc://), where the server reads it itself."""

    uri: ModelUri

    @property
    def claim(self) -> str:
        """The claim's name."""
        return self.uri.location.partition("/")[0]

    @property
    def path(self) -> str:
        """The model's folder on the claim; empty for the claim's root."""
        return self.uri.location.partition("/")[2].strip("/")


@dataclass(frozen=True)
class Baked:
    """A model that the model server's image holds."""

    image: str


Source: TypeAlias = Pulled | Mounted | Baked


@dataclass(frozen=True)
class Rollout:
    """What the pods of a component are made for.

    Attributes:
        name: tells these pods from others, also where both serve the same model.
        source: what they serve. Where a puller runs in them, the template depends on its scheme alone, so that another
            model takes its place without other pods.
        strategy: how the pods of the rollout before make room for these.
    """

    name: str
    source: Source
    strategy: Literal["Surge", "Drain"]


def source_of(name: str) -> Source:
    """The source that is meant by a URI, or by the name of an image."""
    return _at(ModelUri.parse(name)) if "://" in name else Baked(name)


def declared_source(spec: ComponentSpec) -> Source | None:
    """The source that the component names itself.

    None for `weights`, whose source is known only once they are exported, and for `from`, which has no pods here.
    """
    if (uri := spec.uri) is not None:
        return _at(uri)
    if spec.image is not None:
        return Baked(spec.image)
    return None


def fits_the_same_pods(one: Source, other: Source) -> bool:
    """Whether the pods of one may be given the other: they have a puller, and what it needs to reach both."""
    return isinstance(one, Pulled) and isinstance(other, Pulled) and one.uri.scheme == other.uri.scheme


def _at(uri: ModelUri) -> Source:
    return Mounted(uri) if uri.scheme == "pvc" else Pulled(uri)
