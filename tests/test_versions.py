"""The version that follows from what a release changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.builders.changes import ConfigChange, ReleaseChanges, RowChanges
from synthner.builders.versions import changelog_lines, next_version
from synthner.schema.errors import DataError

COUNTS = st.integers(0, 3)
CHANGES = st.builds(
    ConfigChange,
    name=st.sampled_from(["yor_gpt4", "da_aya"]),
    kind=st.sampled_from(["added", "removed", "changed", "unchanged"]),
    rows=st.builds(RowChanges, COUNTS, COUNTS, COUNTS),
    columns_changed=st.booleans(),
    before=st.just({}),
    after=st.just({}),
)
RELEASES = st.builds(
    ReleaseChanges, configs=st.lists(CHANGES, max_size=4).map(tuple), is_first=st.just(False)
)
NUMBERS = st.tuples(*[st.integers(0, 10**9 - 2)] * 3)


def _change(kind, rows=None, *, columns_changed=False):
    return ConfigChange("yor_gpt4", kind, rows or RowChanges(), columns_changed, {}, {})


@pytest.mark.parametrize(
    ("changes", "version"),
    [
        ([], "1.2.4"),
        ([_change("unchanged")], "1.2.4"),
        ([_change("changed", RowChanges(changed=1))], "1.3.0"),
        ([_change("added", RowChanges(added=1))], "1.3.0"),
        ([_change("removed", RowChanges(removed=1))], "2.0.0"),
        ([_change("changed", columns_changed=True)], "2.0.0"),
    ],
    ids=["card", "unchanged", "rows", "config added", "config removed", "labels"],
)
def test_the_version_follows_from_what_changes(changes, version):
    assert next_version("1.2.3", ReleaseChanges(tuple(changes), is_first=False)) == version


def test_the_first_version():
    assert next_version(None, ReleaseChanges((), is_first=True)) == "1.0.0"


@given(former=NUMBERS, changes=RELEASES)
def test_the_next_version_is_later_and_breaks_only_where_users_break(former, changes):
    following = tuple(map(int, next_version(".".join(map(str, former)), changes).split(".")))

    assert following > former
    assert (following[0] > former[0]) == changes.breaks_users
    assert (following[:2] == former[:2]) == (not changes.breaks_users and not changes.rows)
    assert not any(following[1 + [a > b for a, b in zip(following, former, strict=True)].index(True) :])


@pytest.mark.parametrize(
    "version", ["", "1.0", "v1.0.0", "1.0.0-rc1", "01.0.0", "1.0.0\n", "١.0.0", "9" * 10 + ".0.0"]
)
def test_a_published_version_that_is_none_is_refused(version):
    with pytest.raises(DataError, match="which is none"):
        next_version(version, ReleaseChanges((), is_first=False))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (_change("added", RowChanges(added=1200)), "yor_gpt4: config added."),
        (_change("removed", RowChanges(removed=2)), "yor_gpt4: config removed."),
        (_change("changed", RowChanges(1200, 2, 3)), "yor_gpt4: rows 1,200 added, 2 removed, 3 changed."),
        (
            _change("changed", RowChanges(added=1), columns_changed=True),
            "yor_gpt4: rows 1 added; labels or splits are others.",
        ),
    ],
    ids=["added", "removed", "rows", "rows and labels"],
)
def test_the_changelog_has_a_line_for_each_config_that_changes(change, line):
    assert changelog_lines(ReleaseChanges((change, _change("unchanged")), is_first=False)) == [line]


def test_the_changelog_says_so_if_no_config_changes():
    assert changelog_lines(ReleaseChanges((_change("unchanged"),), is_first=False)) == [
        "Card, provenance or manifest only."
    ]
    assert changelog_lines(ReleaseChanges((), is_first=True)) == ["First release."]
