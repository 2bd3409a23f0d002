"""`synthner project`: labels from one language to another, by word alignments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import console
from .cli_options import file, format_option, json_option
from .schema.errors import DataError, WrongUsageError

if TYPE_CHECKING:
    from .projection.methods import Projector
    from .projection.tagged import TaggedProjector, Tagger

_OF_TAGGERS = ("candidates", "scores", "tagger", "tagger_gold")


@click.command()
@click.option("--source", required=True, type=file, help="Labelled sentences, in any format.")
@click.option("--target", required=True, type=file, help="Their translations: a line a sentence, in words.")
@click.option(
    "--alignments", required=True, type=file, help="Pairs `i-j` of aligned words, a line a sentence."
)
@click.option(
    "--method",
    required=True,
    type=click.Choice(["gf22", "politov", "greedy", "exact"]),
    help="How to project.",
)
@click.option("-o", "--output", required=True, type=file, help="Where the labelled target goes, as CoNLL.")
@click.option("--one-based", is_flag=True, help="The alignments count words from 1.")
@click.option("--sure-only", is_flag=True, help="Leave out possible links, `ipj`.")
@click.option("--compat", is_flag=True, default=None, help="gf22: exactly as its authors' program works.")
@click.option(
    "--remove-puncs/--keep-puncs",
    default=None,
    help="gf22: whether words of punctuation are left out.  [yes]",
)
@click.option("--fill-gap-size", type=click.IntRange(0), help="gf22: words between groups to join.  [1]")
@click.option("--merge-distance", type=click.IntRange(0), help="politov: words between runs to merge.  [1]")
@click.option(
    "--length-ratio", type=click.FloatRange(0), help="politov: words of a run a source word.  [0.8]"
)
@click.option("--only-i", is_flag=True, default=None, help="politov: a run at the first word stays apart.")
@click.option("--top-k", type=click.IntRange(1), help="politov: keep so many runs, the longest.  [all]")
@click.option("--n-proj", type=click.IntRange(1), help="greedy, exact: candidates of an entity.  [1]")
@click.option("--exactly", is_flag=True, default=None, help="exact: each entity to just so many, or none.")
@click.option(
    "--candidates",
    type=click.Choice(["ngram", "tagger"]),
    help="greedy, exact: what an entity may go to: any words, or what the tagger labels.  [ngram]",
)
@click.option(
    "--scores",
    type=click.Choice(["align", "ner", "fused"]),
    help="greedy, exact: by alignments, by the tagger, or both.  [align]",
)
@click.option(
    "--tagger",
    metavar="FOLDER",
    help="A tagger of the target's language: a CRF, or a model for token classification, also of the Hub.",
)
@click.option("--tagger-gold", type=file, help="Or labelled sentences of that language: a CRF learns them.")
@format_option
@json_option
def project(
    source: Path,
    target: Path,
    alignments: Path,
    method: str,
    output: Path,
    format_: str | None,
    as_json: bool,
    **options: object,
) -> None:
    """Project the labels of a source onto its translation.

    Word alignments say where each entity went. What is dropped is counted with its reason.
    """
    from .console_projection import print_projected
    from .projection.files import ParallelFiles, project_files

    one_based, sure_only = bool(options.pop("one_based")), bool(options.pop("sure_only"))
    chosen = _projector(method, {name: value for name, value in options.items() if value is not None})
    files = ParallelFiles(source, target, alignments, format_, one_based, sure_only)
    outcome = project_files(files, chosen, output)
    if as_json:
        console.print_json(outcome.as_json())
    else:
        print_projected(outcome, output)


def _projector(method: str, given: dict[str, object]) -> Projector | TaggedProjector:
    """Return the method with what was given, and the tagger that it takes."""
    from .projection.methods import projector
    from .projection.tagged import Scoring, check_matches, tagged_projector

    of_taggers = {key: str(given.pop(key)) for key in _OF_TAGGERS if key in given}
    project = projector(method, given)
    if not of_taggers:
        return project
    check_matches(method)
    named, gold = of_taggers.pop("tagger", None), of_taggers.pop("tagger_gold", None)
    scoring = Scoring(**of_taggers)
    if named is not None and gold is not None:
        raise WrongUsageError(
            "`--tagger` and `--tagger-gold` name two taggers", hint="Leave one of them out."
        )
    if named is None and gold is None:
        if not scoring.needs_tagger:
            return project
        raise WrongUsageError(
            "there is no tagger to choose candidates or to score them",
            hint="Name one by `--tagger`, or labelled sentences of the target's language by `--tagger-gold`.",
        )
    if not scoring.needs_tagger:
        raise WrongUsageError(
            "the tagger has no use: candidates are n-grams, and scores are those of alignments",
            hint="Add `--candidates tagger`, `--scores ner` or `--scores fused`.",
        )
    tagger = _trained(Path(gold)) if gold is not None else _loaded(str(named))
    return tagged_projector(method, given, scoring, tagger, str(named or gold))


def _loaded(name: str) -> Tagger:
    from .evaluation.teachers import crf_in, load_teacher
    from .projection.model_folders import named_model

    crf = crf_in(Path(name).expanduser())
    return load_teacher(crf or named_model(name, beside=Path()).fetch())


def _trained(path: Path) -> Tagger:
    from .evaluation.recipes import train_on_gold
    from .evaluation.training_data import read_training_data

    gold = read_training_data(path)
    if not gold.types:
        raise DataError(
            "there is no labelled mention to train a tagger on",
            where=str(path),
            hint="`--tagger-gold` names labelled sentences of the target's language.",
        )
    if gold.left_out:
        click.echo(
            f"{path}: {console.counted(gold.left_out, 'sentence')} cannot be learned, for a tag is none.",
            err=True,
        )
    return train_on_gold(gold.examples)
