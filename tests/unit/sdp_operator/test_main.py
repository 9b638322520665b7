from click.testing import CliRunner

from sdp_operator.__main__ import main


def test_without_a_cluster_it_ends_with_one_sentence() -> None:
    result = CliRunner().invoke(main, ["run"], env={"KUBECONFIG": "/nowhere"})
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the kubeconfig can't be used (")
    assert result.stderr.count("\n") == 1


def test_a_setting_that_makes_no_sense_is_one_sentence() -> None:
    result = CliRunner().invoke(main, ["run"], env={"SDP_LOCAL_FILES_ROOT": "models"})
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: SDP_LOCAL_FILES_ROOT: must be the absolute path of a folder below /, without '..';"
        " set this environment variable to something else\n"
    )
