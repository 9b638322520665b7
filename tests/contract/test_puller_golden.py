"""The golden requests to sd-tiny's models in the stand-in server: no good model is refused."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from tests.support.standin import StandIn, standin

from sdp_exporter.export import Request, export
from sdp_exporter.progress import TerminalObserver
from sdp_exporter.sources.tiny import sources
from sdp_serving.contract.artifact import ModelUri
from sdp_serving.contract.components import Component
from sdp_serving.contract.report import Pulled
from sdp_serving.contract.signatures import SignatureName
from sdp_serving.contract.swap import ModelNumber, NumberedModel
from sdp_serving.puller.golden import fault, golden_request
from sdp_serving.puller.judgement import Wanted
from sdp_serving.puller.lay import lay
from sdp_serving.puller.model_server import ModelServer, RefusedError, SilentError, State
from sdp_serving.puller.storage import open_storage

NUMBER = ModelNumber(5)
MODELS = [*((component, "base") for component in Component), (Component.DIFFUSION_MODEL, "striped")]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[StandIn, dict[tuple[Component, str], Pulled]]]:
    """A server of sd-tiny's models, each under its component's name; and what they are."""
    folder = tmp_path_factory.mktemp("golden")
    laid, config = {}, []
    for component, variant in MODELS:
        uri = ModelUri.parse(f"file://{folder}/storage/{component}-{variant}")
        (source,) = sources(variant, [component])
        with TerminalObserver(Console(quiet=True)) as observer:
            export([Request(source, uri)], clock=lambda: datetime.now(UTC), observer=observer)
        home = folder / variant / component
        laid[component, variant] = lay(
            NumberedModel(number=NUMBER, uri=str(uri)),
            Wanted(component),
            home,
            storage=lambda uri: open_storage(uri, patience=1),
            cache=None,
            say=print,
        )
        name = component if variant == "base" else f"{component}-{variant}"
        config.append(f'config {{ name: "{name}" base_path: "{home}" model_platform: "tensorflow" }}')
    (folder / "models.config").write_text(f"model_config_list {{ {' '.join(config)} }}")
    with standin(folder, f"--model_config_file={folder}/models.config") as running:
        running.wait_until_serving()
        yield running, laid


@pytest.mark.parametrize(("component", "variant"), MODELS)
def test_a_good_model_answers_its_golden_request_as_it_should(
    served: tuple[StandIn, dict[tuple[Component, str], Pulled]], component: Component, variant: str
) -> None:
    running, laid = served
    # The server knows more names than components.
    name = component if variant == "base" else f"{component}-{variant}"
    server = ModelServer(running.url, name)  # type: ignore[arg-type]
    request = golden_request(laid[component, variant], server.signatures(NUMBER))

    answers = [
        server.predict(NUMBER, request.signature, request.inputs, timeout=60)
        for _ in range(2 if request.signature is SignatureName.SAMPLE else 1)
    ]

    assert fault(request, answers[0]) is None
    # With its seed it is the same each time.
    assert answers[0] == answers[-1]


def test_a_good_model_answers_in_a_server_that_batches(
    served: tuple[StandIn, dict[tuple[Component, str], Pulled]], tmp_path: Path
) -> None:
    running, laid = served
    config = running.log.with_name("models.config")
    # As the operator starts it: the models' warm-up requests can't be batched.
    flags = (f"--model_config_file={config}", "--enable_batching=true", "--enable_model_warmup=false")
    with standin(tmp_path, *flags) as batching:
        batching.wait_until_serving()
        for component in Component:
            server = ModelServer(batching.url, component)
            request = golden_request(laid[component, "base"], server.signatures(NUMBER), batching=True)
            assert fault(request, server.predict(NUMBER, request.signature, request.inputs, timeout=60)) is None
        usual = golden_request(laid[Component.TEXT_ENCODER, "base"], [])
        server = ModelServer(batching.url, Component.TEXT_ENCODER)
        with pytest.raises(RefusedError, match="must have at least one dimension"):
            server.predict(NUMBER, usual.signature, usual.inputs, timeout=60)


def test_what_the_server_says_is_told_apart(served: tuple[StandIn, object]) -> None:
    running, _ = served
    server = ModelServer(running.url, Component.DECODER)

    statuses = server.statuses()
    assert statuses is not None
    assert statuses[NUMBER].state is State.AVAILABLE
    with pytest.raises(RefusedError, match="Servable not found") as raised:
        server.predict(ModelNumber(6), SignatureName.DEFAULT, {}, timeout=10)
    assert raised.value.status == 404
    with pytest.raises(RefusedError, match="Missing named input: latent"):
        server.predict(NUMBER, SignatureName.DEFAULT, {}, timeout=10)
    nobody = ModelServer("http://127.0.0.1:9", Component.DECODER)
    assert nobody.statuses() is None
    with pytest.raises(SilentError, match="down"):
        nobody.signatures(NUMBER)
