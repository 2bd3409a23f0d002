"""The `synthner` command: what it consists of, and how it ends."""

from __future__ import annotations

import sys
from itertools import chain
from typing import Any

import click

from .. import __version__
from ..schema.errors import SynthnerError, WrongUsageError
from ..schema.secrecy import without_secrets
from . import console, plain_files, release
from .alignment import align
from .evaluation import evaluate, push_model, report
from .leaderboard import leaderboard
from .leaderboard_submission import review, submit
from .options import examples
from .projection import project
from .publishing import publish
from .study import study

GO_ON = "Interrupted. What is done is kept: run the same command again to go on."
BEGIN_ANEW = "Interrupted. Run the same command again: it begins anew."

_LONGEST_SENTENCE = 200


class _Program(click.Group):
    """Lists the commands by what they work on, as one comes to use them; Click would go by the alphabet."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        longest = max(map(len, self.commands))
        for title, commands in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [
                        (f"{command.name:<{longest}}", command.get_short_help_str(_LONGEST_SENTENCE))
                        for command in commands
                    ]
                )


@click.group(
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=examples(
        "synthner init my-release && cd my-release",
        "synthner generate --dry-run",
        "synthner run",
        "synthner publish --rehearse",
    ),
)
@click.version_option(__version__, prog_name="synthner")
def synthner() -> None:
    """Turn a handful of gold sentences into a published, trustworthy synthetic NER dataset.

    A release is described by a release.yaml. Commands on a release take that file or its folder; by default
    it is the release.yaml in this folder.
    """


_SECTIONS = {
    "Commands on a release": (
        *(release.init, release.validate, release.methods, release.clusters, release.generate),
        *(release.build, release.run, release.status, publish),
        *(evaluate, report, study, release.tag, push_model),
    ),
    "Commands on plain files": (
        *(plain_files.salvage, plain_files.curate, plain_files.train, plain_files.score, align, project),
    ),
    "Commands on a leaderboard": (leaderboard,),
}

_THAT_GO_ON = (release.generate, release.tag, release.run, publish, evaluate, study, submit, review)


def _say_that_it_goes_on(command: click.Command) -> None:
    """Let a command that is interrupted say that what is done is kept, unless it has said more."""
    invoke = command.invoke

    def told(ctx: click.Context) -> Any:
        try:
            return invoke(ctx)
        except KeyboardInterrupt as error:
            # A dry run does nothing that could be kept, but for the taggers that `submit` trains to try them;
            # what a rehearsal publishes goes with its Hub.
            is_tried = ctx.params.get("dry_run") or ctx.params.get("rehearse")
            goes_on = command is submit or not is_tried
            raise KeyboardInterrupt(str(error) or (GO_ON if goes_on else BEGIN_ANEW)) from error

    command.invoke = told


for _command in chain.from_iterable(_SECTIONS.values()):
    synthner.add_command(_command)
for _command in _THAT_GO_ON:
    _say_that_it_goes_on(_command)


def main() -> None:
    """Run the command line: a user's error ends in a sentence, never in a traceback."""
    console.prepare_streams()
    try:
        status_ = synthner.main(standalone_mode=False, color=console.styles())
    except click.ClickException as error:
        error.show()
        sys.exit(WrongUsageError.exit_status)
    except SynthnerError as error:
        console.print_error(error)
        sys.exit(error.exit_status)
    except (KeyboardInterrupt, click.exceptions.Abort) as error:
        # Click puts an interrupt into an error of its own; who was interrupted may have said what goes on.
        console.say(str(error.__cause__ or error) or BEGIN_ANEW, err=True)
        sys.exit(console.INTERRUPTED)
    except OSError as error:
        # No part of this program, but the machine: most often a full disk behind the output.
        console.print_error(
            SynthnerError(error.strerror or without_secrets(error), where=error.filename or "output")
        )
        sys.exit(SynthnerError.exit_status)
    sys.exit(status_ if isinstance(status_, int) else 0)
