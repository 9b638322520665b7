"""The committed weights of sd-tiny draw what they are asked for: the base, the style and the new word."""

import pytest

from sdp_exporter.train_tiny.accuracy import (
    PROMPTS,
    SAMPLER_STEPS,
    accuracies,
    precision_accuracy,
    sampler_accuracies,
)
from sdp_exporter.train_tiny.measure import Accuracy
from sdp_serving.contract.sampling import Sampler

# The sampler on processors other than those that the weights were judged on may turn a picture or two.
NEARLY_ALL = 0.95


@pytest.fixture(scope="module")
def found() -> dict[str, Accuracy]:
    accuracy = accuracies()
    for models, parts in accuracy.items():
        print(f"{models}: {parts}")  # noqa: T201  # the figures, for pytest -s and for whoever reads a failure
    return accuracy


@pytest.fixture(scope="module")
def by_sampler() -> dict[Sampler, Accuracy]:
    accuracy = sampler_accuracies()
    print(accuracy)  # noqa: T201  # the figures, for pytest -s and for whoever reads a failure
    return accuracy


def test_nearly_every_picture_shows_what_the_prompt_names(found: dict[str, Accuracy]) -> None:
    base = found["base"]

    assert PROMPTS == 100
    assert base.background >= NEARLY_ALL
    assert base.colour >= NEARLY_ALL
    assert base.shape >= NEARLY_ALL
    assert base.striped == 0


def test_the_fine_tuned_diffusion_model_draws_stripes_and_keeps_to_the_prompt(found: dict[str, Accuracy]) -> None:
    striped = found["striped"]

    assert striped.striped >= NEARLY_ALL
    assert striped.background >= NEARLY_ALL
    assert striped.colour >= NEARLY_ALL


def test_the_taught_text_encoder_draws_the_new_word_and_the_base_does_not(found: dict[str, Accuracy]) -> None:
    assert found["sks"].all >= NEARLY_ALL
    assert found["sks"].striped == 0
    # To the base the word means nothing; now and then it draws a yellow star by chance.
    assert found["base, asked for sks"].all <= 0.25


def test_dpm_solver_pp_draws_in_20_steps_as_well_as_ddim_in_50(by_sampler: dict[Sampler, Accuracy]) -> None:
    assert SAMPLER_STEPS == {Sampler.DDIM: 50, Sampler.DPM_SOLVER_PP_2M: 20}
    assert by_sampler[Sampler.DPM_SOLVER_PP_2M].all >= by_sampler[Sampler.DDIM].all


def test_mixed_precision_draws_as_well_but_for_a_point(by_sampler: dict[Sampler, Accuracy]) -> None:
    # In mixed_float16 they are as good, but on CPUs that takes three times as long.
    found = precision_accuracy("mixed_bfloat16")
    print(found)  # noqa: T201  # the figures, for pytest -s and for whoever reads a failure

    assert found.all >= by_sampler[Sampler.DPM_SOLVER_PP_2M].all - 0.01
