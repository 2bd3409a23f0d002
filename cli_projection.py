"""`synthner project`: labels from one language to another, by word alignments."""

from __future__ import annotations

from pathlib import Path

import click

from . import console
from .cli_options import file, format_option, json_option


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
    from .projection.methods import projector

    one_based, sure_only = bool(options.pop("one_based")), bool(options.pop("sure_only"))
    chosen = projector(method, {name: value for name, value in options.items() if value is not None})
    files = ParallelFiles(source, target, alignments, format_, one_based, sure_only)
    outcome = project_files(files, chosen, output)
    if as_json:
        console.print_json(outcome.as_json())
    else:
        print_projected(outcome, output)
