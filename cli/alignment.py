"""`synthner align`: which words of a translation are which words of the source."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from ..schema.errors import WrongUsageError
from . import console
from .options import check_output, examples, file, json_option

if TYPE_CHECKING:
    from rich.progress import Progress

    from ..projection.align_files import AlignOutcome, FileAligner
    from ..projection.neural_alignment import NeuralAligner

STATISTICAL = "statistical"

_OF_STATISTICS = ("symmetrize", "extra")
_OF_MODELS = ("model", "revision", "layer", "batch_size")


@click.command(epilog=examples("synthner align --source en.txt --target yo.txt -o en-yo.txt"))
@click.option("--source", required=True, type=file, help="Sentences: plain text, or a file of any format.")
@click.option("--target", required=True, type=file, help="Their translations, likewise.")
@click.option("-o", "--output", required=True, type=file, help="Where the links `i-j` go, a line a sentence.")
@click.option(
    "--method",
    type=click.Choice([STATISTICAL, "simalign", "awesome"]),
    default=STATISTICAL,
    show_default=True,
    help="How to align.",
)
@click.option(
    "--symmetrize",
    type=click.Choice(["intersection", "grow-diag-final-and", "union"]),
    help="statistical: how two directions become one.  [default: intersection]",
)
@click.option(
    "--extra",
    nargs=2,
    type=file,
    multiple=True,
    metavar="SOURCE TARGET",
    help="statistical: further parallel text to learn from; may be given several times.",
)
@click.option("--model", metavar="NAME", help="simalign, awesome: a folder, or a model of the Hub.")
@click.option(
    "--revision", metavar="NAME", help="simalign, awesome: commit, tag or branch of a model of the Hub."
)
@click.option(
    "--layer",
    type=click.IntRange(0),
    help="simalign, awesome: the layer that is read.  [default: two thirds up]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    help="simalign, awesome: sentences read side by side.  [default: 32]",
)
@click.option("--gold", type=file, help="Hand-made alignments to compare with; `ipj` is a possible link.")
@click.option("--one-based", is_flag=True, help="Gold counts words from 1.")
@click.option("--format", "format_", metavar="NAME", help="Format of the files, `text` or another.")
@json_option
def align(
    source: Path,
    target: Path,
    output: Path,
    method: str,
    format_: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Align the words of sentences with those of translations.

    In plain text a line is a sentence, and words are apart by blanks. The output is what `synthner project`
    takes: words are counted from 0.
    """
    from ..projection.align_files import align_files
    from ..projection.parallel_text import ParallelText

    gold, one_based = options.pop("gold"), options.pop("one_based")
    if one_based and gold is None:
        raise WrongUsageError(
            "--one-based is about gold, and there is none",
            hint="Name it with --gold, or leave this out: what is written counts from 0.",
        )
    check_output(output, (source, target, gold, *chain.from_iterable(options["extra"])))
    given = {name: value for name, value in options.items() if value not in (None, ())}
    aligner = _aligner(method, given, format_)
    text = ParallelText(source, target, format_)
    try:
        with AlignProgress("sweeps" if method == STATISTICAL else "sentences") as progress:
            outcome = align_files(
                text, output, aligner, gold=gold, one_based=one_based, advance=progress.advance
            )
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("Interrupted. Nothing was written, and nothing is kept.") from error
    if as_json:
        console.print_json({"method": method, **outcome.as_json()})
    else:
        _print_aligned(outcome, output)


class AlignProgress:
    """Shows on a terminal's stderr how far the alignment is.

    Args:
        unit: What is counted.
    """

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._bars: Progress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bars = console.progress_bars(self._unit)
            self._task = self._bars.add_task("Aligning", total=None)
            self._bars.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bars:
            self._bars.stop()

    def advance(self, done: int, of_all: int | None) -> None:
        """So many are done, and so many there are; None where nobody knows yet."""
        if self._bars:
            self._bars.update(self._task, completed=done, total=of_all)


def _aligner(method: str, options: dict[str, Any], format_: str | None) -> FileAligner:
    from ..projection.align_files import neurally, statistically
    from ..projection.parallel_text import ParallelText

    foreign = _OF_MODELS if method == STATISTICAL else _OF_STATISTICS
    for name in foreign:
        if name in options:
            others = "simalign and awesome" if method == STATISTICAL else STATISTICAL
            raise WrongUsageError(
                f"--{name.replace('_', '-')} is an option of {others}, not of {method}",
                hint="Leave it out, or name the --method that is meant.",
            )
    if method == STATISTICAL:
        extra = [ParallelText(source, target, format_) for source, target in options.get("extra", ())]
        return statistically(options.get("symmetrize", "intersection"), extra)
    return neurally(lambda: _load(method, options))


def _load(method: str, options: dict[str, Any]) -> NeuralAligner:
    from ..projection.model_folders import named_model
    from ..projection.neural_alignment import BATCH_SIZE, MODELS, NeuralAligner, load_encoder

    name = options.get("model", MODELS[method])
    encoder = load_encoder(named_model(name, options.get("revision"), beside=Path()), options.get("layer"))
    return NeuralAligner(encoder, method, options.get("batch_size", BATCH_SIZE))


def _print_aligned(outcome: AlignOutcome, output: Path) -> None:
    """Print how many links there are, what is to be known of them, and where they are."""
    if outcome.error is not None:
        console.say(
            f"Alignment error rate {100 * outcome.error.aer:.2f} %, "
            f"precision {100 * outcome.error.precision:.2f} %, recall {100 * outcome.error.recall:.2f} %"
        )
    for remark in outcome.remarks:
        console.say(remark)
    console.say(
        f"{console.counted(outcome.links, 'link')} in {console.counted(outcome.sentences, 'sentence')}, "
        f"{outcome.unaligned:,} of them without any: {output}"
    )
