"""Rows of a made-up leaderboard, for tests of what shows them."""

from dataclasses import replace
from typing import Any

from synthner.evaluation.leaderboard.rows import OVERALL, SELF_REPORTED, Row, TrainingPart, TypeFigure

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "acme/leaderboard"
LONG = "x" * 10_000

_USUAL = Row(
    rank_first=1,
    rank_last=1,
    scope="yor",
    benchmark="yor-news",
    language="yor",
    system="Lake",
    organization="acme",
    kind="dataset",
    status="verified",
    setting="scratch",
    source="stories",
    tagger="crf",
    size=100,
    gold_sentences=0,
    synthetic_sentences=100,
    seeds=5,
    f1=0.5,
    low=0.45,
    high=0.55,
    precision=0.6,
    recall=0.43,
    macro_f1=0.48,
    strict_f1=0.49,
    seen_recall=0.7,
    unseen_recall=0.3,
    per_type=(TypeFigure("LOC", 0.4, 120), TypeFigure("PER", 0.6, 300)),
    cost=1.25,
    currency="USD",
    f1_per_cost=0.4,
    f1_per_gold_sentence=None,
    model=None,
    model_revision=None,
    training=(TrainingPart("source", "acme/names", "yor_gpt4", COMMIT, 100),),
    submitted="2026-03-01",
    results=("results/acme__lake/yor-news/0123456789abcdef01234567.json",),
    url="https://example.org/lake",
)


def row(**changes: Any) -> Row:
    """Return a usual row with other values."""
    return replace(_USUAL, **changes)


def leaderboard() -> list[Row]:
    """Return two languages and their mean, of three systems at up to two sizes."""
    rows = []
    for scope, benchmark in ((OVERALL, ""), ("hau", "hau-news"), ("yor", "yor-news")):
        place: dict[str, Any] = {
            "scope": scope,
            "benchmark": benchmark,
            "language": "" if scope == OVERALL else scope,
        }
        if scope == OVERALL:
            place["per_type"] = ()
        rows += [
            row(rank_first=1, rank_last=2, size=1000, f1=0.8, low=0.77, high=0.83, **place),
            row(rank_first=3, rank_last=3, unseen_recall=0.2, **place),
            row(
                rank_first=1,
                rank_last=2,
                system="River",
                organization="delta",
                kind="model",
                source="projected",
                tagger="xlmr",
                size=1000,
                f1=0.79,
                low=0.76,
                high=0.82,
                unseen_recall=0.6,
                cost=None,
                currency=None,
                model="delta/river",
                model_revision=COMMIT,
                **place,
            ),
            row(
                rank_first=None,
                rank_last=None,
                system="Chat",
                organization="delta",
                status=SELF_REPORTED,
                setting="predictions",
                source="chat",
                tagger="chat",
                size=None,
                synthetic_sentences=0,
                f1=0.6,
                low=None,
                high=None,
                unseen_recall=None,
                **place,
            ),
        ]
    return rows


def hostile_rows() -> list[Row]:
    """Return rows whose texts would run, break out or hide something wherever they are not only text."""
    return [
        row(
            system="<script>window.ran = 1</script>",
            organization='"><img src=x onerror="window.ran = 2">',
            source="</script><script>window.ran = 3</script>",
            tagger="safe\u202egnp.exe",
            setting="${window.ran = 4}{{constructor.constructor('window.ran = 5')()}}",
            benchmark="<!--<svg onload='window.ran = 6'>",
            per_type=(TypeFigure("<b>LOC</b>", 0.5, 3),),
            model="javascript:alert(1)/x",
            model_revision="'><i>",
            training=(TrainingPart("<i>source</i>", "javascript:alert(1)", "[a](javascript:1)", LONG, 7),),
            results=("results/../../evil", "results/a\u2028b.json"),
            url="javascript:window.ran=7",
        ),
        row(system=LONG, organization=LONG, source=LONG, url=f"https://example.org/{LONG} onclick=1"),
        row(
            system="line\u2028end", organization="data:text/html,<b>", url="https://example.org@evil.example"
        ),
    ]
