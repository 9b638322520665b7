"""The demo from its first step to its last: set up, then tell."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from demo import pipeline
from demo.console import CONSOLE, step
from demo.install import install_operator, install_storage
from demo.models import export_models, folder
from demo.shell import typed
from demo.target import IMAGES, REPOSITORY, Access, Target
from sdp_serving.contract.components import DRAWING, Component

PROMPT: Final = "a large red circle on a blue background"
_FIRST_READY: Final = 300.0
_SWAP: Final = 180.0


@dataclass(frozen=True)
class Told:
    """What came of the demo.

    Attributes:
        base: the picture of the model as applied.
        fine_tuned: the picture after the swap, of the same prompt and seed.
        before: the names of each component's pods before the swap.
        after: and after it.
    """

    base: Path
    fine_tuned: Path
    before: Mapping[Component, frozenset[str]]
    after: Mapping[Component, frozenset[str]]


def set_up(target: Target) -> Access:
    """Bring up the cluster with all that a pipeline needs, and lead this process's programs there.

    Raises:
        DemoError: a step failed.
        ClusterError: the cluster can't be brought up.
    """
    access = target.start()
    os.environ.update(access.variables())
    os.chdir(REPOSITORY)
    for name in IMAGES:
        with step(f"Image {name}"):
            target.load_image(name)
    with step("Operator"):
        install_operator()
    with step("Storage emulator"):
        install_storage(target)
    export_models()
    return access


def tell(out: Path) -> Told:
    """Draw, swap and draw again, on a cluster that was set up.

    Args:
        out: the folder for the pictures.

    Raises:
        DemoError: a step failed.
    """
    base, fine_tuned = out / "base.png", out / "striped.png"
    out.mkdir(parents=True, exist_ok=True)

    typed("kubectl", "apply", "-f", "examples/pipeline.yaml")
    _wait("The models are being served", _FIRST_READY)
    _generate(base)

    before = pipeline.pods()
    typed(*pipeline.swap(Component.DIFFUSION_MODEL, f"{folder('striped')}/{Component.DIFFUSION_MODEL}"))
    _wait("The diffusion model is being swapped", _SWAP)
    after = pipeline.pods()
    _generate(fine_tuned)

    same = ", ".join(component for component in DRAWING if before[component] == after[component])
    CONSOLE.print(f"\nThese have the pods that they had before the swap: {same}.\n", soft_wrap=True)
    typed("kubectl", "get", "sdpipelines")
    return Told(base, fine_tuned, before, after)


def _wait(title: str, seconds: float) -> None:
    with step(title) as say:
        pipeline.wait_until_ready(say, seconds=seconds)


def _generate(picture: Path) -> None:
    typed("sdpipeline", "generate", PROMPT, "-n", "4", "--seed", "1", "-o", str(picture))
