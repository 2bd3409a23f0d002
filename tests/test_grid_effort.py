"""What a grid takes, before anything of it is run."""

import pytest

from synthner.evaluation.grid.cells import cell_data
from synthner.evaluation.grid.effort import effort_of
from synthner.tests.grid_release import planned_grid, write_grid

XLM_R = "FacebookAI/xlm-roberta-large"
PARAMETERS, SUBWORDS_A_WORD = 303e6, 1.7


def grid_of(folder, recipe):
    described = {
        "taggers": {"xlmr": {"model": XLM_R, "recipe": recipe}},
        "sources": {"organic": "gold"},
        "sizes": [10, 30],
        "seeds": 2,
    }
    return planned_grid(write_grid(folder, described))


@pytest.mark.parametrize(
    ("recipe", "at_most"), [("paper", 67e12), ("fast", 990e12)], ids=["fp32", "bf16 on tensor cores"]
)
def test_an_encoder_is_not_expected_to_compute_faster_than_a_gpu_can(tmp_path, recipe, at_most):
    plan, data = grid_of(tmp_path, recipe)
    (effort,) = effort_of(plan, data)
    words = sum(part.facts["tokens"] * 10 for each in plan.cells for part in cell_data(each.cell, data).train)
    operations = 6 * PARAMETERS * SUBWORDS_A_WORD * words
    assert (effort.cells, effort.sentences, effort.on) == (4, 2 * (10 + 30) * 10, "one H100")
    # Nobody keeps up all that a GPU can do, nor wastes nine tenths of it.
    assert 1 < effort.seconds * at_most / operations < 10
