"""`python -m e2e.kind up|down|env`: the story's cluster on kind."""

from __future__ import annotations

import shlex
import sys

from e2e.kind import cluster


def main(arguments: list[str]) -> int:
    """0 when it was done, 1 with one line why not, 2 for another verb."""
    missing = cluster.missing()
    if missing:
        print("kind cannot be used here; what is missing: " + "; ".join(missing), file=sys.stderr)
        return 1
    try:
        match arguments:
            case ["up"]:
                cluster.up()
            case ["down"]:
                cluster.down()
            case ["env"]:
                print("\n".join(f"export {name}={shlex.quote(value)}" for name, value in cluster.environment().items()))
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except cluster.KindError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
