"""Where the cluster's programs come from."""

import re
from pathlib import Path

import pytest

from devcluster import ClusterError, programs
from devcluster.programs import ADDONS, CNI, CONTAINERD, HELM, KUBERNETES, Module, Programs


def _write(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).touch()
    return folder


def test_the_control_plane_prefers_the_named_assets_and_falls_back_to_what_was_built(tmp_path: Path) -> None:
    assets = _write(tmp_path / "assets", "kube-apiserver")
    built = _write(tmp_path / "built", "kube-apiserver", "kube-scheduler")
    tools = Programs([built], str(assets))

    assert tools.control_plane("kube-apiserver") == str(assets / "kube-apiserver")
    assert tools.control_plane("kube-scheduler") == str(built / "kube-scheduler")


def test_a_program_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"^The program kubelet is missing in "):
        Programs([tmp_path], None).built("kubelet")


def test_assets_with_a_whole_control_plane_need_no_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(_write(tmp_path / "whole", *names)))
    assert programs.control_plane_modules() == ()

    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(_write(tmp_path / "part", *names[:-1])))
    assert programs.control_plane_modules() == (KUBERNETES,)


def test_what_is_in_the_cache_is_not_built_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = programs.programs_folder() / programs.cache_key(CNI)
    folder.mkdir(parents=True)
    (folder / "bridge").touch()
    monkeypatch.setenv("PATH", "")

    assert programs.provide([CNI]).built("bridge") == folder / "bridge"


def test_a_missing_go_is_one_sentence_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")

    with pytest.raises(ClusterError, match=r"^Go is missing, .* install Go 1\.26\.8 or newer"):
        programs.provide([CNI])


@pytest.mark.parametrize("module", [KUBERNETES, CONTAINERD, CNI, HELM], ids=lambda module: module.folder)
def test_every_program_is_a_tool_of_its_go_module(module: Module) -> None:
    text = (programs.MODULES / module.folder / "go.mod").read_text()
    # Go writes a single tool without parentheses.
    block = re.search(r"^tool (?:\((.*?)^\)|(\S+)$)", text, re.MULTILINE | re.DOTALL)
    assert block is not None

    tools = {path.removesuffix("/v3").rpartition("/")[2] for path in (block[1] or block[2]).split()}

    assert tools == {name.replace("etcd", "server") for name in module.programs}


def test_every_addon_is_a_package_of_its_go_module() -> None:
    assert {path.parent.name for path in (programs.MODULES / ADDONS.folder).glob("*/main.go")} == set(ADDONS.programs)


def test_all_of_kubernetes_has_one_version() -> None:
    text = (programs.MODULES / KUBERNETES.folder / "go.mod").read_text()
    main = re.search(r"k8s\.io/kubernetes v1\.(\d+\.\d+) ", text)
    assert main is not None

    replaced = set(re.findall(r"=> k8s\.io/\S+ v0\.(\S+)", text))

    assert replaced == {main[1]}
    assert f"version.gitVersion=v1.{main[1]}" in programs.linker_flags(KUBERNETES)
