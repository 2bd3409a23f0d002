"""Ask a server on this machine for thousands of answers: `synthner generate` beside bare clients.

    python benchmarks/generate_throughput.py [--calls 2000] [--in-flight 128] [--errors 0] [--rounds 3]

The server waits 200 ms and sends 6 KB; a request is about 2 KB. Measured is the whole process of each side,
start-up and imports included, each side in turn:

- `synthner generate`: plan, journal (each answer committed to the disk), accounting, progress;
- `AsyncOpenAI` with a semaphore, which appends each answer to a JSONL file;
- `OpenAI` in as many threads, which does the same.

With `--errors 0.1` every tenth request is refused at random (429, 500 or a dropped connection in turn); the
bare clients have their own retries. `requests` counts what the server saw.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LATENCY_SECONDS = 0.2
ANSWER_BYTES = 6 * 1024
SEED = 7
SIDES = ("synthner", "async", "threads")


@dataclass(frozen=True)
class Measured:
    """One whole process.

    Attributes:
        seconds: From its start to its end.
        first: Seconds from its start to the first request.
        cpu: Seconds of processor.
        peak: Most memory, in MiB.
        answered: Answers that it kept.
        requests: Requests that the server saw.
    """

    seconds: float
    first: float
    cpu: float
    peak: float
    answered: int
    requests: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--in-flight", type=int, default=128)
    parser.add_argument("--errors", type=float, default=0.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", nargs="*", default=SIDES, choices=SIDES)
    parser.add_argument("--client", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.errors)
    elif arguments.client:
        side, address = arguments.client
        bare_client(side, address, arguments.calls, arguments.in_flight)
    else:
        compare(arguments)


def compare(arguments: argparse.Namespace) -> None:
    """Run every side in turn, and print the medians."""
    ideal = arguments.calls / arguments.in_flight * LATENCY_SECONDS
    print(f"{platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(
        f"{arguments.calls:,} calls, {arguments.in_flight} in flight, {arguments.errors:.0%} errors; "
        f"ideal {ideal:.1f} s"
    )
    runs: dict[str, list[Measured]] = {side: [] for side in arguments.sides}
    for _ in range(arguments.rounds):
        for side in arguments.sides:
            runs[side].append(measure(side, arguments))
    print("| | seconds | first request | CPU seconds per 1,000 calls | peak MiB | answered | requests |")
    print("|---|---|---|---|---|---|---|")
    for side, measured in runs.items():
        of = {
            name: statistics.median(getattr(run, name) for run in measured)
            for name in Measured.__annotations__
        }
        print(
            f"| {side} | {of['seconds']:.2f} | {of['first']:.2f} | {1000 * of['cpu'] / arguments.calls:.2f} "
            f"| {of['peak']:.0f} | {of['answered']:,.0f} | {of['requests']:,.0f} |"
        )


def measure(side: str, arguments: argparse.Namespace) -> Measured:
    """Start a server and one side, and wait for its end."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--serve", "--errors", str(arguments.errors)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        path = Path(folder)
        own = ("--calls", str(arguments.calls), "--in-flight", str(arguments.in_flight))
        if side == "synthner":
            write_release(path, address, arguments.calls, arguments.in_flight)
            command = [str(Path(sys.executable).parent / "synthner"), "generate", "--json"]
        else:
            command = [sys.executable, str(Path(__file__).resolve()), "--client", side, address, *own]
        began = time.time()
        with (path / "output.json").open("w") as output:
            process = subprocess.Popen(command, cwd=path, stdout=output, stderr=subprocess.DEVNULL)
            _, _, used = os.wait4(process.pid, 0)
        seconds = time.time() - began
        told = json.loads((path / "output.json").read_text())
        seen = json.loads(server.communicate("\n")[0])
        return Measured(
            seconds=seconds,
            first=seen["first"] - began,
            cpu=used.ru_utime + used.ru_stime,
            peak=used.ru_maxrss / 1024,
            answered=told["answered"],
            requests=seen["requests"],
        )


def write_release(folder: Path, address: str, calls: int, in_flight: int) -> None:
    """Write a release whose prompts are about 2 KB, with invented gold sentences."""
    names = ("Ada", "Bo", "Cleo", "Dag", "Eva", "Finn", "Gry", "Hal")
    sentences = [
        f"{names[number % 8]} B-PER\nmoved O\nto O\nvillage O\nnumber O\n{number} O\nin O\nspring O"
        for number in range(200)
    ]
    (folder / "train.conll").write_text("\n\n".join(sentences) + "\n")
    release = {
        "name": "throughput",
        "seed": SEED,
        "languages": {"en": {"gold": {"files": {"train": "train.conll"}, "license": "cc0-1.0"}}},
        "generators": {
            "local": {
                "method": "seeded",
                "engine": "openai",
                "model": "none",
                "calls": {"train": calls},
                "openai": {"base_url": address, "concurrency": in_flight},
            }
        },
    }
    (folder / "release.yaml").write_text(json.dumps(release))


def bare_client(side: str, address: str, calls: int, in_flight: int) -> None:
    """Do what a script of thirty lines does; print how many answers it kept."""
    bodies = (
        {"model": "none", "messages": [{"role": "user", "content": f"{n} " + "x" * 2000}]}
        for n in range(calls)
    )
    with Path("answers.jsonl").open("w") as stream:
        kept = (
            threads(address, bodies, in_flight, stream)
            if side == "threads"
            else asyncio.run(side_by_side(address, bodies, in_flight, stream))
        )
    print(json.dumps({"answered": kept}))


def threads(address: str, bodies: Any, in_flight: int, stream: Any) -> int:
    """Ask with the blocking client in threads."""
    from openai import OpenAI, OpenAIError

    client = OpenAI(api_key="none", base_url=address)

    def ask(body: dict[str, Any]) -> int:
        try:
            answer = client.chat.completions.create(**body)
        except OpenAIError:
            return 0
        stream.write(answer.model_dump_json() + "\n")
        return 1

    with ThreadPoolExecutor(in_flight) as pool:
        return sum(pool.map(ask, bodies))


async def side_by_side(address: str, bodies: Any, in_flight: int, stream: Any) -> int:
    """Ask with the asynchronous client and a semaphore."""
    from openai import AsyncOpenAI, OpenAIError

    client = AsyncOpenAI(api_key="none", base_url=address)
    room = asyncio.Semaphore(in_flight)

    async def ask(body: dict[str, Any]) -> int:
        async with room:
            try:
                answer = await client.chat.completions.create(**body)
            except OpenAIError:
                return 0
            stream.write(answer.model_dump_json() + "\n")
            return 1

    return sum(await asyncio.gather(*map(ask, bodies)))


def serve(errors: float) -> None:
    """Answer until standard input ends; print the address first and what was seen last."""
    from aiohttp import web

    content = ('{"words": [["Ada", "B-PER"]]} ' * ANSWER_BYTES)[: ANSWER_BYTES - 300]
    message = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 500, "completion_tokens": 1500, "total_tokens": 2000}
    body = json.dumps(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "none",
            "choices": [message],
            "usage": usage,
        }
    ).encode()
    seen: dict[str, Any] = {"requests": 0, "first": 0.0}
    chance = random.Random(SEED)
    faults = itertools.cycle((429, 500, None))

    async def answer(request: web.Request) -> web.StreamResponse:
        seen["first"] = seen["first"] or time.time()
        seen["requests"] += 1
        await request.read()
        fails = chance.random() < errors
        await asyncio.sleep(LATENCY_SECONDS)
        if not fails:
            return web.Response(body=body, content_type="application/json")
        fault = next(faults)
        if fault is None and request.transport is not None:
            request.transport.close()
        return web.json_response({"error": {"message": "no"}}, status=fault or 500)

    async def run() -> None:
        application = web.Application(client_max_size=1 << 26)
        application.router.add_post("/v1/chat/completions", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
        await site.start()
        print(f"http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        print(json.dumps(seen))

    asyncio.run(run())


if __name__ == "__main__":
    main()
