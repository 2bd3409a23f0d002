"""The commands on plain files, which need no release. Nothing heavy is imported until one needs it."""

from __future__ import annotations

from pathlib import Path

import click

from . import console
from .console import plain_files
from .options import check_output, examples, file, format_option, json_option, label_set


@click.command(
    epilog=examples("synthner salvage responses.jsonl -o data.jsonl --labels O,B-PER,I-PER,B-LOC,I-LOC")
)
@click.argument("raw", type=file)
@click.option("-o", "--output", required=True, type=file, help="Where the datapoints go, as JSONL.")
@click.option("--labels", required=True, metavar="O,B-PER,…", help="The label set; integer tags index it.")
@click.option("--rejects", type=file, help="Where everything else goes, each with its reason.")
@click.option(
    "--rule",
    type=click.Choice(["default", "paper"]),
    default="default",
    show_default=True,
    help="`paper` is the rule of Kamath & Vajjala (2025), to the letter.",
)
@json_option
def salvage(raw: Path, output: Path, labels: str, rejects: Path | None, rule: str, as_json: bool) -> None:
    """Recover datapoints from recorded responses.

    RAW is a JSONL file of model responses, plain or gzipped: lines of OpenAI's Batch API, chat completions,
    or objects with the text under a name of its own.
    """
    from ..builders.salvaging import salvage_file

    known = label_set(labels)
    with console.at_work(f"Salvaging {raw.name}"):
        outcome = salvage_file(raw, output, known, rejects=rejects, rule=rule)
    if as_json:
        console.print_json(outcome.as_json())
    else:
        plain_files.print_salvage(outcome.as_json(), output)


@click.command(
    epilog=examples("synthner curate data.jsonl --gold train.conll --test test.conll -o curated.jsonl")
)
@click.argument("data", type=file)
@click.option("--gold", required=True, type=file, help="Gold sentences to train on; they decide everything.")
@click.option("-o", "--output", required=True, type=file, help="Where the curated sentences go, as JSONL.")
@click.option("--rejects", type=file, help="Where every other sentence goes, with its verdict.")
@click.option("--validation", type=file, help="Gold validation, which must not leak into the data.")
@click.option("--test", type=file, help="Gold test, which must not leak into the data.")
@click.option("--explain", metavar="ID", help="Also print all that is known about one sentence.")
@click.option(
    "--judge", metavar="MODEL", help="An encoder to fine-tune as the judge of labels, instead of a CRF."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides halves, samples and folds.")
@json_option
def curate(
    data: Path,
    gold: Path,
    output: Path,
    explain: str | None,
    judge: str | None,
    seed: int,
    as_json: bool,
    **others: Path | None,
) -> None:
    """Repair the labels of DATA, and keep the sentences that help.

    DATA holds synthetic sentences, made by synthner or not. Gold train decides what helps, on its folds;
    keeping nothing is a legitimate answer.
    """
    from ..builders.curation.files import curate_file
    from ..builders.curation.found_sentences import check_id
    from ..builders.curation.judges import encoder_judge

    if explain is not None:
        check_id(data, explain)
    encoder = encoder_judge(judge, seed) if judge is not None else None
    held_out = {split: path for split in ("validation", "test") if (path := others[split]) is not None}
    with console.at_work(f"Curating {data.name}"):
        outcome = curate_file(
            data, gold, output, held_out=held_out, rejects=others["rejects"], seed=seed, judge=encoder
        )
    history = outcome.history(explain) if explain is not None else None
    if as_json:
        console.print_json(outcome.as_json() | ({"explained": history} if history else {}))
    else:
        plain_files.print_curated(outcome.as_json(), history, output)


@click.command(epilog=examples("synthner score gold.conll predicted.conll"))
@click.argument("gold", type=file)
@click.argument("predicted", type=file)
@format_option
@json_option
def score(gold: Path, predicted: Path, format_: str | None, as_json: bool) -> None:
    """Score the tags of PREDICTED against GOLD.

    Both are data files with the same sentences. Micro-F1 is seqeval's in its default mode; strict IOB2 and
    the macro average over gold's types stand beside it.
    """
    from ..evaluation.prediction_files import score_files
    from ..sources.report import Report

    report = Report()
    with console.at_work(f"Scoring {predicted.name}"):
        outcome = score_files(gold, predicted, format=format_, report=report)
    if as_json:
        console.print_json({**outcome.as_json(), "problems": report.as_json()})
    else:
        plain_files.print_score(outcome)
        plain_files.print_problems_of_scoring(report.problems)


@click.command(
    epilog=examples("synthner train --gold train.conll --synthetic curated.jsonl --test test.conll")
)
@click.option("--gold", required=True, type=file, help="Gold sentences to train on.")
@click.option("--synthetic", type=file, help="Synthetic sentences; used where they help on folds of gold.")
@click.option("--test", required=True, type=file, help="Gold sentences to test on, once, at the end.")
@click.option("--tagger", type=click.Choice(["crf"]), default="crf", show_default=True, help="What to train.")
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Decides folds and the interval's samples."
)
@click.option("--predictions", type=file, help="Where the predicted tags of the test sentences go, as CoNLL.")
@json_option
def train(
    gold: Path,
    synthetic: Path | None,
    test: Path,
    tagger: str,
    seed: int,
    predictions: Path | None,
    as_json: bool,
) -> None:
    """Train and test a tagger.

    Synthetic data is used where it helps on folds of gold; the test file decides nothing.
    """
    from ..evaluation.train import train_and_test

    if predictions is not None:
        check_output(predictions, (gold, synthetic, test), "--predictions")
    with console.at_work(f"Training on {gold.name}"):
        outcome = train_and_test(
            gold, test, synthetic=synthetic, tagger=tagger, seed=seed, predictions=predictions
        )
    if as_json:
        console.print_json(outcome.as_json())
    else:
        plain_files.print_trained(outcome)
