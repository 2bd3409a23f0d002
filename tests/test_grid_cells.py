"""What cells a grid has: nested samples, ids by content, and what cannot be run with its reason."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from synthner.evaluation.grid.cells import cell_data, plan_cells
from synthner.evaluation.grid.data import GridData
from synthner.evaluation.grid.progress import grid_status
from synthner.schema.example import Example
from synthner.tests.built_dataset import write_dataset
from synthner.tests.curation_sentences import write
from synthner.tests.grid_release import changed_grid, labelled, planned_grid, write_grid, write_related_grid

GENERATOR = {
    "method": "seeded",
    "engine": "openai",
    "model": "small",
    "examples": 3,
    "datapoints": 5,
    "calls": {"train": 6},
}


def ids(path, **chosen):
    plan, _ = planned_grid(path)
    return [
        each.id
        for each in plan.cells
        if all(getattr(each.cell, key) == value for key, value in chosen.items())
    ]


def reasons(path):
    plan, _ = planned_grid(path)
    return {(each.language, each.source, each.setting): str(each.error) for each in plan.left_out}


def with_generator(path, name="gpt"):
    value = json.loads(path.read_text(encoding="utf-8"))
    value["generators"] = {name: GENERATOR}
    path.write_text(json.dumps(value), encoding="utf-8")
    return changed_grid(path, sources={"organic": "gold", name: {"generator": name}})


def test_smaller_samples_are_in_larger_ones_and_a_small_source_is_used_whole(tmp_path):
    plan, data = planned_grid(write_grid(tmp_path, {"sizes": [30, 10, 100]}))
    of_seed = {
        each.cell.size: cell_data(each.cell, data).train[0].examples
        for each in plan.cells
        if (each.cell.source, each.cell.seed) == ("organic", 0)
    }
    assert {size: len(examples) for size, examples in of_seed.items()} == {10: 10, 30: 30, 100: 40}
    assert set(of_seed[10]) < set(of_seed[30]) < set(of_seed[100])


def test_domains_of_one_language_are_tested_each_by_itself(tmp_path):
    path = write_grid(tmp_path, {"related": {"en-x-news": "en-x-law"}, "settings": ["scratch", "zero-shot"]})
    value = json.loads(path.read_text(encoding="utf-8"))
    value["languages"] = dict.fromkeys(("en-x-news", "en-x-law"), value["languages"]["en"])
    value["evaluation"]["sources"] = {"organic": "gold"}
    path.write_text(json.dumps(value), encoding="utf-8")
    plan, _ = planned_grid(path)
    assert {(each.cell.language, each.cell.setting) for each in plan.cells} == {
        ("en-x-news", "scratch"),
        ("en-x-news", "zero-shot"),
        ("en-x-law", "scratch"),
    }


def test_a_run_that_no_seed_changes_is_one_cell(tmp_path):
    path = write_grid(tmp_path, {"sizes": [10, 100], "seeds": 3})
    assert len(ids(path, source="organic", size=10)) == 3
    assert len(ids(path, source="organic", size=100)) == 1
    assert len(ids(path, source="synthetic", size=100)) == 1


def test_the_same_description_has_the_same_cells_in_any_folder(tmp_path):
    first, second = (write_grid(tmp_path / name) for name in ("one", "two"))
    assert ids(first) == ids(second)
    assert len(set(ids(first))) == len(ids(first)) == 7


def test_another_sentence_makes_other_cells_of_its_source_alone(tmp_path):
    path = write_grid(tmp_path)
    before = {source: ids(path, source=source) for source in ("organic", "synthetic")}
    write(tmp_path / "synthetic-en.jsonl", labelled(30, "another synthetic"))
    assert ids(path, source="organic") == before["organic"]
    assert not set(ids(path, source="synthetic")) & set(before["synthetic"])


@pytest.mark.parametrize("what", ["test", "seed", "types"])
def test_what_decides_every_result_makes_other_cells(tmp_path, what):
    path = write_grid(tmp_path)
    before = ids(path)
    value = json.loads(path.read_text(encoding="utf-8"))
    if what == "test":
        write(tmp_path / "en-test.jsonl", labelled(20, "another test"))
    elif what == "seed":
        value["seed"] += 1
    else:
        value["languages"]["en"]["labels"] = ["PER", "LOC", "ORG"]
    path.write_text(json.dumps(value), encoding="utf-8")
    assert len(ids(path)) == len(before)
    assert not set(ids(path)) & set(before)


def test_settings_use_gold_and_sources_as_they_say(tmp_path):
    path = write_related_grid(
        tmp_path,
        {
            "settings": ["gold+synthetic", "synthetic-then-gold", "zero-shot", "fine-tuned", "multilingual"],
            "taggers": {"crf": {}, "tiny": {"model": "tiny"}},
        },
    )
    plan, data = planned_grid(path)
    found = {}
    for each in plan.cells:
        cell, sentences = each.cell, cell_data(each.cell, data)
        found[cell.tagger.name, cell.setting, cell.source] = (
            [(part.role, part.language, len(part.examples)) for part in sentences.train],
            sentences.validation and len(sentences.validation.examples),
        )
    related, gold, synthetic = ("related", "fi", 40), ("gold", "en", 10), ("source", "en", 30)
    assert found == {
        ("crf", "zero-shot", "organic"): ([related], None),
        ("crf", "gold+synthetic", "synthetic"): ([gold, synthetic], None),
        ("crf", "multilingual", "organic"): ([("source", "en", 10)], None),
        ("crf", "multilingual", "synthetic"): ([("source", "en", 10)], None),
        ("tiny", "zero-shot", "organic"): ([related], None),
        ("tiny", "fine-tuned", "organic"): ([related, ("source", "en", 10)], 12),
        ("tiny", "fine-tuned", "synthetic"): ([related, ("source", "en", 10)], None),
        ("tiny", "gold+synthetic", "synthetic"): ([gold, synthetic], 12),
        ("tiny", "synthetic-then-gold", "synthetic"): ([synthetic, gold], 12),
        ("tiny", "multilingual", "organic"): ([("source", "en", 10)], 12),
        ("tiny", "multilingual", "synthetic"): ([("source", "en", 10)], None),
    }


def test_languages_learned_together_are_read_as_the_tested_one(tmp_path):
    path = write_grid(
        tmp_path,
        {"settings": ["multilingual"], "sizes": [40], "seeds": 1, "sources": {"organic": "gold"}},
        languages=["en", "fi"],
    )
    for split, count in (("train", 40), ("test", 20)):
        examples = labelled(count, f"fi {split}", "fi")
        write(
            tmp_path / f"fi-{split}.jsonl",
            [
                Example(e.id, e.tokens, tuple(tag.replace("LOC", "TOWN") for tag in e.ner_tags))
                for e in examples
            ],
        )
    plan, data = planned_grid(path)
    types = {
        each.cell.language: [
            {mention.type for example in part.examples for mention in example.mentions}
            for part in cell_data(each.cell, data).train
        ]
        for each in plan.cells
    }
    assert types == {"en": [{"PER", "LOC"}, {"PER"}], "fi": [{"PER"}, {"PER", "TOWN"}]}


def test_a_source_of_other_types_is_left_out_with_its_reason(tmp_path):
    path = write_grid(tmp_path)
    examples = labelled(30, "strange")
    write(
        tmp_path / "synthetic-en.jsonl",
        [Example(e.id, e.tokens, tuple(tag.replace("-", "-X") for tag in e.ner_tags)) for e in examples],
    )
    (reason,) = reasons(path).values()
    assert "synthetic-en.jsonl: its types are XLOC, XPER, and gold has LOC, PER" in reason
    assert len(ids(path, source="organic")) == 4


def test_types_that_gold_does_not_have_are_read_as_outside(tmp_path):
    path = write_grid(tmp_path, {"sizes": [100]})
    examples = labelled(30, "half strange")
    write(
        tmp_path / "synthetic-en.jsonl",
        [Example(e.id, e.tokens, tuple(tag.replace("LOC", "TOWN") for tag in e.ner_tags)) for e in examples],
    )
    plan, data = planned_grid(path)
    (cell,) = (each.cell for each in plan.cells if each.cell.source == "synthetic")
    tags = {tag for example in cell_data(cell, data).train[0].examples for tag in example.ner_tags}
    assert tags == {"O", "B-PER", "I-PER"}


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda folder: (folder / "fi-test.jsonl").unlink(), "no such file"),
        (lambda folder: (folder / "fi-test.jsonl").write_text(""), "fi-test.jsonl"),
        (lambda folder: (folder / "fi-train.jsonl").write_text("{}\n"), "fi-train.jsonl"),
    ],
    ids=["no gold", "empty test split", "gold of nothing"],
)
def test_a_language_without_usable_gold_leaves_the_others(tmp_path, spoil, expected):
    path = write_grid(tmp_path, languages=["en", "fi"])
    spoil(tmp_path)
    ((language, reason),) = ((key[0], text) for key, text in reasons(path).items())
    assert language == "fi"
    assert expected in reason
    assert len(ids(path, language="en")) == 7
    assert not ids(path, language="fi")


@pytest.mark.parametrize(
    ("evaluation", "idle"),
    [
        (
            {"settings": ["scratch", "fine-tuned", "synthetic-then-gold"]},
            ["fine-tuned", "synthetic-then-gold"],
        ),
        (
            {"settings": ["scratch", "zero-shot"], "sources": {"s": {"train": "synthetic-{language}.jsonl"}}},
            ["zero-shot"],
        ),
        ({"settings": ["scratch", "gold+synthetic"], "sources": {"organic": "gold"}}, ["gold+synthetic"]),
        ({"settings": ["fine-tuned"], "taggers": {"crf": {}, "t": {"model": "t"}}}, []),
        ({"settings": ["scratch", "gold+synthetic"]}, []),
    ],
    ids=["no encoder", "no gold", "gold alone", "one encoder", "all at work"],
)
def test_a_setting_that_no_source_or_tagger_is_for_is_noted(tmp_path, evaluation, idle):
    plan, data = planned_grid(write_grid(tmp_path, evaluation))
    assert list(plan.idle) == list(grid_status(plan, data).as_json()["idle"]) == idle
    assert not {each.cell.setting for each in plan.cells} & set(idle)


def test_a_language_is_not_related_to_itself(tmp_path):
    path = write_related_grid(tmp_path, {"related": {"en": "en"}, "settings": ["zero-shot", "scratch"]})
    (reason,) = reasons(path).values()
    assert "`en` is named as the language that it is itself related to" in reason
    assert {each.cell.setting for each in planned_grid(path)[0].cells} == {"scratch"}


def test_a_model_of_several_languages_grows_with_the_one_that_has_most_and_is_tested_on_all(tmp_path):
    path = write_grid(
        tmp_path,
        {"settings": ["multilingual"], "sizes": [10, 20, 40, 80], "seeds": 1, "sources": {"organic": "gold"}},
        languages=["en", "fi"],
    )
    write(tmp_path / "fi-train.jsonl", labelled(10, "fi train", "fi"))
    plan, data = planned_grid(path)
    learned = {
        (each.cell.language, each.cell.size): [
            len(part.examples) for part in cell_data(each.cell, data).train
        ]
        for each in plan.cells
    }
    assert learned == {(code, size): [size, 10] for code in ("en", "fi") for size in (10, 20, 40)}


def with_renamed_types(path, old, new):
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(f"-{old}", f"-{new}"), encoding="utf-8")


def test_types_that_only_the_test_split_has_are_told_unless_the_release_leaves_them_out(tmp_path):
    path = write_grid(tmp_path)
    with_renamed_types(tmp_path / "en-test.jsonl", "LOC", "TOWN")
    plan, data = planned_grid(path)
    ((name, (note,)),) = plan.notes.items()
    assert name == "gold in en"
    assert "types that gold train does not have are read as `O`" in note.text
    assert "the first is `B-TOWN` at" in note.text
    assert "Name `labels` under `languages.en`" in note.text
    assert grid_status(plan, data).as_json()["notes"] == {"gold in en": [note.text]}
    assert len(plan.cells) == 7

    value = json.loads(path.read_text(encoding="utf-8"))
    value["languages"]["en"]["labels"] = ["PER", "LOC"]
    path.write_text(json.dumps(value), encoding="utf-8")
    assert not planned_grid(path)[0].notes


def test_a_test_split_of_other_types_leaves_out_its_language_alone(tmp_path):
    path = write_grid(tmp_path, languages=["en", "fi"])
    with_renamed_types(tmp_path / "fi-test.jsonl", "LOC", "TOWN")
    with_renamed_types(tmp_path / "fi-test.jsonl", "PER", "HUMAN")
    ((language, reason),) = ((key[0], text) for key, text in reasons(path).items())
    assert language == "fi"
    assert "no mention of the test split is of a type that is learned, LOC, PER" in reason
    assert len(ids(path, language="en")) == 7


def test_test_sentences_that_cannot_be_used_are_told(tmp_path):
    path = write_grid(tmp_path)
    with (tmp_path / "en-test.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"id": "odd", "tokens": ["Ada"], "ner_tags": ["PER"]}) + "\n")
    plan, _ = planned_grid(path)
    assert plan.notes["gold in en"][0].text.startswith("1 of 21 test sentences are left out")


def test_what_of_a_source_is_not_learned_is_told(tmp_path):
    path = write_grid(tmp_path)
    source = tmp_path / "synthetic-en.jsonl"
    with_renamed_types(source, "LOC", "TOWN")
    with source.open("a", encoding="utf-8") as file:
        for tags in (["PER"], ["O", "O"], "no list"):
            file.write(json.dumps({"tokens": ["Ada"], "ner_tags": tags}) + "\n")
    towns = source.read_text(encoding="utf-8").count("B-TOWN")
    assert grid_status(*planned_grid(path)).as_json()["notes"] == {
        "synthetic in en": [
            f"mentions of types that gold does not have are read as `O`: TOWN ({towns})",
            "3 sentences are left out: not every token has an IOB2 tag. `synthner validate` says where",
        ]
    }


def without_test(path, *languages):
    value = json.loads(path.read_text(encoding="utf-8"))
    for code in languages:
        del value["languages"][code]["gold"]["files"]["test"]
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_a_language_that_nobody_named_and_that_has_no_test_split_is_noted(tmp_path):
    path = without_test(write_grid(tmp_path, languages=["en", "fi"]), "fi")
    plan, _ = planned_grid(path)
    assert plan.untested == ("fi",)
    assert not plan.left_out
    assert {each.cell.language for each in plan.cells} == {"en"}


def test_a_named_language_without_a_test_split_is_an_error_of_its_own(tmp_path):
    path = write_grid(tmp_path, {"languages": ["fi", "en"]}, languages=["en", "fi"])
    plan, _ = planned_grid(without_test(path, "fi"))
    ((language, reason),) = ((key[0], text) for key, text in reasons(path).items())
    assert language == "fi"
    assert "gold of `fi` has no test split" in reason
    assert not plan.untested
    assert len(ids(path, language="en")) == 7


@pytest.mark.parametrize("text", ["", "\n\n"], ids=["no line", "blank lines"])
def test_an_empty_source_is_left_out_with_its_reason(tmp_path, text):
    path = write_grid(tmp_path)
    (tmp_path / "synthetic-en.jsonl").write_text(text)
    (reason,) = reasons(path).values()
    assert "synthetic-en.jsonl" in reason


def test_a_generator_is_read_where_it_is_built(tmp_path):
    path = with_generator(write_grid(tmp_path, {"sizes": [10, 100]}))
    assert "there is no built dataset here" in reasons(path)["en", "gpt", "scratch"]

    rows = {"train": [(list(each.tokens), list(each.ner_tags)) for each in labelled(25, "built")]}
    write_dataset(tmp_path / "dataset", {"en_other": rows})
    assert "the dataset has no config `en_gpt`" in reasons(path)["en", "gpt", "scratch"]

    write_dataset(tmp_path / "dataset", {"en_gpt": {"validation": rows["train"]}})
    assert "`gpt` has no train split" in reasons(path)["en", "gpt", "scratch"]

    write_dataset(tmp_path / "dataset", {"en_gpt": rows})
    assert not reasons(path)
    assert len(ids(path, source="gpt")) == 3


def test_no_related_language_is_said_where_it_is_needed(tmp_path):
    path = write_grid(tmp_path, {"settings": ["scratch", "zero-shot"]})
    assert "no gold of a language related to `en`" in reasons(path)["en", "organic", "zero-shot"]
    assert len(ids(path, setting="scratch")) == 7


def test_a_source_called_organic_does_not_become_gold(tmp_path):
    path = write_grid(
        tmp_path,
        {"sources": {"organic": {"train": "synthetic-{language}.jsonl"}}, "settings": ["gold+synthetic"]},
    )
    plan, data = planned_grid(path)
    gold, source = cell_data(plan.cells[0].cell, data).train
    assert set(gold.examples) <= set(labelled(40, "en train"))
    assert set(source.examples) == set(labelled(30, "en synthetic"))


def test_results_name_no_folder_of_this_machine(tmp_path):
    path = write_grid(tmp_path / "release")
    outside = write(tmp_path / "outside.jsonl", labelled(20, "outside"))
    changed_grid(
        path, sources={"inside": {"train": "synthetic-{language}.jsonl"}, "outside": {"train": str(outside)}}
    )
    plan, data = planned_grid(path)
    references = {cell_data(each.cell, data).train[0].reference for each in plan.cells}
    assert references == {"synthetic-en.jsonl", "outside.jsonl"}
    assert not any(
        str(Path(tmp_path)) in json.dumps(cell_data(each.cell, data).as_json()) for each in plan.cells
    )


def test_the_seed_of_a_grid_decides_its_samples(tmp_path):
    plan, data = planned_grid(write_grid(tmp_path))
    other = GridData(replace(data.grid, seed=data.grid.seed + 1))
    cell = plan.cells[0].cell
    assert cell_data(cell, data).train != cell_data(cell, other).train
    assert len(plan_cells(other).cells) == len(plan.cells)


def with_types(examples, change):
    return [Example(each.id, each.tokens, tuple(change(tag) for tag in each.ner_tags)) for each in examples]


def test_a_tagger_that_lacks_something_leaves_the_others_their_cells(tmp_path):
    path = write_grid(
        tmp_path,
        {
            "settings": ["multilingual"],
            "taggers": {"crf": {}, "tiny": {"model": "tiny"}},
            "sources": {"organic": "gold"},
            "sizes": [10, 30],
        },
        languages=["en", "fi"],
    )
    # A CRF has no epoch to choose, and reads no validation sentence.
    usual, others = labelled(30, "fi train", "fi"), labelled(12, "fi validation", "fi")
    write(tmp_path / "fi-train.jsonl", [*usual, *with_types(others[6:], lambda tag: tag.replace("-", "-X"))])
    write(tmp_path / "fi-validation.jsonl", with_types(others, lambda tag: tag.replace("-", "-X")))
    plan, _ = planned_grid(path)
    found = {(each.cell.language, each.cell.tagger.name) for each in plan.cells}
    assert found == {("en", "crf"), ("fi", "crf"), ("fi", "tiny")}
    (left_out,) = plan.left_out
    assert left_out.name == "en organic multilingual tiny"
    assert "its types are XLOC, XPER" in str(left_out.error)


def test_a_sample_that_tells_nothing_leaves_the_larger_ones(tmp_path):
    path = write_grid(
        tmp_path,
        {"settings": ["multilingual"], "sources": {"organic": "gold"}, "sizes": [3, 40], "seeds": 6},
        languages=["en", "fi"],
    )
    examples = labelled(40, "fi train", "fi")
    rare = with_types(examples[5:], lambda tag: tag.replace("PER", "TOWN").replace("LOC", "TOWN"))
    write(tmp_path / "fi-train.jsonl", [*examples[:5], *rare])
    plan, _ = planned_grid(path)
    planned_ = {(each.cell.size, each.cell.seed) for each in plan.cells if each.cell.language == "en"}
    missing = {(each.size, each.seed) for each in plan.left_out if each.language == "en"}
    assert (40, 0) in planned_
    assert missing
    assert {size for size, _ in missing} == {3}
    assert planned_ | missing == {(3, seed) for seed in range(6)} | {(40, 0)}
    assert not planned_ & missing
    size, seed = min(missing)
    assert f"en organic multilingual crf {size} seed {seed}" in {each.name for each in plan.left_out}
