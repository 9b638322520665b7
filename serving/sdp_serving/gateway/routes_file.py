"""The file in which the operator tells of the pipeline."""

import logging
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from sdp_serving.contract.components import Component
from sdp_serving.contract.routes import Canary, Routes

_NONE: Final = Routes()

_log = logging.getLogger(__name__)


class RoutesFile:
    """What the file says now: it is read again whenever it has changed."""

    def __init__(self, path: Path | None) -> None:
        """Read it at `path`; without one, as without a file there, nothing is known."""
        self._path = path
        self._read: tuple[int, ...] | None = None
        self._routes = _NONE

    @property
    def routes(self) -> Routes:
        """What it says."""
        if self._path is not None:
            self._refresh(self._path)
        return self._routes

    def canary(self, component: Component) -> Canary | None:
        """The component's canary."""
        return self.routes.canaries.get(component)

    def _refresh(self, path: Path) -> None:
        try:
            found = path.stat()
            # Of the file that was looked at or of a newer one, which is then read once more.
            mark = (found.st_ino, found.st_mtime_ns, found.st_size)
            if mark == self._read:
                return
            content = path.read_bytes()
        except OSError:
            self._read, self._routes = None, _NONE
            return
        self._read = mark
        try:
            self._routes = Routes.model_validate_json(content)
        except ValidationError as error:
            _log.error("%s cannot be read, so that all stays as it was: %s", path, error)
