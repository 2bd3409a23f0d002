"""The `synthner` command: what it consists of, and how it ends."""

from __future__ import annotations

import sys

import click

from .. import __version__
from ..schema.errors import SynthnerError, WrongUsageError
from . import console, plain_files, release
from .alignment import align
from .evaluation import evaluate, push_model, report
from .leaderboard import leaderboard
from .projection import project
from .publishing import publish
from .study import study

GO_ON = "Interrupted. What is done is kept: run the same command again to go on."


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="synthner")
def synthner() -> None:
    """Turn a handful of gold sentences into a published, trustworthy synthetic NER dataset.

    A release is described by a release.yaml; `synthner init FOLDER` writes one to start from.
    """


_ON_A_RELEASE = (
    *(release.init, release.generate, release.tag, release.methods, release.clusters, release.build),
    *(release.validate, release.status, release.run, publish, evaluate, report, study, push_model),
)
_ON_PLAIN_FILES = (
    *(plain_files.salvage, plain_files.curate, plain_files.score, plain_files.train, project, align),
)

for _command in (*_ON_A_RELEASE, *_ON_PLAIN_FILES, leaderboard):
    synthner.add_command(_command)


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
        console.say(str(error.__cause__ or error) or GO_ON, err=True)
        sys.exit(console.INTERRUPTED)
    except OSError as error:
        # No part of this program, but the machine: most often a full disk behind the output.
        console.print_error(SynthnerError(error.strerror or str(error), where=error.filename or "output"))
        sys.exit(SynthnerError.exit_status)
    sys.exit(status_ if isinstance(status_, int) else 0)
