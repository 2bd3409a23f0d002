"""The commands of a leaderboard. Nothing heavy is imported until the command that needs it runs."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from . import console
from .console import leaderboard as console_leaderboard
from .leaderboard_submission import init, review, submit
from .options import examples, file, json_option
from .options import folder as folder_type

_folder_argument = click.argument("folder", type=folder_type, default=".")
_data_option = click.option(
    "--data",
    "mirror",
    type=folder_type,
    help="Read data sets from FOLDER/ORG/NAME where they are there, and not from the Hub.",
)


@click.group()
def leaderboard() -> None:
    """Keep a leaderboard: verify results, rank and show them.

    A leaderboard is a dataset repository of the Hub. FOLDER is a clone of it.
    """


@leaderboard.command(
    epilog=examples("synthner leaderboard verify", "synthner leaderboard verify --base ../leaderboard-before")
)
@_folder_argument
@click.option(
    "--changed", multiple=True, metavar="FILE", help="A file of the submission; may be given several times."
)
@click.option(
    "--base", type=folder_type, help="The leaderboard without the submission: what differs is checked."
)
@_data_option
@click.option("--markdown", is_flag=True, help="Print the answer to a pull request, as Markdown.")
@json_option
def verify(
    folder: Path,
    changed: tuple[str, ...],
    base: Path | None,
    mirror: Path | None,
    markdown: bool,
    as_json: bool,
) -> None:
    """Check results: their form, predictions, scores and training data.

    Predictions are scored again on gold at its pinned revision. Without --changed and --base every result is
    checked. Exit status 1 means that something is wrong. Nothing is written.
    """
    from ..cards.leaderboard.answer import render_answer
    from ..evaluation.leaderboard.verifying import verify as verify_results

    verification = verify_results(folder, changed=changed, base=base, mirror=mirror)
    if as_json:
        console.print_json({**verification.as_json(), "markdown": render_answer(verification)})
    elif markdown:
        console.say(render_answer(verification), nl=False)
    else:
        console_leaderboard.print_verification(verification)
    if not verification.is_acceptable:
        raise click.exceptions.Exit(1)


@leaderboard.command(epilog=examples("synthner leaderboard build"))
@_folder_argument
@_data_option
@json_option
def build(folder: Path, mirror: Path | None, as_json: bool) -> None:
    """Score all results again, rank them, and write the files.

    These are leaderboard.parquet and README.md. A result with which something is wrong is left out and named;
    the exit status is then 1.
    """
    from ..cards.leaderboard.card import check_leaderboard_files, write_leaderboard
    from ..evaluation.leaderboard.ranking import read_leaderboard
    from ..leaderboard.repository import name_of_clone

    check_leaderboard_files(folder)
    board = read_leaderboard(folder, mirror=mirror)
    write_leaderboard(folder, board, name_of_clone(folder))
    if as_json:
        console.print_json(board.as_json())
    else:
        console_leaderboard.print_built(folder, board)
    if board.problems:
        raise click.exceptions.Exit(1)


@leaderboard.command(
    "import",
    epilog=examples("synthner leaderboard import results.json -o leaderboard --model your-name/ner-yor"),
)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=file)
@click.option("-o", "--output", "folder", required=True, type=folder_type, help="The leaderboard.")
@click.option("--model", metavar="ORG/NAME", help="Whose results they are, where the files do not say.")
@json_option
def import_results(files: tuple[Path, ...], folder: Path, model: str | None, as_json: bool) -> None:
    """Take results of other programs over, as self-reported ones.

    FILE is a result of MTEB or lm-evaluation-harness, a model card with `model-index`, or a file of
    `.eval_results`. What is no named entity recognition, or of no benchmark here, is skipped and named.
    """
    from ..evaluation.leaderboard.benchmarks import Benchmarks
    from ..evaluation.leaderboard.importing import import_file
    from ..evaluation.leaderboard.records import write_record

    benchmarks = Benchmarks(folder)
    # All files are read before anything is written.
    imported = [import_file(path, benchmarks, model=model) for path in files]
    written = [
        write_record(folder, record, None).relative_to(folder).as_posix()
        for each in imported
        for record in each.records
    ]
    skipped = [each for one in imported for each in one.skipped]
    if as_json:
        console.print_json({"written": written, "skipped": [each.as_json() for each in skipped]})
    else:
        console_leaderboard.print_imported(written, skipped)


@leaderboard.command(
    epilog=examples("synthner leaderboard page -o leaderboard.html --leaderboard your-name/leaderboard")
)
@_folder_argument
@click.option("-o", "--output", required=True, type=file, help="The page, one HTML file.")
@click.option(
    "--leaderboard",
    "repository",
    metavar="ORG/NAME",
    help="The leaderboard's repository on the Hub, which result files are linked in.",
)
@json_option
def page(folder: Path, output: Path, repository: str | None, as_json: bool) -> None:
    """Write the leaderboard as one HTML file.

    It needs no server and no network. FOLDER has the leaderboard.parquet that `build` has written.
    """
    from ..cards.leaderboard.page import write_page
    from ..evaluation.leaderboard.rows import LEADERBOARD, read_rows

    rows = read_rows(folder / LEADERBOARD)
    write_page(output, rows, repository=repository)
    if as_json:
        console.print_json({"file": str(output), "rows": len(rows)})
    else:
        console.say(f"Wrote {output}: {len(rows):,} rows.")


@leaderboard.command(
    epilog=examples("synthner leaderboard space -o space --leaderboard your-name/leaderboard")
)
@click.option("-o", "--output", "folder", required=True, type=folder_type, help="The folder of the Space.")
@click.option(
    "--leaderboard",
    "repository",
    required=True,
    metavar="ORG/NAME",
    help="The leaderboard's repository on the Hub.",
)
@click.option(
    "--branch", metavar="NAME", default="main", show_default=True, help="The branch that the Space reads."
)
@json_option
def space(folder: Path, repository: str, branch: str, as_json: bool) -> None:
    """Write a Space for the Hub that shows a leaderboard.

    It reads the leaderboard from its repository and looks for a newer one every five minutes. Push the folder
    to a Space of yours, for example with `hf upload`. This needs `pip install 'synthner[space]'`.
    """
    from ..cards.leaderboard.space import write_space

    written = [str(path) for path in write_space(folder, repository, branch=branch)]
    if as_json:
        console.print_json({"folder": str(folder), "files": written})
    else:
        console.say(f"Wrote {len(written)} files to {folder}. Next:\n")
        console.say(f"  hf upload ORG/SPACE {shlex.quote(str(folder))} . --repo-type space")


for _command in (submit, review, init):
    leaderboard.add_command(_command)
