"""`make picture`: runs the demo and puts what it printed into the README, so that what is shown is what was seen."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from e2e.install import ROOT

README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "demo.svg"
TASTE = "predict --recording docs/story/outage.json --from 10.24.12.40 --to 10.24.9.31 udp/53"


def main() -> int:
    """Ends with the demo's own exit code."""
    with tempfile.TemporaryDirectory() as directory:
        sentence = Path(directory) / "described.txt"
        command = [sys.executable, "-m", "e2e.demo", "--picture", str(PICTURE), "--sentence", str(sentence)]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code:
            return code
        described = sentence.read_text()
    taste = subprocess.run(
        [sys.executable, "-m", "pathcheck", *TASTE.split()], cwd=ROOT, check=False, capture_output=True, text=True
    )
    text = README.read_text()
    text = with_block(text, "sentence", findings(described))
    text = with_block(text, "predict", taste.stdout)
    README.write_text(text)
    # The exporter names a font server, which would be asked by everybody who looks at the picture.
    svg = PICTURE.read_text()
    PICTURE.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL))
    return 0


def findings(described: str) -> str:
    """The part of `kubectl describe` from the findings to the firewall."""
    return described[described.index("  Findings:") : described.index("  Firewall:")]


def with_block(text: str, name: str, content: str) -> str:
    """The text with what stands between <!-- name --> and <!-- /name --> replaced."""
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = text.split(start)
    return f"{before}{start}```\n{content.rstrip()}\n```\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    sys.exit(main())
