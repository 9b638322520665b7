"""Puts the parts together in TensorFlow Serving's order: first the models, then the ports."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tensorflow.core.protobuf import config_pb2

from sdp_serving.standin import grpc_api, rest
from sdp_serving.standin.errors import Code, ServingError, invalid_argument
from sdp_serving.standin.flags import Flags
from sdp_serving.standin.inference import Inference
from sdp_serving.standin.manager import ModelManager, Timing
from sdp_serving.standin.metrics import Metrics, metrics_path
from sdp_serving.standin.model_config import ModelConfig, read_file, single_model
from sdp_serving.standin.servable import Servable
from sdp_serving.standin.tensor_protos import as_content, as_fields
from sdp_serving.standin.warm_up import warm_up

_log = logging.getLogger(__name__)

T = TypeVar("T")


def run(flags: Flags) -> None:
    """Load the models, open the ports and serve for ever.

    Raises:
        ServingError: the flags contradict each other, a model does not load, or a port is taken.
    """
    metrics = Metrics()
    exposed = _exposed_metrics(flags, metrics)
    manager = _manager(flags)
    try:
        manager.configure(_configs(flags))
        _serve(flags, manager, metrics, exposed)
    finally:
        manager.stop()


def _serve(
    flags: Flags, manager: ModelManager[Servable], metrics: Metrics, exposed: tuple[str, Callable[[], str]] | None
) -> None:
    inference = Inference(manager, metrics)
    grpc_server = _open(
        flags.port,
        lambda: grpc_api.start(
            flags.port,
            manager,
            inference,
            as_content if flags.enable_serialization_as_tensor_content else as_fields,
            max_threads=flags.grpc_max_threads,
            health=flags.enable_grpc_healthcheck_service,
        ),
    )
    _log.info("Running gRPC ModelServer at 0.0.0.0:%d ...", flags.port)
    if flags.model_config_file and flags.model_config_file_poll_wait_seconds:
        threading.Thread(target=_follow_file, args=(manager, flags), name="config", daemon=True).start()
    if flags.rest_api_port == flags.port:
        _log.error("--rest_api_port cannot be same as --port. Skipped exporting HTTP/REST API.")
    elif flags.rest_api_port:
        api = rest.RestApi(manager, inference, timeout_ms=flags.rest_api_timeout_in_ms, metrics=exposed)
        server = _open(flags.rest_api_port, lambda: rest.start(api, flags.rest_api_port))
        _log.info("Exporting HTTP/REST API at: 0.0.0.0:%d ...", flags.rest_api_port)
        server.serve_forever()
    grpc_server.wait_for_termination()


def _configs(flags: Flags) -> list[ModelConfig]:
    if flags.batching_parameters_file and not flags.enable_batching:
        raise invalid_argument("batching_parameters_file is set without setting enable_batching to true.")
    if flags.model_config_file:
        return read_file(flags.model_config_file)
    if not flags.model_base_path:
        raise invalid_argument("Both model_base_path and model_config_file are empty!")
    return single_model(flags.model_name, flags.model_base_path)


def _manager(flags: Flags) -> ModelManager[Servable]:
    session_config = config_pb2.ConfigProto(
        intra_op_parallelism_threads=flags.tensorflow_intra_op_parallelism,
        inter_op_parallelism_threads=flags.tensorflow_inter_op_parallelism,
    )
    return ModelManager(
        lambda folder: _load(folder, session_config, flags),
        Timing(
            poll_seconds=flags.file_system_poll_wait_seconds,
            retries=flags.max_num_load_retries,
            retry_seconds=flags.load_retry_interval_micros / 1e6,
            load_threads=flags.num_load_threads,
        ),
        labels_before_load=flags.allow_version_labels_for_unavailable_models,
    )


def _load(folder: Path, session_config: config_pb2.ConfigProto, flags: Flags) -> Servable:
    servable = Servable(
        folder, session_config, batching=flags.enable_batching, compiling=flags.xla_cpu_compilation_enabled
    )
    if flags.enable_model_warmup:
        try:
            warm_up(servable, folder)
        except ServingError:
            servable.close()
            raise
    return servable


def _exposed_metrics(flags: Flags, metrics: Metrics) -> tuple[str, Callable[[], str]] | None:
    if not flags.monitoring_config_file:
        return None
    try:
        path = metrics_path(Path(flags.monitoring_config_file).read_text())
    except OSError as error:
        raise ServingError(Code.NOT_FOUND, f"{flags.monitoring_config_file}; {error.strerror}") from error
    return None if path is None else (path, metrics.render)


def _open(port: int, start: Callable[[], T]) -> T:
    try:
        return start()
    except (OSError, RuntimeError) as error:
        raise ServingError(Code.UNAVAILABLE, f"port {port} cannot be opened: {error}") from error


def _follow_file(manager: ModelManager[Servable], flags: Flags) -> None:
    while True:
        time.sleep(flags.model_config_file_poll_wait_seconds)
        try:
            manager.configure(read_file(flags.model_config_file))
        except ServingError as error:
            _log.error("reading %s again: %s", flags.model_config_file, error)
