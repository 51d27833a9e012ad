"""Does anything malformed crash the parser, or widen a permission? Valid clouds, broken in one place.

`PATHCHECK_FUZZ_EXAMPLES` sets the number of examples of each test, as in `test_agrees`.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from pathcheck.cli.flows import answers
from pathcheck.cli.reading import BadInput
from pathcheck.wire.compute import NotARecording
from pathcheck.wire.firewall_rules import firewall_of
from tests.evaluator.strategies import Json, examples, recordings, several_flows
from tests.evaluator.world import MACHINES

Path = tuple[Any, ...]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
# What is right nowhere: no field of the API holds a negative fraction, or a text that rings a bell.
JUNK = st.sampled_from([-7.5, [-7.5], "\a", [["\a"]]])
NEEDED = {
    "vpc": ("name", "network", "allowed", "denied"),
    "policy": ("priority", "action", "direction", "match"),
}


def places(value: Any, path: Path = ()) -> list[Path]:
    """The paths of all values within, but of the whole."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in inner for found in ((*path, key), *places(item, (*path, key)))]


def put(recording: Json, path: Path, value: Any) -> Json:
    """A copy with this value there."""
    copy: Any = deepcopy(recording)
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return dict(copy)


def taken(recording: Json, path: Path) -> Json:
    """A copy without what is there."""
    copy: Any = deepcopy(recording)
    holder = copy
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    return dict(copy)


def predictions(recording: Json, flows: list[Json]) -> list[str] | None:
    """None where it is no recording at all."""
    try:
        return [str(answer["prediction"]) for answer in answers(recording, flows)]
    except BadInput:
        return None


def assert_nothing_is_decided_otherwise(before: Json, after: Json, flows: list[Json]) -> None:
    """Whatever was predicted still is, or nobody can tell, or nothing is read at all."""
    old, new = predictions(before, flows), predictions(after, flows)
    assert old is not None
    if new is not None:
        otherwise = [pair for pair in zip(old, new, strict=True) if pair[1] not in (pair[0], "undetermined")]
        assert not otherwise


@examples(20)
@given(recordings(), several_flows, anything, st.text(max_size=6), st.data())
def test_no_json_crashes_the_parser(
    recording: Json, flows: list[Json], value: Any, key: str, data: st.DataObject
) -> None:
    """Any value in any place, any key too much and any key too few is read, becomes a problem, or makes it no recording."""
    path = data.draw(st.sampled_from(places(recording)))
    changes = [put(recording, path, value), taken(recording, path)]
    if isinstance(path[-1], str):
        changes.append(put(recording, (*path[:-1], key), value))
    for broken in changes:
        try:
            firewall_of(broken)
        except NotARecording:
            continue
        predictions(broken, flows)


@examples(50)
@given(recordings(), several_flows, JUNK, st.data())
def test_junk_in_any_place_decides_nothing(recording: Json, flows: list[Json], junk: Any, data: st.DataObject) -> None:
    """Every prediction stays as it was, or becomes undetermined: never another one."""
    # Of two machines of one name an unreadable one leaves the other alone with it: no law holds there.
    recording |= {"instances": MACHINES}
    path = data.draw(st.sampled_from(places(recording)))
    assert_nothing_is_decided_otherwise(recording, put(recording, path, junk), flows)


def rule_places(recording: Json) -> list[tuple[Path, str]]:
    """Where each rule is that is not disabled, and how a problem names it."""
    found: list[tuple[Path, str]] = [
        (("firewalls", i), rule["name"]) for i, rule in enumerate(recording["firewalls"]) if not rule.get("disabled")
    ]
    for i, entry in enumerate(recording["effectiveFirewalls"]):
        for j, policy in enumerate(entry["answer"].get("firewallPolicys", [])):
            for k, rule in enumerate(policy["rules"]):
                if not rule.get("disabled"):
                    name = f"{policy['name']}/{rule['priority']}"
                    found.append((("effectiveFirewalls", i, "answer", "firewallPolicys", j, "rules", k), name))
    return found


@examples(33)
@given(recordings(), several_flows, JUNK, st.data())
def test_a_malformed_rule_is_a_problem_that_names_it(
    recording: Json, flows: list[Json], junk: Any, data: st.DataObject
) -> None:
    """Junk in any field of a rule is said, with the rule's name, and decides nothing."""
    assume(rule_places(recording))
    path, name = data.draw(st.sampled_from(rule_places(recording)))
    rule: Any = recording
    for key in path:
        rule = rule[key]
    field = data.draw(st.sampled_from(sorted(set(rule) - {"name", "priority"})))
    broken = put(recording, (*path, field), junk)
    assert any(name in str(problem) for problem in firewall_of(broken).problems)
    assert_nothing_is_decided_otherwise(recording, broken, flows)


@examples(20)
@given(recordings(), several_flows, st.data())
def test_a_rule_without_what_it_needs_decides_nothing(recording: Json, flows: list[Json], data: st.DataObject) -> None:
    """Without its name, network, action, priority or match a rule is a problem, and nothing is decided by what is left of it."""
    assume(rule_places(recording))
    path, _ = data.draw(st.sampled_from(rule_places(recording)))
    rule: Any = recording
    for key in path:
        rule = rule[key]
    needed = NEEDED["vpc" if path[0] == "firewalls" else "policy"]
    field = data.draw(st.sampled_from([key for key in needed if key in rule]))
    broken = taken(recording, (*path, field))
    assert firewall_of(broken).problems
    assert_nothing_is_decided_otherwise(recording, broken, flows)
