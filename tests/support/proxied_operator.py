"""The operator behind a proxy that plays the faults of an API server."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.api_proxy import Answer, ApiProxy, Call, CutError, Forward, pass_on
from tests.support.operator_fork import Fork, Forks
from tests.support.ports import free_ports


class ProxiedOperator:
    """An operator that serves one namespace through the proxy, and can be killed and started again.

    Attributes:
        proxy: what it reaches the API server through.
    """

    def __init__(self, forks: Forks, proxy: ApiProxy, kubeconfig: Path, namespace: str, folder: Path) -> None:
        self.proxy = proxy
        self._forks = forks
        self._log = folder / "operator.log"
        [port] = free_ports(1)
        self._settings = {
            "KUBECONFIG": str(proxy.kubeconfig(kubeconfig, folder / "proxied.kubeconfig")),
            "SDP_HTTP_ADDRESS": f"127.0.0.1:{port}",
            "SDP_LOG_FORMAT": "json",
            "SDP_NAMESPACES": namespace,
        }
        self._fork: Fork | None = None

    def start(self) -> None:
        """Start it, with all that it asks answered by the API server; does not wait."""
        self.proxy.rule = pass_on
        self._fork = self._forks.start(self._settings, self._log)

    def kill(self) -> None:
        """End it with SIGKILL, if it runs."""
        if self._fork is not None:
            self._fork.kill()
            self._fork = None

    def heal(self) -> None:
        """Let all that it asks be answered by the API server again."""
        self.proxy.rule = pass_on

    def stay(self, seconds: float) -> None:
        """Let it be as it is for a while: what must not happen can't be waited for."""
        time.sleep(seconds)
        assert self._fork is not None
        assert self._fork.runs, "it has ended by itself"

    def log(self) -> list[dict[str, Any]]:
        """The lines that it has logged."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]


class KillAt:
    """Kills an operator at the n-th of some calls; nothing of it gets through from then on.

    Attributes:
        struck: the call at which that was; None as long as it runs.
    """

    def __init__(
        self, operator: ProxiedOperator, counts: Callable[[Call], bool], number: int, *, answered: bool
    ) -> None:
        """Prepare.

        Args:
            operator: which.
            counts: which calls are counted.
            number: n.
            answered: whether the API server gets the call and answers it, and only the operator does not hear of it.
        """
        self.struck: Call | None = None
        self._operator = operator
        self._counts = counts
        self._left = number
        self._answered = answered

    async def __call__(self, call: Call, forward: Forward) -> Answer:
        """Treat a call."""
        if self.struck is not None:
            raise CutError
        if not self._counts(call):
            return await forward()
        self._left -= 1
        if self._left:
            return await forward()
        if self._answered:
            await forward()
        self._operator.kill()
        self.struck = call  # Whoever waits for this may start it again at once.
        raise CutError
