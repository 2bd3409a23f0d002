"""The commands on a release, from writing one to running it. Nothing heavy is imported until one needs it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..schema.errors import DataError, SynthnerError, WrongUsageError
from . import console
from .console import building
from .console import clusters as console_clusters
from .console import evaluation as console_evaluation
from .console import generation as console_generation
from .console import history as console_history
from .evaluation import grid_status_of
from .options import (
    config_option,
    examples,
    file,
    format_option,
    json_option,
    label_set,
    open_release,
    release_argument,
)
from .steps import build_dataset, generate_release, publish_to, show_plan

if TYPE_CHECKING:
    from ..generation.gold_tagging import TaggedGold
    from ..release import Release
    from ..sources.gold import Gold


@click.command(epilog=examples("synthner init my-release"))
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
    console.say(f"Wrote {len(written)} files to {folder}. Next:\n")
    command = "study" if example == TRANSFER_STUDY.name else "run"
    console.say(f"  cd {shlex.quote(str(folder))}\n  synthner {command}")


@click.command(
    epilog=examples("synthner generate --dry-run", "synthner generate my-release --config swa_gpt4")
)
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


@click.command(epilog=examples("synthner tag --generator gpt4 -o tagged/{language}.conll"))
@release_argument
@click.option("--generator", required=True, metavar="NAME", help="The generator whose model is asked.")
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    help="Where the labels go, as CoNLL; {language} is filled in.",
)
@click.option(
    "--split",
    type=click.Choice(["test", "validation"]),
    default="test",
    show_default=True,
    help="The split of gold that is labelled.",
)
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
    tagged: dict[str, dict[str, Any]] = {}
    unanswered: dict[str, TaggedGold] = {}
    with console_generation.GenerationProgress(opened.currency) as progress:
        for code, labelled in tag_gold(opened, generator, split=split, watcher=progress):
            if not labelled.is_answered:
                unanswered[code] = labelled
                tagged[code] = {"file": None, **labelled.as_json()}
                continue
            path = Path(output.replace("{language}", code))
            path.parent.mkdir(parents=True, exist_ok=True)
            write_predictions(path, labelled.examples)
            tagged[code] = {"file": str(path), **labelled.as_json()}
            if not as_json:
                console_generation.print_tagged(path, labelled)
    if as_json:
        console.print_json({"languages": tagged})
    if unanswered:
        raise _nothing_labelled(unanswered, opened)


def _nothing_labelled(unanswered: Mapping[str, TaggedGold], release: Release) -> DataError:
    """Return the error of languages for which a file would say that the model finds no mention at all."""
    first, *others = unanswered.items()
    code, labelled = first
    also = f", and as little of {', '.join(code for code, _ in others)}" if others else ""
    return DataError(
        f"not one of {console.counted(len(labelled.examples), 'sentence')} could be labelled: "
        f"{', '.join(labelled.without_answer)}{also}",
        where=code,
        hint=f"Nothing was written for it. The answers are in {release.journal}. If they were cut off, raise "
        "the limit on their length in `sampling`; else let another model label.",
    )


@click.command(epilog=examples("synthner methods"))
@json_option
def methods(as_json: bool) -> None:
    """List the ways to make data, with what each needs."""
    from ..generation.methods import METHODS

    if as_json:
        listed = {name: {"summary": each.summary, "needs": each.needs} for name, each in METHODS.items()}
        console.print_json({"methods": listed})
        return
    for name, method in METHODS.items():
        console.say(name, bold=True)
        console.say(f"  {method.summary}\n  Needs: {method.needs}.")


@click.command(epilog=examples("synthner clusters -o clusters.yaml"))
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


@click.command(epilog=examples("synthner build", "synthner build --explain swa_gpt4-train-3-12"))
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
    console.say(
        f"The dataset is in {opened.dataset}; what was not published is in {opened.work / 'rejects'}."
    )


@click.command(epilog=examples("synthner validate", "synthner validate train.conll dev.conll test.conll"))
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

    outcome = validate_files(paths, format=format_, labels=label_set(labels) if labels else None)
    if as_json:
        console.print_json(outcome.as_json())
    else:
        console.print_counts(example=outcome.examples, token=outcome.tokens, entity=outcome.entities)
        console.print_problems(outcome.problems)
    if not outcome.acceptable:
        raise click.exceptions.Exit(1)


@click.command(epilog=examples("synthner status"))
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
        console_evaluation.print_what_to_know(evaluated, release)
    elif not generated:
        console.say(f"Nothing was evaluated yet. Next: synthner evaluate {shlex.quote(str(release))}")


@click.command(epilog=examples("synthner run", "synthner run my-release --to published"))
@release_argument
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A folder to publish to, at the end.",
)
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
    published = publish_to(opened, folder or opened.dataset, as_json)
    if as_json:
        totals = {name: config["totals"] for name, config in manifest["configs"].items()}
        console.print_json({**published, "generated": summary.as_json(), "totals": totals})
    if not summary.is_complete:
        raise click.exceptions.Exit(1)


def _names_a_release(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml") or path.is_dir()


def _read_all_gold(release: Release) -> dict[str, Gold]:
    """Read gold of every language, whether data is made in it, or it is only tested on or learned from.

    Raises:
        SynthnerError: The last error; those before it are printed, so that all can be mended at once.
    """
    from ..sources.gold import load_gold

    gold, errors = {}, []
    for code, source in release.grid.gold.items():
        try:
            gold[code] = load_gold(source, code, iob2_policy=release.gates.iob2)
        except SynthnerError as error:
            errors.append(error)
    for error in errors[:-1]:
        console.print_error(error)
    if errors:
        raise errors[-1]
    return gold


def _validate_release(path: Path, as_json: bool) -> None:
    from ..builders.findings import find_test_in_train
    from ..generation.plan import check_other_gold
    from ..hub.verification import verify_folder
    from ..schema.manifest import MANIFEST

    release = open_release(path)
    gold = _read_all_gold(release)
    check_other_gold(release, gold)
    # Gold on the Hub, as that of a corpus, is kept by others: whoever has the release cannot mend it.
    to_mend = [code for code, data in gold.items() if data.hub is None and data.report.has_errors]
    findings = [each for each in find_test_in_train(gold) if each.name not in release.publishing.accept]
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
                "to_mend": to_mend,
                "findings": [asdict(each) for each in findings],
                "dataset": {config.name: dict(config.examples) for config in verified} if built else None,
            }
        )
    else:
        building.print_release_validation(release, gold, to_mend, findings, verified)
    if findings or to_mend:
        raise click.exceptions.Exit(1)
