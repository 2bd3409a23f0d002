import gzip
import json
import unicodedata
from collections import Counter

import pytest

from synthner.builders.salvaging import salvage_file
from synthner.schema.errors import DataError, WrongUsageError
from synthner.schema.iob2 import repair, violations
from synthner.schema.labels import LabelSet
from synthner.schema.validation import first_error

LABELS = LabelSet.parse("O,B-PER,I-PER,B-ORG,I-ORG,B-LOC,I-LOC")
WITH_DATES = LabelSet.parse("O,B-PER,I-PER,B-ORG,I-ORG,B-LOC,I-LOC,B-DATE,I-DATE")
MODELS = ("gpt-4", "Llama-3.1-8B-Instruct", "aya-expanse-32b")
# What the authors' rule leaves of the 250 training calls.
PUBLISHED = {
    "gpt-4": {"yor": 4187, "da": 4112, "sv": 4215, "ta": 4944},
    "Llama-3.1-8B-Instruct": {"yor": 2531, "da": 3051, "sv": 3059, "ta": 3046},
    "aya-expanse-32b": {"yor": 406, "da": 579, "sv": 613, "ta": 189},
}
UNSOUND = frozenset(("Cc", "Cs", "Cn", "Co"))


def _rows(path):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _is_sound(tokens):
    return bool(tokens) and all(
        isinstance(token, str)
        and token.strip()
        and "\ufffd" not in token
        and not any(unicodedata.category(character) in UNSOUND for character in token)
        for token in tokens
    )


def _raw(folder, *texts):
    path = folder / "raw.jsonl"
    path.write_text("".join(json.dumps({"raw_output": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def test_every_object_is_written_or_rejected(tmp_path):
    raw = _raw(
        tmp_path,
        '{"tokens": ["Ida", "ler"], "ner_tags": [2, 0]} {"tokens": ["Ida"], "ner_tags": [9]} {"tokens": ["Bo',
        json.dumps([{"tokens": ["Bo"], "ner_tags": ["B-PER"]}, {"tokens": ["\ud800"], "ner_tags": [0]}]),
        "no, I cannot",
    )

    outcome = salvage_file(raw, tmp_path / "out.jsonl", LABELS, rejects=tmp_path / "rejects.jsonl")

    assert _rows(tmp_path / "out.jsonl") == [
        {"id": "0-0", "tokens": ["Ida", "ler"], "ner_tags": ["B-PER", "O"]},
        {"id": "1-0", "tokens": ["Bo"], "ner_tags": ["B-PER"]},
    ]
    assert [(line["call"], line["item"], line["step"]) for line in _rows(tmp_path / "rejects.jsonl")] == [
        ("0", None, "parsed"),
        ("2", None, "parsed"),
        ("0", 1, "labels"),
        ("1", 1, "text"),
    ]
    assert outcome.as_json() == {
        "calls": 3,
        "returned": 5,
        "usable": 2,
        "steps": {
            "returned": {"kept": 5, "lost": 0},
            "parsed": {"kept": 4, "lost": 1},
            "schema": {"kept": 4, "lost": 0},
            "lengths": {"kept": 4, "lost": 0},
            "labels": {"kept": 3, "lost": 1},
            "iob2": {"kept": 3, "lost": 0},
            "text": {"kept": 2, "lost": 1},
        },
    }


def test_a_broken_file_leaves_the_old_outcome(tmp_path):
    raw = _raw(tmp_path, '{"tokens": ["Ida"], "ner_tags": [1]}')
    with raw.open("a") as lines:
        lines.write("no JSON\n")
    (tmp_path / "out.jsonl").write_text("old\n")

    with pytest.raises(DataError, match=r"raw\.jsonl:2"):
        salvage_file(raw, tmp_path / "out.jsonl", LABELS, rejects=tmp_path / "rejects.jsonl")

    assert (tmp_path / "out.jsonl").read_text() == "old\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.jsonl", "raw.jsonl"]


def test_the_responses_are_not_overwritten(tmp_path):
    raw = _raw(tmp_path, "[]")
    with pytest.raises(WrongUsageError, match="three different files"):
        salvage_file(raw, raw, LABELS)
    with pytest.raises(WrongUsageError, match="no rule `papier`"):
        salvage_file(raw, tmp_path / "out.jsonl", LABELS, rule="papier")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("language", ["yor", "da", "sv", "ta"])
def test_real_responses(tmp_path, shared, model, language):
    labels = WITH_DATES if language == "yor" else LABELS
    folder = shared / "data" / "llm_responses" / "kamath_vajjala" / model
    [raw] = folder.glob(f"{language}_train_*_raw*")
    [final] = (folder / "final").glob(f"{language}-*_train.jsonl*")

    outcome = salvage_file(raw, tmp_path / "out.jsonl", labels, rejects=tmp_path / "rejects.jsonl.gz")
    paper = salvage_file(raw, tmp_path / "paper.jsonl", labels, rule="paper")

    assert paper.usable == PUBLISHED[model][language] == len(_rows(tmp_path / "paper.jsonl"))
    rows = _rows(tmp_path / "out.jsonl")
    assert len(rows) == outcome.usable
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        assert _is_sound(row["tokens"])
        assert len(row["tokens"]) == len(row["ner_tags"])
        assert violations(row["ner_tags"]) == []
    assert first_error("datapoint", rows[0]) is None
    rejected = [line for line in _rows(tmp_path / "rejects.jsonl.gz") if line["item"] is not None]
    assert len(rows) + len(rejected) == outcome.steps["parsed"].kept

    published = Counter((tuple(row["tokens"]), tuple(row["ner_tags"])) for row in rows)
    authors = Counter(
        (tuple(row["tokens"]), repair(labels.decode(row["ner_tags"]), "conlleval").tags)
        for row in _rows(final)
        if _is_sound(row["tokens"])
        # The authors' set holds Python's word for `null`, where the model gave no token.
        and "None" not in row["tokens"]
    )
    assert authors - published == Counter()


def test_a_call_that_failed_is_told_from_a_model_with_nothing_to_say(tmp_path):
    raw, rejects = tmp_path / "raw.jsonl", tmp_path / "rejects.jsonl"
    raw.write_text(
        '{"response": null, "error": {"message": "expired"}}\n'
        '{"choices": [{"message": {"content": null}}]}\n',
        encoding="utf-8",
    )

    outcome = salvage_file(raw, tmp_path / "out.jsonl", LabelSet.of_types(["PER"]), rejects=rejects)

    assert (outcome.calls, outcome.returned, outcome.usable) == (2, 0, 0)
    reasons = [json.loads(line)["reason"] for line in rejects.read_text(encoding="utf-8").splitlines()]
    assert reasons == ["call failed", "empty response"]
