"""The command line: those flags of `tensorflow_model_server` that this project uses, read as TensorFlow reads them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final


class UnusableFlagsError(ValueError):
    """The command line cannot be used; the message says which argument and why."""


def _flag(default: Any, help_text: str, *, works: bool = True) -> Any:
    return field(default=default, metadata={"help": help_text, "works": works})


@dataclass(frozen=True)
class Flags:
    """The flags and their defaults, which are TensorFlow Serving's own."""

    port: int = _flag(8500, "TCP port of gRPC")
    rest_api_port: int = _flag(0, "TCP port of REST; 0 for no REST")
    rest_api_timeout_in_ms: int = _flag(30000, "milliseconds after which a REST request is given up")
    model_name: str = _flag("default", "name of the model, when there is no model_config_file")
    model_base_path: str = _flag(
        "", "folder that holds the model's numbered versions; required without model_config_file"
    )
    model_config_file: str = _flag("", "ModelServerConfig in text format; overrides model_name and model_base_path")
    model_config_file_poll_wait_seconds: int = _flag(
        0, "seconds between readings of model_config_file; 0 reads it once"
    )
    file_system_poll_wait_seconds: int = _flag(1, "seconds between looks for new versions; 0 looks once")
    max_num_load_retries: int = _flag(5, "how often a failed load is tried again")
    load_retry_interval_micros: int = _flag(60_000_000, "microseconds between those tries")
    num_load_threads: int = _flag(0, "versions that are loaded at the same time; 0 loads them one after another")
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "let a version label be given to a version that is not loaded"
    )
    enable_batching: bool = _flag(False, "refuse scalar inputs, as batching does; requests are not batched")
    batching_parameters_file: str = _flag("", "file of batching parameters", works=False)
    enable_serialization_as_tensor_content: bool = _flag(False, "answer gRPC with tensor_content: smaller and faster")
    enable_grpc_healthcheck_service: bool = _flag(False, "offer gRPC's health service")
    monitoring_config_file: str = _flag("", "MonitoringConfig in text format; without it there are no metrics")
    enable_model_warmup: bool = _flag(True, "replay assets.extra/tf_serving_warmup_requests")
    enable_profiler: bool = _flag(True, "offer TensorFlow's profiler", works=False)
    per_process_gpu_memory_fraction: float = _flag(0.0, "share of the GPU's memory", works=False)
    xla_gpu_compilation_enabled: bool = _flag(False, "compile for the GPU with XLA", works=False)
    xla_cpu_compilation_enabled: bool = _flag(
        False, "let XLA compile what a model wants compiled; without it such requests fail"
    )
    tensorflow_intra_op_parallelism: int = _flag(0, "threads within one operation; 0 for one a core")
    tensorflow_inter_op_parallelism: int = _flag(0, "operations at the same time; 0 for one a core")
    grpc_max_threads: int = _flag(0, "most gRPC requests at the same time; 0 for four a core")


_FIELDS: Final = {each.name: each for each in dataclasses.fields(Flags)}
_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0"})


def parse(arguments: Sequence[str]) -> Flags:
    """Read `--name=value`, and `--name` alone for a true boolean.

    Raises:
        UnusableFlagsError: for an unknown flag, a value of the wrong type or an argument that is no flag.
    """
    return Flags(**dict(_parse_one(argument) for argument in arguments))


def without_effect(flags: Flags) -> list[str]:
    """The flags that were set but change nothing here, as `--name=value`."""
    return [
        f"--{name}={_show(getattr(flags, name))}"
        for name, each in _FIELDS.items()
        if not each.metadata["works"] and getattr(flags, name) != each.default
    ]


def usage(program: str) -> str:
    """What the flags are, one a line."""
    lines = [f"usage: {program}", "Flags:"]
    for name, each in _FIELDS.items():
        note = "" if each.metadata["works"] else " (no effect in the stand-in)"
        lines.append(f"\t--{name}={_show(each.default)}\t{each.type.__name__}\t{each.metadata['help']}{note}")  # type: ignore[union-attr]
    return "\n".join(lines)


def _parse_one(argument: str) -> tuple[str, Any]:
    name, equals, value = argument.removeprefix("--").partition("=")
    if not argument.startswith("--") or name not in _FIELDS:
        raise UnusableFlagsError(f"unknown argument: {argument}")
    kind = _FIELDS[name].type
    if not equals and kind is not bool:
        raise UnusableFlagsError(f"{argument} needs a value, as in {argument}=VALUE")
    try:
        return name, _convert(kind, value if equals else "true")
    except ValueError as error:
        raise UnusableFlagsError(f"{argument}: {value!r} is no {kind.__name__}") from error  # type: ignore[union-attr]


def _convert(kind: object, value: str) -> Any:
    if kind is bool:
        if value.lower() not in _TRUE | _FALSE:
            raise ValueError(value)
        return value.lower() in _TRUE
    if kind is int:
        return int(value)
    if kind is float:
        return float(value)
    return value


def _show(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
