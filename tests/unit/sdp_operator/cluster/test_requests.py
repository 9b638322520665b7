import json

import yaml
from hypothesis import given
from hypothesis import strategies as st

from sdp_operator.cluster.requests import as_yaml

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=100)
"""A key of YAML has at most 1024 characters, escaped; those of Kubernetes are far shorter."""


@given(st.dictionaries(KEYS, TEXT | st.integers() | st.booleans() | st.lists(TEXT)))
def test_what_is_applied_reads_the_same_as_yaml_and_as_json(body: dict[str, object]) -> None:
    assert json.loads(as_yaml(body)) == body
    assert yaml.safe_load(as_yaml(body).decode()) == body


def test_an_emoji_is_no_pair_of_surrogates() -> None:
    assert as_yaml({"note": "🎨 ü\x85"}) == '{"note": "🎨 \\u00fc\\u0085"}'.encode()
