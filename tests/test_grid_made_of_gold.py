"""What a release made of its gold does not bring more gold into a cell than the cell says it has."""

import json

import pytest
import yaml

from synthner.evaluation.grid.cells import cell_data
from synthner.evaluation.made_of import made_of
from synthner.schema.iob2 import OUTSIDE
from synthner.tests.grid_release import changed_grid, planned_grid, run_here

pytest_plugins = ["synthner.tests.finished_release"]

SIZES = [10, 60]


@pytest.fixture
def release(built):
    """The quickstart, whose `swap` is made of single gold sentences, and its `gpt4` of five at a time."""
    path = built / "release.yaml"
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    value["evaluation"] = {
        "sources": {"swap": {"generator": "swap"}, "gpt4": {"generator": "gpt4"}},
        "settings": ["gold+synthetic"],
        "sizes": SIZES,
        "seeds": 2,
    }
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def parts(release, source):
    plan, data = planned_grid(release)
    assert not plan.left_out
    return [
        (each.cell, *cell_data(each.cell, data).train, data.gold(each.cell.language).splits["train"])
        for each in plan.cells
        if each.cell.source == source
    ]


def words_of_mentions(examples):
    return {
        token.casefold()
        for example in examples
        for token, tag in zip(example.tokens, example.ner_tags, strict=True)
        if tag != OUTSIDE
    }


def test_a_cell_learns_variants_of_its_own_gold_alone(release):
    found = parts(release, "swap")
    assert len(found) == len(SIZES) * 2
    for cell, gold, synthetic, whole in found:
        drawn = {example.id for example in gold.examples}
        others = [example for example in whole if example.id not in drawn]
        seeds = made_of(synthetic.examples, whole)
        assert {whole[place].id for place in seeds if place >= 0} <= drawn
        only_there = words_of_mentions(others) - words_of_mentions(gold.examples)
        assert not words_of_mentions(synthetic.examples) & only_there
        assert synthetic.facts["sentences"] or cell.size == min(SIZES)
    most = {size: [len(part.examples) for cell, _, part, _ in found if cell.size == size] for size in SIZES}
    assert max(most[10]) < min(most[60])


def test_all_of_gold_has_all_of_its_variants(release):
    value = json.loads(release.read_text(encoding="utf-8"))
    value["evaluation"]["sizes"] = [100_000]
    release.write_text(json.dumps(value), encoding="utf-8")
    plan, data = planned_grid(release)
    [whole] = {data.sample("source", "swa", data.grid.sources[0], None, 0).examples for _ in plan.cells[:1]}
    [(_, _, synthetic, _)] = parts(release, "swap")
    assert synthetic.examples == whole


def test_of_what_a_model_wrote_from_several_examples_nothing_is_left_out(release):
    counts = {len(synthetic.examples) for _, _, synthetic, _ in parts(release, "gpt4")}
    assert len(counts) == 1
    assert counts.pop() > 20


def test_such_cells_are_run(release):
    changed_grid(release, seeds=1)
    status = run_here(release)
    assert status.done == len(SIZES) * 2
