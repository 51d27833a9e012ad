"""How every command reads the JSON in a file, a recording above all, and how it refuses. Apart: none waits for what another needs."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pathcheck.cli.bad_input import BadInput
from pathcheck.model.firewall import Firewall
from pathcheck.wire.compute import NotARecording
from pathcheck.wire.firewall_rules import firewall_of


def read(path: Path) -> Firewall:
    """The recording in this file.

    Raises BadInput.
    """
    return firewall_in("--recording", path, read_json("--recording", path))


def firewall_in(option: str, path: Path, recording: Mapping[str, object]) -> Firewall:
    """What this recording, which was in that file, shows.

    Raises BadInput.
    """
    try:
        return firewall_of(recording)
    except NotARecording as error:
        raise BadInput(f"{option}: {path}: {error}") from error


def read_json(option: str, path: Path, kinds: tuple[type, ...] = (dict,)) -> Any:
    """The JSON in this file, or in standard input for `-`.

    Raises BadInput.
    """
    try:
        found = json.loads(sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes())
    except OSError as error:
        raise BadInput(f"{option}: {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{option}: {path} is not JSON: {error}") from None
    if not isinstance(found, kinds):
        raise BadInput(f"{option}: {path} is not a JSON object{' or list' if list in kinds else ''}")
    return found
