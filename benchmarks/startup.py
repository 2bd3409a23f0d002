"""How long `synthner --help` takes, against a bare `import click`.

Run: python benchmarks/startup.py [RUNS]
Both run in turn in fresh processes; the ratio is taken pair by pair, so a drifting machine does not matter.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

HELP = [str(Path(sys.executable).parent / "synthner"), "--help"]
BARE = [sys.executable, "-c", "import click"]


def seconds(command: list[str]) -> float:
    """Run a command and return its wall time."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Print both medians and the median ratio."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for command in (HELP, BARE):
        seconds(command)
    pairs = [(seconds(HELP), seconds(BARE)) for _ in range(runs)]
    print(f"synthner --help  {statistics.median(a for a, _ in pairs) * 1000:6.1f} ms")
    print(f"import click     {statistics.median(b for _, b in pairs) * 1000:6.1f} ms")
    print(f"ratio            {statistics.median(a / b for a, b in pairs):6.2f}  (median of {runs} pairs)")


if __name__ == "__main__":
    main()
