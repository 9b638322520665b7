"""What the administrator of the operator decides: environment variables that start with SDP_."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _absolute(path: PurePosixPath) -> PurePosixPath:
    if not path.is_absolute() or ".." in path.parts or path == PurePosixPath("/"):
        raise ValueError("must be the absolute path of a folder below /, without '..'")
    return path


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


class Settings(BaseSettings):
    """The operator's settings. None of them is a secret."""

    model_config = SettingsConfigDict(env_prefix="SDP_", frozen=True, use_attribute_docstrings=True)

    server_image: Annotated[str, Field(min_length=1)] = "tensorflow/serving:2.20.0"
    """The model server of components that name none and have no GPU."""

    gpu_server_image: Annotated[str, Field(min_length=1)] = "tensorflow/serving:2.20.0-gpu"
    """The model server of components that name none and have a GPU: the other build would leave the GPU idle."""

    puller_image: Annotated[str, Field(min_length=1)] = "sdpipeline/puller:0.1.0"
    """Brings a model beside its server."""

    storage_emulator_host: str | None = None
    """URL of a Google Cloud Storage emulator, for local clusters."""

    local_files_root: Annotated[PurePosixPath, AfterValidator(_absolute)] | None = None
    """Folder on the nodes that file:// models must lie under, for local clusters; without it they are refused, since
    whoever writes a pipeline could read any file of a node."""

    namespaces: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)] = ()
    """The namespaces to serve, separated by commas; all when empty."""

    liveness_endpoint: str = "http://0.0.0.0:8080/healthz"
    """Where the operator answers that it is alive."""
