"""What the product says of the cloud as it is at this moment: a recording made by its own reader, asked by its own command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from e2e.faults.levers import EMULATOR
from e2e.lab.topology import PROJECT, USUAL_NODES, topology
from pathcheck.shell.reader import serve

NODES = {node.name: node for node in topology(USUAL_NODES).nodes}
PATHCHECK = str(Path(sys.executable).parent / "pathcheck")


def recording() -> dict[str, Any]:
    """The cloud's answers about the lab's nodes.

    Raises AssertionError with the reader's words when there is none.
    """
    asked = {"project": PROJECT, "instances": [{"zone": n.zone, "name": n.name} for n in NODES.values()]}
    said: list[str] = []
    serve([json.dumps({"read": asked})], said.append, EMULATOR)
    answer = json.loads(said[0])
    assert "recording" in answer, answer
    return dict(answer["recording"])


def predict(recorded: Mapping[str, Any], directory: Path, *words: str) -> dict[str, Any]:
    """`pathcheck predict --output json WORDS` of this recording."""
    return dict(json.loads(_run(recorded, directory, *words)))


def predictions(
    recorded: Mapping[str, Any], directory: Path, flows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """`pathcheck predict --flows` of this recording, the answers in the order of the flows."""
    asked = directory / "flows.json"
    asked.write_text(json.dumps(list(flows)))
    return [json.loads(line) for line in _run(recorded, directory, "--flows", str(asked)).splitlines()]


def _run(recorded: Mapping[str, Any], directory: Path, *words: str) -> str:
    file = directory / "recording.json"
    file.write_text(json.dumps(recorded))
    command = [PATHCHECK, "predict", "--recording", str(file), "--output", "json", *words]
    # Its exit code is part of the answer: blocked is 1, undetermined 3.
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return done.stdout
