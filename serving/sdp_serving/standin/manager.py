"""Brings the wanted versions of the models in and lets the others go; lends the loaded ones to requests."""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from sdp_serving.standin.errors import Code, ServingError, invalid_argument
from sdp_serving.standin.model_config import ModelConfig
from sdp_serving.standin.version_folders import NoBasePathError, version_folders
from sdp_serving.standin.version_policy import Plan, State, Status, aspired_versions, plan

_log = logging.getLogger(__name__)


class Closable(Protocol):
    """Something loaded that can be let go."""

    def close(self) -> None:
        """Free what it holds."""


S = TypeVar("S", bound=Closable)


@dataclass(frozen=True)
class Timing:
    """How the manager looks and tries.

    Attributes:
        poll_seconds: between looks at the base paths; 0 looks once.
        retries: tries of a failed load after the first.
        retry_seconds: between those tries.
        load_threads: loads at the same time.
    """

    poll_seconds: float = 1
    retries: int = 5
    retry_seconds: float = 60
    load_threads: int = 1


@dataclass(frozen=True)
class Lease(Generic[S]):
    """A loaded version that stays loaded while a request uses it."""

    version: int
    servable: S


@dataclass
class _Version(Generic[S]):
    status: Status
    servable: S | None = None
    in_flight: int = 0


@dataclass
class _Model(Generic[S]):
    aspired: frozenset[int] = frozenset()
    given_up: set[int] = field(default_factory=set)
    versions: dict[int, _Version[S]] = field(default_factory=dict)

    def available(self) -> list[int]:
        return [number for number, version in self.versions.items() if version.status.state is State.AVAILABLE]


class ModelManager(Generic[S]):
    """Holds the models. One thread looks for versions, others load and unload them; requests come from any thread."""

    def __init__(self, load: Callable[[Path], S], timing: Timing, *, labels_before_load: bool = False) -> None:
        self._load = load
        self._timing = timing
        self._labels_before_load = labels_before_load
        self._changed = threading.Condition()
        self._config_lock = threading.Lock()
        self._configs: dict[str, ModelConfig] = {}
        self._labels: dict[str, Mapping[str, int]] = {}
        self._models: dict[str, _Model[S]] = {}
        self._complaints: dict[str, str] = {}
        self._stopping = threading.Event()
        self._loaders = ThreadPoolExecutor(max_workers=max(1, timing.load_threads), thread_name_prefix="load")
        self._poller: threading.Thread | None = None

    def configure(self, configs: Sequence[ModelConfig]) -> None:
        """Replace the list of models; wait until each has an available version, however long that takes.

        A model that has one already is not waited for, so its new versions may still be loading on return. The list is
        locked meanwhile: a model that never appears blocks every later call.

        Raises:
            ServingError: a model failed to load, or a label stands for a version that is not available.
        """
        with self._config_lock:
            with self._changed:
                self._configs = {config.name: config for config in configs}
                for name in self._models.keys() - self._configs.keys():
                    self._aspire(name, frozenset(), {})
            if self._poller is None:
                self._poller = threading.Thread(target=self._poll, name="poll", daemon=True)
                self._poller.start()
            with self._changed:
                self._changed.wait_for(lambda: all(self._is_settled(config.name) for config in configs))
                self._raise_for_failed(configs)
                self._assign_labels(configs)

    def statuses(self, name: str, version: int | None = None, label: str | None = None) -> dict[int, Status]:
        """The status of each version of the model ever seen, newest first, or of the one asked for.

        Raises:
            ServingError: NOT_FOUND when nothing was seen.
        """
        with self._changed:
            if label is not None:
                version = self._labelled(name, label)
            versions = self._models[name].versions if name in self._models else {}
            if version is not None and version not in versions:
                raise ServingError(Code.NOT_FOUND, f"Could not find version {version} of model {name}")
            if not versions:
                raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {name}")
            return {
                number: versions[number].status
                for number in sorted(versions, reverse=True)
                if version is None or number == version
            }

    @contextmanager
    def lease(self, name: str, version: int | None = None, label: str | None = None) -> Iterator[Lease[S]]:
        """Lend the version asked for, or the available one with the highest number.

        Raises:
            ServingError: NOT_FOUND when it is not available.
        """
        with self._changed:
            if label is not None:
                version = self._labelled(name, label)
            available = self._models[name].available() if name in self._models else []
            number = max(available, default=None) if version is None else version
            if number is None or number not in available:
                wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
                raise ServingError(Code.NOT_FOUND, f"Servable not found for request: {wanted}")
            held = self._models[name].versions[number]
            servable = held.servable
            assert servable is not None, "an available version is loaded"
            held.in_flight += 1
        try:
            yield Lease(number, servable)
        finally:
            with self._changed:
                held.in_flight -= 1
                self._changed.notify_all()

    def stop(self) -> None:
        """Stop looking for versions and trying failed loads again."""
        self._stopping.set()
        self._loaders.shutdown(wait=False, cancel_futures=True)

    def _poll(self) -> None:
        while True:
            with self._changed:
                configs = list(self._configs.values())
            for config in configs:
                self._look(config)
            if not self._timing.poll_seconds or self._stopping.wait(self._timing.poll_seconds):
                return

    def _look(self, config: ModelConfig) -> None:
        try:
            folders = version_folders(config.base_path)
        except NoBasePathError as error:
            self._complain(config, f"{error}; waiting for it")
            return
        if folders:
            self._complaints.pop(config.name, None)
        else:
            self._complain(config, "No versions found. Did you forget to name your leaf directory as a number?")
        with self._changed:
            if self._configs.get(config.name) == config:
                self._aspire(config.name, aspired_versions(config.policy, folders), folders)

    def _complain(self, config: ModelConfig, complaint: str) -> None:
        if self._complaints.get(config.name) != complaint:
            self._complaints[config.name] = complaint
            _log.warning("model %s, base path %s: %s", config.name, config.base_path, complaint)

    def _aspire(self, name: str, aspired: frozenset[int], folders: Mapping[int, Path]) -> None:
        model = self._models.setdefault(name, _Model())
        model.aspired = aspired
        model.given_up &= aspired
        wanted = self._plan(model)
        for number in wanted.load:
            model.versions[number] = _Version(Status(State.START))
            self._loaders.submit(self._bring_in, name, number, folders[number])
        self._unload(name, wanted.unload)

    @staticmethod
    def _plan(model: _Model[S]) -> Plan:
        return plan(model.aspired, {number: each.status for number, each in model.versions.items()}, model.given_up)

    def _bring_in(self, name: str, number: int, folder: Path) -> None:
        with self._changed:
            self._set(name, number, Status(State.LOADING))
        try:
            servable = self._try_to_load(name, number, folder)
        except ServingError as error:
            with self._changed:
                self._models[name].given_up |= {number} & self._models[name].aspired
                self._set(name, number, Status(State.END, error.code, error.message))
            return
        with self._changed:
            self._models[name].versions[number].servable = servable
            self._set(name, number, Status(State.AVAILABLE))
            self._unload(name, self._plan(self._models[name]).unload)

    def _unload(self, name: str, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._set(name, number, Status(State.UNLOADING))
            threading.Thread(target=self._let_go, args=(name, number), name="unload", daemon=True).start()

    def _try_to_load(self, name: str, number: int, folder: Path) -> S:
        for tried in range(self._timing.retries + 1):
            if tried and self._stopping.wait(self._timing.retry_seconds):
                break
            if tried and number not in self._models[name].aspired:
                break
            try:
                return self._load(folder)
            except ServingError as error:
                last = error
                _log.error("loading model %s version %d, try %d: %s", name, number, tried + 1, error)
        raise last

    def _let_go(self, name: str, number: int) -> None:
        with self._changed:
            version = self._models[name].versions[number]
            self._changed.wait_for(lambda: version.in_flight == 0)
            servable, version.servable = version.servable, None
        if servable is not None:
            servable.close()
        with self._changed:
            self._set(name, number, Status(State.END))

    def _set(self, name: str, number: int, status: Status) -> None:
        _log.info("model %s version %d: %s", name, number, status.state)
        self._models[name].versions[number].status = status
        self._changed.notify_all()

    def _is_settled(self, name: str) -> bool:
        model = self._models.get(name)
        return model is not None and bool(model.available() or model.given_up)

    def _raise_for_failed(self, configs: Sequence[ModelConfig]) -> None:
        failed = [config.name for config in configs if not self._models[config.name].available()]
        if not failed:
            return
        causes = "".join(
            f"{{{{name: {name} version: {number}}} due to error: {status.code.name}: {status.message}}}, "
            for name in failed
            for number in sorted(self._models[name].given_up)
            for status in [self._models[name].versions[number].status]
        )
        raise ServingError(Code.UNKNOWN, f"{len(failed)} servable(s) did not become available: {{{causes}}}")

    def _assign_labels(self, configs: Sequence[ModelConfig]) -> None:
        labels = {}
        for config in configs:
            available = self._models[config.name].available()
            known = self._labels.get(config.name, {})
            for label, number in config.labels.items():
                new_and_allowed = self._labels_before_load and label not in known
                if number not in available and not new_and_allowed:
                    raise ServingError(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label to version {number} of model {config.name}, which is not currently "
                        "available for inference",
                    )
            labels[config.name] = config.labels
        self._labels = labels

    def _labelled(self, name: str, label: str) -> int:
        try:
            return self._labels[name][label]
        except KeyError:
            raise invalid_argument(f"Unrecognized servable version label: {label}") from None
