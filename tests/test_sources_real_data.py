"""Corpora that nobody in this project wrote: every sentence, token and mention of them is found.

The counts were made apart from the readers: blocks and columns split by hand, mentions by seqeval.
"""

import re
import unicodedata
from pathlib import Path

import pytest

from synthner.schema.errors import DataError
from synthner.schema.labels import LabelSet
from synthner.sources.gold import GoldSource, load_gold
from synthner.sources.validation import Validation, validate_files

COUNTS = {
    "masakhaner2/yor/train.txt.gz": (6876, 175835, 11591),
    "masakhaner2/swa/test.txt.gz": (1883, 51179, 4330),
    "masakhaner2/hau/train.txt.gz": (5716, 153238, 9859),
    "uner/da_ddt/da_ddt-ud-train.iob2.gz": (4383, 80378, 3028),
    "uner/sv_talbanken/sv_talbanken-ud-train.iob2.gz": (4303, 66646, 967),
    "uner/en_pud/en_pud-ud-test.iob2.gz": (1000, 21176, 1075),
    "uner/sv_pud/sv_pud-ud-test.iob2.gz": (1000, 19076, 1029),
    "wikiann/yor/train.txt": (100, 564, 109),
    "wikiann/en/test.gz": (10000, 80326, 13958),
    "multiner_en_si_ta/Final_English.txt.gz": (3836, 105264, 9573),
    "multiner_en_si_ta/Final_Sinhala.txt.gz": (3836, 96102, 10184),
    "multiner_en_si_ta/Final_Tamil.txt.gz": (3836, 83067, 9610),
    "kannada_ka_ner/Kannada-test.txt.gz": (1507, 16330, 3035),
    "il_ner/Hindi/Hindi-train.txt.gz": (11076, 262857, 11827),
    "il_ner/Urdu/Urdu-test.txt.gz": (1096, 24196, 660),
    "crossner/politics/dev.txt.gz": (541, 24624, 3482),
    "crossner/ai/train.txt": (100, 3782, 532),
    "wnut17/wnut17train.conll.gz": (3394, 62730, 1975),
    "wnut17/emerging.test.annotated.gz": (1287, 23394, 1079),
    "wnut17/emerging.test.conll.gz": (1287, 23394, 995),
    "wnut17/submissions/uh_ritual.gz": (1287, 23394, 617),
    "bc5cdr/test.tsv.gz": (4797, 124750, 9809),
    "tweebank_ner/train.bio.gz": (1639, 24753, 979),
    "projection/europarl_ner/en-europarl.test.conll02.gz": (799, 22320, 702),
    "projection/europarl_ner/de-europarl.test.conll02.gz": (799, 20187, 693),
    "projection/t_projection/en.europarl.conll": (32, 844, 32),
}

PROBLEMS = {
    "masakhaner2/yor/train.txt.gz": {"orphan I- tag": 1, "not NFC": 104536, "zero-width character": 1},
    "masakhaner2/hau/train.txt.gz": {"I- tag of another type": 1, "replacement character": 2},
    "uner/da_ddt/da_ddt-ud-train.iob2.gz": {"orphan I- tag": 4, "I- tag of another type": 2},
    "uner/sv_talbanken/sv_talbanken-ud-train.iob2.gz": {"space in a token": 100},
    "wikiann/en/test.gz": {"prefix removed": 80326},
    "multiner_en_si_ta/Final_English.txt.gz": {"CRLF line end": 109099, "extra space": 3, "blank token": 3},
    "multiner_en_si_ta/Final_Sinhala.txt.gz": {"CRLF line end": 99937, "extra space": 5},
    "multiner_en_si_ta/Final_Tamil.txt.gz": {"CRLF line end": 86901, "extra space": 2},
    "il_ner/Hindi/Hindi-train.txt.gz": {"invalid tag": 150, "blank token": 1, "wrong columns": 1},
    "wnut17/wnut17train.conll.gz": {"separator not empty": 2394},
    "wnut17/emerging.test.conll.gz": {"two tags": 297},
    "wnut17/submissions/uh_ritual.gz": {"CRLF line end": 24679},
    "kannada_ka_ner/annotated.txt.gz": {"wrong columns": 28, "tag missing": 328},
    "tweebank_ner/train.bio.gz": {"DOCSTART line": 1, "unassigned character": 3},
}


def counts_of(validation: Validation) -> dict[str, int]:
    return {problem.kind: problem.count for problem in validation.problems}


@pytest.mark.parametrize("name", COUNTS)
def test_every_sentence_token_and_mention_is_found(shared: Path, name: str):
    validation = validate_files([shared / "data" / name])
    assert (validation.examples, validation.tokens, validation.entities) == COUNTS[name]


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_known_irregularity_is_reported(shared: Path, name: str):
    found = counts_of(validate_files([shared / "data" / name]))
    assert {kind: found.get(kind, 0) for kind in PROBLEMS[name]} == PROBLEMS[name]


def test_an_irregularity_is_where_the_report_says(shared: Path):
    path = shared / "data/masakhaner2/yor/train.txt.gz"
    first = next(
        problem.first for problem in validate_files([path]).problems if problem.kind == "orphan I- tag"
    )
    assert (first.file, first.line, first.label) == (str(path), 56179, "I-LOC")
    # The corpus writes letters and accents apart; this file writes them together.
    assert unicodedata.normalize("NFC", first.token or "") == unicodedata.normalize("NFC", "Ípájà")


@pytest.mark.parametrize(
    ("language", "leaked", "examples"), [("hau", 197, 1633), ("yor", 37, 1964), ("swa", 12, 1883)]
)
def test_what_leaks_from_train_to_test_is_counted(shared: Path, language: str, leaked: int, examples: int):
    folder = shared / "data/masakhaner2" / language
    train, test = folder / "train.txt.gz", folder / "test.txt.gz"
    both, alone = validate_files([train, test]), validate_files([train])
    assert counts_of(both)["sentence in an earlier file"] == leaked
    assert both.examples - alone.examples == examples


def test_tokens_without_tags_are_refused(shared: Path):
    with pytest.raises(DataError, match="one column and no tags"):
        validate_files([shared / "data/wnut17/emerging.test.gz"])


def test_recorded_data_with_integer_tags_needs_its_labels(shared: Path):
    path = next((shared / "data/llm_responses/kamath_vajjala/gpt-4/final").glob("sv-*_train.jsonl.gz"))
    with pytest.raises(DataError, match="integers"):
        validate_files([path])
    labels = LabelSet.of_types(["PER", "ORG", "LOC"])
    assert validate_files([path], labels=labels).examples == 4215


@pytest.mark.parametrize("language", ["yor", "swa", "hau"])
def test_masakhaner_is_gold_with_every_sentence(shared: Path, language: str):
    folder = shared / "data/masakhaner2" / language
    names = {"train": "train.txt.gz", "validation": "dev.txt.gz", "test": "test.txt.gz"}
    source = GoldSource(files={split: folder / name for split, name in names.items()})
    gold = load_gold(source, language)
    assert gold.labels == LabelSet.of_types(["PER", "ORG", "LOC", "DATE"])
    assert gold.report.count("sentence left out") == 0
    assert gold.report.count("I- tag repaired") == gold.report.count("orphan I- tag") + gold.report.count(
        "I- tag of another type"
    )
    assert re.fullmatch("sha256:[0-9a-f]{64}", gold.revision)


def test_sentences_with_invalid_tags_are_no_gold(shared: Path):
    path = shared / "data/il_ner/Hindi/Hindi-train.txt.gz"
    gold = load_gold(GoldSource(files={"train": path}), "hi")
    left_out = gold.report.count("sentence left out")
    assert left_out == 93
    assert len(gold.splits["train"]) == COUNTS["il_ner/Hindi/Hindi-train.txt.gz"][0] - left_out
