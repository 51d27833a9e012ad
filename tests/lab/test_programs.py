"""Command lines and configuration files that the lab writes for other programs."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from e2e.lab import control_plane, nodes, toolchain
from e2e.lab.environment import export_lines, variables
from e2e.lab.errors import LabError
from e2e.lab.machines import INIT, Service
from e2e.lab.pki import USERS
from e2e.lab.places import State
from e2e.lab.topology import topology

STATE = State(Path("/lab"))


def test_versions_come_from_go_mod() -> None:
    """What the binary calls itself is the version that go.mod requires."""
    line = " ".join(toolchain.build_command(toolchain.KUBE, Path("out")))
    assert "-X k8s.io/component-base/version.gitVersion=v1.37.2" in line
    assert "-X k8s.io/component-base/version.gitMinor=37" in line
    with pytest.raises(LabError, match=r"go\.mod does not require example.org/nothing"):
        toolchain.required_version((toolchain.KUBE.module / "go.mod").read_text(), "example.org/nothing")


@pytest.mark.parametrize("module", ["k8s.io/api", "k8s.io/kubelet"])
def test_kubernetes_own_modules_have_its_version(module: str) -> None:
    """The staging modules are replaced by the releases that belong to the required Kubernetes."""
    go_mod = (toolchain.KUBE.module / "go.mod").read_text()
    minor = toolchain.required_version(go_mod, "k8s.io/kubernetes").removeprefix("v1.")
    assert f"{module} => {module} v0.{minor}" in go_mod


def test_a_program_names_what_it_is_called() -> None:
    """Every link that the lab makes to the binary is a name that its main.go knows."""
    source = (toolchain.KUBE.module / "main.go").read_text()
    assert all(f'"{name}"' in source for name in toolchain.KUBE_NAMES)


def test_a_service_that_waits_starts_when_the_file_is_there(tmp_path: Path) -> None:
    """The shell line of a waiting service runs the command, quoted as it was, once its file exists."""
    gate = tmp_path / "it is ready"
    line = Service("one", ("printf", "%s|", "a b", "$HOME"), after=(gate,)).line()
    assert line.startswith("keep one sh -c ")
    gate.touch()
    keep = 'keep() { shift; "$@"; }\n'
    assert subprocess.run(["sh", "-c", keep + line], capture_output=True, text=True, check=True).stdout == "a b|$HOME|"


def test_the_first_process_is_a_valid_shell_script() -> None:
    """The machines' PID 1 parses."""
    assert subprocess.run(["sh", "-n", str(INIT)], capture_output=True, text=True, check=False).stderr == ""


def test_containerd_is_told_what_this_kind_of_machine_needs() -> None:
    """The configuration is TOML, keeps oom scores within rights, loads no AppArmor profile and names our pause image."""
    cri = tomllib.loads(nodes.containerd_configuration(Path("/lab/node-1/cni")))["plugins"]["io.containerd.grpc.v1.cri"]
    assert (cri["restrict_oom_score_adj"], cri["disable_apparmor"], cri["sandbox_image"]) == (
        True,
        True,
        "lab.local/pause:1",
    )
    assert cri["cni"]["conf_dir"] == "/lab/node-1/cni"


def test_every_kubeconfig_that_is_named_is_written() -> None:
    """The kubeconfigs in the services' flags are those of users and nodes that get certificates."""
    lab = topology(2)
    services = [*control_plane.services(STATE), *(s for node in lab.nodes for s in nodes.services(STATE, node, ()))]
    named = {
        word.partition("=")[2]
        for service in services
        for word in service.command
        if word.partition("=")[0].endswith("kubeconfig")
    }
    written = {str(STATE.kubeconfig(user)) for user in [*USERS, *(node.name for node in lab.nodes)]}
    assert named <= written


def test_gcloud_is_kept_from_real_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell's settings send gcloud to the emulator, without credentials, with a configuration of its own."""
    monkeypatch.setenv("PATH", "/usr/bin")
    set_up = variables(STATE)
    assert set_up["CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE"] == "http://127.0.0.1:8787/compute/v1/"
    assert set_up["CLOUDSDK_AUTH_DISABLE_CREDENTIALS"] == "true"
    assert set_up["CLOUDSDK_CONFIG"] == "/lab/gcloud"
    assert "export KUBECONFIG=/lab/kubeconfig\n" in export_lines(STATE)
