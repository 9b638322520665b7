import json
import subprocess
import sys
from pathlib import Path

import h5py
import pytest
from tests.support.weights_files import write_header

from sdp_exporter.digest import source_digest
from sdp_exporter.errors import UnusableWeightsError
from sdp_exporter.models.keras_cv.anatomy import V1, V2, anatomy
from sdp_exporter.sources import Source, keras_cv
from sdp_exporter.sources.keras_cv import Options
from sdp_exporter.weights.embeddings import Embedding
from sdp_exporter.weights.layout import layout
from sdp_exporter.weights.lora import Lora
from sdp_serving.contract.components import Component
from sdp_serving.contract.versions import StableDiffusionVersion

V1_5, V2_1 = StableDiffusionVersion.V1_5, StableDiffusionVersion.V2_1
QUERY = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"


def unet(folder: Path) -> Path:
    tensors = layout(Component.DIFFUSION_MODEL, V1)
    return write_header(folder / "my-unet.safetensors", {tensor.name: tensor.shape for tensor in tensors})


def style(folder: Path) -> Path:
    shapes = {f"{QUERY}.lora_down.weight": (4, 1280), f"{QUERY}.lora_up.weight": (1280, 4)}
    return write_header(folder / "style.safetensors", shapes)


def test_random_weights_are_there_for_every_component_of_every_version(tmp_path: Path) -> None:
    for version in keras_cv.VERSIONS:
        sources = keras_cv.sources(version, keras_cv.RANDOM, downloads=tmp_path)
        assert [source.component for source in sources] == list(Component)
        assert {(source.sd_version, source.width, source.image_size, source.weights) for source in sources} == {
            (version, version.width, 512, ())
        }
    assert sources[0].name == "sd-2.1/random"


def test_a_file_is_exported_as_the_component_it_holds(tmp_path: Path) -> None:
    (source,) = keras_cv.sources(V1_5, str(unet(tmp_path)), downloads=tmp_path)

    assert source.component is Component.DIFFUSION_MODEL
    assert source.weights == (tmp_path / "my-unet.safetensors",)
    assert source.name == "sd-1.5/my-unet.safetensors"


def test_a_component_that_the_weights_do_not_hold_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UnusableWeightsError, match=r"weights of a decoder .* missing: post_quant_conv\.weight"):
        keras_cv.sources(V1_5, str(unet(tmp_path)), [Component.DECODER], downloads=tmp_path)


def test_weights_of_another_version_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableWeightsError, match="of another shape"):
        keras_cv.sources(V2_1, str(unet(tmp_path)), downloads=tmp_path)


def test_a_folder_says_what_its_model_predicts(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "scheduler/scheduler_config.json").write_text('{"prediction_type": "v_prediction"}')
    shapes = {tensor.name: tensor.shape for tensor in layout(Component.DIFFUSION_MODEL, V2)}
    write_header(tmp_path / "unet/diffusion_pytorch_model.safetensors", shapes)

    (said,) = keras_cv.sources(V2_1, str(tmp_path), downloads=tmp_path)
    (overruled,) = keras_cv.sources(V2_1, str(tmp_path), downloads=tmp_path, options=Options(prediction="epsilon"))

    assert "prediction='v'" in said.settings
    assert "prediction='epsilon'" in overruled.settings


def test_a_lora_changes_the_components_that_it_names_and_their_digests_only(tmp_path: Path) -> None:
    def exported(*loras: Lora) -> dict[Component, tuple[str, str]]:
        sources = keras_cv.sources(V1_5, keras_cv.RANDOM, downloads=tmp_path, loras=loras)
        return {source.component: (source.name, source_digest(source)) for source in sources}

    plain, full, half = exported(), exported(Lora(style(tmp_path))), exported(Lora(style(tmp_path), 0.5))

    changed = Component.DIFFUSION_MODEL
    assert full[changed][0] == "sd-1.5/random+style.safetensors"
    assert len({plain[changed][1], full[changed][1], half[changed][1]}) == 3
    assert {each: plain[each] for each in plain if each is not changed} == {
        each: full[each] for each in full if each is not changed
    }


def test_a_lora_that_changes_nothing_of_what_is_exported_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableWeightsError, match=r"changes the diffusion-model, not the decoder: leave it out"):
        keras_cv.sources(V1_5, keras_cv.RANDOM, [Component.DECODER], downloads=tmp_path, loras=[Lora(style(tmp_path))])


def test_a_new_word_is_told_and_another_token_another_model(tmp_path: Path) -> None:
    def exported(*words: str) -> Source:
        embedding = Embedding(words, write_header(tmp_path / "learnt.safetensors", {"emb_params": (2, 768)}))
        (source,) = keras_cv.sources(
            V1_5, keras_cv.RANDOM, [Component.TEXT_ENCODER], downloads=tmp_path, embeddings=[embedding]
        )
        return source

    one, two, old = exported("<Toy>"), exported("<toy>", "<cat>"), exported("sks", "ohwx")

    assert (one.words, two.words, old.words) == ({"<toy>": (49408, 49409)}, {"<toy>": (49408,), "<cat>": (49409,)}, {})
    assert len({source_digest(each) for each in (one, two, old)}) == 3
    assert one.name == "sd-1.5/random+learnt.safetensors"


def padding(source: Source) -> str:
    return source.settings.rpartition("'padding': ")[2].rstrip("}")


@pytest.mark.parametrize(("version", "torch"), [(V1_5, "49407"), (V2_1, "0")])
def test_prompts_are_filled_up_as_where_the_weights_come_from(
    version: StableDiffusionVersion, torch: str, tmp_path: Path
) -> None:
    tensors = layout(Component.TEXT_ENCODER, anatomy(version))
    write_header(tmp_path / "te.safetensors", {tensor.name: tensor.shape for tensor in tensors})
    with h5py.File(tmp_path / "te.weights.h5", "w") as file:
        for tensor in tensors:
            # No room is taken before anything is written.
            file.create_dataset(tensor.keras_path, tensor.keras_shape)

    def exported(weights: str) -> str:
        (source,) = keras_cv.sources(version, weights, [Component.TEXT_ENCODER], downloads=tmp_path)
        return padding(source)

    assert exported(str(tmp_path / "te.safetensors")) == torch
    assert exported(str(tmp_path / "te.weights.h5")) == exported(keras_cv.RANDOM) == "49407"


def test_shards_are_weights_of_which_each_counts(tmp_path: Path) -> None:
    tensors = layout(Component.TEXT_ENCODER, V1)
    halves = {"one.safetensors": tensors[::2], "other.safetensors": tensors[1::2]}
    (tmp_path / "text_encoder").mkdir()
    for name, half in halves.items():
        write_header(tmp_path / "text_encoder" / name, {tensor.name: tensor.shape for tensor in half})
    index = tmp_path / "text_encoder/model.safetensors.index.json"
    weight_map = {tensor.name: name for name, half in halves.items() for tensor in half}
    index.write_text(json.dumps({"weight_map": weight_map}))

    (source,) = keras_cv.sources(V1_5, str(tmp_path), downloads=tmp_path)

    assert source.weights == (index, *(index.with_name(name) for name in halves))
    assert source.name == f"sd-1.5/{tmp_path.name}"


def test_a_text_encoder_of_another_kind_is_not_left_out_silently(tmp_path: Path) -> None:
    shapes = {f"model.diffusion_model.{each.name}": each.shape for each in layout(Component.DIFFUSION_MODEL, V1)}
    stray = "conditioner.embedders.0.transformer.text_model.final_layer_norm.weight"
    path = write_header(tmp_path / "x.safetensors", {**shapes, stray: (768,)})

    with pytest.raises(UnusableWeightsError, match=r"text encoder that is none of this version.*conditioner"):
        keras_cv.sources(V1_5, str(path), downloads=tmp_path)
    (source,) = keras_cv.sources(V1_5, str(path), [Component.DIFFUSION_MODEL], downloads=tmp_path)
    assert source.component is Component.DIFFUSION_MODEL


def test_the_digest_knows_every_file_and_option(tmp_path: Path) -> None:
    def digest(**options: object) -> str:
        (source,) = keras_cv.sources(
            V1_5,
            keras_cv.RANDOM,
            [Component.DIFFUSION_MODEL],
            downloads=tmp_path,
            options=Options(**options),  # type: ignore[arg-type]
        )
        return source_digest(source)

    assert digest() == digest()
    others: list[dict[str, object]] = [
        {"prediction": "v"},
        {"guidance": "batched"},
        {"image_size": 768},
        {"precision": "bfloat16"},
        {"jit_compile": True},
    ]
    assert len({digest(), *(digest(**options) for options in others)}) == 1 + len(others)


def test_every_component_has_the_precision_and_the_diffusion_model_alone_is_compiled(tmp_path: Path) -> None:
    options = Options(precision="mixed_bfloat16", jit_compile=True)
    sources = keras_cv.sources(V1_5, keras_cv.RANDOM, downloads=tmp_path, options=options)

    assert {source.precision for source in sources} == {"mixed_bfloat16"}
    assert [source.component for source in sources if source.jit_compile] == [Component.DIFFUSION_MODEL]


def test_naming_sources_does_not_load_tensorflow(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from sdp_exporter.sources import keras_cv
from sdp_serving.contract.versions import StableDiffusionVersion
keras_cv.sources(StableDiffusionVersion.V1_5, {str(unet(tmp_path))!r}, downloads=Path({str(tmp_path)!r}))
sys.exit("tensorflow" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_pretrained_weights_are_known_before_they_are_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    sources = keras_cv.sources(StableDiffusionVersion.V1_4, keras_cv.PRETRAINED, downloads=tmp_path)

    assert [source.component for source in sources] == list(Component)
    assert len({source_digest(source) for source in sources}) == len(sources)
    assert list(tmp_path.iterdir()) == []
