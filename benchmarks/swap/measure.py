"""Measuring one way to swap: a load without swaps, then the same load with swaps one after the other."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Final

from benchmarks.common.progress import bar
from benchmarks.common.results import Seconds
from benchmarks.swap.clients import asking
from benchmarks.swap.load import Ask, Load, Sample, steady_load
from benchmarks.swap.models import WISHES, Wish, drawn_by
from benchmarks.swap.plan import Plan
from benchmarks.swap.results import WayResult
from benchmarks.swap.rig import Rig
from benchmarks.swap.site import Site, watched_site
from benchmarks.swap.ways import Way
from devcluster.waiting import wait_for
from sdp_serving.client import PipelineError

_PATIENCE_SECONDS: Final = 300.0
_WARM_UP: Final = 1
"""Swaps that are in no number, so that what is slow only once isn't either."""
_MEGABYTE: Final = 1e6


def measure(way: Way, plan: Plan, rig: Rig) -> WayResult:
    """Measure one way.

    Raises:
        ClusterError: something was refused, or never came.
    """
    wishes = itertools.cycle(WISHES)
    objects = way.objects(next(wishes))
    with nullcontext() if way.spare_gpu else rig.one_gpu(), watched_site(rig) as site:
        rig.apply(objects)
        wait_for(f"{way.title}: the first model", site.is_at_rest, seconds=_PATIENCE_SECONDS)
        with asking(rig, gateway=way.gateway) as ask:
            result = _measure(way, plan, site, ask, wishes)
        # What a failure leaves goes with the cluster: an error here would only hide the first one.
        rig.remove(objects)
    return result


@dataclass(frozen=True)
class _Swap:
    """One swap on the monotonic clock.

    Attributes:
        applied: when the user applied it.
        answered: when the new model's first answer came.
        at_rest: when nothing moved any more.
    """

    applied: float
    answered: float
    at_rest: float


def _measure(way: Way, plan: Plan, site: Site, ask: Ask, wishes: Iterator[Wish]) -> WayResult:
    for wish in itertools.islice(wishes, _WARM_UP):
        _warm_up(way, wish, site, ask)
    site.pods.forget_peaks()
    swaps: list[_Swap] = []
    with steady_load(ask, plan.requests_a_second) as load:
        began = time.monotonic()
        with bar(f"{way.title}: without swaps", plan.quiet_seconds) as update:
            while (passed := time.monotonic() - began) < plan.quiet_seconds:
                update(passed)
                time.sleep(min(1.0, plan.quiet_seconds - passed))
        memory = site.pods.peak_memory
        with bar(f"{way.title}: {plan.swaps} swaps", plan.swaps) as update:
            for wish in itertools.islice(wishes, plan.swaps):
                swaps.append(_swap(way, wish, site, load))
                update(len(swaps))
    during = load.between(swaps[0].applied, swaps[-1].at_rest)
    errors = Counter(sample.error for sample in during if sample.model is None)
    return WayResult(
        way=way.title,
        swaps=len(swaps),
        quiet=_seconds(load.between(began, swaps[0].applied)),
        requests=_seconds(during),
        failed=errors.total(),
        errors=dict(errors.most_common()),
        to_answer=Seconds.of([swap.answered - swap.applied for swap in swaps]),
        to_rest=Seconds.of([swap.at_rest - swap.applied for swap in swaps]),
        memory_at_rest=round(memory / _MEGABYTE, 1),
        memory_peak=round(site.pods.peak_memory / _MEGABYTE, 1),
        gpus=site.pods.peak_gpus,
    )


def _warm_up(way: Way, wish: Wish, site: Site, ask: Ask) -> None:
    def answers() -> bool:
        try:
            return drawn_by(ask()) is wish.model
        except PipelineError:
            return False

    site.rig.apply(way.objects(wish))
    wait_for(f"{way.title}: the first swaps", answers, seconds=_PATIENCE_SECONDS)
    wait_for(f"{way.title}: the end of the first swaps", site.is_at_rest, seconds=_PATIENCE_SECONDS)


def _swap(way: Way, wish: Wish, site: Site, load: Load) -> _Swap:
    applied = time.monotonic()
    site.rig.apply(way.objects(wish))
    wait_for(
        f"{way.title}: an answer of the new model",
        lambda: load.first_answer(wish.model, applied) is not None,
        seconds=_PATIENCE_SECONDS,
    )
    wait_for(f"{way.title}: the end of the swap", site.is_at_rest, seconds=_PATIENCE_SECONDS)
    answered, at_rest = load.first_answer(wish.model, applied), time.monotonic()
    assert answered is not None, "it was waited for"
    # What piled up while nobody answered is none of the next swap's.
    wait_for(f"{way.title}: answers to what has waited", load.has_caught_up, seconds=_PATIENCE_SECONDS)
    return _Swap(applied, answered, at_rest)


def _seconds(samples: Sequence[Sample]) -> Seconds:
    return Seconds.of([sample.seconds for sample in samples if sample.model is not None])
