"""gcloud's commands about firewall policies and what they speak of, and about the audit log, as the documentation types
them; nothing is enforced.

That gcloud changes VPC rules, and packets follow, is in test_cloud.py.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from e2e.network_of import emulator

pytestmark = pytest.mark.skipif(
    not shutil.which("gcloud"), reason="gcloud is not installed: its commands were not tried"
)

PROJECT = "august-period-234610"
GROUPS = f"projects/{PROJECT}/locations/global/addressGroups"
SEED = {
    "format": "pathcheck-recording/1",
    "project": PROJECT,
    "networks": [{"name": "default"}],
    "routes": [{"name": "pods", "destRange": "10.24.9.0/24", "network": "global/networks/default"}],
    "instances": [{"name": "a", "zone": "us-east1-b"}],
    "addressGroups": {"pods": ["10.24.0.0/14"]},
}
GLOBAL = "--firewall-policy=base --global-firewall-policy"
NEAR = "--firewall-policy=near --firewall-policy-region=us-east1"
OF_ORGANIZATION = "--firewall-policy=org --organization=7"

Gcloud = Callable[[str], str]


@pytest.fixture(scope="module")
def gcloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcloud]:
    """What a command printed; it must have succeeded."""
    directory = tmp_path_factory.mktemp("gcloud")
    with emulator(SEED, directory, "nowhere", "--no-enforce") as endpoint:
        environment = os.environ | {
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"http://{endpoint}/compute/v1/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_LOGGING": f"http://{endpoint}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_NETWORKSECURITY": f"http://{endpoint}/",
            "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
            "CLOUDSDK_CORE_PROJECT": PROJECT,
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_CONFIG": str(directory / "configuration"),
            "NO_PROXY": "127.0.0.1",
        }

        def run(words: str) -> str:
            command = ["gcloud", *words.split()]
            ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            assert ended.returncode == 0, ended.stderr
            return ended.stdout

        yield run


@pytest.mark.timeout(300)
def test_policies_of_a_network(gcloud: Gcloud) -> None:
    """Global and regional policies are made, ruled, associated, shown as effective and taken away."""
    policies = "compute network-firewall-policies"
    gcloud(f"{policies} create base --global")
    gcloud(f"{policies} create near --region=us-east1")
    rule = "--action=deny --direction=INGRESS --layer4-configs=tcp:22,udp"
    gcloud(f"{policies} rules create 100 {GLOBAL} {rule} --src-address-groups={GROUPS}/pods")
    gcloud(f"{policies} rules update 100 {GLOBAL} --action=allow")
    gcloud(f"{policies} rules create 200 {NEAR} {rule} --src-ip-ranges=10.0.0.0/8,fd00::/8")
    described = gcloud(
        f"{policies} rules describe 100 {GLOBAL} --format=value(action,match.layer4Configs.ipProtocol,match.srcAddressGroups)"
    )
    assert described.split() == ["allow", "tcp;udp", f"{GROUPS}/pods"]
    gcloud(f"{policies} associations create {GLOBAL} --network=default")
    gcloud(f"{policies} associations create {NEAR} --network=default")
    gcloud("compute networks update default --network-firewall-policy-enforcement-order=BEFORE_CLASSIC_FIREWALL")
    shown = gcloud("compute networks describe default --format=value(networkFirewallPolicyEnforcementOrder)")
    assert shown.strip() == "BEFORE_CLASSIC_FIREWALL"
    table = gcloud("compute networks get-effective-firewalls default").splitlines()
    assert [line.split()[:6] for line in table if " 100 " in line] == [
        ["network-firewall-policy", "base", "1000", "100", "ALLOW", "INGRESS"]
    ]
    regional = gcloud(f"{policies} get-effective-firewalls --network=default --region=us-east1").splitlines()
    assert [line.split()[1] for line in regional if "2147483647" in line] == ["base", "near"]
    for place, name in ((GLOBAL, "base --global"), (NEAR, "near --region=us-east1")):
        gcloud(f"{policies} associations delete {place} --name=network-default")
        gcloud(f"{policies} delete {name}")
    assert gcloud(f"{policies} list --global --format=value(name)") == ""


@pytest.mark.timeout(300)
def test_policies_of_an_organization(gcloud: Gcloud) -> None:
    """A hierarchical policy goes by its short name, which gcloud looks up."""
    policies = "compute firewall-policies"
    gcloud(f"{policies} create --organization=7 --short-name=org")
    gcloud(
        f"{policies} rules create 10 {OF_ORGANIZATION} --action=goto_next --layer4-configs=all --src-ip-ranges=10.0.0.0/8"
    )
    gcloud(f"{policies} associations create {OF_ORGANIZATION}")
    assert gcloud(f"{policies} associations list --organization=7 --format=value(name)").split() == ["organization-7"]
    rules = gcloud(f"{policies} list-rules org --organization=7 --format=value(priority)").split()
    assert (rules[0], len(rules)) == ("10", 5)
    gcloud(f"{policies} rules delete 10 {OF_ORGANIZATION}")
    gcloud(f"{policies} associations delete organization-7 {OF_ORGANIZATION}")
    gcloud(f"{policies} delete org --organization=7")
    assert gcloud(f"{policies} list --organization=7 --format=value(name)") == ""


@pytest.mark.timeout(300)
def test_what_rules_depend_on(gcloud: Gcloud) -> None:
    """Address groups are read, tags are set, routes are deleted."""
    groups = gcloud("network-security address-groups list --location=global --format=value(name)")
    assert groups.split() == ["pods"]
    ranges = gcloud("network-security address-groups describe pods --location=global --format=value(items)")
    assert ranges.split() == ["10.24.0.0/14"]
    gcloud("compute instances add-tags a --zone=us-east1-b --tags=web")
    tags = gcloud("compute instances describe a --zone=us-east1-b --format=value(tags.items)")
    assert tags.split() == ["web"]
    gcloud("compute routes delete pods")
    assert gcloud("compute routes list --format=value(name)") == ""


@pytest.mark.timeout(300)
def test_who_changed_a_rule(gcloud: Gcloud) -> None:
    """gcloud reads in the audit log what gcloud did, who it was, and by which command."""
    gcloud("compute firewall-rules create ssh --network=default --allow=tcp:22")
    gcloud("compute firewall-rules delete ssh")
    query = "(logName:activity)(resource.type=gce_firewall_rule)(operation.last=true)"
    payload = "protoPayload.methodName,protoPayload.authenticationInfo.principalEmail"
    agent = "protoPayload.requestMetadata.callerSuppliedUserAgent"
    lines = [
        line.split("\t") for line in gcloud(f"logging read {query} --format=value({payload},{agent})").splitlines()
    ]
    assert [(method, who, words.split()[2]) for method, who, words in lines] == [
        ("v1.compute.firewalls.delete", "owner@example.com", "command/gcloud.compute.firewall-rules.delete"),
        ("v1.compute.firewalls.insert", "owner@example.com", "command/gcloud.compute.firewall-rules.create"),
    ]
