"""The commands. Nothing heavy is imported until the command that needs it runs."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..schema.errors import DataError, SynthnerError, WrongUsageError
from . import console
from .alignment import align
from .console import building, plain_files, publishing
from .console import clusters as console_clusters
from .console import evaluation as console_evaluation
from .console import generation as console_generation
from .console import history as console_history
from .evaluation import evaluate, grid_status_of, push_model, report
from .leaderboard import leaderboard
from .options import config_option, file, format_option, json_option, open_release, release_argument
from .projection import project
from .steps import build_dataset, generate_release, show_plan
from .study import study

if TYPE_CHECKING:
    from ..release import Release
    from ..schema.labels import LabelSet

GO_ON = "Interrupted. What is done is kept: run the same command again to go on."


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="synthner")
def synthner() -> None:
    """Turn a handful of gold sentences into a published, trustworthy synthetic NER dataset.

    A release is described by a release.yaml; `synthner init FOLDER` writes one to start from.
    """


@synthner.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--example",
    type=click.Choice(["quickstart", "transfer-study"]),
    default="quickstart",
    show_default=True,
    help="Which release; `transfer-study` is one for `synthner study`.",
)
@json_option
def init(folder: Path, example: str, as_json: bool) -> None:
    """Write a small release to start from into FOLDER.

    It is a repository to be: with workflows that validate and publish it on GitHub.
    """
    from ..examples import TRANSFER_STUDY, write_release_repository

    written = [str(path) for path in write_release_repository(folder, example)]
    if as_json:
        console.print_json({"folder": str(folder.resolve()), "files": written})
        return
    click.echo(f"Wrote {len(written)} files to {folder}. Next:\n")
    command = "study" if example == TRANSFER_STUDY.name else "run"
    click.echo(f"  cd {shlex.quote(str(folder))}\n  synthner {command}")


@synthner.command()
@release_argument
@config_option
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the plan, what it would take and the first prompt; ask for nothing.",
)
@json_option
def generate(release: Path, only: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Ask for what the release still lacks.

    Every response is in the journal before anything else happens to it: run it again after an interruption,
    and only what is missing is asked. RELEASE is a release.yaml or its folder.
    """
    opened = open_release(release)
    if dry_run:
        show_plan(opened, only, as_json)
        return
    summary = generate_release(opened, only)
    if as_json:
        console.print_json(summary.as_json())
    if not summary.is_complete:
        raise click.exceptions.Exit(1)


@synthner.command()
@release_argument
@click.option("--generator", required=True, help="The generator whose model is asked.")
@click.option("-o", "--output", required=True, help="Where the labels go; {language} is filled in.")
@click.option("--split", type=click.Choice(["test", "validation"]), default="test", show_default=True)
@json_option
def tag(release: Path, generator: str, output: str, split: str, as_json: bool) -> None:
    """Let a model label gold, as a system to compare with.

    It sees a few sentences of gold train and labels those of a held-out split. Its answers are in the
    journal. `evaluation.sources` of the release takes the files as `predictions`; `synthner score` scores
    them. RELEASE is a release.yaml or its folder.
    """
    from ..evaluation.prediction_files import write_predictions
    from ..generation.gold_tagging import tag_gold, tagging_configs

    opened = open_release(release)
    if len(tagging_configs(opened, generator)) > 1 and "{language}" not in output:
        raise WrongUsageError(
            f"`{output}` would hold several languages", hint="Write {language} into its name."
        )
    tagged = {}
    with console_generation.GenerationProgress(opened.currency) as progress:
        for code, labelled in tag_gold(opened, generator, split=split, watcher=progress):
            path = Path(output.replace("{language}", code))
            path.parent.mkdir(parents=True, exist_ok=True)
            write_predictions(path, labelled.examples)
            tagged[code] = {"file": str(path), **labelled.as_json()}
            if not as_json:
                console_generation.print_tagged(path, labelled)
    if as_json:
        console.print_json({"languages": tagged})


@synthner.command()
@json_option
def methods(as_json: bool) -> None:
    """List the ways to make data, with what each needs."""
    from ..generation.methods import METHODS

    if as_json:
        listed = {name: {"summary": each.summary, "needs": each.needs} for name, each in METHODS.items()}
        console.print_json({"methods": listed})
        return
    for name, method in METHODS.items():
        click.secho(name, bold=True)
        click.echo(f"  {method.summary}\n  Needs: {method.needs}.")


@synthner.command()
@release_argument
@config_option
@click.option("-o", "--output", type=file, help="A file to write the clusters to, .yaml or .json.")
@json_option
def clusters(release: Path, only: tuple[str, ...], output: Path | None, as_json: bool) -> None:
    """Show the clusters that mentions are replaced within.

    This is for generators whose method is cluster_replacement. Where the release names a `clusters_file` that
    is not there yet, it is written: edit it before you generate. RELEASE is a release.yaml or its folder.
    """
    from ..generation.clusters import look_at_clusters

    found = look_at_clusters(open_release(release), only=only, output=output)
    if as_json:
        console.print_json({"configs": {name: config.as_json() for name, config in found.items()}})
    else:
        console_clusters.print_clusters(found)


@synthner.command()
@release_argument
@click.option(
    "--explain", metavar="ID", help="Print all that is known about one datapoint, published or not."
)
@json_option
def build(release: Path, explain: str | None, as_json: bool) -> None:
    """Make the dataset from what the journal holds.

    Datapoints are recovered, checked and packaged, and the card is written; no model is asked. What is built
    already is not built again. RELEASE is a release.yaml or its folder.
    """
    opened = open_release(release)
    manifest = build_dataset(opened)
    if explain is not None:
        from ..builders.explain import explain as explained

        history = explained(opened, manifest, explain)
        if as_json:
            console.print_json({**manifest, "explained": history.as_json()})
        else:
            console_history.print_history(history)
        return
    if as_json:
        console.print_json(manifest)
        return
    building.print_waterfalls(manifest)
    click.echo(f"The dataset is in {opened.dataset}; what was not published is in {opened.work / 'rejects'}.")


@synthner.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@format_option
@click.option("--labels", metavar="O,B-PER,…", help="The label set; integer tags in the files index it.")
@json_option
def validate(paths: tuple[Path, ...], format_: str | None, labels: str | None, as_json: bool) -> None:
    """Check data files, or a release and its gold.

    PATHS are data files, each also checked against those before it; or one release.yaml or its folder, whose
    gold and built dataset are checked. By default it is the release.yaml in this folder. The exit status is
    1 if something must be mended.
    """
    if not paths or any(map(_names_a_release, paths)):
        if len(paths) > 1 or format_ or labels:
            raise WrongUsageError(
                "a release is checked by itself, without --format and --labels",
                hint="Name either data files, or one release.yaml or its folder.",
            )
        _validate_release(paths[0] if paths else Path("release.yaml"), as_json)
        return
    from ..sources.validation import validate_files

    outcome = validate_files(paths, format=format_, labels=_labels(labels) if labels else None)
    if as_json:
        console.print_json(outcome.as_json())
    else:
        console.print_counts(example=outcome.examples, token=outcome.tokens, entity=outcome.entities)
        console.print_problems(outcome.problems)
    if not outcome.acceptable:
        raise click.exceptions.Exit(1)


@synthner.command()
@release_argument
@click.option("--to", "folder", type=click.Path(path_type=Path), help="A folder to publish to, not the Hub.")
@click.option(
    "--dry-run", is_flag=True, help="Say what would be published and what it changes; send nothing."
)
@click.option("--pr", "pull_request", is_flag=True, help="Open a pull request instead of changing `main`.")
@click.option(
    "--rehearse", is_flag=True, help="Publish to a Hub on this machine, made for it; needs no token."
)
@json_option
def publish(
    release: Path, folder: Path | None, dry_run: bool, pull_request: bool, rehearse: bool, as_json: bool
) -> None:
    """Publish the built dataset on the Hub, and load it back.

    It is one commit, tagged with its version. The repository is the release's `name`; the token is the one of
    `hf auth login`, HF_TOKEN, or a CI job's trusted publisher. With --to it is a folder, laid out as the Hub
    wants it. RELEASE is a release.yaml or its folder.
    """
    opened = open_release(release)
    if folder is not None:
        if dry_run or pull_request or rehearse:
            raise WrongUsageError("--to publishes to a folder: it goes with no other option of publishing")
        published = _publish(opened, folder, as_json)
        if as_json:
            console.print_json(published)
    elif rehearse:
        options = ["--dry-run"] * dry_run + ["--pr"] * pull_request + ["--json"] * as_json
        _rehearse(opened, options, times=1 if dry_run or pull_request or as_json else 2)
    elif dry_run:
        _show_publication(opened, as_json)
    else:
        _publish_on_hub(opened, pull_request, as_json)


@synthner.command()
@release_argument
@json_option
def status(release: Path, as_json: bool) -> None:
    """Show what is planned, answered, failed, built and evaluated.

    RELEASE is a release.yaml or its folder.
    """
    from ..generation.generate import status as generation_status
    from ..schema.manifest import MANIFEST, read_manifest

    opened = open_release(release)
    generated = generation_status(opened)
    built = read_manifest(opened.dataset)["configs"] if (opened.dataset / MANIFEST).exists() else {}
    published = {
        name: {split: facts["examples"] for split, facts in config["splits"].items()}
        for name, config in built.items()
    }
    evaluated = grid_status_of(opened)
    if as_json:
        console.print_json(
            {
                "configs": {
                    name: {**progress.as_json(), "published": published.get(name)}
                    for name, progress in generated.items()
                }
                | {
                    joint.name: {
                        "joins": [config.name for config in joint.joined],
                        "published": published.get(joint.name),
                    }
                    for joint in opened.joint
                },
                "evaluation": evaluated and evaluated.as_json(),
            }
        )
        return
    if generated:
        console_generation.print_status(opened, generated, published)
    if evaluated is not None:
        console_evaluation.print_grid_status(evaluated)


@synthner.command()
@release_argument
@click.option("--to", "folder", type=click.Path(path_type=Path), help="A folder to publish to, at the end.")
@json_option
def run(release: Path, folder: Path | None, as_json: bool) -> None:
    """Generate, build, and publish if --to says where.

    Every config is loaded back at the end. RELEASE is a release.yaml or its folder.
    """
    opened = open_release(release)
    summary = generate_release(opened)
    manifest = build_dataset(opened)
    if not as_json:
        building.print_waterfalls(manifest)
    published = _publish(opened, folder or opened.dataset, as_json)
    if as_json:
        totals = {name: config["totals"] for name, config in manifest["configs"].items()}
        console.print_json({**published, "generated": summary.as_json(), "totals": totals})
    if not summary.is_complete:
        raise click.exceptions.Exit(1)


@synthner.command()
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

    outcome = salvage_file(raw, output, _labels(labels), rejects=rejects, rule=rule)
    if as_json:
        console.print_json(outcome.as_json())
    else:
        plain_files.print_salvage(outcome.as_json(), output)


@synthner.command()
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
    from ..builders.curation.judges import encoder_judge

    encoder = encoder_judge(judge, seed) if judge is not None else None
    held_out = {split: path for split in ("validation", "test") if (path := others[split]) is not None}
    outcome = curate_file(
        data, gold, output, held_out=held_out, rejects=others["rejects"], seed=seed, judge=encoder
    )
    history = outcome.history(explain) if explain is not None else None
    if as_json:
        console.print_json(outcome.as_json() | ({"explained": history} if history else {}))
    else:
        plain_files.print_curated(outcome.as_json(), history, output)


@synthner.command()
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

    outcome = score_files(gold, predicted, format=format_)
    if as_json:
        console.print_json(outcome.as_json())
    else:
        plain_files.print_score(outcome)


@synthner.command()
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

    outcome = train_and_test(
        gold, test, synthetic=synthetic, tagger=tagger, seed=seed, predictions=predictions
    )
    if as_json:
        console.print_json(outcome.as_json())
    else:
        plain_files.print_trained(outcome)


for _command in (evaluate, report, study, push_model, project, align, leaderboard):
    synthner.add_command(_command)


def main() -> None:
    """Run the command line: a user's error ends in a sentence, never in a traceback."""
    console.prepare_streams()
    try:
        status_ = synthner.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(WrongUsageError.exit_status)
    except SynthnerError as error:
        console.print_error(error)
        sys.exit(error.exit_status)
    except (KeyboardInterrupt, click.exceptions.Abort) as error:
        # Click puts an interrupt into an error of its own; who was interrupted may have said what goes on.
        click.echo(str(error.__cause__ or error) or GO_ON, err=True)
        sys.exit(console.INTERRUPTED)
    except OSError as error:
        # No part of this program, but the machine: most often a full disk behind the output.
        console.print_error(SynthnerError(error.strerror or str(error), where=error.filename or "output"))
        sys.exit(SynthnerError.exit_status)
    sys.exit(status_ if isinstance(status_, int) else 0)


def _names_a_release(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml") or path.is_dir()


def _labels(text: str) -> LabelSet:
    from ..schema.labels import LabelSet

    try:
        return LabelSet.parse(text)
    except DataError as error:
        hint = error.hint or "For example: O,B-PER,I-PER,B-LOC,I-LOC"
        raise WrongUsageError(error.message, where="--labels", hint=hint) from error


def _publish(release: Release, folder: Path, as_json: bool) -> dict[str, Any]:
    """Publish and load back; return what was done, and print it unless JSON is wanted."""
    from ..cards.dataset_card import card_to_publish
    from ..hub.folder import check_target, publish_to_folder
    from ..hub.verification import verify_folder
    from ..schema.manifest import CARD

    outcome = None
    if folder.resolve() != release.dataset.resolve():
        check_target(release.dataset, folder)
        card = card_to_publish(release.dataset, folder / CARD)
        outcome = publish_to_folder(release.dataset, folder, card)
    verified = verify_folder(folder)
    if not as_json:
        publishing.print_published(folder, outcome, verified)
    return {
        "folder": str(folder.resolve()),
        "written": list(outcome.written) if outcome else [],
        "unchanged": list(outcome.unchanged) if outcome else [],
        "removed": list(outcome.removed) if outcome else [],
        "configs": {config.name: dict(config.examples) for config in verified},
    }


def _publish_on_hub(release: Release, pull_request: bool, as_json: bool) -> None:
    from ..publication import publish_release

    outcome = publish_release(release, pull_request=pull_request)
    if as_json:
        console.print_json(outcome.as_json())
    else:
        publishing.print_published_on_hub(outcome)


def _show_publication(release: Release, as_json: bool) -> None:
    from ..publication import plan_as_json, plan_publication

    repository, plan = plan_publication(release)
    if as_json:
        console.print_json(plan_as_json(repository, plan))
    else:
        publishing.print_publication_plan(repository, plan)


def _rehearse(release: Release, options: list[str], *, times: int) -> None:
    from ..hub.rehearsal import rehearse

    organization, _, _ = release.name.rpartition("/")
    command = ["publish", str(release.path), *options]
    status_ = rehearse(command, organization=organization or None, times=times)
    if status_:
        raise click.exceptions.Exit(status_)
    click.echo("This was a rehearsal: nothing has left this machine.", err=True)


def _validate_release(path: Path, as_json: bool) -> None:
    from ..generation.plan import check_other_gold
    from ..hub.verification import verify_folder
    from ..schema.manifest import MANIFEST
    from ..sources.gold import load_gold

    release = open_release(path)
    sources = {config.language.code: config.gold for config in release.configs}
    gold = {code: load_gold(source, code, iob2_policy=release.gates.iob2) for code, source in sources.items()}
    check_other_gold(release, gold)
    built = (release.dataset / MANIFEST).exists()
    verified = verify_folder(release.dataset) if built else []
    if as_json:
        console.print_json(
            {
                "release": str(release.path),
                "configs": release.config_names,
                "gold": {
                    code: {
                        "examples": {split: len(examples) for split, examples in data.splits.items()},
                        "labels": list(data.labels.names),
                        "problems": data.report.as_json(),
                    }
                    for code, data in gold.items()
                },
                "dataset": {config.name: dict(config.examples) for config in verified} if built else None,
            }
        )
    else:
        building.print_release_validation(release, gold, verified)
    if any(data.report.has_errors for data in gold.values()):
        raise click.exceptions.Exit(1)
