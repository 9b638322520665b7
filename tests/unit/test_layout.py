from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]


def test_the_operators_folder_is_no_package_that_would_shadow_the_standard_librarys() -> None:
    assert (_ROOT / "operator" / "sdp_operator" / "__init__.py").exists()
    assert not (_ROOT / "operator" / "__init__.py").exists()
