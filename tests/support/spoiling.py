"""Specs with something wrong: what people mistype, and what programs that write YAML get wrong."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from sdp_operator.objects import KubeObject

Path = tuple[str | int, ...]

_CONTROL: Final = "a\x00b\x1b\x7f\x85"
_TEXTS: Final = (
    "", " ", "a b", "A", "-", "a..b", "/", "..", "a/../b", "a:b", "ü", "🎨", " a", "a\n", "a\u00a0b", "a\u2028b",
    _CONTROL, "x" * 64, "x" * 254, "x" * 2000, "x" * 40_000, "$(x)", "1", "1Gi", "-1", "1e", "0", "true", "null", "*",
    "*.a", "=", "nvidia.com/gpu", "Never", "10.0.0.0/33", "tmp", "models", "config", "/tmp", "/models", "/tmp/", "gs://",
    "gs://b//..", "gs://b/x/7", "file:///etc/../x", "http://x", "a/b/c", "app.kubernetes.io/name",
)  # fmt: skip
_NUMBERS: Final = (0, -1, 1, 7, 17, 65, 1001, 2**31, 2**63 - 1, 2**63, -(2**63), 10**30, 0.5, 1.0, -0.0, 1e300)
_OTHERS: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    [],
    {},
    [None],
    [{}],
    {"": ""},
    {"a": None},
    {"colour": "red"},
    [[]],
    ["a", "a"],
)

_JUNK_TEXTS: Final = st.sampled_from(_TEXTS) | st.text(max_size=12)
_JUNK_NUMBERS: Final = st.sampled_from(_NUMBERS)
_JUNK: Final = _JUNK_TEXTS | _JUNK_NUMBERS | st.sampled_from(_OTHERS).map(deepcopy)
_KEYS: Final = st.sampled_from(
    ["colour", "", "Model", "replicas", "model", "image", "from", "a b", "x" * 400, "ü", "-", "a..b/c", "/x",
     "nvidia.com/gpu", "cpu", "widgets", "hugepages-2Mi", "emptyDir", "valueFrom", "value", "name", "key", "operator"]
)  # fmt: skip


_WAYS: Final = ("worse", "worse", "worse", "worse", "worse", "junk", "remove", "add", "rename", "double")


@st.composite
def spoiled(draw: DrawFn, specs: SearchStrategy[KubeObject]) -> KubeObject:
    """The specs, each with a mistake or two, some of which may do no harm."""
    spec = deepcopy(draw(specs))
    for _ in range(draw(st.sampled_from([1, 1, 1, 2]))):
        _spoil(draw, spec)
    return spec


def _spoil(draw: DrawFn, spec: KubeObject) -> None:
    way = draw(st.sampled_from(_WAYS))
    paths = sorted((path for path, value in _paths(spec) if way != "worse" or not isinstance(value, dict)), key=str)
    if not paths:
        return
    *parents, last = draw(st.sampled_from(paths))
    where: Any = spec
    for key in parents:
        where = where[key]
    match way:
        case "worse":
            where[last] = draw(_worse(where[last]))
        case "remove":
            del where[last]
        case "add" if isinstance(where, dict):
            where[draw(_KEYS)] = draw(_JUNK)
        case "rename" if isinstance(where, dict):
            where[draw(_KEYS)] = where.pop(last)
        case "double" if isinstance(last, int):
            where.append(deepcopy(where[last]))
        case _:
            where[last] = draw(_JUNK)


def _worse(value: Any) -> SearchStrategy[Any]:
    """Something of the same type."""
    match value:
        case str():
            return _JUNK_TEXTS
        case int():
            return _JUNK_NUMBERS
        case list():
            return st.just(value * 40) | st.just([]) | _JUNK.map(lambda one: [one])
        case _:
            return _JUNK


def _paths(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if path:
        yield path, value
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in parts:
        yield from _paths(one, (*path, key))
