"""PathCheck on the lab with the story's check of kube-dns, and nothing of a test left for the next one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from e2e import compute, install
from e2e.engine.wires import wires
from e2e.faults import levers
from e2e.packets.exchange import Exchange
from e2e.watching import Change, Watch, is_true

KUBE_DNS = install.EXAMPLES[0]


@pytest.fixture(scope="package")
def installed(lab: dict[str, str]) -> Iterator[dict[str, str]]:
    """PathCheck on the lab; the environment of its shell."""
    compute.restore_story()
    install.install()
    install.kubectl("delete", "pathchecks", "--all")
    yield lab
    install.kubectl("delete", "pathchecks", "--all")


@pytest.fixture(scope="package")
def watch(installed: dict[str, str]) -> Iterator[Watch]:
    """All PathChecks as they change."""
    with Watch(installed) as watch:
        yield watch


@pytest.fixture
def kube_dns(watch: Watch) -> Iterator[Watch]:
    """The check of kube-dns is True to begin with; the story's rules and nobody's faults at the end."""
    install.kubectl("apply", "-f", str(KUBE_DNS))
    levers.until("kube-dns True", lambda: "kube-dns" in watch.history and is_true(watch.last("kube-dns")), within=60)
    yield watch
    levers.call("DELETE", f"{levers.EMULATOR}/lab/faults")
    compute.restore_story()
    # What the next test waits for is not to be the end of this one.
    levers.until("kube-dns True again", lambda: is_true(watch.last("kube-dns")), within=30)


@pytest.fixture(scope="package")
def packets(installed: dict[str, str]) -> Iterator[Exchange]:
    """Single packets between the nodes."""
    with wires() as opened:
        yield opened


def of_another_reading(before: Change) -> Callable[[Change], bool]:
    """A status that speaks of other rules than this one did."""
    revision = before.body["status"]["firewall"]["revision"]
    return lambda change: change.body["status"].get("firewall", {}).get("revision", revision) != revision
