"""Which signatures of a SavedModel want XLA to compile a part of them."""

from collections.abc import Iterator
from typing import Any, Final

_MARK: Final = "_XlaMustCompile"
"""The attribute of a function that was traced with `jit_compile=True`."""


def compiled_signatures(meta_graph: Any) -> frozenset[str]:
    """Name the signatures that call, at whatever depth, a function that must be compiled.

    Args:
        meta_graph: the SavedModel's MetaGraphDef.
    """
    functions = {each.signature.name: each for each in meta_graph.graph_def.library.function}
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    return frozenset(
        name
        for name, signature in meta_graph.signature_def.items()
        if any(
            functions[called].attr[_MARK].b
            for info in signature.outputs.values()
            if (node := nodes.get(info.name.partition(":")[0])) is not None
            for called in _reached(node, functions)
        )
    )


def _reached(node: Any, functions: dict[str, Any]) -> Iterator[str]:
    """The functions that the node calls, those that these call, and so on."""
    seen, waiting = set[str](), list(_called(node))
    while waiting:
        name = waiting.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        yield name
        for inner in functions[name].node_def:
            waiting += _called(inner)


def _called(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        if value.HasField("func"):
            yield value.func.name
        yield from (function.name for function in value.list.func)
