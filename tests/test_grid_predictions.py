"""Systems that are scored and not trained: their predicted tags come from a file."""

import pytest

from synthner.evaluation.grid.results import read_predicted_tags
from synthner.schema.example import Example
from synthner.tests.curation_sentences import write
from synthner.tests.grid_release import labelled, results_in, run_here, write_grid
from synthner.tests.in_process import synthner

TEST = labelled(20, "en test")
NOTHING = [Example(each.id, each.tokens, ("O",) * len(each.tokens)) for each in TEST]
RIGHT_THEN_NOTHING = [*TEST[:10], *NOTHING[10:]]


def grid_with(folder, predicted, **evaluation):
    write_grid(
        folder,
        {
            "sources": {"organic": "gold", "few-shot": {"predictions": "few-shot-{language}.jsonl"}},
            "sizes": [10],
            "seeds": 1,
            **evaluation,
        },
    )
    write(folder / "few-shot-en.jsonl", predicted)


def run(folder):
    return run_here(folder / "release.yaml")


def the_result(folder):
    (result,) = (each for each in results_in(folder).values() if each["cell"]["source"] == "few-shot")
    return result


def test_predictions_are_scored_once_whatever_the_sizes_and_seeds(tmp_path):
    grid_with(tmp_path, RIGHT_THEN_NOTHING, sizes=[10, 30], seeds=3, settings=["scratch", "multilingual"])
    run(tmp_path)
    result = the_result(tmp_path)
    assert result["scores"]["micro"]["precision"] == 1.0
    found, gold = (sum(len(each.mentions) for each in examples) for examples in (TEST[:10], TEST))
    assert result["scores"]["micro"]["recall"] == found / gold
    assert (result["cell"]["setting"], result["cell"]["size"], result["data"]["train"]) == (
        "predictions",
        None,
        [],
    )
    assert result["scores"]["invariance"] is None
    assert result["measured"]["device"] == "none"
    assert list(read_predicted_tags(tmp_path / "runs" / result["id"]).values()) == [
        each.ner_tags for each in RIGHT_THEN_NOTHING
    ]


def test_other_predictions_are_another_result(tmp_path):
    grid_with(tmp_path, RIGHT_THEN_NOTHING)
    run(tmp_path)
    first = the_result(tmp_path)
    write(tmp_path / "few-shot-en.jsonl", TEST)
    run(tmp_path)
    scores = {
        id_: result["scores"]["micro"]["f1"]
        for id_, result in results_in(tmp_path).items()
        if result["cell"]["source"] == "few-shot"
    }
    assert len(scores) == 2
    assert scores.pop(first["id"]) == first["scores"]["micro"]["f1"] < 1
    assert list(scores.values()) == [1.0]


def test_a_type_that_gold_does_not_have_counts_as_wrong(tmp_path):
    strange = [
        Example(each.id, each.tokens, tuple(tag.replace("LOC", "TOWN") for tag in each.ner_tags))
        for each in TEST
    ]
    grid_with(tmp_path, strange)
    run(tmp_path)
    result = the_result(tmp_path)
    assert sorted(result["scores"]["macro_types"]) == ["LOC", "PER"]
    assert result["scores"]["per_type"]["TOWN"]["correct"] == 0
    assert 0 < result["scores"]["micro"]["precision"] < 1


def test_a_system_that_finds_nothing_is_no_collapsed_training(tmp_path):
    grid_with(tmp_path, NOTHING, retry_collapsed=True)
    status = run(tmp_path)
    assert (status.done, status.waiting, len(status.collapsed)) == (2, 0, 1)
    assert the_result(tmp_path)["cell"]["retry_of"] is None


@pytest.mark.parametrize(
    ("predicted", "message"),
    [
        (TEST[:-1], "gold has 20 sentences, and this has 19"),
        ([*TEST, *TEST[:1]], "gold has 20 sentences, and this has more"),
        (labelled(20, "another test"), "sentence 1 is `"),
        (None, "there is no such file"),
    ],
    ids=["too few", "too many", "other sentences", "no file"],
)
def test_a_wrong_file_is_named_and_leaves_the_other_cells(tmp_path, predicted, message):
    grid_with(tmp_path, predicted or TEST)
    if predicted is None:
        (tmp_path / "few-shot-en.jsonl").unlink()
    status = run(tmp_path)
    assert status.done == status.cells == 1
    assert not status.complete
    (left_out,) = status.left_out
    assert (left_out.language, left_out.source, left_out.setting) == ("en", "few-shot", "predictions")
    assert "few-shot-en.jsonl" in str(left_out.error)
    assert message in str(left_out.error)


def test_the_command_says_which_file_is_wrong(tmp_path):
    grid_with(tmp_path, TEST[:-1])
    ended = synthner("evaluate", "--workers", "1", folder=tmp_path)
    assert ended.status == 1
    assert "Not run: few-shot predictions in en: " in ended.stderr
    assert "gold has 20 sentences, and this has 19" in ended.stderr
    assert "1 of 1 cell done" in ended.stdout
