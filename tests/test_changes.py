"""What a built release changes about a published one."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthner.builders.changes import RowChanges, compare_releases
from synthner.cards.release_changes import changes_markdown
from synthner.tests.built_dataset import ROWS, write_dataset

BOTH = {"yor_gpt4": ROWS, "yor_aya": {"train": ROWS["train"]}}


def _never(name):
    raise AssertionError(f"{name} has not changed and need not be read")


def _compare(folder, former, present, *, published_file=None, former_labels=None):
    published = write_dataset(folder / "published", former) if former is not None else None
    built = write_dataset(folder / "built", present)
    if published and former_labels:
        for config in published["configs"].values():
            config["labels"] = former_labels
    return compare_releases(
        published,
        built,
        published_file=published_file or (lambda name: folder / "published" / name),
        built_file=lambda name: folder / "built" / name,
    )


def test_a_first_release_adds_everything(tmp_path):
    changes = _compare(tmp_path, None, BOTH, published_file=_never)

    assert changes.is_first
    assert [(one.name, one.kind, one.rows) for one in changes.configs] == [
        ("yor_gpt4", "added", RowChanges(added=4)),
        ("yor_aya", "added", RowChanges(added=3)),
    ]
    assert not changes.breaks_users


def test_the_same_files_are_not_read(tmp_path):
    changes = _compare(tmp_path, BOTH, BOTH, published_file=_never)

    assert [one.kind for one in changes.configs] == ["unchanged", "unchanged"]
    assert changes.touched == ()
    assert not changes.rows
    assert not changes.breaks_users


def test_a_row_with_other_labels_has_changed(tmp_path):
    tokens, _ = ROWS["train"][1]
    present = {"train": [ROWS["train"][0], (tokens, ["B-PER", *["O"] * (len(tokens) - 1)])]}

    changes = _compare(tmp_path, {"yor_aya": {"train": ROWS["train"]}}, {"yor_aya": present})

    assert changes.rows == RowChanges(removed=1, changed=1)
    assert not changes.breaks_users


@pytest.mark.parametrize(
    ("former", "present", "rows", "breaks"),
    [
        (BOTH, {"yor_gpt4": ROWS}, RowChanges(removed=3), True),
        ({"yor_gpt4": ROWS}, BOTH, RowChanges(added=3), False),
        ({"yor_gpt4": ROWS}, {"yor_gpt4": {"train": ROWS["train"]}}, RowChanges(removed=1), True),
        ({"yor_gpt4": {"train": ROWS["train"]}}, {"yor_gpt4": ROWS}, RowChanges(added=1), False),
    ],
    ids=["config gone", "config new", "split gone", "split new"],
)
def test_what_is_gone_breaks_users_and_what_is_new_does_not(tmp_path, former, present, rows, breaks):
    changes = _compare(tmp_path, former, present)

    assert (changes.rows, changes.breaks_users) == (rows, breaks)


def test_other_labels_break_users_though_no_row_is_read(tmp_path):
    changes = _compare(
        tmp_path, BOTH, BOTH, published_file=_never, former_labels=["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    )

    assert changes.breaks_users
    assert {one.kind for one in changes.configs} == {"changed"}
    assert "changed, labels or splits are others" in changes_markdown(changes, "2.0.0")


def test_a_published_file_that_is_gone_has_all_its_rows_replaced(tmp_path):
    present = {"yor_aya": {"train": ROWS["train"][:2]}}

    changes = _compare(
        tmp_path, {"yor_aya": {"train": ROWS["train"]}}, present, published_file=lambda name: None
    )

    assert changes.rows == RowChanges(added=2, removed=3)


# Rows of these tests have their place as id, and a word that stands for their content.
_WORDS = st.lists(st.sampled_from(["Adé", "Òjò", "Ṣadé"]), min_size=1, max_size=6)


@settings(max_examples=30, deadline=None)
@given(former=_WORDS, present=_WORDS)
def test_rows_are_counted_as_by_hand(former, present):
    with tempfile.TemporaryDirectory() as folder:
        changes = _compare(
            Path(folder),
            {"yor_aya": {"train": [([word], ["O"]) for word in former]}},
            {"yor_aya": {"train": [([word], ["O"]) for word in present]}},
        )

    assert changes.rows == RowChanges(
        added=max(0, len(present) - len(former)),
        removed=max(0, len(former) - len(present)),
        changed=sum(a != b for a, b in zip(former, present, strict=False)),
    )


def test_the_diff_shows_rows_and_the_ends_of_the_waterfall(tmp_path):
    former = {"yor_gpt4": ROWS, "yor_aya": {"train": ROWS["train"]}}
    changes = _compare(tmp_path, former, {"yor_gpt4": {**ROWS, "train": ROWS["train"][:2]}})

    lines = [" ".join(line.split()) for line in changes_markdown(changes, "2.0.0").splitlines()]

    assert lines[0] == "### Version 2.0.0"
    assert "| `yor_gpt4` | changed | 0 | 1 | 0 | 10,018 → 10,017 | 18 → 17 | 4 → 3 |" in lines
    assert "| `yor_aya` | removed | 0 | 3 | 0 | 5,010 | 10 | 3 |" in lines


def test_a_step_that_a_split_does_not_go_through_keeps_what_came_to_it(tmp_path):
    built = write_dataset(tmp_path, {"yor_gpt4": ROWS})
    waterfall = built["configs"]["yor_gpt4"]["waterfall"]
    waterfall["train"].insert(-1, {"step": "curation", "kept": 3, "lost": 0, "reasons": {}})

    compared = compare_releases(None, built, published_file=_never, built_file=lambda name: tmp_path / name)

    kept = compared.configs[0].after
    assert list(kept)[-2:] == ["curation", "published"]
    assert (kept["curation"], kept["published"]) == (4, 4)


def test_no_changed_config_is_said_in_words(tmp_path):
    changes = _compare(tmp_path, BOTH, BOTH)

    assert changes_markdown(changes, "1.0.1") == "### Version 1.0.1\n\nNo config changes."
