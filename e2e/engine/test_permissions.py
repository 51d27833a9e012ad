"""Permissions are taken away one by one under the live operator: what docs/permissions.md says, and no measured verdict changes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from e2e import install
from e2e.engine import cloud
from e2e.faults import levers
from e2e.watching import Change, Watch, is_true
from tests.permissions.table import CHECKS, POLICY, Row, policy_rules, rows

SECONDS = 20
# The reader asks for them first of all.
FIRST_CALL = "/aggregated/instances"


@pytest.fixture(scope="module")
def checks(watch: Watch) -> Iterator[Watch]:
    """The table's cloud and its checks, all of them True, beside one that measures."""
    with cloud.global_policy(POLICY, *policy_rules()), cloud.policies_before_rules():
        bodies = [check.body for check in CHECKS]
        install.kubectl("apply", "-f", str(install.EXAMPLES[0]))
        install.kubectl("apply", "-f", "-", given=json.dumps({"apiVersion": "v1", "kind": "List", "items": bodies}))
        for name in ("kube-dns", *(check.name for check in CHECKS)):
            watch.wait_for(name, "True", is_true, 60)
        yield watch
        install.kubectl("delete", "pathchecks", *(check.name for check in CHECKS))


def readings_since(moment: float) -> int:
    """How many readings have begun."""
    requests = levers.call("GET", f"{levers.EMULATOR}/lab/requests")["requests"]
    return sum(FIRST_CALL in r["path"] and levers.moment(r["time"]) > moment for r in requests)


def says(sentence: str) -> Callable[[Change], bool]:
    """Unknown, because of this."""
    return lambda change: (
        change.upheld() == ("Unknown", "FirewallUndetermined")
        and [finding["sentence"] for finding in change.findings] == [sentence]
    )


@pytest.mark.parametrize("row", rows("one"), ids=lambda row: row.missing[0])
def test_what_is_still_decided(row: Row, checks: Watch) -> None:
    """As the table says; what measures is True all the while, and with the permission everything is decided again."""
    began = time.time()
    with cloud.permission_missing(row.missing[0]) as since:
        for check in CHECKS:
            if sentence := row.sentence(check):
                checks.wait_for(check.name, "undetermined", says(sentence), SECONDS, since)
        # The second one begins when what the first one brought has been decided upon.
        levers.until("read twice", lambda: readings_since(since) >= 2, within=SECONDS)
        decided = [check.name for check in CHECKS if not row.sentence(check)]
        assert [name for name in decided if not is_true(checks.last(name))] == []
    levers.until("True again", lambda: all(is_true(checks.last(check.name)) for check in CHECKS), within=SECONDS)
    assert [c.upheld() for c in checks.history["kube-dns"] if c.at > began and not is_true(c)] == []


def test_what_was_read_last_stays(checks: Watch) -> None:
    """Nothing can be read any more, and for five minutes all is decided by what was; what measures does not even notice."""
    (row,) = (row for row in rows("none") if len(row.missing) == 2)
    began = time.time()
    with ExitStack() as missing:
        since = [missing.enter_context(cloud.permission_missing(permission)) for permission in row.missing][-1]
        levers.until("refused", lambda: readings_since(since) >= 1, within=SECONDS)
        levers.until("said in the log", lambda: _logged("firewall not read", row.missing[0]), within=SECONDS)
        assert [c.name for c in CHECKS if not is_true(checks.last(c.name))] == []
    assert [c.upheld() for c in checks.history["kube-dns"] if c.at > began and not is_true(c)] == []


def _logged(what: str, permission: str) -> bool:
    lines = install.kubectl("logs", "-n", install.NAMESPACE, "deployment/pathcheck-operator", "--tail=20").splitlines()
    return any(what in line and permission in line for line in lines)
