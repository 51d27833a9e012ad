"""The smallest change of rules that mends it, or why there is none."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathcheck.core.fixes.propose import Wishes, changed, predictions, propose
from pathcheck.core.rules.predict import predict
from pathcheck.model.firewall import Firewall
from pathcheck.model.fixes import Change, Fix, Proposal
from pathcheck.model.flows import Endpoint, Flow
from pathcheck.model.rules import L4Match, PortRange, Rule, Stage
from pathcheck.model.words import Action, Direction, Expectation, Prediction
from tests.core.rules.test_predict import rule_lists
from tests.recordings import NODE_ACCOUNT, NODE_TAG, PROJECT, Raw, asked, entry, firewall, machine, recording, rule

NO_WISHES = Wishes()
SOURCES = (ip_network("10.24.12.0/24"), ip_network("10.24.13.0/24"))
DNS = [
    asked("10.24.12.40@node-2", "10.24.9.31@node-1", "udp/53"),
    asked("10.24.12.40@node-2", "10.24.9.31@node-1", "tcp/53"),
    asked("10.24.13.7@node-3", "10.24.9.31@node-1", "udp/53"),
    asked("10.24.13.7@node-3", "10.24.9.31@node-1", "tcp/53"),
]
SMALLEST = Rule(
    name="pathcheck-kube-dns",
    network="default",
    direction=Direction.INGRESS,
    priority=1000,
    action=Action.ALLOW,
    l4=(L4Match(6, (PortRange(53, 53),)), L4Match(17, (PortRange(53, 53),))),
    remote_ranges=(ip_network("10.24.12.0/23"),),
    target_tags=frozenset({NODE_TAG}),
)


def mended(fw: Firewall, wishes: Wishes = NO_WISHES, name: str = "kube-dns") -> Proposal:
    """What is proposed for DNS, which must be reachable."""
    return propose(name, DNS, Expectation.REACHABLE, SOURCES, wishes, fw)


def kept_out(fw: Firewall, wishes: Wishes = NO_WISHES) -> Proposal:
    """What is proposed for DNS, which must be isolated."""
    return propose("kube-dns", DNS, Expectation.ISOLATED, SOURCES, wishes, fw)


def new_rules(proposal: Proposal) -> list[Rule]:
    """Those of the best fix; none where there is no fix."""
    return [change.after for change in proposal.best.changes] if proposal.best else []


def policy(name: str, kind: str, *rules: Raw, **more: str) -> Raw:
    """One entry of an answer's firewallPolicys."""
    return {"name": name, "type": kind, "rules": list(rules), **more}


def policy_rule(priority: int, action: str = "deny", direction: str = "INGRESS", **match: object) -> Raw:
    """About every packet, unless said otherwise."""
    everything = {"srcIpRanges": ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": "all"}]}
    return {"priority": priority, "action": action, "direction": direction, "match": everything | match}


def test_the_story_is_mended_by_one_rule() -> None:
    """Ranges of the sources merged, protocols and ports of the flows, the targets' tag; and everything else that it lets in."""
    pods_2, pods_3 = "10.24.12.0/24 (pods of node-2)", "10.24.13.0/24 (pods of node-3)"
    assert mended(firewall()).best == Fix(
        PROJECT,
        (Change(None, SMALLEST),),
        4,
        f"a rule that admits tcp/53, udp/53 from 10.24.12.0/23 on machines with tag {NODE_TAG}",
        opens=(f"tcp/53, udp/53 from {pods_2}, {pods_3} to node-2, node-3, 10.142.15.205 (node-1)",),
    )


# sentence: (rules, what is otherwise in the proposed rule; None for no fix at all)
CHANGES: dict[str, tuple[list[Raw], Raw | None]] = {
    "a deny is beaten by one number": ([rule("d", priority=700, denied=[entry("all")])], {"priority": 699}),
    "a deny at 1000 too, for deny wins ties": ([rule("d", denied=[entry("all")])], {"priority": 999}),
    "a deny behind 1000 needs nothing": ([rule("d", priority=2000, denied=[entry("all")])], {}),
    "a deny at 0 cannot be beaten": ([rule("d", priority=0, denied=[entry("all")])], None),
    "a name that is taken is numbered": (
        [rule("pathcheck-kube-dns", disabled=True, allowed=[entry("esp")])],
        {"name": "pathcheck-kube-dns-2"},
    ),
    "two denies in a row are beaten by one rule": (
        [rule("d", priority=700, denied=[entry("udp")]), rule("e", priority=800, denied=[entry("tcp")])],
        {"priority": 699},
    ),
    "what cannot be told is not mended": ([rule("x", sourceFuture=["y"])], None),
}


@pytest.mark.parametrize("sentence", CHANGES)
def test_other_rules_in_the_way(sentence: str) -> None:
    """The proposed rule wins where it must, and where it cannot there is none."""
    rules, changes = CHANGES[sentence]
    proposal = mended(firewall(*rules))
    assert new_rules(proposal) == ([] if changes is None else [replace(SMALLEST, **changes)])
    assert bool(proposal.why_not) == (changes is None)


def test_both_sides_blocked_need_two_rules() -> None:
    """The smallest set of rules: one for the senders' egress, one for the receivers' ingress."""
    assert new_rules(mended(firewall(rule("e", direction="EGRESS", denied=[entry("all")])))) == [
        replace(SMALLEST, direction=Direction.EGRESS, priority=999, remote_ranges=(ip_network("10.24.9.0/24"),)),
        replace(SMALLEST, name="pathcheck-kube-dns-2"),
    ]


def test_blocked_egress_is_mended_on_the_senders_side() -> None:
    """An egress rule towards the range that the cloud delivers to the target, for the sender's tag."""
    fw = firewall(rule("in", allowed=[entry("all")]), rule("e", direction="EGRESS", denied=[entry("all")]))
    best = mended(fw).best
    assert best is not None
    assert [change.after for change in best.changes] == [
        replace(SMALLEST, direction=Direction.EGRESS, priority=999, remote_ranges=(ip_network("10.24.9.0/24"),))
    ]
    assert best.besides == (
        "also opens tcp/53, udp/53 from 10.142.15.206 (node-2), 10.142.15.207 (node-3) to 10.24.9.0/24 (pods of node-1)"
    )


def test_a_disabled_rule_is_enabled_where_that_opens_no_more() -> None:
    """What somebody once wrote for this very purpose is better than a second rule beside it."""
    off = rule(
        "off",
        disabled=True,
        allowed=[entry("udp", "53"), entry("tcp", "53")],
        sourceRanges=["10.24.12.0/23"],
        targetTags=[NODE_TAG],
    )
    fw = firewall(off)
    best = mended(fw).best
    was = fw.rule("firewall:off")
    assert best is not None
    assert was is not None
    assert best.changes == (Change(was, replace(was, disabled=False)),)
    assert best.sentence == "off enabled, which admits udp/53, tcp/53 from 10.24.12.0/23"


def test_a_disabled_rule_that_opens_more_comes_after() -> None:
    """Fixes are ranked by what else they open, and a rule for everybody opens much."""
    proposal = mended(firewall(rule("off", disabled=True, allowed=[entry("all")])))
    assert new_rules(proposal) == [SMALLEST]
    assert [fix.sentence for fix in proposal.fixes[1:]] == ["off enabled, which admits every protocol from 0.0.0.0/0"]
    assert proposal.fixes[1].opens[0].endswith("from every address outside to node-1, node-2, node-3")


def test_a_policys_deny_asked_before_the_vpc_rules_is_beaten_in_the_policy() -> None:
    """No VPC rule would be asked, so the rule is one of the policy, just before the deny, at a priority that is free."""
    denies = policy("net", "NETWORK", policy_rule(100), policy_rule(99, "goto_next", srcIpRanges=["192.0.2.0/24"]))
    (only,) = new_rules(mended(firewall(order="BEFORE_CLASSIC_FIREWALL", policies=[denies])))
    assert only == replace(
        SMALLEST,
        name="net/98",
        priority=98,
        stage=Stage.GLOBAL,
        policy="net",
        target_tags=frozenset(),
        target_service_accounts=frozenset({NODE_ACCOUNT}),
    )


def test_a_regional_policys_rule_names_its_region() -> None:
    """The commands for it need the region."""
    denies = policy("reg", "NETWORK_REGIONAL", policy_rule(100))
    best = mended(firewall(order="BEFORE_CLASSIC_FIREWALL", policies=[denies])).best
    assert best is not None
    assert [(change.after.id, change.region) for change in best.changes] == [("policy:reg/99", "us-east1")]


def test_a_policys_deny_asked_after_the_vpc_rules_is_beaten_by_a_vpc_rule() -> None:
    """In the default order a VPC rule is asked first, and needs no policy."""
    assert new_rules(mended(firewall(policies=[policy("net", "NETWORK", policy_rule(100))]))) == [SMALLEST]


def test_whose_policy_it_is_and_what_else_is_in_the_way() -> None:
    """What the organization denies nobody here can mend; who asks them must know what comes next."""
    deny = policy("123456", "HIERARCHY", policy_rule(100), shortName="org-policy")
    proposal = mended(firewall(policies=[deny]))
    assert proposal == Proposal(
        why_not="no rule of the project mends it: rule 100 of hierarchical firewall policy org-policy denies every protocol from"
        " 0.0.0.0/0; only the organization or folder that owns the policy can change it; also in the way: implied-deny-ingress"
    )


def test_the_rarest_common_tag_is_the_target() -> None:
    """Of the tags that all targets have, the one that the fewest other machines have."""
    tags = {"node-1": ["everywhere", "dns"], "node-2": ["everywhere"], "node-3": ["everywhere"]}
    machines = [m | {"tags": {"items": tags[m["name"]]}} for m in recording()["instances"]]
    best = mended(firewall(instances=machines)).best
    assert best is not None
    assert best.changes[0].after.target_tags == {"dns"}
    assert best.opens == (
        "tcp/53, udp/53 from 10.24.12.0/24 (pods of node-2), 10.24.13.0/24 (pods of node-3) to 10.142.15.205 (node-1)",
    )


def test_without_a_tag_the_service_account_is_the_target() -> None:
    """A machine without network tags is still not opened together with every other one."""
    machines = [m | {"tags": {}} for m in recording()["instances"]]
    machines.append(machine("other", "10.142.0.9", tags={}, serviceAccounts=[]))
    (only,) = new_rules(mended(firewall(instances=machines)))
    assert (only.target_tags, only.target_service_accounts) == (frozenset(), frozenset({NODE_ACCOUNT}))


def test_what_must_stay_isolated_is_left_out_by_naming_both_sides() -> None:
    """A rule for all that the tag stands for would open it; one for the flows' own ranges does not."""
    wishes = Wishes(isolated=(asked("10.24.13.7@node-3", "10.24.12.40@node-2", "tcp/53"),))
    assert new_rules(mended(firewall(), wishes)) == [replace(SMALLEST, local_ranges=(ip_network("10.24.9.0/24"),))]


def test_nothing_that_must_stay_isolated_is_opened() -> None:
    """Where every rule would let in what another check keeps out, none is proposed."""
    wishes = Wishes(isolated=(asked("10.24.13.9@node-3", "10.24.9.77@node-1", "tcp/53"),))
    assert mended(firewall(), wishes).fixes == ()


def test_both_families_need_two_rules() -> None:
    """A rule has ranges of one family only."""
    both = [*DNS, asked("fd00::2", "fd00::1@node-1", "udp/53")]
    sources = (*SOURCES, ip_network("fd00::/64"))
    best = propose("x", both, Expectation.REACHABLE, sources, NO_WISHES, firewall()).best
    assert best is not None
    assert [change.after.remote_ranges for change in best.changes] == [
        (ip_network("10.24.12.0/23"),),
        (ip_network("fd00::/64"),),
    ]


@pytest.mark.parametrize(
    ("name", "rule_name"),
    [
        ("a.b_c", "pathcheck-a-b-c"),
        ("x" * 80, "pathcheck-" + "x" * 53),
        ("x" * 52 + ".y", "pathcheck-" + "x" * 52),
    ],
)
def test_names_are_those_that_the_api_takes(name: str, rule_name: str) -> None:
    """RFC 1035: lower-case letters, digits and inner hyphens, at most 63."""
    assert [r.name for r in new_rules(mended(firewall(), name=name))] == [rule_name]


def test_what_must_be_isolated_is_denied_where_that_closes_least() -> None:
    """A deny at the allow's own priority wins; here the senders' egress is narrower than a rule at every receiver."""
    proposal = kept_out(firewall(rule("open", allowed=[entry("all")])))
    assert new_rules(proposal)[0] == replace(
        SMALLEST, action=Action.DENY, direction=Direction.EGRESS, remote_ranges=(ip_network("10.24.9.0/24"),)
    )
    assert all(fix.opens == () and fix.closes for fix in proposal.fixes)


def test_a_rule_made_for_this_alone_is_disabled() -> None:
    """It closes nothing but what must be closed, and can be undone."""
    fw = firewall(
        rule(
            "leak",
            allowed=[entry("tcp", "53"), entry("udp", "53")],
            sourceRanges=["10.24.12.0/23"],
            destinationRanges=["10.24.9.0/24"],
        )
    )
    best = kept_out(fw).best
    assert best is not None
    assert (best.sentence, best.besides) == (
        "leak disabled, which admits tcp/53, udp/53 from 10.24.12.0/23",
        "opens and closes nothing else",
    )


def test_a_rule_that_others_use_too_loses_the_ranges_that_must_stay_out() -> None:
    """What is left of its range is what it was without them, in as few ranges as that takes."""
    wishes = Wishes(
        reachable=(
            asked("10.24.9.31@node-1", "10.24.12.40@node-2", "udp/53"),
            asked("10.24.8.1", "10.24.9.31@node-1", "udp/53"),
        )
    )
    fw = firewall(rule("open", allowed=[entry("tcp", "53"), entry("udp", "53")], sourceRanges=["10.24.8.0/21"]))
    fixes = {fix.sentence: fix for fix in kept_out(fw, wishes).fixes}
    narrowed = fixes["open changed so that it only admits tcp/53, udp/53 from 10.24.8.0/22, 10.24.14.0/23"]
    assert [(c.before, c.after) for c in narrowed.changes] == [
        (
            fw.rules[0],
            replace(fw.rules[0], remote_ranges=(ip_network("10.24.8.0/22"), ip_network("10.24.14.0/23"))),
        )
    ]
    assert predictions(DNS, changed(fw, narrowed.changes)) == [Prediction.BLOCKED] * len(DNS)


def test_a_rule_that_admits_by_name_as_well_is_not_narrowed() -> None:
    """Without the range its tag would still admit them, and nobody can take a range out of a tag."""
    fw = firewall(rule("open", allowed=[entry("all")], sourceRanges=["10.24.8.0/21"], sourceTags=[NODE_TAG]))
    assert not [fix.sentence for fix in kept_out(fw).fixes if fix.sentence.startswith("open changed")]


def test_what_a_check_wants_reachable_is_not_closed() -> None:
    """A wish of another check outweighs a shorter rule."""
    wishes = Wishes(reachable=(asked("10.24.13.7@node-3", "10.24.12.40@node-2", "tcp/53"),))
    fw = firewall(rule("open", allowed=[entry("all")]))
    for fix in kept_out(fw, wishes).fixes:
        assert predictions(wishes.reachable, changed(fw, fix.changes)) == [Prediction.PERMITTED]


def test_the_last_answer_is_kept() -> None:
    """An operator asks the same at every look, and a proposal compiles every candidate's rules."""
    fw = firewall()
    assert mended(fw) is mended(fw)


# Properties

ENDS = [
    "10.24.9.31@node-1",
    "10.24.12.40@node-2",
    "10.24.13.7@node-3",
    "10.142.15.205@node-1",
    "10.142.15.206@node-2",
    "203.0.113.9",
]
EVERY = [
    asked(start, end, traffic)
    for start in ENDS
    for end in ENDS
    if start != end and "@" in start + end
    for traffic in ("udp/53", "udp/54", "tcp/53", "tcp/443", "icmp")
]
flows = st.lists(st.sampled_from(EVERY), min_size=1, max_size=6, unique=True)


@settings(deadline=None)
@given(rule_lists, flows, flows)
def test_a_fix_upholds_what_it_promises_and_breaks_no_wish(
    rules: list[Raw], wished: list[Flow], other: list[Flow]
) -> None:
    """Every flow is as expected with any of the fixes made; no isolated flow is permitted that was not, and the other way round."""
    fw = firewall(*rules)
    for expectation, becomes in (
        (Expectation.REACHABLE, Prediction.PERMITTED),
        (Expectation.ISOLATED, Prediction.BLOCKED),
    ):
        wishes = Wishes(isolated=tuple(other)) if becomes is Prediction.PERMITTED else Wishes(reachable=tuple(other))
        for fix in propose("x", wished, expectation, (), wishes, fw).fixes:
            after = changed(fw, fix.changes)
            assert {predict(flow, after).prediction for flow in wished} == {becomes}
            for flow in other:
                before, now = (predict(flow, f).prediction is Prediction.PERMITTED for f in (fw, after))
                assert before is now or now is not (expectation is Expectation.REACHABLE)


def ports(text: str) -> set[str]:
    """The kinds of traffic among EVERY's that `tcp/0-52, udp` is about."""
    found = set()
    for part in text.split(", "):
        if part.startswith("every protocol"):
            but = part.removeprefix("every protocol").removeprefix(" but ").split(" and ")
            found |= {str(flow.l4) for flow in EVERY if str(flow.l4).partition("/")[0] not in but}
            continue
        protocol, _, span = part.partition("/")
        first, _, last = span.partition("-")
        for l4 in {str(flow.l4) for flow in EVERY}:
            own, _, port = l4.partition("/")
            if own == protocol and (not span or (port and int(first) <= int(port) <= int(last or first))):
                found.add(l4)
    return found


def names(text: str, end: Endpoint) -> bool:
    """Whether this end is among the places; of a long list the end is not shown."""
    if "more" in text:
        return True
    return (end.instance or "outside") in text or any(
        end.address in ip_network(word) for word in text.replace(",", "").split() if word[0].isdigit() and "." in word
    )


def told(line: str, flow: Flow) -> bool:
    """Whether this line of a fix is about the flow."""
    traffic, _, places = line.partition(" from ")
    start, _, end = places.partition(" to ")
    return str(flow.l4) in ports(traffic) and names(start, flow.source) and names(end, flow.destination)


@settings(deadline=None)
@given(rule_lists, flows, st.sampled_from(Expectation))
def test_every_flow_that_a_fix_flips_is_what_it_is_made_for_or_told(
    rules: list[Raw], wished: list[Flow], expectation: Expectation
) -> None:
    """Between all ends and for all traffic of a small world, nothing changes in silence."""
    fw = firewall(*rules)
    made_for = {(f.source.address, f.destination.address, f.l4) for f in wished}
    for fix in propose("x", wished, expectation, (), NO_WISHES, fw).fixes:
        after = changed(fw, fix.changes)
        for flow in EVERY:
            was, becomes = predict(flow, fw).prediction, predict(flow, after).prediction
            if was is not becomes and (flow.source.address, flow.destination.address, flow.l4) not in made_for:
                lines = fix.opens if expectation is Expectation.REACHABLE else fix.closes
                assert fix.beyond or any(told(line, flow) for line in lines), (str(flow), lines)
        assert not (fix.closes if expectation is Expectation.REACHABLE else fix.opens)
