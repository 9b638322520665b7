"""The only place that asks pods, and the only question: what their pullers have to tell."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

import aiohttp

from sdp_serving.contract.swap import REPORT_PATH, REPORT_PORT, ReplicaReport

_TIMEOUT: Final = aiohttp.ClientTimeout(total=2)
_LARGEST: Final = 64 * 1024
"""No report is near this; a pod could answer anything."""

_log = logging.getLogger(__name__)


async def ask(addresses: Mapping[str, str]) -> Mapping[str, ReplicaReport]:
    """What pods tell, all asked at the same time; those that do not answer in two seconds are left out.

    Args:
        addresses: the pods' IP addresses, by the pods' names.
    """
    if not addresses:
        return {}
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        told = await asyncio.gather(*(_ask(session, address) for address in addresses.values()))
    return {name: report for name, report in zip(addresses, told, strict=True) if report is not None}


async def _ask(session: aiohttp.ClientSession, address: str) -> ReplicaReport | None:
    host = f"[{address}]" if ":" in address else address
    url = f"http://{host}:{REPORT_PORT}{REPORT_PATH}"
    try:
        async with session.get(url, allow_redirects=False) as answer:
            return ReplicaReport.model_validate_json(await _read(answer.content))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        _log.debug("%s does not tell how far it is: %s", url, type(error).__name__)
        return None


async def _read(content: aiohttp.StreamReader) -> bytes:
    """All of it."""
    read = bytearray()
    async for chunk in content.iter_any():
        read += chunk
        if len(read) > _LARGEST:
            raise ValueError("it is no report")
    return bytes(read)
