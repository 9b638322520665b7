"""Images as a PNG that says how to make them again."""

from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sdp_serving.client.grid import grid
from sdp_serving.client.pipeline import Generation


def write_png(generation: Generation, path: Path) -> None:
    """Write one image, or a grid of several, with its `facts` as text.

    Raises:
        OSError: of the file.
    """
    info = PngInfo()
    for keyword, text in facts(generation).items():
        info.add_text(keyword, text)
    Image.fromarray(grid(generation.images)).save(path, format="PNG", pnginfo=info)


def facts(generation: Generation) -> dict[str, str]:
    """What made the images, by the keyword that it has in the PNG."""
    return {
        "Software": "sdpipeline",
        "prompt": generation.prompt,
        "images": str(len(generation.images)),
        "seed": str(generation.seed),
        "steps": str(generation.steps),
        "guidance-scale": f"{generation.guidance_scale:g}",
        **{f"{component}-version": str(version) for component, version in generation.versions.items()},
    }
