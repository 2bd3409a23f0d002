"""`synthner publish`: to the Hub, to a folder, or to a Hub on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..schema.errors import WrongUsageError
from . import console
from .console import publishing
from .options import examples, json_option, open_release, release_argument
from .steps import publish_to

if TYPE_CHECKING:
    from ..release import Release


@click.command(
    epilog=examples("synthner publish --rehearse", "synthner publish --dry-run", "synthner publish")
)
@release_argument
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A folder to publish to, not the Hub.",
)
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
        published = publish_to(opened, folder, as_json)
        if as_json:
            console.print_json(published)
    elif rehearse:
        options = ["--dry-run"] * dry_run + ["--pr"] * pull_request + ["--json"] * as_json
        _rehearse(opened, options, times=1 if dry_run or pull_request or as_json else 2)
    elif dry_run:
        _show_publication(opened, as_json)
    else:
        _publish_on_hub(opened, pull_request, as_json)


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
    console.say("This was a rehearsal: nothing has left this machine.", err=True)
