"""What can be wrong and what is said then, as data; `python -m tests.bad_input.table` prints docs/bad-input.md."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
NAME = "wrong"
NAMESPACE = "bad-input"
RIGHT: dict[str, Any] = {
    "from": {"nodes": {"selector": {}}},
    "to": {"nodes": {"selector": {}}},
    "traffic": [{"protocol": "UDP", "port": 5353}],
}
# What the rows of path_checks.yaml speak of, beside kube-dns.
SERVICES: list[dict[str, Any]] = [
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"ports": [{"name": "http", "port": 80}], "selector": {"app": "nobody"}} | extra,
    }
    for name, extra in (("empty", {}), ("headless", {"clusterIP": "None"}))
]


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong PathCheck: the part of the spec that is wrong, as YAML, and the answer word for word."""

    what: str
    wrote: str
    spec: dict[str, Any]
    answer: str

    @property
    def body(self) -> dict[str, Any]:
        """The whole PathCheck."""
        metadata = {"name": NAME, "uid": "uid-wrong", "generation": 1}
        return {
            "apiVersion": "pathcheck.dev/v1alpha1",
            "kind": "PathCheck",
            "metadata": metadata,
            "spec": RIGHT | self.spec,
        }


@dataclass(frozen=True, slots=True)
class Run:
    """A command typed in a directory with these files; how it ends, and its last line (DIR stands for the directory)."""

    what: str
    typed: str
    code: int
    answer: str
    files: dict[str, str] = field(default_factory=dict)


def path_checks(group: str) -> list[Wrong]:
    """The rows of one group of path_checks.yaml."""
    rows = yaml.safe_load((HERE / "path_checks.yaml").read_text())[group]
    return [_wrong(**row) for row in rows]


def _wrong(what: str, answer: str, wrote: str = "", ports: int = 0) -> Wrong:
    if ports:
        spec = {"traffic": [{"protocol": "TCP", "port": port} for port in range(1, ports + 1)]}
        return Wrong(what, f"traffic: ({ports} ports)", spec, answer)
    return Wrong(what, wrote, yaml.safe_load(wrote), answer)


def runs(group: str) -> list[Run]:
    """The rows of one group of commands.yaml."""
    return [Run(**row) for row in yaml.safe_load((HERE / "commands.yaml").read_text())[group]]


def document() -> str:
    """docs/bad-input.md."""
    return (
        (HERE / "bad-input.md")
        .read_text()
        .format(
            refused=_rows(path_checks("refused")),
            unknown=_rows(path_checks("unknown")),
            not_accepted=_rows(path_checks("notAccepted")),
            settings=_commands(runs("settings")),
            cluster=_commands(runs("cluster")),
            questions=_commands(runs("questions")),
            made=_commands(runs("made")),
            recordings=_commands(runs("recordings")),
        )
    )


def _rows(rows: Iterable[Wrong]) -> str:
    return _markdown(("wrong", "written", "answer"), [(r.what, _code(r.wrote), _code(r.answer)) for r in rows])


def _commands(rows: Iterable[Run]) -> str:
    lines = [(r.what, _code(r.typed), str(r.code), _code(r.answer)) for r in rows]
    return _markdown(("wrong", "typed", "ends with", "last line"), lines)


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`"


if __name__ == "__main__":
    sys.stdout.write(document())
