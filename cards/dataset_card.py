"""The dataset card: `README.md`, rendered from the manifest.

The card computes nothing and knows nothing that the manifest does not hold. Every text that is not this
program's own passes through a function of `markdown`; the template refuses any other.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..schema.errors import DataError
from ..schema.iob2 import mentions
from ..schema.manifest import generated_configs, joint_configs, read_manifest
from ..schema.methods import OFFLINE, has_soft_labels
from ..schema.waterfall import EXAMPLES_A_STEP, STEPS
from ..sources.files import write_atomically
from . import card_tables
from .front_matter import front_matter, one_line
from .kept_text import kept_text
from .markdown import Markdown, cell, code, count, fenced, prose, share
from .method_findings import method_findings
from .method_texts import METHODS_ON_TEXT, method_texts, origin_text
from .rendering import rendered_card, template
from .waterfall_table import waterfall_markdown

CARD = "README.md"
SAMPLES_A_CONFIG = 3
WORDS_A_SAMPLE = 60
LETTERS_A_WORD = 100


def render_dataset_card(manifest: Mapping[str, Any], existing: str | None = None, where: str = CARD) -> str:
    """Render the card of a built dataset.

    Args:
        manifest: A valid manifest.
        existing: The card as it is now. What people wrote outside its generated part is kept, and so are
            metadata keys that are not generated.
        where: How an error names the card as it is now.

    Raises:
        DataError: If the existing card's front matter or marks are broken.
    """
    return rendered_card(front_matter(manifest), _body(manifest), existing, where)


def write_card(dataset: Path) -> Path:
    """Write the card of a built dataset beside its manifest, unless the same card is there already.

    What people wrote into it is kept.

    Args:
        dataset: The folder that was built.

    Returns:
        The path of the card.

    Raises:
        DataError: If there is no valid manifest, or a card that is there cannot be read.
    """
    card = dataset / CARD
    former = _read_card(card)
    text = render_dataset_card(read_manifest(dataset), former, str(card))
    if text != former:
        with write_atomically(card) as stream:
            stream.write(text)
    return card


def card_to_publish(dataset: Path, published: Path, manifest: Mapping[str, Any] | None = None) -> str:
    """Return the card of a built dataset with what people wrote into it, here or where it is published.

    Args:
        dataset: The folder that was built.
        published: The published card; there may be none yet.
        manifest: The manifest that is published, where it is not the built one.

    Raises:
        DataError: If people wrote different things into the two: neither may get lost.
    """
    built = _read_card(dataset / CARD)
    kept = card_to_keep(built, _read_card(published), str(dataset / CARD), str(published))
    return render_dataset_card(manifest or read_manifest(dataset), kept)


def card_to_keep(built: str | None, published: str | None, built_at: str, published_at: str) -> str | None:
    """Return the card, built or published, that people wrote into; the built one if none has been.

    Args:
        built: The built card.
        published: The published card.
        built_at: How an error names the built one.
        published_at: And the published one.

    Raises:
        DataError: If people wrote different things into the two: neither may get lost. If the front matter or
            the marks of one are broken.
    """
    written_here = _written_by_people(built, built_at)
    written_there = _written_by_people(published, published_at)
    if written_here and written_there and written_here != written_there:
        raise DataError(
            "people wrote different text into the built card and into the published one",
            where=f"{built_at}, {published_at}",
            hint="Bring the text around the generated part to what you want in both.",
        )
    return published if written_there else built


def _written_by_people(card: str | None, where: str) -> str:
    kept = kept_text(card, where)
    return f"{kept.before.strip()}\n{kept.after.strip()}".strip()


def _read_card(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError("the card is not UTF-8 text", where=str(path), hint="Mend or remove it.") from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path)) from error


def _body(manifest: Mapping[str, Any]) -> str:
    filters = {
        "cell": cell,
        "code": code,
        "count": count,
        "fenced": fenced,
        "marked": _marked_sentence,
        "one_line": one_line,
        "period": _period,
        "prose": prose,
        "share": share,
        "waterfall": waterfall_markdown,
        "labels_table": card_tables.labels_table,
        "lines": _lines,
    }
    configs = manifest["configs"]
    generated = generated_configs(manifest)
    gold = _distinct_gold(manifest)
    of_gold = (facts["citation"] for _, facts in gold)
    return template("dataset_card.md.jinja", filters).render(
        manifest=manifest,
        release=manifest["release"],
        configs=configs,
        first_config=next(iter(configs)),
        provenance_files=_pattern(configs[next(iter(configs))]["provenance"]["files"]),
        sharded_provenance=any(len(config["provenance"]["files"]) > 1 for config in configs.values()),
        pinned=f', revision="v{manifest["version"]}"' if "version" in manifest else "",
        tables=card_tables,
        generated=generated,
        joint=joint_configs(manifest),
        method_texts=method_texts(generated.values()),
        method_findings=method_findings(generated),
        origin=origin_text(generated.values()),
        dropped_splits=[
            (name, split, reason)
            for name, config in configs.items()
            for split, reason in config["splits_left_out"].items()
        ],
        other_seeds=_seeds_from_other_splits(manifest),
        prompts=_distinct_prompts(manifest),
        samples={name: _samples(config) for name, config in configs.items()},
        step_examples={name: _step_examples(config) for name, config in configs.items()},
        gold=gold,
        curated={name: config for name, config in generated.items() if config["curation"] is not None},
        soft=[name for name, config in generated.items() if has_soft_labels(config["method"])],
        real_text=[name for name, config in generated.items() if config["method"] in METHODS_ON_TEXT],
        citations=list(dict.fromkeys(filter(None, [*_citations_of_texts(generated), *of_gold]))),
    )


def _citations_of_texts(generated: Mapping[str, Any]) -> list[str | None]:
    """Return the citations of what configs publish sentences of besides their own gold."""
    found = [(config["method"], config.get("method_findings", {})) for config in generated.values()]
    of_texts = [findings.get("citation") for method, findings in found if method in METHODS_ON_TEXT]
    sources = [findings["source_gold"] for _, findings in found if "source_gold" in findings]
    return [*of_texts, *(source["citation"] for source in sources)]


def _pattern(shards: Sequence[Mapping[str, Any]]) -> str:
    """Return what names all shards of a table, and no other file, for `data_files`."""
    first = shards[0]["file"]
    return first if len(shards) == 1 else first.replace("-00000-of-", "-?????-of-")


def _marked_sentence(sample: Mapping[str, Any]) -> Markdown:
    """Show a datapoint as a sentence with its mentions in bold and their types below the line."""
    spans = {span.start: span for span in mentions(sample["ner_tags"])}
    words = [cell(_shortened(token)) for token in sample["tokens"]]
    shown, position = [], 0
    while position < min(len(words), WORDS_A_SAMPLE):
        span = spans.get(position)
        end = span.end if span else position + 1
        text = " ".join(words[position:end])
        shown.append(f"<b>{text}</b><sub>{cell(span.type)}</sub>" if span else text)
        position = end
    if position < len(words):
        shown.append("…")
    sentence = " ".join(shown)
    # Labels in Latin letters would otherwise cut a sentence that runs from right to left into pieces.
    return Markdown(f'<span dir="auto">{sentence}</span>' if _runs_right_to_left(sample) else sentence)


def _runs_right_to_left(sample: Mapping[str, Any]) -> bool:
    return any(
        unicodedata.bidirectional(letter) in ("R", "AL") for token in sample["tokens"] for letter in token
    )


def _shortened(word: str) -> str:
    return word if len(word) <= LETTERS_A_WORD else word[: LETTERS_A_WORD - 1] + "…"


def _period(asked: Mapping[str, float]) -> Markdown:
    first, last = (datetime.fromtimestamp(asked[end], UTC).date().isoformat() for end in ("first", "last"))
    return Markdown(first if first == last else f"{first} to {last}")


def _samples(config: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    samples = [sample for split in config["splits"].values() for sample in split["samples"]]
    return samples[:SAMPLES_A_CONFIG]


def _lines(examples: Sequence[str]) -> str:
    return "\n".join(map(one_line, examples))


def _step_examples(config: Mapping[str, Any]) -> str:
    examples: dict[str, list[str]] = {step: [] for step in STEPS}
    for split, steps in config["waterfall"].items():
        for step in steps:
            name = step["step"]
            examples[name] += [f"{name} ({split}): {one_line(example)}" for example in step["examples"]]
    return "\n".join(line for lines in examples.values() for line in lines[:EXAMPLES_A_STEP])


def _seeds_from_other_splits(manifest: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (name, split, config["seeds_from"][split])
        for name, config in generated_configs(manifest).items()
        for split in config["waterfall"]
        if config["seeds_from"].get(split, "train") != "train"
    ]


def _distinct_prompts(manifest: Mapping[str, Any]) -> list[tuple[Sequence[str], Mapping[str, Any] | None]]:
    """Return the configs that share each prompt, and the prompt; None where it is not known."""
    names: dict[str, list[str]] = {}
    for name, config in generated_configs(manifest).items():
        if config["engine"] != OFFLINE:
            names.setdefault(json.dumps(config["prompt"]), []).append(name)
    return [(sharing, json.loads(prompt)) for prompt, sharing in names.items()]


def _distinct_gold(manifest: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    distinct = {
        json.dumps((config["language"]["name"], config["gold"]), sort_keys=True): (
            config["language"]["name"],
            config["gold"],
        )
        for config in generated_configs(manifest).values()
    }
    return list(distinct.values())
