"""`synthner project`: labels from one language to another, by word alignments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..schema.errors import DataError, WrongUsageError
from . import console
from .options import check_output, examples, file, format_option, json_option

if TYPE_CHECKING:
    from ..projection.methods import Projector
    from ..projection.scored import NamedTagger, NamedTranslator, ScoredProjector, Scoring

_OF_SCORING = ("candidates", "scores")
_OF_TAGGERS = ("tagger", "tagger_gold")
_OF_TRANSLATORS = ("translator", "translator_revision", "source_language", "target_language", "batch_size")


@click.command(
    epilog=examples(
        "synthner project --source en.conll --target yo.txt --alignments en-yo.txt \\",
        "    --method exact -o yo.conll",
    )
)
@click.option("--source", required=True, type=file, help="Labelled sentences, in any format.")
@click.option(
    "--target", required=True, type=file, help="Their translations, plain text: words, a line a sentence."
)
@click.option(
    "--alignments",
    type=file,
    help="Pairs `i-j` of aligned words, a line a sentence. Scores `ner` and `nmt` need none.",
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
    help="gf22: whether words of punctuation are left out.  [default: yes]",
)
@click.option(
    "--fill-gap-size", type=click.IntRange(0), help="gf22: words between groups to join.  [default: 1]"
)
@click.option(
    "--merge-distance", type=click.IntRange(0), help="politov: words between runs to merge.  [default: 1]"
)
@click.option(
    "--length-ratio", type=click.FloatRange(0), help="politov: words of a run a source word.  [default: 0.8]"
)
@click.option("--only-i", is_flag=True, default=None, help="politov: a run at the first word stays apart.")
@click.option(
    "--top-k", type=click.IntRange(1), help="politov: keep so many runs, the longest.  [default: all]"
)
@click.option(
    "--n-proj", type=click.IntRange(1), help="greedy, exact: candidates of an entity.  [default: 1]"
)
@click.option("--exactly", is_flag=True, default=None, help="exact: each entity to just so many, or none.")
@click.option(
    "--candidates",
    type=click.Choice(["ngram", "tagger"]),
    help="greedy, exact: what an entity may go to: any words, or what the tagger labels.  [default: ngram]",
)
@click.option(
    "--scores",
    type=click.Choice(["align", "ner", "nmt", "fused"]),
    help="greedy, exact: by alignments, by a tagger, by a translation model, or by alignments and what there "
    "is of the others.  [default: align]",
)
@click.option(
    "--tagger",
    metavar="FOLDER",
    help="A tagger of the target's language: a CRF, or a model for token classification, also of the Hub.",
)
@click.option("--tagger-gold", type=file, help="Or labelled sentences of that language: a CRF learns them.")
@click.option(
    "--translator", metavar="NAME", help="A multilingual translation model: a folder, or one of the Hub."
)
@click.option("--translator-revision", metavar="NAME", help="Its commit, tag or branch on the Hub.")
@click.option("--source-language", metavar="CODE", help="What it calls the source's language: `eng_Latn`.")
@click.option("--target-language", metavar="CODE", help="What it calls the target's language: `yor_Latn`.")
@click.option(
    "--batch-size", type=click.IntRange(1), help="Pairs of texts that it scores side by side.  [default: 32]"
)
@format_option
@json_option
def project(
    source: Path,
    target: Path,
    alignments: Path | None,
    method: str,
    output: Path,
    as_json: bool,
    **options: Any,
) -> None:
    """Project the labels of a source onto its translation.

    Word alignments say where each entity went; a tagger or a translation model may have a say, or decide.
    What is dropped is counted with its reason.
    """
    from ..projection.files import ParallelFiles, project_files
    from .console.projection import ProjectProgress, print_projected

    check_output(output, (source, target, alignments, options["tagger_gold"]))
    format_, one_based, sure_only = (options.pop(name) for name in ("format_", "one_based", "sure_only"))
    given = {name: value for name, value in options.items() if value is not None}
    _check_alignments(alignments, given.get("scores"), {"one-based": one_based, "sure-only": sure_only})
    files = ParallelFiles(source, target, alignments, format_, one_based, sure_only)
    try:
        chosen = _projector(method, given)
        with ProjectProgress(target) as progress:
            outcome = project_files(files, chosen, output, progress.advance)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("Interrupted. Nothing was written, and nothing is kept.") from error
    if as_json:
        console.print_json(outcome.as_json())
    else:
        print_projected(outcome, output)


def _check_alignments(alignments: Path | None, scores: str | None, of_alignments: dict[str, bool]) -> None:
    """Refuse to project without alignments, unless nobody asks for them."""
    if alignments is not None:
        return
    if scores not in ("ner", "nmt"):
        raise WrongUsageError(
            "there are no alignments, which say where each entity went",
            hint="Name them by `--alignments`; `synthner align` makes them. Only `--scores ner` and "
            "`--scores nmt` need none.",
        )
    for name, is_given in of_alignments.items():
        if is_given:
            raise WrongUsageError(
                f"--{name} is about alignments, and there are none",
                hint="Name them by `--alignments`, or leave it out.",
            )


def _projector(method: str, given: dict[str, Any]) -> Projector | ScoredProjector:
    """Return the method with what was given, and the tagger and the translation model that it takes."""
    from ..projection.methods import projector
    from ..projection.scored import Scoring, check_matches, scored_projector

    of_scoring, of_taggers, of_translators = (
        {key: given.pop(key) for key in keys if key in given}
        for keys in (_OF_SCORING, _OF_TAGGERS, _OF_TRANSLATORS)
    )
    project = projector(method, given)
    if not (of_scoring or of_taggers or of_translators):
        return project
    check_matches(method)
    scoring = Scoring(**of_scoring)
    _check_helpers(scoring, of_taggers, of_translators)
    if not (of_taggers or of_translators):
        return project
    return scored_projector(
        method,
        given,
        scoring,
        tagger=_tagger(of_taggers) if of_taggers else None,
        translator=_translator(of_translators) if of_translators else None,
    )


def _check_helpers(scoring: Scoring, of_taggers: dict[str, Any], of_translators: dict[str, Any]) -> None:
    """Refuse a tagger or a translation model that is missing, named in part, named twice, or of no use."""
    from ..projection import scored

    if of_taggers.keys() == set(_OF_TAGGERS):
        raise WrongUsageError(
            "`--tagger` and `--tagger-gold` name two taggers", hint="Leave one of them out."
        )
    for key in of_translators:
        if "translator" not in of_translators:
            raise WrongUsageError(
                f"--{key.replace('_', '-')} is about a translation model, and there is none",
                hint="Name it by `--translator`, or leave this out.",
            )
    fault = scoring.fault(tagger=bool(of_taggers), translator=bool(of_translators))
    tagger = "Name one by `--tagger`, or labelled sentences of the target's language by `--tagger-gold`."
    translator = "Name a multilingual one by `--translator`."
    hints = {
        scored.NO_TAGGER: tagger,
        scored.NO_TRANSLATOR: translator,
        scored.NOTHING_TO_FUSE: f"{tagger} {translator}",
        scored.UNUSED_TAGGER: "Add `--candidates tagger`, `--scores ner` or `--scores fused`.",
        scored.UNUSED_TRANSLATOR: "Add `--scores nmt` or `--scores fused`.",
    }
    if fault is not None:
        raise WrongUsageError(fault, hint=hints[fault])
    for key in ("source_language", "target_language"):
        if of_translators and key not in of_translators:
            raise WrongUsageError(
                f"--{key.replace('_', '-')} is missing: the translation model is told both languages",
                hint="Write them as the model does: `--source-language eng_Latn --target-language yor_Latn` "
                "for NLLB, `en` and `yo` for M2M100 and MADLAD.",
            )


def _tagger(named: dict[str, Any]) -> NamedTagger:
    from ..evaluation.teachers import saved_teacher
    from ..projection.scored import NamedTagger

    if "tagger_gold" in named:
        return _trained(named["tagger_gold"])
    name = named["tagger"]
    return NamedTagger(saved_teacher(name, beside=Path()).load(), name)


def _trained(path: Path) -> NamedTagger:
    from ..evaluation.recipes import train_on_gold
    from ..evaluation.training_data import read_training_data
    from ..projection.scored import NamedTagger

    gold = read_training_data(path)
    if not gold.types:
        raise DataError(
            "there is no labelled mention to train a tagger on",
            where=str(path),
            hint="`--tagger-gold` names labelled sentences of the target's language.",
        )
    if gold.left_out:
        console.say(
            f"{path}: {console.counted(gold.left_out, 'sentence')} cannot be learned, for a tag is none.",
            err=True,
        )
    return NamedTagger(train_on_gold(gold.examples), str(path))


def _translator(named: dict[str, Any]) -> NamedTranslator:
    from ..projection.model_folders import NamedModel, named_model, require_train_extra
    from ..projection.scored import NamedTranslator
    from ..projection.translation import BATCH_SIZE, load_translation_model, require_scoring_model
    from ..projection.translation_scores import TranslationScores

    require_train_extra("the option `--translator`")
    model = named_model(named["translator"], named.get("translator_revision"), beside=Path())
    folder = model.fetch()
    # Loaded from where its revision was seen: a branch of the Hub may move meanwhile.
    fetched = NamedModel(model.name, folder)
    require_scoring_model(fetched)
    languages = named["source_language"], named["target_language"]
    scores = TranslationScores(
        load_translation_model(fetched), *languages, named.get("batch_size", BATCH_SIZE)
    )
    return NamedTranslator(scores, model.name, model.revision_in(folder), languages)
