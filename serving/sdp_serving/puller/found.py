"""A model as it was found in storage, judged to be the one that was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass

from sdp_serving.contract.artifact import ModelUri, Version
from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.report import Pulled
from sdp_serving.puller.storage import Stored


@dataclass(frozen=True)
class Facts:
    """What a model is, by its manifest or, where it has none, by its signatures. The fields are those of Pulled."""

    component: Component
    source_digest: str
    weights: str
    width: int | None
    image_size: int | None
    image_sizes: ImageSizes | None
    sd_version: str
    tensorflow: str | None


@dataclass(frozen=True)
class Found:
    """A model in storage.

    Attributes:
        asked: its URI as it was asked for.
        version: which one it is of those that lie there.
        facts: what it is.
        files: all of it but the manifest, by path; the manifest's sizes and checksums where there is one.
        manifest: the manifest's bytes; None for a SavedModel without one.
    """

    asked: ModelUri
    version: Version
    facts: Facts
    files: Mapping[str, Stored]
    manifest: bytes | None

    @property
    def uri(self) -> ModelUri:
        """The URI, pinned to the version."""
        return self.asked.at(self.version)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())

    def pulled(self, seconds: float = 0) -> Pulled:
        """What the operator is told of it; `seconds` is how long it took to bring it in."""
        return Pulled(
            component=self.facts.component,
            uri=str(self.uri),
            version=self.version,
            source_digest=self.facts.source_digest,
            weights=self.facts.weights,
            width=self.facts.width,
            image_size=self.facts.image_size,
            image_sizes=self.facts.image_sizes,
            sd_version=self.facts.sd_version,
            size_bytes=self.size,
            seconds=round(seconds, 3),
            tensorflow=self.facts.tensorflow,
        )
