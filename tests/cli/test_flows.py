"""`pathcheck predict --flows`: what is asked of a file, what is answered for each flow, and how a bad flow is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pathcheck.cli.flows import answers, questions
from pathcheck.cli.main import app
from pathcheck.cli.reading import BadInput
from tests.recordings import Raw, entry, recording, rule

ROOT = Path(__file__).parents[2]
POD_1 = {"ip": "10.24.9.31", "instance": "node-1"}
POD_2 = {"ip": "10.24.12.40", "instance": "node-2"}
OUTSIDE = {"ip": "203.0.113.9"}


def flow(**changes: Any) -> Raw:
    """A question of node-2's pod to node-1's by DNS, unless said otherwise; None takes a field away."""
    fields = {"id": "a", "src": POD_2, "dst": POD_1, "protocol": "udp", "port": 53} | changes
    return {key: value for key, value in fields.items() if value is not None}


def told(prediction: str, decided: list[str], out: list[str], into: list[str], **changes: Any) -> Raw:
    """One whole answer, with neither near misses nor obstacles unless said otherwise."""
    return {
        "id": "a",
        "prediction": prediction,
        "decidedBy": decided,
        "egressDecidedBy": out,
        "ingressDecidedBy": into,
        "nearMisses": [],
        "obstacles": [],
    } | changes


IMPLIED_OUT, IMPLIED_IN = ["implied-allow-egress"], ["implied-deny-ingress"]
DNS = rule("dns", sourceRanges=["10.24.12.0/24"], allowed=[entry("udp", "53")])
NO_DNS_OUT = rule("no-dns-out", direction="EGRESS", denied=[entry("udp", "53")])


@pytest.mark.parametrize(
    ("rules", "asked", "expected"),
    [
        ([DNS], flow(), told("permitted", ["firewall:dns"], IMPLIED_OUT, ["firewall:dns"])),
        ([DNS], flow(id=7), told("permitted", ["firewall:dns"], IMPLIED_OUT, ["firewall:dns"], id=7)),
        (
            [],
            flow(),
            told(
                "blocked",
                IMPLIED_IN,
                IMPLIED_OUT,
                IMPLIED_IN,
                obstacles=[
                    {
                        "name": "implied-deny-ingress",
                        "stage": "implied rules",
                        "direction": "ingress",
                        "sentence": "no rule admits it",
                    }
                ],
            ),
        ),
        (
            [NO_DNS_OUT, DNS],
            flow(),
            told(
                "blocked",
                ["firewall:no-dns-out"],
                ["firewall:no-dns-out"],
                [],
                obstacles=[
                    {
                        "name": "firewall:no-dns-out",
                        "stage": "VPC firewall rules",
                        "direction": "egress",
                        "sentence": "firewall rule no-dns-out (priority 1000) denies udp/53 to 0.0.0.0/0",
                    }
                ],
            ),
        ),
        (
            [DNS],
            flow(src={"ip": "10.24.13.7", "instance": "node-3"}),
            told(
                "blocked",
                IMPLIED_IN,
                IMPLIED_OUT,
                IMPLIED_IN,
                nearMisses=[
                    {
                        "rule": "firewall:dns",
                        "fields": ["sourceRanges"],
                        "sentence": "dns (1000) admits udp/53, but 10.24.13.7 is not in 10.24.12.0/24",
                    }
                ],
                obstacles=[
                    {
                        "name": "implied-deny-ingress",
                        "stage": "implied rules",
                        "direction": "ingress",
                        "sentence": "no rule admits it",
                    }
                ],
            ),
        ),
        ([], flow(dst=OUTSIDE), told("permitted", IMPLIED_OUT, IMPLIED_OUT, [])),
        ([rule("a")], flow(src=OUTSIDE), told("permitted", ["firewall:a"], [], ["firewall:a"])),
        (
            [],
            flow(src={**POD_2, "instance": None}, dst={"ip": "10.24.9.31"}),
            told("undetermined", ["undecided:instance"], [], []),
        ),
        ([], flow(state="reply-of-allowed"), told("permitted", *[["connection-tracking"]] * 3)),
        ([], flow(dst={"ip": "10.24.12.41", "instance": "node-2"}), told("permitted", *[["same-vm"]] * 3)),
        (
            [NO_DNS_OUT],
            flow(dst={"ip": "169.254.169.254"}),
            told("permitted", *[["always-allowed:metadata"]] * 3),
        ),
    ],
    ids=[
        "permitted",
        "a number for an id",
        "blocked by no rule",
        "blocked before the receiver is asked",
        "a near miss",
        "to a peer outside",
        "from a peer outside",
        "an address does not make a machine",
        "a reply",
        "one machine",
        "the metadata server",
    ],
)
def test_an_answer(rules: list[Raw], asked: Raw, expected: Raw) -> None:
    """The whole object, key by key in this order."""
    [got] = answers(recording(*rules), [asked])
    assert json.dumps(got) == json.dumps(expected)


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": "UDP"},
        {"protocol": 17},
        {"protocol": "17"},
        {"state": "new"},
        {"src": {**POD_2, "nic": "nic0"}},
        {"dst": {**POD_1, "nic": None}},
    ],
    ids=str,
)
def test_one_question_in_many_spellings(changes: Raw) -> None:
    """Names in either case, numbers, defaults that are written out: the same answer."""
    assert answers(recording(DNS), [flow(**changes)]) == answers(recording(DNS), [flow()])


@pytest.mark.parametrize(
    ("protocol", "number"),
    [("icmp", 1), ("ipip", 4), ("gre", 47), ("esp", 50), ("ah", 51), ("icmpv6", 58), ("sctp", 132), ("tcp", 6)],
)
def test_every_protocol_by_its_name(protocol: str, number: int) -> None:
    """It is the one of that number and no other."""
    by_number = recording(rule("one", allowed=[entry(str(number))]))
    [got] = answers(by_number, [flow(protocol=protocol, port=None)])
    assert got["decidedBy"] == ["firewall:one"]


@pytest.mark.parametrize("port", ["left out", "null"])
def test_no_port_is_every_port(port: str) -> None:
    """Left out or null, a rule for one port of them cannot settle it."""
    asked = flow(port=None) if port == "left out" else {**flow(), "port": None}
    [got] = answers(recording(DNS), [asked])
    assert got["decidedBy"] == ["undecided:firewall:dns"]


BAD = [
    (7, "flows[0]: must be an object with id, src, dst, protocol, port, state"),
    (flow(id=None), "flows[0].id: must be a text that can be printed, or a whole number"),
    (flow(id=True), "flows[0].id: must be a text that can be printed, or a whole number"),
    (flow(id="a\nb"), "flows[0].id: must be a text that can be printed, or a whole number"),
    (flow(ports=53), "flows[0].ports: is not known; there are id, src, dst, protocol, port, state"),
    (flow(src=None), "flows[0].src: must be an object with ip, instance, nic"),
    (flow(dst="10.24.9.31"), "flows[0].dst: must be an object with ip, instance, nic"),
    (flow(dst={}), "flows[0].dst.ip: is missing"),
    (flow(dst={"ip": "10.24.9"}), "flows[0].dst.ip: '10.24.9' is not an IP address"),
    (flow(dst={"ip": "10.24.9.0/24"}), "flows[0].dst.ip: '10.24.9.0/24' is not an IP address"),
    (flow(dst={"ip": 169090600}), "flows[0].dst.ip: '169090600' is not an IP address"),
    (flow(dst={"ip": "fe80::1%eth0"}), "flows[0].dst.ip: 'fe80::1%eth0' is not an IP address"),
    (flow(dst={**POD_1, "node": "x"}), "flows[0].dst.node: is not known; there are ip, instance, nic"),
    (flow(dst={**POD_1, "instance": ""}), "flows[0].dst.instance: must be a name"),
    (flow(dst={**POD_1, "instance": ["node-1"]}), "flows[0].dst.instance: must be a name"),
    (flow(dst={**POD_1, "nic": 0}), "flows[0].dst.nic: must be a name"),
    (flow(src={"ip": "10.24.12.40", "nic": "nic0"}), "flows[0].src.nic: needs the instance that has it"),
    (flow(protocol=None), "flows[0].protocol: is missing"),
    (flow(protocol=17.0), "flows[0].protocol: must be a name or a number"),
    (flow(protocol=True), "flows[0].protocol: must be a name or a number"),
    (
        flow(protocol=256),
        "flows[0].protocol: '256' is neither one of icmp, ipip, tcp, udp, gre, esp, ah, icmpv6, sctp nor a number up to 255",
    ),
    (
        flow(protocol="all"),
        "flows[0].protocol: 'all' is neither one of icmp, ipip, tcp, udp, gre, esp, ah, icmpv6, sctp nor a number up to 255",
    ),
    (flow(protocol="icmp"), "flows[0].port: icmp has no ports"),
    (flow(protocol=50, port=0), "flows[0].port: 50 has no ports"),
    (flow(port=65536), "flows[0].port: '65536' is not a whole number within 0-65535"),
    (flow(port=-1), "flows[0].port: '-1' is not a whole number within 0-65535"),
    (flow(port="53"), "flows[0].port: '53' is not a whole number within 0-65535"),
    (flow(port=53.0), "flows[0].port: '53.0' is not a whole number within 0-65535"),
    (flow(port=True), "flows[0].port: 'True' is not a whole number within 0-65535"),
    (flow(state="old"), "flows[0].state: 'old' is neither 'new' nor 'reply-of-allowed'"),
    (flow(state=[]), "flows[0].state: '[]' is neither 'new' nor 'reply-of-allowed'"),
]


@pytest.mark.parametrize(("asked", "message"), BAD, ids=[message for _, message in BAD])
def test_a_flow_that_cannot_be_read(asked: Any, message: str) -> None:
    """The index and the field are named, and why."""
    with pytest.raises(BadInput) as bad:
        answers(recording(), [asked])
    assert bad.value.args == (message,)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["udp", "10.24.9.31", "new"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["ip", "instance", "nic"]), inner),
    max_leaves=5,
)
KEYS = st.sampled_from(["id", "src", "dst", "protocol", "port", "state"])


@given(st.lists(JSON | st.dictionaries(KEYS, JSON).map(lambda changes: {**flow(), **changes}), max_size=3))
def test_no_flow_is_too_odd(flows: list[Any]) -> None:
    """Whatever JSON holds is read, each flow as itself, or refused by its index."""
    try:
        assert [question.id for question in questions(flows)] == [raw["id"] for raw in flows]
    except BadInput as bad:
        indices = [int(line.removeprefix("flows[").partition("]")[0]) for line in bad.args]
        assert indices
        assert indices == sorted(set(indices) & set(range(len(flows))))


def test_a_recording_that_cannot_be_read() -> None:
    """As any other bad input, with its field."""
    with pytest.raises(BadInput) as bad:
        answers({"format": "x"}, [])
    assert bad.value.args == ("recording: format: is 'x', expected 'pathcheck-recording/1'",)


# The command


@pytest.fixture
def recorded(tmp_path: Path) -> str:
    """A recording in which pods of node-2 may ask pods for names, and nothing else comes in."""
    path = tmp_path / "recording.json"
    path.write_text(json.dumps(recording(DNS)))
    return str(path)


def asked_of(recorded: str, flows: str, *words: str) -> tuple[int, str, str]:
    """Exit code, output and complaints, the flows given on standard input."""
    result = CliRunner().invoke(app, ["predict", "--recording", recorded, "--flows", "-", *words], input=flows)
    return result.exit_code, result.stdout, result.stderr


PERMITTED, BLOCKED, UNSURE = flow(id="yes"), flow(id="no", port=54), flow(id="perhaps", port=None)


def test_people_read_one_line_a_flow(recorded: str) -> None:
    """The glyph, the id, the flow, what decides, and at the end how many of each."""
    assert asked_of(recorded, json.dumps([PERMITTED, BLOCKED, UNSURE])) == (
        0,
        "● yes      10.24.12.40@node-2 → 10.24.9.31@node-1 udp/53  permitted by firewall:dns\n"
        "✕ no       10.24.12.40@node-2 → 10.24.9.31@node-1 udp/54  blocked by implied-deny-ingress\n"
        "? perhaps  10.24.12.40@node-2 → 10.24.9.31@node-1 udp  undetermined: firewall rule dns could decide it,"
        " but cannot be judged: it decides for some of the asked ports only\n"
        "3 flows: 1 permitted, 1 blocked, 1 undetermined\n",
        "",
    )


def test_answers_are_no_failure(recorded: str) -> None:
    """Whatever the flows come to, a script that asked for many goes on."""
    assert [asked_of(recorded, json.dumps(flows))[0] for flows in ([], [PERMITTED, BLOCKED, UNSURE])] == [0, 0]


@pytest.mark.parametrize(
    "written",
    [
        json.dumps([PERMITTED, BLOCKED]),
        json.dumps([PERMITTED, BLOCKED], indent=2),
        f"{json.dumps(PERMITTED)}\n{json.dumps(BLOCKED)}\n",
        f"\ufeff\n{json.dumps(PERMITTED)}\r\n\r\n{json.dumps(BLOCKED)}",
    ],
    ids=["an array", "an array on many lines", "lines", "lines as some editors leave them"],
)
def test_scripts_read_one_object_a_line(recorded: str, written: str) -> None:
    """Whether the flows came as an array or as lines; each line is the answer that `answers` gives."""
    code, out, err = asked_of(recorded, written, "--output", "json")
    assert (code, [json.loads(line) for line in out.splitlines()], err) == (
        0,
        answers(recording(DNS), [PERMITTED, BLOCKED]),
        "",
    )


def test_one_flow_alone_is_one_line(recorded: str) -> None:
    """It needs no array around it."""
    code, out, _ = asked_of(recorded, json.dumps(PERMITTED, indent=2), "--output", "json")
    assert (code, [json.loads(line)["id"] for line in out.splitlines()]) == (0, ["yes"])


def test_a_thousand_flows_keep_their_order(recorded: str) -> None:
    """Line n answers flow n, whatever the ids are."""
    dice = random.Random(1)
    asked = [flow(id=f"f{dice.randrange(500)}", port=dice.choice([53, 54])) for _ in range(1000)]
    _, out, _ = asked_of(recorded, "\n".join(map(json.dumps, asked)), "--output", "json")
    lines = [json.loads(line) for line in out.splitlines()]
    expected = {53: "permitted", 54: "blocked"}
    assert [(line["id"], line["prediction"]) for line in lines] == [(f["id"], expected[f["port"]]) for f in asked]


@pytest.mark.parametrize("output", ["text", "json"])
def test_what_of_the_recording_could_not_be_read_is_said_apart(tmp_path: Path, output: str) -> None:
    """On standard error: whoever counts the lines of the output counts flows."""
    path = tmp_path / "r.json"
    path.write_text(json.dumps(recording(rule("a", priority="high"))))
    _, _, err = asked_of(str(path), json.dumps([flow()]), "--output", output)
    assert err == "could not be read: a: priority: 'high' is not within 0-65535\n"


@pytest.mark.parametrize(
    ("written", "messages"),
    [
        ("", ["--flows: -: is empty"]),
        ("[", ["--flows: - is not JSON: Expecting value: line 1 column 2 (char 1)"]),
        (
            "{}\n{",
            ["--flows: - is not JSON: Expecting property name enclosed in double quotes: line 2 column 2 (char 4)"],
        ),
        ("[" * 100_000, ["--flows: -: is nested too deeply"]),
        ("7", ["flows[0]: must be an object with id, src, dst, protocol, port, state"]),
        ("[[]]", ["flows[0]: must be an object with id, src, dst, protocol, port, state"]),
        (
            json.dumps([flow(port=-1), flow(), flow(state="old")]),
            [
                "flows[0].port: '-1' is not a whole number within 0-65535",
                "flows[2].state: 'old' is neither 'new' nor 'reply-of-allowed'",
            ],
        ),
    ],
    ids=["nothing", "half an array", "half a line", "too deep", "a number", "an array in an array", "two bad flows"],
)
def test_bad_flows_are_all_named_and_none_is_answered(recorded: str, written: str, messages: list[str]) -> None:
    """One line for each on standard error, nothing on standard output, exit code 2."""
    lines = "".join(f"pathcheck predict: {message}\n" for message in messages)
    assert asked_of(recorded, written) == (2, "", lines)


def test_what_is_not_text_is_not_json(recorded: str, tmp_path: Path) -> None:
    """A file that holds something else altogether is refused by its name."""
    path = tmp_path / "flows"
    path.write_bytes(b"\xff\xfe\x00")
    result = CliRunner().invoke(app, ["predict", "--recording", recorded, "--flows", str(path)])
    assert (result.exit_code, result.stderr) == (
        2,
        f"pathcheck predict: --flows: {path} is not JSON: 'utf-8' codec can't decode byte 0xff in position 0:"
        " invalid start byte\n",
    )


def test_a_file_that_is_not_there(recorded: str) -> None:
    """The system's words."""
    result = CliRunner().invoke(app, ["predict", "--recording", recorded, "--flows", "nowhere"])
    assert (result.exit_code, result.stderr) == (
        2,
        "pathcheck predict: --flows: nowhere: No such file or directory\n",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--flows", "f", "--from", "10.24.12.40"),
            "--flows: stands in the place of --from, --to, PROTOCOL[/PORT]; --from is given as well",
        ),
        (
            ("--flows", "f", "--to", "10.24.12.40", "udp/53"),
            "--flows: stands in the place of --from, --to, PROTOCOL[/PORT]; --to, PROTOCOL[/PORT] is given as well",
        ),
        (("--from", "10.24.12.40", "udp/53"), "--to: is missing; or ask about many flows with --flows"),
        (("--to", "10.24.12.40", "udp/53"), "--from: is missing; or ask about many flows with --flows"),
        (
            ("--from", "10.24.12.40", "--to", "10.24.9.31"),
            "PROTOCOL[/PORT]: is missing; or ask about many flows with --flows",
        ),
    ],
)
def test_one_flow_or_many(recorded: str, words: tuple[str, ...], message: str) -> None:
    """A question that is neither, or both, is asked back."""
    result = CliRunner().invoke(app, ["predict", "--recording", recorded, *words])
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"pathcheck predict: {message}\n")


def test_every_rule_that_was_asked(recorded: str) -> None:
    """With --explain each answer has its trace at the end, and people see it below the flow."""
    dns = {"direction": "ingress", "rule": "firewall:dns", "matched": "no", "field": "port", "sentence": "not udp/54"}
    steps = [
        {
            "direction": "egress",
            "rule": "implied-allow-egress",
            "matched": "yes",
            "field": None,
            "sentence": "no rule denies it",
        },
        dns,
        {
            "direction": "ingress",
            "rule": "implied-deny-ingress",
            "matched": "yes",
            "field": None,
            "sentence": "no rule admits it",
        },
    ]
    flows = json.dumps([BLOCKED, flow(state="reply-of-allowed")])
    _, out, _ = asked_of(recorded, flows, "--output", "json", "--explain")
    told = [json.loads(line) for line in out.splitlines()]
    plain = answers(recording(DNS), json.loads(flows))
    assert told == [{**plain[0], "trace": steps}, {**plain[1], "trace": []}]
    assert asked_of(recorded, json.dumps([BLOCKED]), "--explain")[1] == (
        "✕ no  10.24.12.40@node-2 → 10.24.9.31@node-1 udp/54  blocked by implied-deny-ingress\n"
        "    egress   yes    implied-allow-egress  no rule denies it\n"
        "    ingress  no     firewall:dns          not udp/54\n"
        "    ingress  yes    implied-deny-ingress  no rule admits it\n"
        "1 flow: 1 blocked\n"
    )


def test_the_documentation_shows_what_is_printed() -> None:
    """The flows beside the story, as docs/predict.md shows their answers, and the same as JSON lines."""
    story = ROOT / "docs" / "story"
    words = ["predict", "--recording", str(story / "outage.json"), "--flows", str(story / "flows.jsonl")]
    page = (ROOT / "docs" / "predict.md").read_text()
    assert f"```\n{CliRunner().invoke(app, words).stdout}```" in page
    lines = CliRunner().invoke(app, [*words, "--output", "json"]).stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["dns", "dns-node", "ping", "any-tcp", "answer"]
