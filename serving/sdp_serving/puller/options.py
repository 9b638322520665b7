"""Options that the puller's commands share."""

import functools
import re
from collections.abc import Callable
from pathlib import Path

import click

from sdp_serving.contract.components import Component
from sdp_serving.contract.swap import DESIRED_FILE
from sdp_serving.contract.versions import StableDiffusionVersion
from sdp_serving.puller.cache import Cache
from sdp_serving.puller.judgement import ImageSize, TensorFlowVersion, Wanted


class _ImageSize(click.ParamType[ImageSize]):
    """The height and the width of an image, such as 512x768."""

    name = "HxW"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> ImageSize:
        """Read the size."""
        match = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", str(value))
        if match is None:
            self.fail(f"{value!r} is no size of an image: give the height and the width, such as 512x768", param, ctx)
        return ImageSize(int(match[1]), int(match[2]))


class _TensorFlowVersion(click.ParamType[TensorFlowVersion]):
    """A version of TensorFlow, such as 2.19."""

    name = "X.Y"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> TensorFlowVersion:
        """Read the version."""
        version = TensorFlowVersion.parse(str(value))
        if version is None:
            self.fail(f"{value!r} is no version of TensorFlow: give one such as 2.19", param, ctx)
        return version


def takes_wanted(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say what a model must be; it gets them together, as `wanted`."""

    @click.option(
        "--component",
        type=click.Choice([component.value for component in Component]),
        required=True,
        help="The component that the model must be.",
    )
    @click.option(
        "--sd-version",
        type=click.Choice([version.value for version in StableDiffusionVersion]),
        help="The version of Stable Diffusion that the model must go with; any when left out.",
    )
    @click.option(
        "--image-size",
        type=_ImageSize(),
        help="The height and width in pixels of the images that the model must be for; any when left out.",
    )
    @click.option(
        "--server-tensorflow",
        type=_TensorFlowVersion(),
        help="The TensorFlow of the model server, than which the model's may not be newer; any when left out.",
    )
    @click.option("--batching", is_flag=True, help="The model server batches requests, which not every model lets it.")
    @functools.wraps(command)
    def with_wanted(
        component: str,
        sd_version: str | None,
        image_size: ImageSize | None,
        server_tensorflow: TensorFlowVersion | None,
        batching: bool,
        **others: object,
    ) -> None:
        version = None if sd_version is None else StableDiffusionVersion(sd_version)
        wanted = Wanted(Component(component), version, image_size, server_tensorflow, batching)
        command(wanted=wanted, **others)

    return with_wanted


takes_rollout = click.option("--rollout", required=True, help="The rollout that this pod was made for.")

takes_desired = click.option(
    "--desired",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("/etc/sdpipeline", DESIRED_FILE),
    show_default=True,
    help="The file in which the operator says which models it wants.",
)

takes_models = click.option(
    "--models",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("/models"),
    show_default=True,
    help="The folder to lay models in, as <component>/<number>.",
)

takes_report = click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("/dev/termination-log"),
    show_default=True,
    help="The file for the report that the operator reads.",
)

takes_patience = click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=120.0,
    show_default=True,
    help="Seconds during which a transient error of the storage is tried again.",
)


def takes_cache(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of the node's cache; it gets the cache, or None, as `cache`."""

    @click.option(
        "--cache",
        "folder",
        type=click.Path(file_okay=False, path_type=Path),
        help="A folder that keeps models for the node's next pods; none when left out.",
    )
    @click.option(
        "--cache-bytes",
        type=click.IntRange(min=1),
        help="What all models in it may take; as much as the disk holds when left out.",
    )
    @functools.wraps(command)
    def with_cache(folder: Path | None, cache_bytes: int | None, **others: object) -> None:
        command(cache=None if folder is None else Cache(folder, cache_bytes), **others)

    return with_cache
