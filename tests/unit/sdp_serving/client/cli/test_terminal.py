import pytest

from sdp_serving.client.cli.terminal import Graphics, NoPreviewError, graphics


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-kitty", "COLORTERM": "truecolor"}, Graphics.KITTY),
        ({"TERM": "xterm-ghostty"}, Graphics.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, Graphics.KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, Graphics.ITERM2),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, Graphics.ITERM2),
        ({"TERM": "xterm-256color", "LC_TERMINAL": "iTerm2"}, Graphics.ITERM2),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode", "COLORTERM": "truecolor"}, Graphics.TRUE_COLOR),
        ({"TERM": "foot-direct"}, Graphics.TRUE_COLOR),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, Graphics.COLORS_256),
    ],
)
def test_the_environment_tells_what_the_terminal_understands(environ: dict[str, str], expected: Graphics) -> None:
    assert graphics(environ, is_terminal=True) is expected


@pytest.mark.parametrize("multiplexer", [{"TERM": "tmux-256color"}, {"TERM": "screen-256color"}, {"TMUX": "/tmp/x"}])
def test_a_multiplexer_in_a_terminal_with_pictures_gets_characters(multiplexer: dict[str, str]) -> None:
    outside = {"TERM": "xterm-kitty", "LC_TERMINAL": "iTerm2", "COLORTERM": "truecolor"}
    assert graphics({**outside, **multiplexer}, is_terminal=True) is Graphics.TRUE_COLOR


def test_what_can_show_nothing_is_told() -> None:
    with pytest.raises(NoPreviewError, match="standard error is no terminal"):
        graphics({"TERM": "xterm-kitty"}, is_terminal=False)
    with pytest.raises(NoPreviewError, match=r"too few colours \(TERM is vt100\): .*COLORTERM=truecolor"):
        graphics({"TERM": "vt100"}, is_terminal=True)
    with pytest.raises(NoPreviewError, match="TERM is not set"):
        graphics({}, is_terminal=True)
