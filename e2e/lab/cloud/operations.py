"""Operations: what a mutation answers. The emulator has done its work before it answers, so every one is DONE at once.

https://docs.cloud.google.com/compute/docs/reference/rest/v1/globalOperations. Clients that poll find it under its name,
beside the resource that was changed: `global/operations/…`, `regions/r/operations/…`, `locations/global/operations/…`.
"""

from __future__ import annotations

import secrets

from e2e.lab.cloud.store import ORGANIZATIONAL, Json, Store, new_id

# Who changes things as long as nobody says otherwise.
OWNER = "owner@example.com"


def record(store: Store, verb: str, target: str, target_id: str, started: str, user: str) -> Json:
    """A finished operation on a path as the store has it, kept in the store."""
    # The shape of the API's own names: milliseconds and random hexadecimal digits.
    milliseconds = int(store.clock.now().timestamp() * 1000)
    name = f"operation-{milliseconds}-{secrets.token_hex(6)}-{secrets.token_hex(4)}-{secrets.token_hex(4)}"
    scope = target.split("/")[0] if target.startswith("global/") else "/".join(target.split("/")[:2])
    if target.startswith(ORGANIZATIONAL):
        # gcloud tells these by their names, and reads the organization from it.
        parent = (store.get(target) or {}).get("parent", "organizations/0")
        name = f"org-{parent.rpartition('/')[2]}-{name}"
    path = f"{scope}/operations/{name}"
    operation: Json = {
        "kind": "compute#operation",
        "id": new_id(),
        "name": name,
        "operationType": verb,
        "targetLink": store.link(target),
        "targetId": target_id,
        "status": "DONE",
        "user": user,
        "progress": 100,
        "insertTime": started,
        "startTime": started,
        "endTime": store.clock.timestamp(),
        "selfLink": store.link(path),
    }
    for kind in ("region", "zone"):
        if scope.startswith(f"{kind}s/"):
            operation[kind] = store.link(scope)
    store.put(path, operation)
    return operation
