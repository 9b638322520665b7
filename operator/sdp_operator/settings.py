"""What the administrator of the operator decides: environment variables that start with SDP_."""

import re
import socket
import sys
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_DNS_LABEL: Final = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_DNS_SUBDOMAIN: Final = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
_LABEL_NAME: Final = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"

CACHE_FOLDER: Final = PurePosixPath("/cache")
"""Where pods mount the cache of models."""

_FOLDERS_OF_PODS: Final = frozenset({PurePosixPath("/tmp"), PurePosixPath("/models"), CACHE_FOLDER})  # noqa: S108

Image = Annotated[str, Field(min_length=1)]
LogFormat = Literal["json", "text"]


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


def _address(value: object) -> object:
    if not isinstance(value, str):
        return value
    host, _, port = value.rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError("must be an address and a port, such as 0.0.0.0:8080 or [::]:8080")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def _namespace_name(name: str) -> str:
    if not re.fullmatch(_DNS_LABEL, name):
        raise ValueError("must be the name of a namespace: small letters, digits and '-'")
    return name


def _object_name(name: str) -> str:
    if not re.fullmatch(_DNS_SUBDOMAIN, name) or len(name) > 253:
        raise ValueError("must be a name that an object can have: small letters, digits, '-' and '.'")
    return name


def _label_key(key: str) -> str:
    prefix, slash, _ = key.rpartition("/")
    if not re.fullmatch(rf"({_DNS_SUBDOMAIN}/)?{_LABEL_NAME}", key) or (slash and len(prefix) > 253):
        raise ValueError("must be the key of a label, such as nvidia.com/gpu.product")
    return key


def _format_by_reader() -> LogFormat:
    return "text" if sys.stderr.isatty() else "json"


def _absolute(path: PurePosixPath) -> PurePosixPath:
    if not path.is_absolute() or ".." in path.parts or path == PurePosixPath("/"):
        raise ValueError("must be the absolute path of a folder below /, without '..'")
    return path


def _not_a_pods(path: PurePosixPath) -> PurePosixPath:
    if path in _FOLDERS_OF_PODS:
        raise ValueError("must not be /tmp, /models or /cache, which pods have for themselves; name a folder below it")
    return path


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class Settings(BaseSettings):
    """The operator's settings. None of them is a secret."""

    model_config = SettingsConfigDict(env_prefix="SDP_", frozen=True, use_attribute_docstrings=True)

    server_image: Image = "tensorflow/serving:2.20.0"
    """The model server of components that name none and have no GPU."""

    gpu_server_image: Image = "tensorflow/serving:2.20.0-gpu"
    """The model server of components that name none and have a GPU: the other build would leave the GPU idle."""

    server_tensorflow: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+$")] = "2.20"
    """The TensorFlow of these model servers, where their tags do not tell: newer models are refused."""

    puller_image: Image = "sdpipeline/puller:0.1.0"
    """Brings a model beside its server."""

    gateway_image: Image = "sdpipeline/gateway:0.1.0"
    """The HTTP front of pipelines that ask for one."""

    exporter_image: Image = "sdpipeline/exporter:0.1.0"
    """Makes a model of a component's weights."""

    accelerator_label: Annotated[str, AfterValidator(_label_key)] = "cloud.google.com/gke-accelerator"
    """The nodes' label that names their type of GPU: this one on GKE, nvidia.com/gpu.product where NVIDIA's GPU
    operator or GPU feature discovery labels the nodes."""

    storage_emulator_host: str | None = None
    """URL of a Google Cloud Storage emulator, for local clusters."""

    local_files_root: Annotated[PurePosixPath, AfterValidator(_absolute), AfterValidator(_not_a_pods)] | None = None
    """Folder on the nodes that file:// models must lie under, for local clusters; without it they are refused, since
    whoever writes a pipeline could read any file of a node."""

    cache_root: Annotated[PurePosixPath, AfterValidator(_absolute)] | None = None
    """Folder on the nodes that the folders of spec.cache.hostPath must lie under; without it they are refused, since
    whoever writes a pipeline could write to any folder of a node."""

    namespaces: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    """The namespaces to serve, separated by commas; all when empty."""

    # The probes of Kubernetes and Prometheus come from outside of the pod.
    http_address: Annotated[Address, NoDecode, BeforeValidator(_address)] = Address("0.0.0.0", 8080)  # noqa: S104
    """Where the operator answers /healthz, /readyz and /metrics."""

    log_format: LogFormat = Field(default_factory=_format_by_reader)
    """One JSON object a line for programs, or text for people; text when the log goes to a terminal, else JSON."""

    lease_namespace: Annotated[str, AfterValidator(_namespace_name)] | None = None
    """The namespace of the Lease by which several operators agree on the one that works; without it there is no
    election, and no other operator may run."""

    lease_name: Annotated[str, AfterValidator(_object_name)] = "sdpipeline-operator"
    """The name of that Lease."""

    identity: Annotated[str, Field(min_length=1, max_length=200)] = Field(default_factory=socket.gethostname)
    """What the Lease calls this operator, followed by a few characters that no other process has."""
