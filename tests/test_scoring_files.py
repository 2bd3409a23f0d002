import json

import pytest
from seqeval.metrics import f1_score

from synthner.evaluation.prediction_files import read_predictions, score_files, write_predictions
from synthner.schema.errors import DataError
from synthner.schema.example import Example
from synthner.sources.readers import read_examples
from synthner.sources.report import Report
from synthner.tests.command_line import synthner

GOLD = "Ada B-PER\nOkoye I-PER\nsings O\n\nLagos B-LOC\nsleeps O\n\n"


@pytest.fixture
def gold(tmp_path):
    path = tmp_path / "gold.conll"
    path.write_text(GOLD, encoding="utf-8")
    return path


def predicted_file(tmp_path, text):
    path = tmp_path / "predicted.conll"
    path.write_text(text, encoding="utf-8")
    return path


def test_files_in_two_formats(gold, tmp_path):
    rows = [
        {"tokens": ["Ada", "Okoye", "sings"], "ner_tags": ["B-PER", "I-PER", "O"]},
        {"tokens": ["Lagos", "sleeps"], "ner_tags": ["B-PER", "O"]},
    ]
    predicted = tmp_path / "predicted.jsonl"
    predicted.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert score_files(gold, predicted).as_json() == {
        "micro": {"precision": 0.5, "recall": 0.5, "f1": 0.5},
        "macro": {"precision": 0.25, "recall": 0.5, "f1": pytest.approx(1 / 3)},
        "strict": {"precision": 0.5, "recall": 0.5, "f1": 0.5},
        "per_type": {
            "LOC": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "gold": 1, "predicted": 0, "correct": 0},
            "PER": {
                "precision": 0.5,
                "recall": 1.0,
                "f1": pytest.approx(2 / 3),
                "gold": 1,
                "predicted": 2,
                "correct": 1,
            },
        },
        "macro_types": ["LOC", "PER"],
    }


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("Ada B-PER\nOkoye I-PER\nsings O\n", "gold.conll:5", "no counterpart"),
        (GOLD + "More O\n", "predicted.conll:8", "no counterpart"),
        ("Ada B-PER\nOkoye I-PER\nsings O\n\nLagos B-LOC\n", "predicted.conll:5", "1 tokens, but 2"),
        (GOLD.replace("sleeps", "wakes"), "predicted.conll:6", "`wakes`, but `sleeps`"),
    ],
    ids=["sentence missing", "sentence too many", "token missing", "another token"],
)
def test_the_line_without_a_counterpart_is_named(gold, tmp_path, text, where, message):
    with pytest.raises(DataError, match=message) as raised:
        score_files(gold, predicted_file(tmp_path, text))
    assert raised.value.where is not None
    assert raised.value.where.endswith(where)


def test_a_row_with_too_few_tags_is_an_error_and_not_left_out(gold, tmp_path):
    predicted = tmp_path / "predicted.jsonl"
    predicted.write_text('{"tokens": ["Ada", "Okoye", "sings"], "ner_tags": ["B-PER"]}\n', encoding="utf-8")
    with pytest.raises(DataError, match="3 tokens and 1 tags"):
        score_files(gold, predicted)


def test_composed_and_decomposed_tokens_are_the_same(tmp_path):
    gold = tmp_path / "gold.conll"
    gold.write_text("Adé B-PER\n", encoding="utf-8")
    assert score_files(gold, predicted_file(tmp_path, "Ade\u0301 B-PER\n")).micro.f1 == 1.0


def test_tags_that_count_as_outside_are_reported(gold, tmp_path):
    report = Report()
    score_files(gold, predicted_file(tmp_path, GOLD.replace("sings O", "sings X-PER")), report=report)
    assert [(problem.kind, problem.first.line) for problem in report.problems] == [("invalid tag", 3)]


def test_written_predictions_are_read_back(tmp_path):
    examples = [
        Example("1", ("1 000", "#", "km\ttest"), ("O", "O", "B-LOC")),
        Example("2", ("Ọ̀yọ́", "town"), ("B-LOC", "O")),
    ]
    path = tmp_path / "predictions.conll"
    write_predictions(path, examples)
    assert [(example.tokens, example.ner_tags) for example in read_examples(path)] == [
        (("1 000", "#", "km test"), ("O", "O", "B-LOC")),
        (("Ọ̀yọ́", "town"), ("B-LOC", "O")),
    ]


@pytest.mark.parametrize("spaced", ["1000", "1 000"], ids=["words", "a word with a space"])
def test_a_token_that_begins_a_document_is_read_back(tmp_path, spaced):
    examples = [
        Example("1", ("-DOCSTART-", "is", "read", spaced), ("O", "O", "O", "B-LOC")),
        Example("2", ("Ada", "-DOCSTART-s", "#"), ("B-PER", "I-PER", "O")),
    ]
    path = tmp_path / "predictions.conll"
    write_predictions(path, examples)
    assert [(example.tokens, example.ner_tags) for example in read_examples(path)] == [
        (example.tokens, example.ner_tags) for example in examples
    ]
    assert read_predictions(path, examples) == [example.ner_tags for example in examples]


@pytest.mark.parametrize(
    ("submission", "published"),
    [("sjtu_adapt.txt.gz", 40.42), ("uh_ritual.gz", 41.86)],
    ids=["sjtu_adapt", "uh_ritual"],
)
def test_published_scores_of_shared_task_submissions(shared, submission, published):
    folder = shared / "data" / "wnut17"
    gold, predicted = folder / "emerging.test.annotated.gz", folder / "submissions" / submission
    result = score_files(gold, predicted)
    assert round(100 * result.micro.f1, 2) == published
    tags = [[list(example.ner_tags) for example in read_examples(path)] for path in (gold, predicted)]
    assert result.micro.f1 == f1_score(*tags)
    assert len(result.counts) == 1287


def test_a_type_from_a_file_does_nothing_to_the_terminal(gold, tmp_path):
    predicted = predicted_file(tmp_path, GOLD.replace("sings O", "sings B-\x1b[31mred"))
    ended = synthner("score", gold, predicted, folder=tmp_path)
    assert ended.status == 0
    assert "\x1b" not in ended.stdout
    assert "⟨U+001B⟩[31mred" in ended.stdout


def test_gold_without_a_mention_is_said(tmp_path):
    gold = tmp_path / "gold.conll"
    gold.write_text("it O\nrains O\n", encoding="utf-8")
    ended = synthner("score", gold, gold, folder=tmp_path)
    assert ended.status == 0
    assert "Gold has no mention" in ended.stderr


def test_the_command_reports_tags_that_count_as_outside(gold, tmp_path):
    predicted = predicted_file(tmp_path, GOLD.replace(" O\n", " X-PER\n"))
    ended = synthner("score", gold, predicted, folder=tmp_path)
    assert ended.status == 0
    assert f"2  invalid tag: first at {predicted}:3 `sings` (X-PER)" in ended.stderr
    assert "counts as O" in ended.stderr
    counted = synthner("score", gold, predicted, "--json", folder=tmp_path).json
    assert [(each["kind"], each["count"]) for each in counted["problems"]] == [("invalid tag", 2)]


def test_of_sound_files_the_command_reports_nothing(gold, tmp_path):
    ended = synthner("score", gold, gold, folder=tmp_path)
    assert (ended.status, ended.stderr) == (0, "")
    assert synthner("score", gold, gold, "--json", folder=tmp_path).json["problems"] == []
