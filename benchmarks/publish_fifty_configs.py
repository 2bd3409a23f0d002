"""Publish fifty configs in one commit, beside a loop of `push_to_hub`; print requests, bytes and seconds.

    python benchmarks/publish_fifty_configs.py [--configs 50] [--xet]

Each goes to a loopback Hub of its own: `synthner publish` twice (the second time nothing has changed),
and `Dataset.push_to_hub(config_name=…)` for every config and split, twice as well. Each side runs in a
process of its own, start-up and imports included; `synthner publish` also loads back what is new.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from synthner.hub.loopback import LoopbackHub, Request

QUICKSTART = Path(__file__).resolve().parents[1] / "examples" / "quickstart"
USER = "bench"

PUSH_EACH = """
import sys
from datasets import load_dataset, get_dataset_config_names
folder, name = sys.argv[1:]
for config in get_dataset_config_names(folder):
    for split, rows in load_dataset(folder, config).items():
        rows.push_to_hub(name, config_name=config, split=split)
"""


def write_release(folder: Path, configs: int) -> None:
    """Write a release of the quickstart's language with many generators, all of which read its responses."""
    generator = f"""
    method: seeded
    engine: recorded
    model: recorded
    examples: 5
    datapoints: 10
    calls: {{train: 12, validation: 3}}
    recorded: {{responses: "{QUICKSTART}/responses/{{language}}_{{split}}.jsonl"}}
"""
    names = "".join(f"  g{number:03}:{generator}" for number in range(configs))
    text = (QUICKSTART / "release.yaml").read_text(encoding="utf-8").partition("generators:")[0]
    text = text.replace("gold/", f"{QUICKSTART}/gold/").replace("your-name/", f"{USER}/")
    (folder / "release.yaml").write_text(f"{text}generators:\n{names}", encoding="utf-8")


def run(command: Sequence[str], environment: dict[str, str]) -> float:
    """Run a command; return its seconds."""
    begin = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return time.perf_counter() - begin


def describe(what: str, requests: Sequence[Request], seconds: float) -> str:
    """Return a line of the table."""
    commits = sum(request.kind == "commit" for request in requests)
    uploads = sum(request.kind in ("lfs-upload", "xet-token") for request in requests)
    sent = sum(request.received for request in requests)
    return f"| {what} | {len(requests):,} | {commits:,} | {uploads:,} | {sent / 1024:,.0f} | {seconds:.1f} |"


def main() -> None:
    """Measure both sides, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configs", type=int, default=50)
    parser.add_argument("--xet", action="store_true", help="Large files go to a Xet storage, not by LFS.")
    arguments = parser.parse_args()
    print("| | requests | commits | uploads | KiB sent | seconds |\n|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_release(folder, arguments.configs)
        synthner = [sys.executable, "-c", "from synthner.cli import main; main()"]
        run([*synthner, "run", str(folder)], dict(os.environ))
        push = [sys.executable, "-c", PUSH_EACH, str(folder / "dataset"), f"{USER}/pushed"]
        sides = {
            "synthner publish": [*synthner, "publish", str(folder)],
            "push_to_hub, config by config": push,
        }
        for number, (what, command) in enumerate(sides.items()):
            # A Hub of its own: what one side has uploaded would not be sent again by the other.
            with LoopbackHub(folder / f"hub-{number}", xet=arguments.xet) as hub:
                environment = os.environ | hub.environment(hub.add_user(USER), folder / f"home-{number}")
                for time_ in (what, "the same again"):
                    before = len(hub.requests)
                    seconds = run(command, environment)
                    print(describe(time_, hub.requests[before:], seconds), flush=True)


if __name__ == "__main__":
    main()
