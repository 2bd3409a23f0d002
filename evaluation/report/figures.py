"""The figures of a report: learning curves with intervals, pleasant on light and on dark pages.

The background is transparent; text and lines are of middling lightness, and colours are told apart by people
who are colour-blind and have a marker each besides.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from ...schema.errors import WrongUsageError
from ..grid.description import ADDED_TO_GOLD, FINE_TUNED, PREDICTIONS, SCRATCH, TRANSLATE_TEST, ZERO_SHOT
from .evidence import Evidence
from .systems import System, in_order_of_settings, in_order_of_sources
from .text import language_name, legible, setting_name, size_asked

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

INK = "#767676"
"""Of text and axes: 4.5 : 1 on white, and 4 : 1 on the darkest pages."""
# After Okabe and Ito (2008), darkened or lightened to be seen on both; black, for gold, has become blue.
_COLOURS = ("#2f7fc1", "#d55e00", "#12966e", "#b565a7", "#a67c00", "#5b9bb5", "#c04a5a")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
_STYLES: dict[str, Any] = {SCRATCH: "-", FINE_TUNED: "--"}
POINTS = {ZERO_SHOT: "*", TRANSLATE_TEST: "d"}
"""Where nothing of a source is learned there is a point at size 0, and no curve."""
# Whose panel the points are in: the first of these that is drawn.
_HOSTS_OF_POINTS = (FINE_TUNED, SCRATCH)

_STYLE: dict[str, Any] = {
    "svg.hashsalt": "synthner",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlesize": 9.5,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "text.parse_math": False,
    "path.simplify": False,
}

PANEL = (3.5, 2.7)
_PIXELS_PER_INCH = 160
_COLUMNS_OF_OVERVIEW = 3
# How far left of the smallest size 0 stands, in powers of ten.
_ROOM_FOR_ZERO = 0.35
_LONGEST_LABEL = 36
# How far apart labels of sizes are at least, as a share of what the curves span.
_ROOM_FOR_LABEL = 0.16


@dataclass(frozen=True)
class Picture:
    """A figure in both formats.

    Attributes:
        svg: For pages.
        png: For what shows no SVG.
    """

    svg: bytes
    png: bytes


def require_report_extra() -> None:
    """Make sure that what draws figures is installed.

    Raises:
        WrongUsageError: If it is not.
    """
    if find_spec("matplotlib") is None:
        raise WrongUsageError(
            "a report needs a package that is not installed: matplotlib",
            hint="Install it with `pip install 'synthner[report]'`.",
        )


def learning_curves(evidence: Evidence) -> Picture:
    """Draw F1 of a language by size: one panel a tagger and setting, one curve a source."""
    taggers = sorted({system.tagger for system in evidence.systems if system.setting != PREDICTIONS})
    panels = [
        _Panel(f"{tagger} · {setting_name(setting)}", tagger, (setting,), (evidence,))
        for tagger in taggers
        for setting in _settings_drawn(evidence.systems, tagger)
    ]
    return _draw(panels or [_Panel("scored predictions", "", (), (evidence,))], columns=2)


def overview(evidence: Sequence[Evidence], tagger: str) -> Picture:
    """Draw F1 of a tagger in all languages: one panel a language, one curve a source and way of training."""
    panels = [
        _Panel(
            language_name(each.systems[0].language), tagger, _overview_settings(each.systems, tagger), (each,)
        )
        for each in evidence
        if any(system.tagger == tagger for system in each.systems)
    ]
    return _draw(panels, columns=_COLUMNS_OF_OVERVIEW)


@dataclass(frozen=True)
class _Panel:
    title: str
    tagger: str
    settings: tuple[str, ...]
    evidence: tuple[Evidence]

    @property
    def systems(self) -> list[System]:
        wanted = {*self.settings, PREDICTIONS}
        if _host_of_points(self.evidence[0].systems, self.tagger) in self.settings:
            wanted.update(POINTS)
        if self.adds_to_gold:
            wanted.add(SCRATCH)
        return [
            system
            for system in self.evidence[0].systems
            if system.setting in wanted and (system.tagger == self.tagger or system.setting == PREDICTIONS)
        ]

    @property
    def adds_to_gold(self) -> bool:
        return any(setting in ADDED_TO_GOLD for setting in self.settings)

    def curves(self) -> Iterator[tuple[str, str, list[System]]]:
        """Yield setting, source and the systems of each curve, by their size."""
        curves: dict[tuple[str, str], list[System]] = {}
        for system in self.systems:
            is_drawn = system.setting in self.settings or (self.adds_to_gold and system.is_organic)
            if is_drawn and system.setting not in POINTS and system.true_size:
                curves.setdefault((system.setting, system.source), []).append(system)
        for (setting, source), systems in curves.items():
            yield setting, source, systems


def _settings_drawn(systems: Sequence[System], tagger: str) -> list[str]:
    """Return the settings that have a panel; what has no curve is a point in that of another."""
    host = _host_of_points(systems, tagger)
    settings = in_order_of_settings(system.setting for system in systems if system.tagger == tagger)
    return [setting for setting in settings if setting not in POINTS or setting == host]


def _host_of_points(systems: Sequence[System], tagger: str) -> str | None:
    """Return the setting in whose panel the points are: that of one of them where no other is for them."""
    settings = {system.setting for system in systems if system.tagger == tagger}
    return next((setting for setting in (*_HOSTS_OF_POINTS, *POINTS) if setting in settings), None)


def _overview_settings(systems: Sequence[System], tagger: str) -> tuple[str, ...]:
    settings = _settings_drawn(systems, tagger)
    return tuple(each for each in settings if each in _STYLES) or tuple(settings[:1])


def _draw(panels: Sequence[_Panel], columns: int) -> Picture:
    from matplotlib.figure import Figure

    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    sources = in_order_of_sources(system.source for panel in panels for system in panel.systems)
    looks = {source: Look.of(number) for number, source in enumerate(sources)}
    with styled():
        width, height = PANEL
        figure = Figure(figsize=(width * max(columns, 1.4), height * rows + 0.5), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        places = [axes for line in grid for axes in line]
        for axes, panel in zip(places, panels, strict=False):
            _draw_panel(axes, panel, looks)
        for axes in places[len(panels) :]:
            axes.set_axis_off()
        for line in grid:
            line[0].set_ylabel("micro-F1")
        add_legend(figure, _legend(panels, looks))
        return picture_of(figure)


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the style of reports, whatever the user's settings are."""
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        for name, value in _STYLE.items():
            mpl.rcParams[cast(Any, name)] = value
        # SVG leaves letters to whoever shows it; in PNG those of a script that the font lacks are boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


@dataclass(frozen=True)
class Look:
    """What tells a curve from others."""

    colour: str
    marker: str

    @classmethod
    def of(cls, number: int) -> Look:
        """Return that of the curve with a number."""
        return cls(_COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)])


def _draw_panel(axes: Axes, panel: _Panel, looks: Mapping[str, Look]) -> None:
    intervals = panel.evidence[0].intervals
    sizes: set[int] = set()
    true_sizes: set[int] = set()
    for setting, source, systems in panel.curves():
        look = looks[source]
        places = [math.log10(system.true_size or 1) for system in systems]
        f1 = [system.f1.mean for system in systems]
        low, high = zip(*(intervals[system] for system in systems), strict=True)
        style = _STYLES.get(setting, "-") if len(panel.settings) > 1 else "-"
        axes.plot(places, f1, style, color=look.colour, marker=look.marker)
        if len(systems) > 1 and len(panel.settings) == 1:
            axes.fill_between(places, low, high, color=look.colour, alpha=0.14, linewidth=0)
        axes.vlines(places, low, high, color=look.colour, linewidth=1, alpha=0.6)
        sizes |= {system.size or system.true_size or 1 for system in systems}
        true_sizes |= {system.true_size or 1 for system in systems}
    ticks = ticks_of(sizes, true_sizes)
    left = math.log10(min(true_sizes)) - _ROOM_FOR_ZERO if true_sizes else 0.0
    for system in panel.systems:
        low, high = intervals[system]
        if system.setting in POINTS:
            axes.axhline(system.f1.mean, color=INK, linewidth=1, linestyle=":")
            axes.errorbar(
                [left],
                [system.f1.mean],
                yerr=[[max(0.0, system.f1.mean - low)], [max(0.0, high - system.f1.mean)]],
                color=INK,
                marker=POINTS[system.setting],
                markersize=8,
            )
            ticks[left] = "0"
        elif system.setting == PREDICTIONS:
            axes.axhline(system.f1.mean, color=looks[system.source].colour, linewidth=1.2, linestyle="-.")
    axes.set_xticks(sorted(ticks), [ticks[place] for place in sorted(ticks)])
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])
    axes.grid(axis="y")
    axes.set_title(short(panel.title), loc="left")
    axes.set_xlabel("gold sentences" if panel.adds_to_gold else "training sentences")


def ticks_of(sizes: Collection[int], true_sizes: Collection[int]) -> dict[float, str]:
    """Return ticks by their place, a power of ten, without those that would stand on another's label.

    Args:
        sizes: Those that were asked for.
        true_sizes: Those that curves are drawn at; the smallest has a label, too, where there is room.
    """
    ticks: dict[float, str] = {}
    if not true_sizes:
        return ticks
    room = _ROOM_FOR_LABEL * math.log10(max(true_sizes) / min(true_sizes))
    for size in (*sorted(sizes), min(true_sizes)):
        place = math.log10(size)
        if all(abs(place - other) > room for other in ticks):
            ticks[place] = size_asked(size)
    return ticks


def _legend(panels: Sequence[_Panel], looks: Mapping[str, Look]) -> list[tuple[str, Line2D]]:
    from matplotlib.lines import Line2D

    curves = [(setting, source) for panel in panels for setting, source, _ in panel.curves()]
    predictions = {
        system.source for panel in panels for system in panel.systems if system.setting == PREDICTIONS
    }
    entries = [
        (source, Line2D([], [], color=look.colour, marker=look.marker))
        for source, look in looks.items()
        if any(source == drawn for _, drawn in curves)
    ]
    entries += [
        (f"{source} (predictions)", Line2D([], [], color=looks[source].colour, linestyle="-."))
        for source in in_order_of_sources(predictions)
    ]
    shown = {system.setting for panel in panels for system in panel.systems}
    entries += [
        (setting, Line2D([], [], color=INK, marker=marker, markersize=8, linestyle=":"))
        for setting, marker in POINTS.items()
        if setting in shown
    ]
    if any(len(panel.settings) > 1 for panel in panels):
        entries += [
            (setting_name(setting), Line2D([], [], color=INK, linestyle=style))
            for setting, style in _STYLES.items()
            if any(setting == drawn for drawn, _ in curves)
        ]
    return entries


def add_legend(figure: Figure, entries: Sequence[tuple[str, Line2D]], *, columns: int = 4) -> None:
    """Put a legend below a figure: names, and the lines that they are of."""
    # A label that begins with _ would be left out: names are put in when the legend is there.
    legend = figure.legend(
        [line for _, line in entries],
        [str(number) for number in range(len(entries))],
        loc="outside lower center",
        ncols=min(columns, max(1, len(entries))),
    )
    for text, (label, _) in zip(legend.get_texts(), entries, strict=True):
        text.set_text(short(label))


def short(text: str) -> str:
    """Return a text that leaves room for the curves."""
    shown = legible(text)
    return shown if len(shown) <= _LONGEST_LABEL else f"{shown[: _LONGEST_LABEL - 1]}…"


def picture_of(figure: Figure) -> Picture:
    """Return a figure in both formats, the same bytes for the same figure."""
    return Picture(svg=_saved(figure, "svg"), png=_saved(figure, "png"))


def _saved(figure: Figure, kind: str) -> bytes:
    stream = io.BytesIO()
    nothing = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    figure.savefig(stream, format=kind, dpi=_PIXELS_PER_INCH, transparent=True, metadata=nothing)
    return stream.getvalue()
