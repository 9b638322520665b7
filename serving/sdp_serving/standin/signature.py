"""A function of a SavedModel as the requests see it; and the names that requests and signature must share."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from sdp_serving.standin.errors import invalid_argument

DEFAULT_SIGNATURE: Final = "serving_default"


@dataclass(frozen=True)
class TensorInfo:
    """One input or output: its name in the graph and its dtype as TensorFlow writes it (`float`, `int32`, `string`)."""

    name: str
    dtype: str


@dataclass(frozen=True)
class Signature:
    """The inputs and outputs, by the names that requests use."""

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]

    def check_inputs(self, given: Collection[str]) -> None:
        """Refuse a request that lacks an input or has one too many.

        Raises:
            ServingError: INVALID_ARGUMENT.
        """
        have, want = set(given), set(self.inputs)
        if len(have) != len(want):
            raise invalid_argument(
                f"input size does not match signature: {len(have)}!={len(want)} len({_join(have)}) != "
                f"len({_join(want)}). Sent extra: {_join(have - want)}. Missing but required: {_join(want - have)}."
            )
        if have != want:
            raise invalid_argument(
                f"input tensor alias not found in signature: {min(have - want)}. "
                f"Inputs expected to be in the set {_join(want)}."
            )

    def chosen_outputs(self, wanted: Collection[str]) -> list[str]:
        """The outputs to answer with: those wanted, or all when none is.

        Raises:
            ServingError: INVALID_ARGUMENT for an output that there is not.
        """
        for name in wanted:
            if name not in self.outputs:
                raise invalid_argument(
                    f"output tensor alias not found in signature: {name} "
                    f"Outputs expected to be in the set {_join(self.outputs)}."
                )
        return sorted(wanted or self.outputs)


def _join(names: Collection[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
