"""A fix as Terraform and as Config Connector: what is written reads back as the same rule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pathcheck.model.fixes import Change, Fix
from pathcheck.model.rules import L4Match, PortRange, Rule, Stage
from pathcheck.model.words import Action, Direction
from pathcheck.wire.config_connector import manifests
from pathcheck.wire.firewall_rules import firewall_of
from pathcheck.wire.terraform import resources
from tests.recordings import PROJECT, Raw, recording

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_][\w.-]*|\d+|[={}\[\],]')
ESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t", '\\"': '"', "\\\\": "\\"}

texts = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), min_size=1, max_size=8)
names = st.frozensets(texts, max_size=2)
ports = st.builds(lambda a, b: PortRange(min(a, b), max(a, b)), st.integers(0, 65535), st.integers(0, 65535))
entries = st.one_of(
    st.builds(L4Match, st.sampled_from([6, 17, 132]), st.lists(ports, max_size=3).map(tuple)),
    st.builds(L4Match, st.sampled_from([None, 1, 4, 47, 50, 51, 58])),
)
ranges = st.lists(st.ip_addresses(v=4).map(ip_network), min_size=1, max_size=3).map(tuple)
rules = st.builds(
    Rule,
    name=st.just("pathcheck-x"),
    network=st.just("default"),
    direction=st.sampled_from(Direction),
    priority=st.integers(0, 65535),
    action=st.sampled_from([Action.ALLOW, Action.DENY]),
    l4=st.lists(entries, min_size=1, max_size=3, unique_by=lambda e: e.protocol).map(tuple),
    remote_ranges=ranges,
    target_tags=names,
    disabled=st.booleans(),
)
policy_rules = st.builds(
    lambda rule, tags, accounts: replace(
        rule,
        name=f"net/{rule.priority}",
        policy="net",
        stage=Stage.GLOBAL,
        target_tags=frozenset(),
        target_secure_tags=frozenset(f"tagValues/{tag}" for tag in tags),
        target_service_accounts=accounts if not tags else frozenset(),
    ),
    rules,
    st.frozensets(st.integers(1, 10**6), max_size=2),
    names,
)


def fix_of(rule: Rule, before: Rule | None = None, region: str = "") -> Fix:
    """A fix of one change."""
    return Fix(PROJECT, (Change(before, rule, region),), 1)


# A reader of as much HCL as is written


def blocks(text: str) -> list[tuple[list[str], Raw]]:
    """Every block with its type and labels."""
    tokens = iter(TOKEN.findall(re.sub(r"(?m)^#.*$", "", text)))
    return list(_blocks(tokens))


def _blocks(tokens: Iterator[str]) -> Iterator[tuple[list[str], Raw]]:
    head: list[str] = []
    for token in tokens:
        if token == "{":
            yield head, _body(tokens)
            head = []
        else:
            head.append(_text(token))


def _body(tokens: Iterator[str]) -> Raw:
    found: Raw = {}
    for token in tokens:
        if token == "}":
            break
        sign = next(tokens)
        if sign == "{":
            found.setdefault(token, []).append(_body(tokens))
        else:
            assert sign == "="
            found[token] = _value(next(tokens), tokens)
    return found


def _value(token: str, tokens: Iterator[str]) -> Any:
    if token == "[":
        items: list[str] = []
        for item in tokens:
            if item == "]":
                return items
            if item != ",":
                items.append(_text(item))
    if token in ("true", "false"):
        return token == "true"
    return int(token) if token.isdigit() else _text(token)


def _text(token: str) -> str:
    if not token.startswith('"'):
        return token
    inner = re.sub(r"\\.", lambda found: ESCAPES[found[0]], token[1:-1])
    assert not re.search(r"(?<![$])[$]{|(?<!%)%{", inner), "an expression"
    return inner.replace("$${", "${").replace("%%{", "%{")


# Both → the API's spelling → the rule


def vpc_rule(raw: Raw) -> Rule:
    """As the API would list it and a recording would be read."""
    return firewall_of(recording(raw | {"network": f"global/networks/{raw['network']}"})).rules[0]


def rule_of_policy(raw: Raw) -> Rule:
    """The same for one of a global network policy."""
    policy = {"name": "net", "type": "NETWORK", "rules": [raw]}
    fw = firewall_of(recording(policies=[policy]))
    assert fw.problems == ()
    (found,) = fw.policies[0].rules
    return found


def from_terraform(body: Raw) -> Raw:
    """The fields of google_compute_firewall, whose names are the API's in another case."""
    raw = {re.sub(r"_(\w)", lambda found: found[1].upper(), key): value for key, value in body.items()}
    for name, api in (("allow", "allowed"), ("deny", "denied")):
        if name in raw:
            raw[api] = [{"IPProtocol": e.pop("protocol"), **e} for e in raw.pop(name)]
    return {key: value for key, value in raw.items() if key != "project"}


def policy_rule_from_terraform(body: Raw) -> Raw:
    """The fields of google_compute_network_firewall_policy_rule."""
    (match,) = body["match"]
    camel = {"src_ip_ranges": "srcIpRanges", "dest_ip_ranges": "destIpRanges", "layer4_configs": "layer4Configs"}
    entries_ = [
        {"ipProtocol": e["ip_protocol"], **({"ports": e["ports"]} if "ports" in e else {})}
        for e in match["layer4_configs"]
    ]
    return {
        "priority": body["priority"],
        "action": body["action"],
        "direction": body["direction"],
        "disabled": body.get("disabled", False),
        "match": {camel[key]: value for key, value in match.items()} | {"layer4Configs": entries_},
        "targetSecureTags": [tag | {"state": "EFFECTIVE"} for tag in body.get("target_secure_tags", [])],
        "targetServiceAccounts": body.get("target_service_accounts", []),
    }


@given(rules)
def test_a_firewall_resource_reads_back(rule: Rule) -> None:
    """Every field that decides about packets, whatever its texts hold."""
    ((head, body),) = blocks(resources(fix_of(rule)))
    assert head == ["resource", "google_compute_firewall", "pathcheck-x"]
    assert body["project"] == PROJECT
    assert vpc_rule(from_terraform(body)) == rule


@given(policy_rules)
def test_a_policy_rule_resource_reads_back(rule: Rule) -> None:
    """The same for a rule of a global network policy."""
    ((head, body),) = blocks(resources(fix_of(rule)))
    assert head == ["resource", "google_compute_network_firewall_policy_rule", f"net_{rule.priority}"]
    assert (body["project"], body["firewall_policy"]) == (PROJECT, "net")
    assert rule_of_policy(policy_rule_from_terraform(body)) == rule


@given(rules)
def test_a_compute_firewall_object_reads_back(rule: Rule) -> None:
    """As Config Connector's ComputeFirewall."""
    manifest = yaml.safe_load(manifests(fix_of(rule)))
    assert (manifest["apiVersion"], manifest["kind"]) == ("compute.cnrm.cloud.google.com/v1beta1", "ComputeFirewall")
    spec = manifest["spec"]
    assert spec.pop("networkRef") == {"external": f"projects/{PROJECT}/global/networks/default"}
    for name, api in (("allow", "allowed"), ("deny", "denied")):
        if name in spec:
            spec[api] = [{"IPProtocol": e.pop("protocol"), **e} for e in spec.pop(name)]
    assert vpc_rule({"name": manifest["metadata"]["name"], "network": "default", **spec}) == rule


@given(policy_rules)
def test_a_network_policy_rule_object_reads_back(rule: Rule) -> None:
    """As Config Connector's ComputeNetworkFirewallPolicyRule."""
    manifest = yaml.safe_load(manifests(fix_of(rule)))
    assert manifest["kind"] == "ComputeNetworkFirewallPolicyRule"
    spec = manifest["spec"]
    assert (spec.pop("projectRef"), spec.pop("firewallPolicyRef")) == ({"external": PROJECT}, {"external": "net"})
    accounts = [ref["external"] for ref in spec.pop("targetServiceAccountRefs", [])]
    assert rule_of_policy(spec | {"priority": int(spec.pop("resourceID")), "targetServiceAccounts": accounts}) == rule


IN_REGION = Rule(
    "reg/99",
    "default",
    Direction.INGRESS,
    99,
    Action.ALLOW,
    (L4Match(17, (PortRange(53, 53),)),),
    (ip_network("10.24.12.0/24"),),
    stage=Stage.REGIONAL,
    policy="reg",
)


def test_a_rule_of_a_regional_policy() -> None:
    """As `terraform fmt` leaves it, with its region; Config Connector has no kind for it, and says so in a comment."""
    fix = fix_of(IN_REGION, region="us-east1")
    assert resources(fix) == (
        'resource "google_compute_region_network_firewall_policy_rule" "reg_99" {\n'
        f'  project         = "{PROJECT}"\n'
        '  region          = "us-east1"\n'
        '  firewall_policy = "reg"\n'
        "  priority        = 99\n"
        '  direction       = "INGRESS"\n'
        '  action          = "allow"\n'
        "\n"
        "  match {\n"
        '    src_ip_ranges = ["10.24.12.0/24"]\n'
        "\n"
        "    layer4_configs {\n"
        '      ip_protocol = "udp"\n'
        '      ports       = ["53"]\n'
        "    }\n"
        "  }\n"
        "}\n"
    )
    assert yaml.safe_load(manifests(fix)) is None


def test_a_rule_that_exists_is_imported_first() -> None:
    """Terraform would otherwise try to create it."""
    vpc = replace(IN_REGION, name="old", policy="", stage=Stage.VPC)
    (head, body), _ = blocks(resources(fix_of(vpc, before=replace(vpc, disabled=True))))
    assert (head, body) == (
        ["import"],
        {"to": "google_compute_firewall.old", "id": f"projects/{PROJECT}/global/firewalls/old"},
    )


@pytest.mark.parametrize("write", [resources, manifests])
def test_several_changes_are_several_blocks(write: Any) -> None:
    """One after the other, in the order of the fix."""
    vpc = replace(IN_REGION, name="a", policy="", stage=Stage.VPC)
    text = write(Fix(PROJECT, (Change(None, vpc), Change(None, replace(vpc, name="b"))), 2))
    if write is resources:
        assert [head[-1] for head, _ in blocks(text)] == ["a", "b"]
    else:
        assert [document["metadata"]["name"] for document in yaml.safe_load_all(text)] == ["a", "b"]
