"""A reader that asks nobody: each request is answered with the next line of a script, given as a file of JSON lines.

    {"say": {…}}   answered as it stands         {"die": 3}   ends with this code          {"garbage": "…"}   no JSON at all

It is a program of its own, as the real one is, so that dying and restarting are real too. The file shrinks as it is used.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main() -> None:
    script = Path(sys.argv[1])
    for request in sys.stdin:
        with script.with_suffix(".asked").open("a") as asked:
            asked.write(request)
        first, *rest = script.read_text().splitlines()
        script.write_text("\n".join(rest))
        line = json.loads(first)
        if "die" in line:
            sys.exit(line["die"])
        print(line.get("garbage") or json.dumps(line["say"]), flush=True)


if __name__ == "__main__":
    main()
