"""Operations: what a mutation answers. The emulator has done its work before it answers, so every one is DONE at once.

https://docs.cloud.google.com/compute/docs/reference/rest/v1/globalOperations. Clients that poll find it under its name.
"""

from __future__ import annotations

import secrets
import time

from e2e.lab.cloud.store import Json, Store, new_id, timestamp

USER = "anonymous@lab.invalid"


def record(store: Store, verb: str, target: str, target_id: str, started: str) -> Json:
    """A finished global operation on a path relative to the project, kept in the store."""
    # The shape of the API's own names: milliseconds and random hexadecimal digits.
    name = (
        f"operation-{time.time_ns() // 1_000_000}-{secrets.token_hex(6)}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
    )
    path = f"global/operations/{name}"
    operation: Json = {
        "kind": "compute#operation",
        "id": new_id(),
        "name": name,
        "operationType": verb,
        "targetLink": store.link(target),
        "targetId": target_id,
        "status": "DONE",
        "user": USER,
        "progress": 100,
        "insertTime": started,
        "startTime": started,
        "endTime": timestamp(),
        "selfLink": store.link(path),
    }
    store.put(path, operation)
    return operation
