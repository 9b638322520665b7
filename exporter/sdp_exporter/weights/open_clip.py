"""OpenCLIP's text tower, which a checkpoint of 2.x in a single file has, under the names that CLIP's has elsewhere.

OpenCLIP (https://github.com/mlfoundations/open_clip) keeps the matrices of queries, keys and values as one.
"""

import re
from collections.abc import Iterator
from typing import Final

from sdp_exporter.weights.safetensors import Entry, SafeTensors

_TOWER: Final = "cond_stage_model.model."
_CLIP: Final = "cond_stage_model.transformer."
"""What stands before CLIP's names in a checkpoint of 1.x in a single file."""
_BLOCK: Final = re.compile(r"transformer\.resblocks\.(?P<number>[0-9]+)\.(?P<name>.+)")
_LAYERS: Final = "text_model.encoder.layers"

_OUTSIDE: Final = {
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
}
_OF_A_BLOCK: Final = {
    f"{theirs}.{tensor}": f"{ours}.{tensor}"
    for theirs, ours in (
        ("ln_1", "layer_norm1"),
        ("attn.out_proj", "self_attn.out_proj"),
        ("ln_2", "layer_norm2"),
        ("mlp.c_fc", "mlp.fc1"),
        ("mlp.c_proj", "mlp.fc2"),
    )
    for tensor in ("weight", "bias")
}
_FUSED: Final = {"attn.in_proj_weight": "weight", "attn.in_proj_bias": "bias"}


def in_clips_names(file: SafeTensors) -> SafeTensors:
    """The same tensors with the text tower's in CLIP's names; a tensor that there is no name for keeps its own."""
    return SafeTensors({name: entry for each in file.entries.items() for name, entry in _renamed(*each)})


def _renamed(name: str, entry: Entry) -> Iterator[tuple[str, Entry]]:
    if not name.startswith(_TOWER):
        yield name, entry
        return
    own = name.removeprefix(_TOWER)
    block = _BLOCK.fullmatch(own)
    if block is None:
        yield _CLIP + _OUTSIDE.get(own, own), entry
    elif block["name"] in _FUSED and entry.shape[0] % 3 == 0:
        width = entry.shape[0] // 3
        for place, projection in enumerate(("q_proj", "k_proj", "v_proj")):
            part = f"{_LAYERS}.{block['number']}.self_attn.{projection}.{_FUSED[block['name']]}"
            yield _CLIP + part, entry.rows(place * width, (place + 1) * width)
    else:
        yield f"{_CLIP}{_LAYERS}.{block['number']}.{_OF_A_BLOCK.get(block['name'], block['name'])}", entry
