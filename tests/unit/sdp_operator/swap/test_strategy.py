import pytest

from sdp_operator.swap.gpu_memory import GIB, gpu_memory
from sdp_operator.swap.strategy import Asked, Room, choose, choose_for_canary

LABEL = "cloud.google.com/gke-accelerator"
ON_GPU = Room(gpus=1, gpu_memory=16 * GIB, size=4 * GIB, has_free_gpus=False)


@pytest.mark.parametrize(
    ("asked", "room", "strategy", "reason"),
    [
        ("Auto", Room(), "InPlace", "no memory limit is set"),
        ("Auto", Room(memory_limit=7 * GIB, size=4 * GIB), "InPlace", "the memory limit leaves room for both models"),
        ("Auto", Room(memory_limit=7 * GIB - 1, size=4 * GIB), "Surge", "both models need 7.0 GiB of memory"),
        ("Auto", Room(memory_limit=64 * GIB), "Surge", "how large the models are is not known"),
        ("Auto", ON_GPU, "InPlace", "the GPUs' memory holds both models"),
        ("Auto", Room(gpus=1, gpu_memory=8 * GIB, size=4 * GIB, has_free_gpus=True), "Surge", "free GPUs for a new"),
        (
            "Auto",
            Room(gpus=1, gpu_memory=8 * GIB, size=4 * GIB, has_free_gpus=False),
            "Drain",
            "there are no free GPUs",
        ),
        ("Auto", Room(gpus=1, size=4 * GIB, has_free_gpus=False), "Drain", "how much memory the GPUs have"),
        ("Auto", Room(gpus=1, size=4 * GIB, has_free_gpus=None), "Surge", "which GPUs are free can't be seen"),
        ("Auto", Room(barrier="an image is part of its pods"), "Surge", "an image is part of its pods, and no GPU"),
        ("Auto", Room(is_served=False), "Drain", "no replica answers requests that could be interrupted"),
        ("InPlace", Room(gpus=1, gpu_memory=1, size=4 * GIB), "InPlace", "swap.strategy says so"),
        ("InPlace", Room(barrier="an image is part of its pods"), "Surge", "an image is part of its pods"),
        ("InPlace", Room(is_served=False), "Drain", "no replica answers"),
        ("Surge", Room(), "Surge", "swap.strategy says so"),
        ("Drain", Room(), "Drain", "swap.strategy says so"),
    ],
)
def test_a_strategy_is_chosen_by_the_room_there_is_and_says_why(
    asked: Asked, room: Room, strategy: str, reason: str
) -> None:
    chosen = choose(asked, room)
    assert chosen.strategy == strategy
    assert reason in chosen.reason


def test_what_was_found_by_trying_counts_more_than_what_was_computed() -> None:
    chosen = choose("Auto", ON_GPU, in_place_failed="the servers ran out of memory with both models")
    assert chosen.strategy == "Drain"
    assert chosen.reason.startswith("the servers ran out of memory with both models, and")


@pytest.mark.parametrize(
    ("asked", "room", "in_place_failed", "strategy", "reason"),
    [
        ("Auto", Room(), None, "InPlace", "no memory limit is set"),
        ("Auto", ON_GPU, None, "InPlace", "the GPUs' memory holds both models"),
        ("Auto", Room(memory_limit=1, size=4 * GIB), None, "Surge", "both models need 7.0 GiB of memory"),
        ("Auto", Room(gpus=1, size=4 * GIB, has_free_gpus=False), None, "Surge", "how much memory the GPUs have"),
        ("Auto", Room(barrier="a claim is mounted"), None, "Surge", "a claim is mounted"),
        ("Auto", ON_GPU, "the servers ran out of memory", "Surge", "the servers ran out of memory"),
        ("InPlace", Room(memory_limit=1, size=4 * GIB), None, "InPlace", "swap.strategy says so"),
        ("InPlace", Room(barrier="a claim is mounted"), None, "Surge", "a claim is mounted"),
        ("Surge", Room(), None, "Surge", "swap.strategy is Surge"),
        ("Drain", ON_GPU, None, "Surge", "swap.strategy is Drain"),
    ],
)
def test_a_canary_comes_into_the_running_pods_or_gets_a_replica_of_its_own(
    asked: Asked, room: Room, in_place_failed: str | None, strategy: str, reason: str
) -> None:
    chosen = choose_for_canary(asked, room, in_place_failed=in_place_failed)
    assert chosen.strategy == strategy
    assert chosen.reason.startswith(reason)


@pytest.mark.parametrize(
    ("labels", "gib"),
    [
        ({LABEL: "nvidia-tesla-t4"}, 16),
        ({LABEL: "nvidia-l4"}, 24),
        ({LABEL: "nvidia-tesla-a100"}, 40),
        ({LABEL: "nvidia-a100-80gb"}, 80),
        ({LABEL: "NVIDIA-A100-SXM4-40GB"}, 40),
        ({LABEL: "Tesla-T4"}, 16),
        ({LABEL: "Tesla-T4", "nvidia.com/gpu.memory": "15360"}, 15),
        ({LABEL: "nvidia-l4", "cloud.google.com/gke-gpu-sharing-strategy": "time-sharing"}, None),
        ({LABEL: "nvidia-l4", "nvidia.com/gpu.sharing-strategy": "mps"}, None),
        ({LABEL: "nvidia-l4", "nvidia.com/gpu.sharing-strategy": "none"}, 24),
        ({LABEL: "of-next-year"}, None),
        ({}, None),
    ],
)
def test_labels_tell_how_much_memory_a_gpu_has(labels: dict[str, str], gib: int | None) -> None:
    assert gpu_memory(labels, LABEL) == (None if gib is None else gib * GIB)
