"""What the statistics of a language support, in sentences; nothing that they do not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

from ..grid.description import ADDED_TO_GOLD, GOLD_AND_SYNTHETIC, ORGANIC, PREDICTIONS
from .evidence import FEWEST_SENTENCES, LEVEL, Comparison, Evidence
from .systems import System
from .tables import size_of_pair
from .text import code, count, counted, decimal, interval, listed, p_in_sentence, setting_name


def findings(evidence: Evidence) -> list[str]:
    """Return what can be said of a language, in Markdown.

    Two systems are called different only where the adjusted p-value of their test is below 0.05. Where it is
    not, that is said, too, and never that they are alike.
    """
    test = evidence.systems[0].test
    if test["sentences"] < FEWEST_SENTENCES:
        return [
            f"The test set has {counted(test['sentences'], 'sentence')}, which says nothing of any other: "
            "nothing was tested."
        ]
    if not test["mentions"]:
        return ["Gold of the test set has no mention, so every F1 is 0 and says nothing of a system."]
    if not evidence.has_gold:
        return [
            "Gold was not at hand, so systems could not be compared sentence by sentence: whether two "
            "differ is not tested. Intervals are put together from those of the runs."
        ]
    if not evidence.comparisons:
        return [_NOTHING_TO_COMPARE]
    found = [
        *_sentences_of_sources(evidence.of_kind("sources")),
        *_sentences_of_sizes(evidence.of_kind("sizes")),
        *_sentences_of_transfer(evidence.of_kind("transfer")),
        *_sentences_of_lift(evidence.of_kind("lift")),
    ]
    if not any(each.is_separated for each in evidence.comparisons):
        found.insert(0, nothing_separated(len(evidence.comparisons)))
    return found + list(caveats(evidence))


_NOTHING_TO_COMPARE = (
    "There are no two sources of one size, no source beside fewer organic sentences or beside the gold that "
    "it is added to, and no fine-tuning beside zero-shot transfer that have not both collapsed in every run, "
    "so nothing was tested."
)


def nothing_separated(tests: int) -> str:
    """Say that none of so many tests tells two systems apart."""
    return (
        f"**Nothing is separated**: in none of {counted(tests, 'comparison')} is the adjusted p-value below "
        f"{LEVEL}."
    )


def _sentences_of_sources(compared: Sequence[Comparison]) -> Iterator[str]:
    """Say at which sizes a source is better or worse than another."""
    for pairs in _grouped(compared, _curves):
        first, second = pairs[0].first, pairs[0].second
        names = f"{code(first.source)} and {code(second.source)}"
        separated = [each for each in pairs if each.is_separated]
        if not separated:
            yield f"{_where(first)}, {names} are not separated{_sizes(pairs)}{_numbers_of_last(pairs)}."
            continue
        rest = [each for each in pairs if not each.is_separated]
        unknown = f" They are not separated{_sizes(rest)}." if rest else ""
        for verdict, some in _grouped_by_verdict(separated):
            most = max(some, key=lambda each: abs(each.difference))
            at = "" if len(some) == 1 else f", the largest difference being at {size_of_pair(most)}"
            yield (
                f"{_where(first)}, {code(first.source)} is **{verdict}** than {code(second.source)}"
                f"{_sizes(some)}{at}: {_numbers(most)}.{unknown}"
            )
            unknown = ""


def _sentences_of_sizes(compared: Sequence[Comparison]) -> Iterator[str]:
    """Say how few organic sentences are worth all of a source."""
    for pairs in _grouped(compared, _first):
        worse = [each for each in pairs if each.is_separated and each.difference < 0]
        better = [each for each in pairs if each.is_separated and each.difference > 0]
        # The fewest sentences that beat the source, and the most that it beats.
        for verdict, shown in (("worse", worse[:1]), ("better", better[-1:])):
            for each in shown:
                yield (
                    f"{_where(each.first)}, {_with_size(each.first)} is **{verdict}** than "
                    f"{_with_size(each.second)}: {_numbers(each)}."
                )
        if not worse and not better:
            yield (
                f"{_where(pairs[0].first)}, {_with_size(pairs[0].first)} is not separated from organic "
                f"data at {listed([count(each.second.true_size) for each in pairs])} sentences"
                f"{_numbers_of_last(pairs)}."
            )


def _sentences_of_transfer(compared: Sequence[Comparison]) -> Iterator[str]:
    for each in compared:
        what = f"fine-tuning on {_with_size(each.first)} after the related language"
        if each.is_separated:
            verb = "**gains** over" if each.difference > 0 else "**loses** against"
        else:
            verb = "is not separated from"
        yield f"With {code(each.first.tagger)}, {what} {verb} zero-shot transfer: {_numbers(each)}."


def _sentences_of_lift(compared: Sequence[Comparison]) -> Iterator[str]:
    for pairs in _grouped(compared, _curves):
        first = pairs[0].first
        source = code(first.source)
        done = (
            f"adding {source} to gold" if first.setting == GOLD_AND_SYNTHETIC else f"learning {source} first"
        )
        what = f"With {code(first.tagger)}, {done}"
        for each in pairs:
            if each.is_separated:
                verb = "**gains**" if each.difference > 0 else "**loses**"
                yield f"{what} {verb}{_sizes([each])}: {_numbers(each)}.{_left_out([each])}"
        rest = [each for each in pairs if not each.is_separated]
        if rest:
            yield (
                f"{what} is not separated from gold alone{_sizes(rest)}{_numbers_of_last(rest)}."
                f"{_left_out(rest)}"
            )


def _left_out(pairs: Sequence[Comparison]) -> str:
    """Say in how many runs a tagger did not learn the source that it was given."""
    left_out = sum(each.first.left_out for each in pairs)
    if not left_out:
        return ""
    runs = sum(len(each.first.counted) for each in pairs)
    return f" In {left_out} of {counted(runs, 'run')} folds of gold decided to leave it out."


def caveats(evidence: Evidence) -> Iterator[str]:
    """Say which systems had one seed or two though these decide something, and which have collapsed runs."""
    if single := _with_runs(evidence, 1):
        yield (
            f"{single} had one seed. What is said there is about one run: where a seed decides anything, "
            "another one may say otherwise."
        )
    if double := _with_runs(evidence, 2):
        yield (
            f"{double} had two seeds. Two runs tell little of how far runs differ: where systems do not "
            "differ, tests of them err more often than one time in twenty."
        )
    collapsed = [system for system in evidence.systems if system.collapsed]
    if collapsed:
        named = counted(len(collapsed), "system")
        yield f"Collapsed runs are in the means of {named}; the report lists them."


def _with_runs(evidence: Evidence, runs: int) -> str:
    """Name the systems that had so many runs though another seed might have given other figures."""
    some = sum(len(system.counted) == runs and system.seed_matters for system in evidence.systems)
    if some == len(evidence.systems):
        return "Every system"
    return f"{counted(some, 'system')} of {len(evidence.systems)}" if some else ""


def _where(system: System) -> str:
    if system.setting == PREDICTIONS:
        return "As predicted"
    return f"With {code(system.tagger)}, {setting_name(system.setting)}"


def _with_size(system: System) -> str:
    name = "organic data" if system.source == ORGANIC else code(system.source)
    return f"{name} at {count(system.true_size)} sentences"


def _numbers(each: Comparison) -> str:
    collapsed = each.first.collapsed + each.second.collapsed
    remark = f"; {counted(collapsed, 'run')} collapsed" if collapsed else ""
    runs = [len(system.counted) for system in (each.first, each.second)]
    if 1 in runs:
        remark += f"; runs: {runs[0]} against {runs[1]}"
    return (
        f"{decimal(each.first.f1.mean)} against {decimal(each.second.f1.mean)}, 95 % interval of the "
        f"difference {interval(each.interval, 3)}, {p_in_sentence(each.adjusted_p_value)}{remark}"
    )


def _numbers_of_last(pairs: Sequence[Comparison]) -> str:
    whose = "; at the last of these" if len(pairs) > 1 else ""
    return f"{whose}: {_numbers(pairs[-1])}"


def _sizes(pairs: Sequence[Comparison]) -> str:
    sizes = [size_of_pair(each) for each in pairs if each.first.size is not None]
    of = "gold sentences" if pairs[0].first.setting in ADDED_TO_GOLD else "sentences"
    return f" at {listed(sizes)} {of}" if sizes else ""


def _curves(each: Comparison) -> tuple[str, ...]:
    return (each.first.tagger, each.first.setting, each.first.source, each.second.source)


def _first(each: Comparison) -> tuple[object, ...]:
    return each.first.key


def _grouped(
    compared: Sequence[Comparison], key: Callable[[Comparison], tuple[object, ...]]
) -> list[list[Comparison]]:
    grouped: defaultdict[tuple[object, ...], list[Comparison]] = defaultdict(list)
    for each in compared:
        grouped[key(each)].append(each)
    return list(grouped.values())


def _grouped_by_verdict(separated: Sequence[Comparison]) -> list[tuple[str, list[Comparison]]]:
    by_verdict = {
        "worse": [each for each in separated if each.difference < 0],
        "better": [each for each in separated if each.difference > 0],
    }
    return [(verdict, some) for verdict, some in by_verdict.items() if some]
