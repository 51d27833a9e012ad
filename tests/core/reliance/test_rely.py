"""What hangs on a rule is what a change that takes it away makes worse."""

from __future__ import annotations

from hypothesis import given, settings

from pathcheck.core.changes.whatif import Known, weigh, without
from pathcheck.core.reliance.rely import rely
from pathcheck.model.checks import PathCheck
from pathcheck.model.firewall import Firewall
from tests.builders import EVERY_NODE, l4, nodes
from tests.core.rules.test_tabulate import firewalls

CHECK = PathCheck("c", "uid", 1, EVERY_NODE, EVERY_NODE, (l4("udp/53"), l4("tcp"), l4("icmp")))


@given(firewalls())
@settings(max_examples=10, deadline=None)
def test_a_rule_holds_what_its_deletion_breaks(fw: Firewall) -> None:
    """For every rule: the check hangs on it exactly if it is worse without."""
    known = Known(nodes())
    hanging, untold = rely([CHECK], known, fw)
    assert untold == {}
    less = {h.rule: without(fw, frozenset({h.rule})) for h in hanging}
    worse = {id_ for id_, fewer in less.items() if weigh([CHECK], known, fw, fewer)[0].worse}
    assert {h.rule for h in hanging if h.checks} == worse
