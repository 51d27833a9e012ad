"""To which resource an unknown attribute refers: found where there is one answer, and only there."""

from __future__ import annotations

from typing import Any

import pytest

from pathcheck.wire.terraform_references import Configuration, parts_of
from tests.recordings import Raw
from tests.terraform import reference, written

POLICY = "google_compute_network_firewall_policy"
RULE = "google_compute_network_firewall_policy_rule"


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("google_compute_firewall.dns", ("", "google_compute_firewall.dns", "")),
        ("google_compute_firewall.dns[0]", ("", "google_compute_firewall.dns", "[0]")),
        (
            'module.a["x.y]"].module.b[1].google_compute_firewall.dns["p.q"]',
            ('module.a["x.y]"].module.b[1].', "google_compute_firewall.dns", '["p.q"]'),
        ),
        ("data.google_compute_network.vpc", ("", "data.google_compute_network.vpc", "")),
        ("nothing", ("", "", "")),
    ],
)
def test_addresses(address: str, parts: tuple[str, str, str]) -> None:
    """Module, resource and index, whatever stands in the quotes."""
    assert parts_of(address) == parts


def referred(expression: Any, *policies: str, of: str = f"{RULE}.it", **resource: Any) -> str | None:
    """Which of these policies the rule's firewall_policy is, in one module."""
    it = written(f"{RULE}.it", firewall_policy=expression, **resource)
    return Configuration({"configuration": {"root_module": {"resources": [it]}}}).referred(
        of, "firewall_policy", [f"{POLICY}.{name}" for name in policies]
    )


@pytest.mark.parametrize(
    ("expression", "policies", "of", "meant"),
    [
        (reference(f"{POLICY}.a.id"), ["a", "b"], f"{RULE}.it", "a"),
        (reference(f"{POLICY}.a[1].name"), ["a[0]", "a[1]"], f"{RULE}.it", "a[1]"),
        (reference(f'{POLICY}.a["x"].id'), ['a["x"]', 'a["y"]'], f"{RULE}.it", 'a["x"]'),
        (reference(f"{POLICY}.a", "each.key"), ['a["x"]', 'a["y"]'], f'{RULE}.it["y"]', 'a["y"]'),
        (reference(f"{POLICY}.a", "count.index"), ["a[0]", "a[1]"], f"{RULE}.it[0]", "a[0]"),
        (reference(f"{POLICY}.a", "each.value.policy"), ["a[0]"], f'{RULE}.it["y"]', "a[0]"),
        (reference(f"{POLICY}.a.id", "var.ours"), ["a", "b"], f"{RULE}.it", "a"),
        (reference(f"{POLICY}.a", "path.module"), ["a"], f"{RULE}.it", "a"),
        (reference(f"{POLICY}.a.id", f"{POLICY}.b.id", "var.new"), ["a", "b"], f"{RULE}.it", None),
        (reference(f"{POLICY}.a.id", "local.old"), ["a"], f"{RULE}.it", None),
        (reference(f"{POLICY}.a"), ["a[0]", "a[1]"], f"{RULE}.it", None),
        (reference(f"{POLICY}.a", "each.value.policy"), ['a["x"]', 'a["y"]'], f'{RULE}.it["y"]', None),
        (reference(f"{POLICY}.a", "each.key", "each.value"), ['a["x"]', 'a["y"]'], f'{RULE}.it["y"]', None),
        (reference(f"{POLICY}.a[0].id", f"{POLICY}.a[1].id"), ["a[0]", "a[1]"], f"{RULE}.it", None),
        (reference(f"{POLICY}.a", "each.key"), ['a["x"]', 'a["y"]'], f'{RULE}.it["z"]', None),
        (reference(f"{POLICY}.gone.id"), ["a"], f"{RULE}.it", None),
        (reference("local.policies"), ["a"], f"{RULE}.it", None),
        (reference("var.policy"), ["a"], f"{RULE}.it", None),
        (reference("each.value.id"), ["a"], f'{RULE}.it["x"]', None),
        ({"constant_value": "a"}, ["a"], f"{RULE}.it", None),
        (7, ["a"], f"{RULE}.it", None),
    ],
)
def test_in_one_module(expression: Any, policies: list[str], of: str, meant: str | None) -> None:
    """By index, by the same index, or because there is one only; two that could be meant are none."""
    assert referred(expression, *policies, of=of) == (None if meant is None else f"{POLICY}.{meant}")


def test_for_each_over_resources() -> None:
    """`each.value` is the one of the same key."""
    over = reference(f"{POLICY}.a")
    found = referred(reference("each.value.id"), 'a["x"]', 'a["y"]', of=f'{RULE}.it["y"]', for_each_expression=over)
    assert found == f'{POLICY}.a["y"]'


def modules(outputs: Raw, calls: Raw) -> Configuration:
    """A module `net` that has a policy and gives it out, and a module `rules` that is given one."""
    policy = written(f"{POLICY}.p", name="guard")
    rule = written(f"{RULE}.it", firewall_policy=reference("var.policy"))
    own = written(f"{RULE}.it", firewall_policy=reference("module.net.policy"))
    root = {
        "resources": [own],
        "module_calls": {
            "net": {"module": {"resources": [policy], "outputs": outputs}},
            "rules": {"module": {"resources": [rule]}, "expressions": calls},
        },
    }
    return Configuration({"configuration": {"root_module": root}})


GIVEN = {"policy": {"expression": reference(f"{POLICY}.p.id")}}
INSIDE = [f"module.net.{POLICY}.p"]


def test_through_modules() -> None:
    """Out of one by its output, into another by its variable."""
    both = modules(GIVEN, {"policy": reference("module.net.policy")})
    assert both.referred(f"{RULE}.it", "firewall_policy", INSIDE) == INSIDE[0]
    assert both.referred(f"module.rules.{RULE}.it", "firewall_policy", INSIDE) == INSIDE[0]
    each = modules(GIVEN, {"policy": reference('module.net["x"].policy')})
    addresses = [f'module.net["{key}"].{POLICY}.p' for key in "xy"]
    assert each.referred(f"module.rules[0].{RULE}.it", "firewall_policy", addresses) == addresses[0]


def test_a_module_that_is_called_for_each_policy() -> None:
    """The key of the call is that of the policy."""
    passed = {"policy": reference(f"{POLICY}.ps", "each.key")}
    addresses = [f'{POLICY}.ps["{key}"]' for key in "xy"]
    found = modules({}, passed).referred(f'module.rules["y"].{RULE}.it', "firewall_policy", addresses)
    assert found == addresses[1]


@pytest.mark.parametrize(
    ("outputs", "passed"),
    [
        (GIVEN, reference("module.net")),
        ({}, reference("module.net.policy")),
        (GIVEN, reference("module.net.policy", "module.rules.policy")),
        ({"policy": {"expression": reference("module.net.policy")}}, reference("module.net.policy")),
    ],
)
def test_where_modules_do_not_say_it(outputs: Raw, passed: Raw) -> None:
    """A whole module, an output that there is not, two of them, and one that goes in circles."""
    found = modules(outputs, {"policy": passed}).referred(f"module.rules.{RULE}.it", "firewall_policy", INSIDE)
    assert found is None


@pytest.mark.parametrize(
    ("project", "said"),
    [
        ({"constant_value": "p"}, "p"),
        (reference("var.project"), "from-a-variable"),
        (reference("local.project"), None),
        (reference("var.project", "var.suffix"), None),
        ({}, None),
    ],
)
def test_what_the_provider_is_configured_with(project: Raw, said: str | None) -> None:
    """A constant or a variable of the root module; anything else is not known."""
    it = written(f"{RULE}.it", provider_config_key="google")
    provider = {"name": "google", "expressions": {"project": project}}
    configuration = Configuration(
        {
            "configuration": {"root_module": {"resources": [it]}, "provider_config": {"google": provider}},
            "variables": {"project": {"value": "from-a-variable"}},
        }
    )
    assert configuration.of_provider(f"{RULE}.it[0]", "project") == said
