"""A process that dies at a chosen change of the disk, as by SIGKILL."""

import multiprocessing
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest

_CHANGES: Final = frozenset(
    {"os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "os.utime", "shutil.rmtree"}
)
_KILLED: Final = 137


def survives(change: int, act: Callable[..., None], *arguments: object) -> bool:
    """Call `act` in a process of its own that dies before the change of the disk of this number, counted from 1.

    Returns:
        Whether it came to its end before that.
    """
    context = multiprocessing.get_context("forkserver")
    # This module too: without it, each child would import pytest anew.
    context.set_forkserver_preload(["__main__", __name__, act.__module__])
    process = context.Process(target=_mortal, args=(change, act, *arguments))
    # What has been imported is forked; the server that does so knows the modules' folders by the environment only.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        process.start()
    process.join(60)
    code = process.exitcode
    process.close()
    assert code in (0, _KILLED), code
    return code == 0


def _mortal(change: int, act: Callable[..., None], *arguments: object) -> None:
    left = change

    def watch(event: str, details: tuple[Any, ...]) -> None:
        nonlocal left
        if event in _CHANGES or (event == "open" and _writes(details)):
            left -= 1
            if not left:
                os._exit(_KILLED)

    sys.addaudithook(watch)
    act(*arguments)
    os._exit(0)


def _writes(details: tuple[Any, ...]) -> bool:
    _, mode, flags = details
    return bool(flags & (os.O_WRONLY | os.O_RDWR)) if mode is None else not set(mode).isdisjoint("wax+")
