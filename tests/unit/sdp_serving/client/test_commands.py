from importlib.metadata import EntryPoint, entry_points

import click
import pytest
from click.testing import CliRunner

from sdp_serving.client.cli import main
from sdp_serving.client.commands import GROUP, loaded


def test_help_lists_what_other_parts_register() -> None:
    shown = CliRunner().invoke(main, ["--help"])
    assert shown.exit_code == 0
    listed = [line.split()[0] for line in shown.stdout.partition("Commands:")[2].splitlines() if line]
    assert listed == ["artifacts", "export", "generate", "history", "plan", "replay", "undo"]


def test_kubectl_finds_it_as_a_plugin() -> None:
    scripts = {one.name: one.value for one in entry_points(group="console_scripts")}
    assert scripts["kubectl-sdpipeline"] == "sdp_serving.client.cli:kubectl_plugin"


def test_a_command_whose_extra_is_not_installed_says_which_to_install() -> None:
    command = loaded(EntryPoint("plan", "no_such_package.plan:plan [operator,puller]", GROUP))
    done = CliRunner().invoke(command, ["file.yaml", "-o", "json"])
    assert (done.exit_code, done.stderr) == (
        1,
        "Error: plan needs the Python package no_such_package, which is not installed: run"
        " pip install 'sdpipeline[operator,puller]'.\n",
    )
    assert command.get_short_help_str(80) == "Needs pip install 'sdpipeline[operator,puller]'"


@pytest.mark.parametrize("value", ["sdp_operator.no_such_module:plan [operator]", "no_such_package:plan"])
def test_a_defect_is_not_taken_for_an_extra(value: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        loaded(EntryPoint("plan", value, GROUP))


def test_a_command_that_is_there_is_itself() -> None:
    assert isinstance(loaded(EntryPoint("plan", "sdp_operator.cli.plan:plan [operator]", GROUP)), click.Command)
