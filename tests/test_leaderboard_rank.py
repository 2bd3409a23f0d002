"""Who is ahead on a leaderboard: ties, seeds, the mean over languages, and what is shown."""

import json
import shutil
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import datasets
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthner.cards.kept_text import BEGIN
from synthner.cards.leaderboard.card import write_leaderboard
from synthner.cards.leaderboard.page import write_page
from synthner.evaluation.leaderboard.ranking import Leaderboard, read_leaderboard
from synthner.evaluation.leaderboard.rows import LEADERBOARD, Row, read_rows
from synthner.evaluation.scoring import score
from synthner.evaluation.statistics import paired_tests
from synthner.tests.command_line import files_in
from synthner.tests.in_process import done, refused, synthner
from synthner.tests.leaderboard_folder import LeaderboardFolder, parquet, part
from synthner.tests.report_runs import TYPES


@pytest.fixture
def board(tmp_path: Path) -> LeaderboardFolder:
    made = LeaderboardFolder(tmp_path / "board")
    made.add_benchmark()
    return made


def rows_of(board: LeaderboardFolder, scope: str = "yor") -> dict[str, Row]:
    """Return the rows of a scope by the names of their systems, in their order."""
    return {row.system: row for row in read_leaderboard(board.folder).rows if row.scope == scope}


def ranks(board: LeaderboardFolder, scope: str = "yor") -> dict[str, tuple[int | None, int | None]]:
    return {name: (row.rank_first, row.rank_last) for name, row in rows_of(board, scope).items()}


def submit(board: LeaderboardFolder, name: str, quality: float, seeds: int = 3, **more: Any) -> None:
    for seed in range(seeds):
        board.submit(quality, name=name, seed=seed, **more)


def test_systems_that_a_test_does_not_separate_share_their_ranks(board: LeaderboardFolder) -> None:
    submit(board, "good", 0.93)
    submit(board, "as-good", 0.931)
    submit(board, "poor", 0.4)
    assert ranks(board) == {"good": (1, 2), "as-good": (1, 2), "poor": (3, 3)}


CHAIN = {"first": 0.9, "middle": 0.87, "last": 0.84}


def test_ranges_need_no_transitive_ties(board: LeaderboardFolder) -> None:
    for name, quality in CHAIN.items():
        submit(board, name, quality, seeds=5)
    gold = [each.ner_tags for each in board.gold["tiny-yor"]]
    counts = {
        name: np.stack([score(gold, board.predictions(quality, seed)).counts for seed in range(5)])
        for name, quality in CHAIN.items()
    }
    separated = {
        (test.first, test.second) for test in paired_tests(counts, seed=0) if test.adjusted_p_value < 0.05
    }
    assert separated == {("first", "last")}
    assert ranks(board) == {"first": (1, 2), "middle": (1, 3), "last": (2, 3)}


def test_a_claim_without_predictions_has_no_rank_and_stands_last(board: LeaderboardFolder) -> None:
    submit(board, "honest", 0.8)
    board.report(1.0, name="boaster", organization="zoe")
    assert ranks(board) == {"honest": (1, 1), "boaster": (None, None)}
    boaster = rows_of(board)["boaster"]
    assert (boaster.status, boaster.f1, boaster.low, boaster.macro_f1) == ("self-reported", 1.0, None, None)
    assert list(rows_of(board)) == ["honest", "boaster"]


def test_what_cannot_be_compared_is_not_ranked_together(board: LeaderboardFolder) -> None:
    submit(board, "small", 0.6)
    submit(board, "large", 0.95, size=500)
    submit(board, "a-model", 0.3, kind="model")
    submit(board, "more-gold", 0.9, setting="gold+synthetic")
    assert set(ranks(board).values()) == {(1, 1)}


def test_seeds_are_put_together(board: LeaderboardFolder) -> None:
    submit(board, "three", 0.8)
    board.submit(0.8, name="one")
    rows = rows_of(board)
    gold = [each.ner_tags for each in board.gold["tiny-yor"]]
    runs = [score(gold, board.predictions(0.8, seed), types=TYPES) for seed in range(3)]
    three = rows["three"]
    assert (three.seeds, len(three.results), rows["one"].seeds) == (3, 3, 1)
    assert three.f1 == pytest.approx(fmean(run.micro.f1 for run in runs))
    assert three.macro_f1 == pytest.approx(fmean(run.macro.f1 for run in runs))
    assert {each.type: (each.f1, each.gold) for each in three.per_type} == {
        name: (pytest.approx(fmean(run.per_type[name].f1 for run in runs)), runs[0].per_type[name].gold)
        for name in TYPES
    }
    assert three.low is not None
    assert three.high is not None
    assert three.low < three.f1 < three.high


def test_a_collapsed_run_gives_way_to_its_repetition_and_a_poor_one_does_not(
    board: LeaderboardFolder,
) -> None:
    board.submit(0.8, name="repeated", seed=0)
    nothing = [("O",) * 6] * len(board.gold["tiny-yor"])
    data = parquet([each.id for each in board.gold["tiny-yor"]], nothing)
    board.put(board.record(nothing, data, name="repeated", seed=1), data)
    board.submit(0.8, name="repeated", seed=7, retry_of=1)
    board.submit(0.8, name="choosy", seed=0)
    board.submit(0.2, name="choosy", seed=1)
    board.submit(0.8, name="choosy", seed=7, retry_of=1)
    rows = rows_of(board)
    assert (rows["repeated"].seeds, rows["choosy"].seeds) == (2, 3)
    assert len(rows["repeated"].results) == 3
    assert rows["choosy"].f1 < rows["repeated"].f1 - 0.1


def test_costs_and_gold_are_divided_by(board: LeaderboardFolder) -> None:
    training = [part("gold", "yor", sentences=50), part("source", "yor", sentences=400)]
    board.submit(
        0.8, name="priced", setting="gold+synthetic", training=training, cost={"amount": 4, "currency": "EUR"}
    )
    board.submit(0.8, name="free", seed=1, training=[part("source", "yor", sentences=100)])
    rows = rows_of(board)
    priced = rows["priced"]
    assert (priced.gold_sentences, priced.synthetic_sentences, priced.cost, priced.currency) == (
        50,
        400,
        4,
        "EUR",
    )
    assert priced.f1_per_cost == pytest.approx(priced.f1 / 4)
    assert priced.f1_per_gold_sentence == pytest.approx(priced.f1 / 50)
    assert (rows["free"].f1_per_cost, rows["free"].f1_per_gold_sentence) == (None, None)


def test_a_cost_too_small_to_divide_by_breaks_no_page(board: LeaderboardFolder, tmp_path: Path) -> None:
    board.submit(0.8, name="next-to-nothing", cost={"amount": 5e-324, "currency": "EUR"})
    rows = read_leaderboard(board.folder).rows
    assert [(row.cost, row.f1_per_cost) for row in rows] == [(5e-324, None)]
    write_page(tmp_path / "page.html", rows, repository=None)


def test_a_number_is_the_same_however_it_is_written(board: LeaderboardFolder) -> None:
    path = board.folder / board.submit(0.8, name="first")
    path.write_text(
        path.read_text()
        .replace('"size":100,', '"size": 1e2,')
        .replace('"sentences":100', '"sentences": 100.0')
    )
    board.submit(0.8, name="second", seed=1)
    write_leaderboard(board.folder, read_leaderboard(board.folder))
    first, second = (rows_of(board)[name] for name in ("first", "second"))
    assert [repr(row.size) for row in (first, second)] == ["100", "100"]
    assert [repr(row.synthetic_sentences) for row in (first, second)] == ["100", "100"]
    assert "100.0" not in (board.folder / "README.md").read_text()


def test_the_longest_names_have_a_place(board: LeaderboardFolder) -> None:
    board.submit(0.8, name="n" * 96, organization="o" * 96)
    assert ranks(board) == {"n" * 96: (1, 1)}


def test_gold_alone_is_gold(board: LeaderboardFolder) -> None:
    board.submit(0.8, name="gold-alone", source="organic")
    assert (
        rows_of(board)["gold-alone"].gold_sentences,
        rows_of(board)["gold-alone"].synthetic_sentences,
    ) == (100, 0)


def test_baselines_are_those_that_the_benchmark_names(tmp_path: Path) -> None:
    board = LeaderboardFolder(tmp_path / "board")
    board.add_benchmark(baselines=["keepers"])
    submit(board, "crf", 0.7, organization="keepers")
    submit(board, "ours", 0.9)
    rows = rows_of(board)
    assert (rows["crf"].status, rows["ours"].status) == ("baseline", "verified")
    assert ranks(board) == {"ours": (1, 1), "crf": (2, 2)}


def test_the_mean_over_languages_is_of_those_that_were_tested_on_all(tmp_path: Path) -> None:
    board = LeaderboardFolder(tmp_path / "board")
    board.add_benchmark()
    board.add_benchmark("tiny-da", "da")
    board.add_benchmark("other-da", "da", count=80)
    board.add_benchmark("extra-en", "en", overall=False)
    for name, quality in (("good", 0.93), ("as-good", 0.92), ("poor", 0.5)):
        for benchmark in board.gold:
            submit(board, name, quality, benchmark=benchmark)
    submit(board, "only-yor", 0.99)
    by_benchmark = {(row.system, row.benchmark): row for row in read_leaderboard(board.folder).rows}
    overall = rows_of(board, "overall")
    assert set(overall) == {"good", "as-good", "poor"}
    assert [*ranks(board, "overall").values()][2] == (3, 3)
    assert {*ranks(board, "overall").values()} == {(1, 2), (3, 3)}
    good = overall["good"]
    # Each language counts once, however many benchmarks it has.
    danish = (by_benchmark["good", "tiny-da"].f1 + by_benchmark["good", "other-da"].f1) / 2
    assert good.f1 == pytest.approx((by_benchmark["good", "tiny-yor"].f1 + danish) / 2)
    assert good.low is not None
    assert good.high is not None
    widest = max(by_benchmark["good", name].high - by_benchmark["good", name].low for name in board.gold)  # type: ignore[operator]
    assert good.high - good.low < widest
    assert (good.benchmark, good.language, good.per_type) == ("", "", ())
    assert len(good.results) == 9


def test_there_is_no_mean_over_one_language(board: LeaderboardFolder) -> None:
    submit(board, "good", 0.9)
    assert rows_of(board, "overall") == {}


def written(board: LeaderboardFolder) -> dict[str, bytes]:
    write_leaderboard(board.folder, read_leaderboard(board.folder))
    return {name: (board.folder / name).read_bytes() for name in (LEADERBOARD, "README.md")}


def several(folder: Path) -> LeaderboardFolder:
    board = LeaderboardFolder(folder)
    board.add_benchmark(count=60)
    board.add_benchmark("tiny-da", "da", count=60)
    for benchmark in board.gold:
        submit(board, "good", 0.9, seeds=2, benchmark=benchmark)
        submit(board, "poor", 0.5, seeds=2, benchmark=benchmark, organization="bob")
        board.report(0.9, name="claim", benchmark=benchmark)
    return board


def test_the_same_results_give_the_same_bytes_and_others_do_not(tmp_path: Path) -> None:
    board = several(tmp_path / "board")
    first = written(board)
    assert written(board) == first
    submit(board, "further", 0.7)
    assert written(board)[LEADERBOARD] != first[LEADERBOARD]


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.randoms(use_true_random=False))
def test_the_order_in_which_files_were_written_changes_nothing(tmp_path: Path, order: Random) -> None:
    folder = tmp_path / "board"
    if not folder.exists():
        (tmp_path / "wanted.txt").write_bytes(written(several(folder))[LEADERBOARD])
        shutil.copy(folder / "README.md", tmp_path / "wanted.md")
    files = list(files_in(folder).items())
    order.shuffle(files)
    copy = tmp_path / f"copy-{order.randrange(10**9)}"
    for path, content in files:
        if path not in (LEADERBOARD, "README.md"):
            (copy / path).parent.mkdir(parents=True, exist_ok=True)
            (copy / path).write_bytes(content)
    found = written(LeaderboardFolder(copy))
    assert found[LEADERBOARD] == (tmp_path / "wanted.txt").read_bytes()
    assert found["README.md"] == (tmp_path / "wanted.md").read_bytes()
    shutil.rmtree(copy)


def test_what_is_built_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    board = several(tmp_path / "board")
    written(board)
    rows = datasets.load_dataset(str(board.folder), split="train", cache_dir=str(tmp_path / "cache"))
    ours = read_rows(board.folder / LEADERBOARD)
    assert ours == read_leaderboard(board.folder).rows
    assert [row["f1"] for row in rows] == [row.f1 for row in ours]  # type: ignore[index]
    assert rows[0]["per_type"] == []  # type: ignore[index]
    assert {each["type"] for each in rows[4]["per_type"]} == set(TYPES)  # type: ignore[index]


def test_the_card_keeps_what_owners_wrote_and_escapes_what_others_did(tmp_path: Path) -> None:
    board = LeaderboardFolder(tmp_path / "board")
    board.add_benchmark()
    board.submit(0.8, source="<b>x</b>|[a](https://evil.example)")
    (board.folder / "README.md").write_text(
        "---\npretty_name: Names of West Africa\nlicense: cc0-1.0\n---\n\nAsk us anything.\n"
    )
    card = written(board)["README.md"].decode()
    assert card.startswith("---\npretty_name: Names of West Africa\n")
    assert "license: cc0-1.0\n" in card
    assert "Ask us anything." in card
    assert "# Names of West Africa" in card
    assert "1 result of 1 system on 1 benchmark." in card
    assert "<b>" not in card
    assert "](https://evil" not in card
    assert written(board)["README.md"].decode() == card


def test_a_result_with_which_something_is_wrong_is_left_out_and_named(board: LeaderboardFolder) -> None:
    submit(board, "good", 0.9)
    path = board.submit(0.5, name="liar", change=lambda record: record["scores"]["micro"].update(f1=0.99))
    ended = synthner("leaderboard", "build", "board", "--json", folder=board.folder.parent)
    assert ended.status == 1
    assert [problem["path"] for problem in ended.json["problems"]] == [path]
    assert (ended.json["rows"], ended.json["results"]) == (1, 3)
    assert {row.system for row in read_rows(board.folder / LEADERBOARD)} == {"good"}


def test_the_command_builds(board: LeaderboardFolder) -> None:
    submit(board, "good", 0.9)
    ended = done("leaderboard", "build", folder=board.folder)
    assert "3 results on 1 benchmark: 1 row, 1 of them ranked." in ended.stdout
    assert set(files_in(board.folder)) >= {"README.md", LEADERBOARD}


@pytest.mark.parametrize(
    ("remote", "name"),
    [
        ("https://huggingface.co/datasets/west-africa/names", "west-africa/names"),
        ("https://ada:hf_secret@hf.co/datasets/west-africa/names.v2.git", "west-africa/names.v2"),
        ("git@hf.co:datasets/west-africa/names", "west-africa/names"),
        ("https://github.com/datasets/west-africa/names", "organization/name-of-this-dataset"),
        (None, "organization/name-of-this-dataset"),
    ],
    ids=["https", "with a token", "ssh", "not of the Hub", "no clone"],
)
def test_the_card_of_a_clone_names_the_leaderboard(
    board: LeaderboardFolder, remote: str | None, name: str
) -> None:
    submit(board, "good", 0.9)
    if remote is not None:
        (board.folder / ".git").mkdir()
        config = f'[core]\n\tbare = false\n[remote "origin"]\n\turl = {remote}\n\tfetch = +refs/heads/*\n'
        (board.folder / ".git" / "config").write_text(config, encoding="utf-8")
    done("leaderboard", "build", folder=board.folder)
    card = (board.folder / "README.md").read_text(encoding="utf-8")
    assert f'rows = load_dataset("{name}", split="train")' in card
    assert "hf_secret" not in card


def test_predictions_without_a_record_need_no_gold(board: LeaderboardFolder) -> None:
    board.add_benchmark("tiny-swa", "swa")
    board.submit(0.9, name="first")
    stray = board.folder / board.submit(0.9, name="second", benchmark="tiny-swa")
    stray.unlink()
    (board.folder / "benchmarks" / "gold" / "tiny-swa.jsonl").unlink()
    done("leaderboard", "build", folder=board.folder)
    assert "1 result of 1 system" in (board.folder / "README.md").read_text(encoding="utf-8")


def test_what_a_build_needs_is_missed_before_results_are_scored(board: LeaderboardFolder) -> None:
    board.add_benchmark("tiny-swa", "swa")
    board.submit(0.9, name="first")
    board.submit(0.9, name="second", benchmark="tiny-swa")
    # Scoring this one would end in another error.
    gold = board.folder / "benchmarks" / "gold"
    (gold / "tiny-yor.jsonl").write_bytes((gold / "tiny-swa.jsonl").read_bytes())
    (gold / "tiny-swa.jsonl").unlink()
    message = refused("leaderboard", "build", folder=board.folder)
    assert "tiny-swa.jsonl: there is no such file" in message

    (board.folder / "README.md").write_bytes(b"\xff")
    assert "README.md: the card is not UTF-8 text" in refused("leaderboard", "build", folder=board.folder)
    (board.folder / "README.md").write_text(BEGIN, encoding="utf-8")
    message = refused("leaderboard", "build", folder=board.folder)
    assert "README.md: the card has only one of the two lines" in message
    assert not (board.folder / LEADERBOARD).exists()


def test_a_leaderboard_without_results_can_be_built(board: LeaderboardFolder) -> None:
    assert read_leaderboard(board.folder) == Leaderboard((), read_leaderboard(board.folder).benchmarks, (), 0)
    assert "configs" in written(board)["README.md"].decode()
    assert json.loads(done("leaderboard", "build", "--json", folder=board.folder).stdout)["rows"] == 0
