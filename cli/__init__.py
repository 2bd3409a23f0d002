"""The command line: `commands` has the `synthner` command, and each file beside it some commands.

What they print on a terminal is in `console`.
"""

from .commands import main, synthner

__all__ = ["main", "synthner"]
