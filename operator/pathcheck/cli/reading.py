"""How every command reads a recording, and how it refuses. Apart from those that answer, so that none waits for what another needs."""

from __future__ import annotations

import json
from pathlib import Path

from pathcheck.cli.bad_input import BadInput
from pathcheck.model.firewall import Firewall
from pathcheck.wire.compute import NotARecording
from pathcheck.wire.firewall_rules import firewall_of


def read(path: Path) -> Firewall:
    """The recording in this file.

    Raises BadInput.
    """
    try:
        recording = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInput(f"--recording: {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(f"--recording: {path} is not JSON: {error}") from error
    except RecursionError:
        raise BadInput(f"--recording: {path}: is nested too deeply") from None
    if not isinstance(recording, dict):
        raise BadInput(f"--recording: {path} is not a JSON object")
    try:
        return firewall_of(recording)
    except NotARecording as error:
        raise BadInput(f"--recording: {path}: {error}") from error
