"""The headers that travel on: those that are meant for the other end, and not for the next hop (RFC 9110, 7.6.1)."""

from typing import Final

from multidict import CIMultiDict, MultiMapping, istr

_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

# The gateway itself answers `Expect: 100-continue`, names the server as the host and asks for a key.
_FOR_THE_GATEWAY: Final = frozenset({"authorization", "expect", "host"})


def of_request(headers: MultiMapping[str]) -> CIMultiDict[str]:
    """What the model server gets of a client's headers."""
    return _without(headers, _HOP_BY_HOP | _FOR_THE_GATEWAY)


def of_answer(headers: MultiMapping[str]) -> CIMultiDict[str]:
    """What the client gets of a model server's headers."""
    return _without(headers, _HOP_BY_HOP)


def _without(headers: MultiMapping[str], dropped: frozenset[str]) -> CIMultiDict[str]:
    listed = {name.strip().lower() for line in headers.getall("Connection", ()) for name in line.split(",")}
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        if name.lower() not in dropped | listed:
            kept.add(istr(name), value)
    return kept
