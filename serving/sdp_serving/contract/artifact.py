"""Where a model lies and what lies there: the URI, its versions and their manifest.

<uri>/<version>/saved_model.pb      uploaded last, so that a version that has it is whole
<uri>/<version>/variables/...
<uri>/<version>/sdpipeline.json     the manifest, uploaded before last
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal, NewType, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from sdp_serving.contract.components import Component
from sdp_serving.contract.image_sizes import ImageSizes
from sdp_serving.contract.signatures import Signature

MANIFEST: Final = "sdpipeline.json"
SAVED_MODEL: Final = "saved_model.pb"
WARM_UP_REQUESTS: Final = "assets.extra/tf_serving_warmup_requests"
"""Where TensorFlow Serving looks for requests that it answers to itself before it serves a version."""

Version = NewType("Version", int)
"""A version of an artifact, and of the model in TensorFlow Serving: milliseconds since the epoch at its export."""

Precision = Literal["float32", "mixed_bfloat16", "mixed_float16", "bfloat16"]
"""What a model computes with inside; mixed: weights are float32 all the same. Inputs and outputs are float32 always."""

Scheme = Literal["gs", "https", "pvc", "file"]

_URI: Final = re.compile(r"(?P<scheme>gs|https|pvc|file)://(?P<path>[^?#]+?)/*", re.ASCII)
_BUCKET: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?", re.ASCII)
_CLAIM: Final = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", re.ASCII)
_VERSION: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


class UnusableUriError(ValueError):
    """The text is not a URI of a model; the message says what one looks like."""


class ModelUri(BaseModel):
    """Where a model lies: its newest whole version, or the one that the URI's last segment pins.

    Attributes:
        scheme: `gs` for Google Cloud Storage, `https` for a web server, `pvc` for a PersistentVolumeClaim, `file` for a
            folder.
        location: the bucket and the object prefix (`bucket/a/b`), the host or the claim and the path, or the folder's
            absolute path (`/a/b`); no version.
        version: the pinned version, None for the newest. Always pinned with `https`, which lists no folders.
    """

    model_config = ConfigDict(frozen=True)

    scheme: Scheme
    location: str
    version: Version | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a URI such as `gs://bucket/sd/diffusion-model` or `gs://bucket/sd/diffusion-model/1700000000000`.

        Raises:
            UnusableUriError: for anything else.
        """
        match = _URI.fullmatch(text.strip())
        if match is None:
            raise UnusableUriError(f"{text!r} is no model URI: give one such as gs://bucket/folder")
        scheme, path = match["scheme"], match["path"]
        if scheme == "file" and not path.startswith("/"):
            raise UnusableUriError(f"{text!r} names no absolute folder: write three slashes, as in file:///folder")
        first = path.partition("/")[0]
        if scheme == "gs" and not _BUCKET.fullmatch(first):
            raise UnusableUriError(f"{text!r} names no bucket that can exist: give one, as in gs://bucket/folder")
        if scheme == "https" and not _HOST.fullmatch(first):
            raise UnusableUriError(f"{text!r} names no host: give one, as in https://host/folder/1700000000000")
        if scheme == "pvc" and not _CLAIM.fullmatch(first):
            raise UnusableUriError(f"{text!r} names no claim that can exist: give one, as in pvc://claim/folder")
        if ".." in path.split("/"):
            raise UnusableUriError(f"{text!r} must not contain '..'")
        head, _, last = path.rpartition("/")
        if head and (version := version_of(last)) is not None:
            return cls.model_validate({"scheme": scheme, "location": head, "version": version})
        if scheme == "https":
            raise UnusableUriError(f"{text!r} names no version: end it in one, as in https://host/folder/1700000000000")
        return cls.model_validate({"scheme": scheme, "location": path})

    def __str__(self) -> str:
        """The URI as a user would write it."""
        tail = "" if self.version is None else f"/{self.version}"
        return f"{self.scheme}://{self.location}{tail}"

    def at(self, version: Version) -> Self:
        """The same model pinned to `version`."""
        return self.model_copy(update={"version": version})


class FileEntry(BaseModel):
    """One file of an artifact: its size in bytes and its CRC32C checksum as 8 hexadecimal digits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Annotated[int, Field(ge=0)]
    crc32c: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]


class Manifest(BaseModel):
    """What an artifact says of itself. Unknown fields are ignored: an older reader accepts a newer artifact."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal[1] = 1
    component: Component
    version: Annotated[int, Field(gt=0)]
    created: AwareDatetime
    sd_version: Annotated[str, Field(min_length=1)]
    """The version of Stable Diffusion whose anatomy this is, such as `1.5`; `tiny` for sd-tiny."""
    width: Annotated[int, Field(gt=0)]
    """Size of a token's context vector: components of one pipeline must agree on it."""
    image_size: Annotated[int, Field(gt=0, multiple_of=8)]
    """Pixels along one side of an image where a request does not say it."""
    image_sizes: ImageSizes | None = None
    """What a request may say instead; None for `image_size` only. Never of the text encoder."""
    precision: Precision = "float32"
    jit_compiled: bool = False
    """Whether XLA compiles a part of it, which TensorFlow Serving refuses unless it is started with
    `--xla_cpu_compilation_enabled`."""
    tensorflow: str
    """The TensorFlow that wrote the SavedModel: the server's must not be older."""
    exporter: str
    """The exporter's version."""
    weights: str
    """What was exported, in a person's words, such as `sd-tiny/striped`."""
    source_digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    """Of the weights and all that the export depends on: two artifacts with the same one are the same model."""
    words: Mapping[str, tuple[int, ...]] = {}
    """Of a text encoder: words beyond CLIP's vocabulary, in lower case, and what a client sends for them that sends
    tokens. A prompt that is sent as text holds the words themselves."""
    signatures: Mapping[str, Signature]
    """By name, which a newer exporter may have given to more than `SignatureName` knows."""
    files: Mapping[str, FileEntry]
    """Every file but the manifest, by its path in the artifact."""

    @model_validator(mode="after")
    def _has_a_model(self) -> Self:
        if SAVED_MODEL not in self.files:
            raise ValueError(f"files must list {SAVED_MODEL}")
        return self


def version_of(folder: str) -> Version | None:
    """The version that a folder of this name holds; None for a name that is none, such as `0123`."""
    return Version(int(folder)) if _VERSION.fullmatch(folder) else None


def whole_versions(paths: Iterable[str]) -> list[Version]:
    """The whole versions, oldest first, among `paths` relative to the location (`1700000000000/saved_model.pb`)."""
    folders = (path.removesuffix(f"/{SAVED_MODEL}") for path in paths if path.endswith(f"/{SAVED_MODEL}"))
    return sorted(version for folder in folders if (version := version_of(folder)) is not None)
