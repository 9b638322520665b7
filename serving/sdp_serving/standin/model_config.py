"""Which models to serve: one named on the command line, or a ModelServerConfig."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdp_serving.standin.errors import Code, ServingError, invalid_argument
from sdp_serving.standin.version_policy import All, Latest, Specific, VersionPolicy


@dataclass(frozen=True)
class ModelConfig:
    """One model: where its versions lie, which of them to serve, and labels that stand for versions."""

    name: str
    base_path: str
    policy: VersionPolicy = field(default_factory=Latest)
    labels: Mapping[str, int] = field(default_factory=dict)


def single_model(name: str, base_path: str) -> list[ModelConfig]:
    """The configuration that the command line gives by `--model_name` and `--model_base_path`.

    Raises:
        ServingError: the path is not that of a folder.
    """
    return _checked([ModelConfig(name, base_path)])


def read_file(path: str) -> list[ModelConfig]:
    """Read a file with a ModelServerConfig in protobuf's text format.

    Raises:
        ServingError: the file is missing, is no such text, or what it says cannot be served.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    try:
        text = Path(path).read_text()
    except OSError as error:
        raise ServingError(Code.NOT_FOUND, f"{path}; {error.strerror}") from error
    try:
        config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except text_format.ParseError as error:
        raise invalid_argument(f"Invalid protobuf file: '{path}': {error}") from error
    return from_proto(config)


def from_proto(config: Any) -> list[ModelConfig]:
    """Read a ModelServerConfig.

    Raises:
        ServingError: it has no list of models, or the list names one twice or by no absolute path.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid_argument("Only a model_config_list is supported.")
    models = []
    for each in config.model_config_list.config:
        if each.model_platform != "tensorflow":
            raise invalid_argument(f"Model {each.name} must have model_platform: 'tensorflow'.")
        models.append(ModelConfig(each.name, each.base_path, _policy(each), dict(each.version_labels)))
    return _checked(models)


def _policy(config: Any) -> VersionPolicy:
    policy = config.model_version_policy
    match policy.WhichOneof("policy_choice"):
        case "all":
            return All()
        case "specific":
            return Specific(frozenset(policy.specific.versions))
        case _:
            return Latest(policy.latest.num_versions or 1)


def _checked(models: Sequence[ModelConfig]) -> list[ModelConfig]:
    names = [model.name for model in models]
    for model in models:
        if names.count(model.name) > 1:
            raise invalid_argument(f"Illegal to list model {model.name} multiple times in config list")
        if "://" in model.base_path:
            raise ServingError(
                Code.UNIMPLEMENTED,
                f"Model {model.name}: the stand-in reads folders only; copy {model.base_path} into one first",
            )
        if not model.base_path.startswith("/"):
            raise invalid_argument(
                f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
            )
    return list(models)
