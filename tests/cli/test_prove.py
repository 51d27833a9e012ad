"""`pathcheck prove`: what it prints, its exit codes, and how it refuses."""

from __future__ import annotations

import json
import os
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pathcheck.cli.main import app
from pathcheck.cli.reading import BadInput
from pathcheck.cli.spans import spans_of
from pathcheck.model.firewall import Firewall
from pathcheck.model.flows import Range
from pathcheck.model.machines import Instance, Interface
from tests.recordings import entry, machine, recording, rule

ROOT = Path(__file__).parents[2]
STORY = ROOT / "docs" / "story"
GOLDENS = ROOT / "tests" / "goldens"
NODES = "tag:gke-august-period-234610-1de60498-node"
EVERYTHING = ("--from", NODES, "--to", NODES, "any")


def asked(file: Path, *words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["prove", "--recording", str(file), *words])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """udp is admitted from everywhere."""
    path = tmp_path / "recording.json"
    path.write_text(json.dumps(recording(rule("a"))))
    return path


@pytest.mark.parametrize(
    ("golden", "recorded", "words", "code"),
    [
        ("prove-before.txt", "before", EVERYTHING, 0),
        ("prove-outage.txt", "outage", EVERYTHING, 1),
        ("prove-outage.json", "outage", (*EVERYTHING, "--output", "json"), 1),
        ("prove-ranges.txt", "outage", ("--from", "10.24.12.0/23", "--to", "10.24.8.0/22", "udp/53", "tcp/1-1024"), 1),
    ],
)
def test_the_story(golden: str, recorded: str, words: tuple[str, ...], code: int) -> None:
    """The printed proof is the golden one; `make goldens` renews it."""
    got, out, err = asked(STORY / f"{recorded}.json", *words)
    if os.environ.get("PATHCHECK_RENEW_GOLDENS"):
        (GOLDENS / golden).write_text(out)
    assert (got, out, err) == (code, (GOLDENS / golden).read_text(), "")


def test_what_is_undetermined_has_a_code_of_its_own(tmp_path: Path) -> None:
    """A rule that cannot be judged proves nothing, either way."""
    path = tmp_path / "recording.json"
    path.write_text(
        json.dumps(recording(rule("odd", allowed=[entry("udp")], sourceRanges=["10.24.0.0/14"], colour="red")))
    )
    code, out, _ = asked(path, "--from", "instance:node-2", "--to", "instance:node-1", "udp")
    assert (code, out.splitlines()[2]) == (3, "  ? undetermined: udp")


def test_a_range_is_parted_by_the_machines_that_have_it(file: Path) -> None:
    """The most specific range wins, and what no machine has is a peer outside."""
    _, out, _ = asked(file, "--from", "10.24.12.0/23", "--to", "10.24.9.0/24", "udp", "-o", "json")
    (part,) = json.loads(out)["permitted"]
    assert (part["sources"], part["destinations"]) == (["10.24.12.0/24", "10.24.13.0/24"], ["10.24.9.0/24"])
    code, out, _ = asked(file, "--from", "203.0.113.0/24", "--to", "10.24.9.0/24", "udp")
    assert (code, out.splitlines()[-1]) == (
        0,
        "    udp by a (203.0.113.0/24: no recorded machine's, so only the other end's rules were asked)",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--from", "10.24.12", "--to", NODES, "udp"),
            "--from: '10.24.12' does not appear to be an IPv4 or IPv6 network",
        ),
        (("--from", "10.24.12.1/24", "--to", NODES, "udp"), "--from: 10.24.12.1/24 has host bits set"),
        (
            ("--from", NODES, "--to", "10.24.12.0/24@node-9", "udp"),
            "--to: the recording has no instance 'node-9'; it has node-1, node-2, node-3",
        ),
        (
            ("--from", "tag:x", "--to", NODES, "udp"),
            f"--from: no machine of the recording has the tag 'x'; their tags are {NODES[4:]}",
        ),
        (
            ("--from", "instance:node-1", "--to", "instance:node-1", "udp"),
            "--from, --to: are on one machine, and packets on one machine meet no firewall",
        ),
        (
            ("--from", "10.24.12.0/24", "--to", "fd00::/64@node-1", "udp"),
            "--from, --to: 10.24.12.0/24 and fd00::/64@node-1 have no addresses of one family",
        ),
        (("--from", NODES, "--to", NODES, "esp/9"), "PROTOCOL[/PORTS]: esp has no ports"),
        (("--from", NODES, "--to", NODES, "tcp/9-"), "PROTOCOL[/PORTS]: ports '9-' are not within 0-65535"),
        (("--from", NODES, "--to", NODES, "tcp/9-8"), "PROTOCOL[/PORTS]: ports '9-8' end before they begin"),
        (
            ("--from", NODES, "--to", NODES, "all"),
            "PROTOCOL[/PORTS]: 'all' is neither one of icmp, ipip, tcp, udp, gre, esp, ah, icmpv6, sctp nor a number up to 255;"
            " any stands for tcp, udp, icmp, esp, ah and sctp",
        ),
    ],
)
def test_a_question_that_cannot_be_read(file: Path, words: tuple[str, ...], message: str) -> None:
    """Exit code 2 and one line that names the option."""
    assert asked(file, *words) == (2, "", f"pathcheck prove: {message}\n")


def test_a_range_of_two_machines_is_asked_back(tmp_path: Path) -> None:
    """Which machine is meant is never guessed."""
    path = tmp_path / "recording.json"
    twin = machine("twin", "10.142.15.205")
    path.write_text(json.dumps(recording(instances=[*recording()["instances"], twin])))
    _, _, err = asked(path, "--from", NODES, "--to", "10.142.15.0/24", "udp")
    assert err == "pathcheck prove: --to: 10.142.15.205 is delivered to node-1 and twin; write CIDR@INSTANCE\n"


def test_an_instance_without_pods_says_so(tmp_path: Path) -> None:
    """Its own address is another question."""
    path = tmp_path / "recording.json"
    path.write_text(json.dumps(recording(routes=[])))
    _, _, err = asked(path, "--from", "instance:node-2", "--to", NODES, "udp")
    assert err == (
        "pathcheck prove: --from: the recording shows no pod range at instance:node-2; for other addresses write CIDR@INSTANCE\n"
    )


def test_the_page_shows_what_is_printed() -> None:
    """docs/prove.md holds the answer of today."""
    assert (GOLDENS / "prove-outage.txt").read_text() in (ROOT / "docs" / "prove.md").read_text()


RANGES = st.builds(
    lambda n, length: ip_network((n, length), strict=False), st.integers(0x0A000000, 0x0A00000F), st.integers(28, 32)
)


@given(st.lists(st.tuples(RANGES, st.integers(0, 3)), max_size=6), RANGES)
def test_a_parted_range_is_owned_as_each_of_its_addresses(delivered: list[tuple[Range, int]], asked_for: Range) -> None:
    """Every address lies in one span, that of the machine with the most specific range; two such machines are asked back."""
    machines = tuple(
        Instance(
            f"m{i}", "z", (Interface("nic0", "default", "r", (), tuple(r for r, owner in delivered if owner == i)),)
        )
        for i in range(4)
    )
    read = Firewall("p", "r", machines)
    owners = {}
    for address in asked_for:
        longest = max((r.prefixlen for r, _ in delivered if address in r), default=-1)
        owners[address] = {f"m{i}" for r, i in delivered if address in r and r.prefixlen == longest}
    if any(len(names) > 1 for names in owners.values()):
        with pytest.raises(BadInput, match=r"is delivered to m\d and m\d"):
            spans_of("--to", str(asked_for), read)
        return
    spans = spans_of("--to", str(asked_for), read)
    found = {a: {span.instance} - {None} for span in spans for r in span.ranges for a in r}
    assert (found, sum(r.num_addresses for s in spans for r in s.ranges)) == (owners, asked_for.num_addresses)
