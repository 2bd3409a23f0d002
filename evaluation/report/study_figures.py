"""The figures of a study: F1 against the size of the training data, and below it the gap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...schema.methods import PROJECTION
from .figures import INK, PANEL, POINTS, Look, Picture, add_legend, picture_of, short, styled, ticks_of
from .gaps import GapCurve, GapsOfLanguage
from .study_tables import lines_of, systems_of
from .systems import System, in_order_of_sources

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

_WIDTH = 1.7
_COLUMNS_OF_LEGEND = 2
_HEIGHTS = (3, 2)
_STYLE_OF_GAP = ("-", "--", ":", "-.")
_POINTS_OF_F1 = 100
# How far the gaps of several pairs stand apart at a size, in powers of ten.
_APART = 0.015


def figure_of_gaps(found: GapsOfLanguage, tagger: str, setting: str) -> Picture:
    """Draw F1 of all ways to transfer against size, and the gaps of their pairs below it."""
    from matplotlib.figure import Figure

    curves = [curve for curve in found.curves if (curve.tagger, curve.setting) == (tagger, setting)]
    drawn = [
        system
        for system in found.evidence.systems
        if (system.tagger, system.setting) == (tagger, setting) and system.true_size
    ]
    sources = in_order_of_sources(system.source for system in drawn)
    looks = {source: Look.of(number) for number, source in enumerate(sources)}
    with styled():
        width, height = PANEL
        figure = Figure(figsize=(width * _WIDTH, height * 2.2), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=_HEIGHTS)
        entries = _draw_f1(above, found, (tagger, setting), looks)
        entries += _draw_gaps(below, curves, looks)
        ticks = ticks_of(
            {system.size or system.true_size or 1 for system in drawn},
            {system.true_size or 1 for system in drawn},
        )
        below.set_xticks(sorted(ticks), [ticks[place] for place in sorted(ticks)])
        below.set_xlabel("training sentences")
        add_legend(figure, entries, columns=_COLUMNS_OF_LEGEND)
        return picture_of(figure)


def _draw_f1(
    axes: Axes, found: GapsOfLanguage, panel: tuple[str, str], looks: dict[str, Look]
) -> list[tuple[str, Line2D]]:
    intervals = found.evidence.intervals
    entries = []
    for source, look in looks.items():
        systems = [each for each in systems_of(found.evidence, *panel, source) if each.true_size]
        places = [_place(system) for system in systems]
        low, high = zip(*(intervals[system] for system in systems), strict=True)
        style = "-" if source in found.ways else ":"
        [line] = axes.plot(
            places, [system.f1.mean for system in systems], style, color=look.colour, marker=look.marker
        )
        axes.fill_between(places, low, high, color=look.colour, alpha=0.14, linewidth=0)
        axes.vlines(places, low, high, color=look.colour, linewidth=1, alpha=0.6)
        kind = found.ways.get(source, "gold")
        entries.append((source if source == kind else f"{source} ({kind})", line))
    for system in lines_of(found.evidence, panel[0]):
        low, high = intervals[system]
        line = axes.axhline(system.f1.mean, color=INK, linewidth=1, linestyle=_line_style(system))
        axes.axhspan(low, high, color=INK, alpha=0.08, linewidth=0)
        entries.append((system.setting, line))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("micro-F1")
    axes.grid(axis="y")
    return entries


def _draw_gaps(axes: Axes, curves: Sequence[GapCurve], looks: dict[str, Look]) -> list[tuple[str, Line2D]]:
    axes.axhline(0, color=INK, linewidth=1)
    entries = []
    for number, curve in enumerate(curves):
        look = looks[curve.teaching]
        style = _STYLE_OF_GAP[_number_of_projection(curve, curves) % len(_STYLE_OF_GAP)]
        aside = (number - (len(curves) - 1) / 2) * _APART
        places = [_place(gap.first) + aside for gap in curve.gaps]
        gaps = [gap.difference * _POINTS_OF_F1 for gap in curve.gaps]
        low, high = zip(*(gap.interval for gap in curve.gaps), strict=True)
        ends = ([each * _POINTS_OF_F1 for each in low], [each * _POINTS_OF_F1 for each in high])
        [line] = axes.plot(places, gaps, style, color=look.colour, marker=look.marker, markerfacecolor="none")
        axes.fill_between(places, *ends, color=look.colour, alpha=0.14, linewidth=0)
        axes.vlines(places, *ends, color=look.colour, linewidth=1, alpha=0.6)
        entries.append((f"gap: {short(curve.projection)} − {short(curve.teaching)}", line))
    axes.set_ylabel(f"gap, points\n(above 0: {PROJECTION})")
    axes.grid(axis="y")
    return entries


def _number_of_projection(curve: GapCurve, curves: Sequence[GapCurve]) -> int:
    return sorted({each.projection for each in curves}).index(curve.projection)


def _place(system: System) -> float:
    return math.log10(system.true_size or 1)


def _line_style(system: System) -> str:
    return (":", "-.")[list(POINTS).index(system.setting)]
