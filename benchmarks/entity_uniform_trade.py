"""Entities drawn by class or by entity: what each gives in macro and micro-F1.

    python benchmarks/entity_uniform_trade.py [--domains politics ai] [--seeds 0 1 2 3 4]

CrossNER's domains have many types, some of them rare. Gold are 100 sentences of a domain's train and dev
files taken together. The model is no language model: a server on this machine answers with the other
sentences of these files, whose mentions are replaced by the entities asked for, and names other entities out
of them. So this shows what the two ways of drawing do where everything else is as good as gold, and nothing
about what any model writes. A CRF is trained on gold and on what the release publishes, put together, and
tested on the domain's test file.
"""

from __future__ import annotations

import argparse
import json
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from random import Random
from statistics import mean, stdev
from tempfile import TemporaryDirectory
from typing import Any, cast

from synthner.builders.build import build
from synthner.evaluation.crf import CrfTagger
from synthner.evaluation.scoring import Score, score
from synthner.evaluation.training_data import training_data
from synthner.generation.generate import generate
from synthner.generation.methods.entity_lists import Entity, Surface
from synthner.generation.methods.gold_words import GoldWords
from synthner.generation.methods.typed_mentions import (
    parse_typed_mentions,
    render_entity,
    render_typed_mentions,
    render_with_entities,
    type_names,
)
from synthner.release import read_release
from synthner.schema.example import Example
from synthner.schema.labels import LabelSet
from synthner.sources.readers import read_examples

CROSSNER = Path(__file__).resolve().parents[2] / "shared" / "data" / "crossner"
GOLD = 100
DRAWS = ("class-uniform", "entity-uniform")
ALONE = "gold alone"


class ScriptedModel:
    """Answers the method's prompts with sentences and entities of gold that the release does not have.

    Args:
        sentences: What it knows.
        labels: The label set.
    """

    def __init__(self, sentences: Sequence[Example], labels: LabelSet) -> None:
        self._sentences = sentences
        self._names = type_names(labels.types)
        self._words = GoldWords(example.tokens for example in sentences)
        self._entities: dict[str, list[Surface]] = defaultdict(list)
        for example in sentences:
            for mention in example.mentions:
                self._entities[mention.type].append(example.tokens[mention.start : mention.end])
        self._types = [Counter(mention.type for mention in example.mentions) for example in sentences]

    def answer(self, prompt: str) -> str:
        """Answer the last turn of a chat; the same turn alike."""
        chance = Random(sha256(prompt.encode()).hexdigest())
        if prompt.startswith("Entities: "):
            listed = prompt.removeprefix("Entities: ").replace('"), ', '") ')
            tokens, tags = parse_typed_mentions(listed, self._names, self._words)
            mentions = Example("", tuple(tokens), tuple(tags)).mentions
            return self._around([(one.type, tuple(tokens[one.start : one.end])) for one in mentions], chance)
        tokens, tags = parse_typed_mentions(prompt.replace('(such as:"', '("'), self._names, self._words)
        return render_with_entities(
            tokens,
            tags,
            lambda mention: render_entity(
                self._names[mention.type],
                chance.choice(self._entities[mention.type] or [tuple(tokens[mention.start : mention.end])]),
            ),
        )

    def _around(self, entities: Sequence[Entity], chance: Random) -> str:
        """Put entities into the sentence that has most places for them, and fewest others."""
        wanted = Counter(type_ for type_, _ in entities)
        fit = [
            ((wanted & types).total() - 0.5 * (types - wanted).total(), chance.random())
            for types in self._types
        ]
        example = self._sentences[max(range(len(fit)), key=fit.__getitem__)]
        left: dict[str, list[Surface]] = defaultdict(list)
        for type_, surface in entities:
            left[type_].append(surface)
        tokens: list[str] = []
        tags: list[str] = []
        done = 0
        for mention in example.mentions:
            surface = example.tokens[mention.start : mention.end]
            if left[mention.type]:
                surface = left[mention.type].pop()
            between = example.tokens[done : mention.start]
            tokens += (*between, *surface)
            tags += ("O",) * len(between)
            tags += (f"B-{mention.type}", *[f"I-{mention.type}"] * (len(surface) - 1))
            done = mention.end
        tokens += example.tokens[done:]
        tags += ("O",) * (len(tokens) - len(tags))
        return render_typed_mentions(tokens, tags, self._names)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = cast(Any, self.server).model.answer(request["messages"][-1]["content"])
        message = {"role": "assistant", "content": text}
        body = json.dumps(
            {
                "id": "1",
                "object": "chat.completion",
                "model": "scripted",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


def published(gold: Sequence[Example], model: ScriptedModel, labels: LabelSet, draw: str) -> list[Example]:
    """Return what a release publishes with one way of drawing."""
    import pyarrow.parquet as pq

    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    cast(Any, server).model = model
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        with TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "train.conll").write_text(
                "\n\n".join(
                    "\n".join(f"{token}\t{tag}" for token, tag in zip(one.tokens, one.ner_tags, strict=True))
                    for one in gold
                )
                + "\n",
                encoding="utf-8",
            )
            release = {
                "name": "trade",
                "seed": 1,
                "languages": {"en": {"gold": {"files": {"train": "train.conll"}}, "labels": labels.types}},
                "generators": {
                    "guided": {
                        "method": "entity_guided",
                        "engine": "openai",
                        "model": "scripted",
                        "openai": {
                            "base_url": f"http://127.0.0.1:{server.server_address[1]}/v1",
                            "concurrency": 4,
                        },
                        "entity_guided": {"draw": draw},
                    }
                },
            }
            (folder / "release.yaml").write_text(json.dumps(release), encoding="utf-8")
            read = read_release(folder)
            generate(read)
            build(read)
            rows = [
                row
                for path in sorted((read.dataset / "en_guided").glob("train-*.parquet"))
                for row in pq.read_table(path).to_pylist()
            ]
    finally:
        server.shutdown()
        server.server_close()
    return [Example(row["id"], tuple(row["tokens"]), tuple(labels.decode(row["ner_tags"]))) for row in rows]


def cell(domain: str, seed: int) -> dict[str, Score]:
    """Return the scores of one sample of gold: alone, and with what each way of drawing gives."""
    files = {path.name.partition(".")[0]: path for path in (CROSSNER / domain).iterdir()}
    pool = [
        example
        for split in ("train", "dev")
        for example in training_data(read_examples(files[split])).examples
    ]
    test = training_data(read_examples(files["test"])).examples
    labels = LabelSet.of_tags(tag for example in pool for tag in example.ner_tags)
    Random(seed).shuffle(pool)
    gold, rest = pool[:GOLD], pool[GOLD:]
    model = ScriptedModel(rest, labels)
    data = {ALONE: [], **{draw: published(gold, model, labels, draw) for draw in DRAWS}}
    return {name: tested([*gold, *synthetic], test) for name, synthetic in data.items()}


def tested(train: Iterable[Example], test: Sequence[Example]) -> Score:
    """Return the score of a CRF."""
    predicted = CrfTagger.train(train).tag(example.tokens for example in test)
    return score([example.ner_tags for example in test], predicted)


def show(domain: str, cells: Sequence[Mapping[str, Score]]) -> None:
    """Print the means of a domain, and how the two ways differ."""
    for name in (ALONE, *DRAWS):
        micro, macro = ([getattr(one[name], kind).f1 for one in cells] for kind in ("micro", "macro"))
        print(f"| {domain} | {name} | {mean(micro):.3f} | {mean(macro):.3f} |")
    for kind in ("micro", "macro"):
        differences = [getattr(one[DRAWS[0]], kind).f1 - getattr(one[DRAWS[1]], kind).f1 for one in cells]
        error = stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else 0.0
        above = sum(difference > 0 for difference in differences)
        print(
            f"{domain}: {DRAWS[0]} − {DRAWS[1]} in {kind}-F1: {mean(differences):+.4f} "
            f"± {error:.4f}, above 0 in {above} of {len(differences)}"
        )


def main() -> None:
    """Measure cell by cell, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--domains", nargs="+", default=["politics", "ai"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    arguments = parser.parse_args()
    os.environ.setdefault("OPENAI_API_KEY", "none")
    cells: dict[str, list[Mapping[str, Score]]] = defaultdict(list)
    for domain, seed in product(arguments.domains, arguments.seeds):
        cells[domain].append(cell(domain, seed))
        figures = (f"{name} {one.micro.f1:.3f} {one.macro.f1:.3f}" for name, one in cells[domain][-1].items())
        print(f"{domain} seed {seed} (micro, macro):", *figures, sep="  ", flush=True)
    print("\n| domain | data | micro-F1 | macro-F1 |\n|---|---|---:|---:|")
    for domain, of_domain in cells.items():
        show(domain, of_domain)


if __name__ == "__main__":
    main()
