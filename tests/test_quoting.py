"""What manifest and card may quote: nothing of held-out gold, in whatever shape a model repeats it."""

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from synthner.builders.build import build
from synthner.builders.quoting import NOT_QUOTED, Quoting
from synthner.cards.dataset_card import write_card
from synthner.generation.calls import Call, Reply
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.release import Release, read_release
from synthner.schema.accents import without_accents
from synthner.schema.example import Example

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
HELD_OUT = "Sørine Ærøboe flyttede sidste efterår til Nørre Snede ."
SHORT = "Ærøboe ror ."
GOLD = {
    "train": ["Grete bor i Horsens .", "Palle sejler mod Samsø i dag ."],
    "validation": [SHORT],
    "test": [HELD_OUT],
}
WORDS = HELD_OUT.split()
TAGS = [1, 2, 0, 0, 0, 0, 3, 4, 0]
TAGGED = list(zip(WORDS, TAGS, strict=True))
SOUND = {"tokens": ["Villads", "hugger", "brænde", "ved", "Tønder"], "ner_tags": [1, 0, 0, 0, 3]}


def write_release(folder: Path, answers: Sequence[str]) -> Release:
    """Write a release of recorded answers for Danish, with gold that has all splits."""
    for split, sentences in GOLD.items():
        blocks = [
            "\n".join(f"{word} {'B-PER' if number == 0 else 'O'}" for number, word in enumerate(each.split()))
            for each in sentences
        ]
        (folder / f"{split}.conll").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    lines = [json.dumps({"call_idx": index, "raw_output": answer}) for index, answer in enumerate(answers)]
    (folder / "train.jsonl").write_text("\n".join(lines), encoding="utf-8")
    release = {
        "name": "acme/names",
        "seed": 1,
        "languages": {
            "da": {"labels": ["PER", "LOC"], "gold": {"files": {split: f"{split}.conll" for split in GOLD}}}
        },
        "generators": {
            "gpt": {
                "method": "seeded",
                "engine": "recorded",
                "model": "small",
                "format": "paper",
                "recorded": {"responses": "{split}.jsonl"},
            }
        },
    }
    (folder / "release.yaml").write_text(json.dumps(release), encoding="utf-8")
    return read_release(folder)


def described(release: Release) -> str:
    """Return all that is published of a release beside its rows."""
    card = write_card(release.dataset)
    return card.read_text("utf-8") + (release.dataset / "manifest.json").read_text("utf-8")


def row(tokens: Sequence[str], tags: Sequence[int]) -> dict[str, Any]:
    return {"tokens": list(tokens), "ner_tags": list(tags)}


LOSSES = {
    "parsed": json.dumps([row(WORDS, TAGS)], ensure_ascii=False)[:-20],
    "schema": json.dumps([{"tokens": WORDS}], ensure_ascii=False),
    "lengths": json.dumps([row(WORDS, TAGS[1:])], ensure_ascii=False),
    "iob2": json.dumps([row(WORDS, [2, *TAGS[1:]])], ensure_ascii=False),
    "text": json.dumps([row([*WORDS, "\ufffd"], [*TAGS, 0])], ensure_ascii=False),
    "duplicates": json.dumps([row(WORDS, TAGS)] * 2, ensure_ascii=False),
    "contamination": json.dumps([row(WORDS, TAGS)], ensure_ascii=False),
}


@pytest.mark.parametrize("step", LOSSES)
def test_what_a_step_loses_of_held_out_gold_is_counted_and_not_quoted(tmp_path: Path, step: str) -> None:
    release = write_release(tmp_path, [json.dumps([SOUND], ensure_ascii=False), LOSSES[step]])
    generate(release)

    manifest = build(release)

    of_step = next(
        found for found in manifest["configs"]["da_gpt"]["waterfall"]["train"] if found["step"] == step
    )
    assert of_step["lost"] or of_step["notes"]["repaired"]
    assert of_step["examples"]
    assert all(example.endswith(NOT_QUOTED) for example in of_step["examples"])
    published = described(release)
    assert NOT_QUOTED in published
    assert "Sørine" not in published
    assert "Villads" in published


def test_other_losses_are_quoted_as_they_are(tmp_path: Path) -> None:
    lost = row(["Bodil", "fanger", "en", "gedde"], [1, 0])
    release = write_release(tmp_path, [json.dumps([SOUND, lost], ensure_ascii=False)])
    generate(release)

    build(release)

    assert '"Bodil", "fanger", "en", "gedde"' in described(release)
    assert NOT_QUOTED not in described(release)


def test_a_row_that_nearly_repeats_held_out_gold_is_no_sample(tmp_path: Path) -> None:
    near = row([*WORDS[:-1], "igen", "."], [*TAGS, 0])
    release = write_release(tmp_path, [json.dumps([near, SOUND], ensure_ascii=False)])
    generate(release)

    manifest = build(release)

    split = manifest["configs"]["da_gpt"]["splits"]["train"]
    assert split["examples"] == 2
    assert [sample["tokens"] for sample in split["samples"]] == [SOUND["tokens"]]
    assert "Sørine" not in described(release)


def test_a_prompt_is_shown_without_the_held_out_gold_in_it(tmp_path: Path) -> None:
    release = write_release(tmp_path, [])
    shown = json.dumps(row(WORDS, TAGS), ensure_ascii=False)
    call = Call(
        config="da_gpt",
        split="train",
        index=0,
        engine="openai",
        model="small",
        messages=({"role": "user", "content": f"Write sentences like this one:\n{shown}\nBe brief."},),
        schema=None,
        sampling={},
        base_url="http://localhost:1/v1",
        seed_ids=(),
        seed_revision="",
        datapoints=1,
    )
    with Journal(release.journal) as journal:
        journal.plan("da_gpt", [call])
        journal.record(call, Reply("{}", json.dumps([SOUND]), "small", {}, "stop", None, 1.0, 2.0))

    manifest = build(release)

    prompt = f"Write sentences like this one:\n[{NOT_QUOTED}]\nBe brief."
    assert manifest["configs"]["da_gpt"]["prompt"]["user"] == prompt
    assert "Sørine" not in described(release)


@pytest.mark.parametrize(
    "text",
    [
        HELD_OUT,
        HELD_OUT.upper(),
        HELD_OUT.replace(" ", ""),
        unicodedata.normalize("NFD", HELD_OUT),
        "\u200b".join(HELD_OUT),
        json.dumps({"tokens": WORDS}),
        json.dumps([[word, LABELS[tag]] for word, tag in zip(WORDS, TAGS, strict=True)]),
        " ".join(f"{word}/{LABELS[tag]}" for word, tag in zip(WORDS, TAGS, strict=True)),
        "\n".join(f"{word}\t{tag}" for word, tag in zip(WORDS, TAGS, strict=True)),
        f"I går sagde hun: {HELD_OUT[:50]}",
        SHORT,
        json.dumps(row(SHORT.split(), [1, 0, 0])),
        json.dumps({"words": [{"token": word, "label": LABELS[tag]} for word, tag in TAGGED]}),
        json.dumps([{"id": number, "text": word, "ner_tag": "O"} for number, word in enumerate(WORDS)]),
        json.dumps("\n".join(f"{word}\t{LABELS[tag]}" for word, tag in TAGGED)),
        'Person("Ærøboe") ror .',
        HELD_OUT.replace("ø", "&oslash;"),
        without_accents(HELD_OUT),
    ],
    ids=[
        "as it is", "upper case", "without spaces", "decomposed", "invisible characters", "escaped JSON",
        "pairs", "labels after words", "columns", "a part of it", "short", "short, as JSON",
        "words of structured output", "words with numbers", "columns in JSON", "names of types",
        "entities of HTML", "without accents",
    ],
)  # fmt: skip
def test_a_sentence_is_recognised_however_it_is_written(text: str) -> None:
    gold = {
        split: [Example(split, tuple(text.split()), ()) for text in texts] for split, texts in GOLD.items()
    }
    assert not Quoting(gold, LABELS).allows(text)


@pytest.mark.parametrize(
    "text", ["", GOLD["train"][0], "Ærøboe ror til Nørre Snede .", "Nørre Snede", "[1, 2]"]
)
def test_what_gold_does_not_hold_out_may_be_quoted(text: str) -> None:
    gold = {
        split: [Example(split, tuple(text.split()), ()) for text in texts] for split, texts in GOLD.items()
    }
    assert Quoting(gold, LABELS).allows(text)
