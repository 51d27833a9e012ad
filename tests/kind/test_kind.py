"""e2e/kind, as far as it can be tested without Docker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e import place
from e2e.kind import cluster
from e2e.lab import topology
from e2e.lab.seed import recording
from pathcheck.shell.settings import settings_of
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.nodes import node_of

ROOT = Path(__file__).parents[2]
CONFIGURATION = yaml.safe_load(cluster.CONFIGURATION.read_text())


def node(name: str, address: str, pods: str) -> dict[str, Any]:
    """As kind's cluster has it."""
    return {
        "metadata": {"name": name, "labels": {"cloud.google.com/gke-nodepool": "worker-micro"}},
        "spec": {"providerID": f"gce://{topology.PROJECT}/us-east1-b/{name}", "podCIDR": pods},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
            "conditions": [],
        },
    }


WORKER = node("pathcheck-worker", "10.142.15.205", "10.24.1.0/24")


def test_the_ranges_are_those_of_the_story() -> None:
    """Pods within the range of the rule that is deleted, Services where kube-dns is 10.27.240.10, and neither overlaps."""
    network = CONFIGURATION["networking"]
    pods, services = IPv4Network(network["podSubnet"]), IPv4Network(network["serviceSubnet"])
    assert pods.subnet_of(topology.PODS)
    assert services == topology.SERVICES
    assert not pods.overlaps(services)
    assert IPv4Network(cluster.ADDRESSES).subnet_of(topology.SUBNET)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_node_is_the_machine_of_its_name(number: int) -> None:
    """kind names nodes by their order; the provider id that PathCheck reads says the same name, in both of kubeadm's spellings."""
    asked = CONFIGURATION["nodes"][number]
    suffix = ("control-plane", "worker", "worker2")[number]
    kinds = {patch["kind"] for patch in asked["kubeadmConfigPatchesJSON6902"]}
    ids = {json.loads(patch["patch"])[0]["value"] for patch in asked["kubeadmConfigPatchesJSON6902"]}
    zone = asked["labels"]["topology.kubernetes.io/zone"]
    assert kinds == {"InitConfiguration" if suffix == "control-plane" else "JoinConfiguration"}
    assert ids == {f"gce://{topology.PROJECT}/{zone}/{CONFIGURATION['name']}-{suffix}"}


def test_the_emulator_is_told_the_cluster_as_it_is() -> None:
    """Its recording has the nodes that PathCheck will find, with their addresses and pod ranges."""
    made = recording(cluster.topology(json.dumps({"items": [WORKER]})))
    (machine,) = firewall_of(made).instances
    seen = node_of(WORKER)
    assert (machine.name, machine.zone) == (seen.instance, seen.zone)
    assert machine.interfaces[0].routed_ranges == seen.pod_ranges


@pytest.mark.parametrize("lacking", ["providerID", "podCIDR"])
def test_a_node_of_another_making_is_refused(lacking: str) -> None:
    """Better than rules that are enforced for nobody."""
    spec = {key: value for key, value in WORKER["spec"].items() if key != lacking}
    with pytest.raises(cluster.KindError, match="node pathcheck-worker has no provider id, address or pod range"):
        cluster.topology(json.dumps({"items": [WORKER | {"spec": spec}]}))


def test_the_overlay_points_at_the_emulator() -> None:
    """Where e2e.kind.cloud listens for pods, and the images that are loaded."""
    overlay = yaml.safe_load((ROOT / "manifests" / "kind" / "kustomization.yaml").read_text())
    literals = overlay["configMapGenerator"][0]["literals"]
    settings = settings_of(dict(line.split("=", 1) for line in literals))
    assert settings.compute_endpoint == f"http://{topology.ROUTER}:{topology.LOCAL_COMPUTE_PORT}"
    assert settings.probe_image == cluster.IMAGES["probe"]
    (image,) = overlay["images"]
    assert f"{image['name']}:{image['newTag']}" == cluster.IMAGES["operator"]


@pytest.mark.parametrize(
    ("environment", "expected"), [({}, place.LAB), ({"LAB": ""}, place.LAB), ({"LAB": "kind"}, place.KIND)]
)
def test_the_place_is_chosen_by_one_word(environment: Mapping[str, str], expected: place.Place) -> None:
    """make hands LAB=kind on; without it the story is played in the lab."""
    assert place.asked(environment) is expected


def test_another_word_is_refused() -> None:
    """The sentence has the words that there are."""
    with pytest.raises(ValueError, match="LAB is lab or kind, not 'minikube'"):
        place.asked({"LAB": "minikube"})
