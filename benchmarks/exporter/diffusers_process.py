"""A process that measures diffusers, in a Python that has it and PyTorch; it imports nothing that needs more."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers  # type: ignore[import-not-found]  # Installed in another Python.
import torch  # type: ignore[import-not-found]  # As above.

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from benchmarks.exporter.timing import timed  # A script's path is its folder.

_GUIDANCE_SCALE = 7.5


def main() -> None:
    """Read the job from the command line: see `run.py`."""
    job = json.loads(sys.argv[1])
    with torch.no_grad():
        found = timed(_drawer(job), steps=job["steps"], pictures=job["pictures"])
    print(f"\n{json.dumps(found)}", flush=True)  # noqa: T201  # What the parent process reads.


def _drawer(job: dict[str, Any]) -> Callable[[int, str], object]:
    """Stable Diffusion's loop as its pipeline runs it: guidance in one call."""
    channels, width, side = job["channels"], job["width"], job["size"] // 8
    last = len(channels) - 1
    dtype = getattr(torch, job["dtype"])
    unet = diffusers.UNet2DConditionModel(
        block_out_channels=channels,
        cross_attention_dim=width,
        attention_head_dim=job["heads"],
        down_block_types=[*["CrossAttnDownBlock2D"] * last, "DownBlock2D"],
        up_block_types=["UpBlock2D", *["CrossAttnUpBlock2D"] * last],
    )
    unet = unet.to(dtype).eval()
    contexts = torch.randn(2, 77, width, dtype=dtype)

    def draw(steps: int, _: str) -> object:
        scheduler = diffusers.DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
        scheduler.set_timesteps(steps)
        latent = torch.randn(1, 4, side, side, dtype=dtype)
        for timestep in scheduler.timesteps:
            noise = unet(torch.cat([latent] * 2), timestep, encoder_hidden_states=contexts).sample
            unconditional, conditional = noise.chunk(2)
            guided = unconditional + _GUIDANCE_SCALE * (conditional - unconditional)
            latent = scheduler.step(guided, timestep, latent).prev_sample
        return latent.float().numpy()

    return draw


if __name__ == "__main__":
    main()
