"""The cells of a grid: one tagger, trained on one sample in one setting, tested on one language.

A cell is known by the hash of everything that decides its result: the tagger, the setting, the content of
every sentence, the seeds. The same description on other data makes other cells, and a cell that is done is
never run again, whoever ran it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from ...schema.errors import DataError, SynthnerError
from .data import RELATED_AT_MOST, GridData
from .description import (
    ADDED_TO_GOLD,
    CRF,
    ENCODER,
    FINE_TUNED,
    GOLD_AND_SYNTHETIC,
    MULTILINGUAL,
    ORGANIC,
    PREDICTIONS,
    SCRATCH,
    SEVERAL_LANGUAGES,
    SYNTHETIC_THEN_GOLD,
    TRANSFER_ALONE,
    TRANSLATE_TEST,
    Grid,
    GridLanguage,
    GridSource,
    GridTagger,
)
from .notes import Note
from .parts import Part, true_size
from .translate_test import transferred_from, way_of

FORMAT = 1
"""Counts up whenever the same description would give another result."""

RECIPES = 2
"""Counts up whenever gold and synthetic sentences are combined otherwise for a CRF."""

# A CRF begins anew each time: there is nothing to go on from.
NEEDS_AN_ENCODER = frozenset({FINE_TUNED, SYNTHETIC_THEN_GOLD})


@dataclass(frozen=True)
class Cell:
    """One experiment.

    Attributes:
        language: The language tested.
        setting: A name in `SETTINGS`, or `predictions`.
        source: Where the training sentences come from.
        size: Sentences asked for; 0 for none, None for all.
        seed: Decides the sample, new weights and the order of training.
        tagger: What is trained.
        retry_of: The seed of the run that collapsed, which this one repeats; None for a first try.
    """

    language: str
    setting: str
    source: str
    size: int | None
    seed: int
    tagger: GridTagger
    retry_of: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the cell as its result has it."""
        return {
            "language": self.language,
            "setting": self.setting,
            "source": self.source,
            "size": self.size,
            "seed": self.seed,
            "tagger": self.tagger.as_json(),
            "retry_of": self.retry_of,
        }


@dataclass(frozen=True)
class CellData:
    """The sentences of a cell.

    Attributes:
        train: What is learned, in this order.
        validation: What the best epoch is chosen on; None where there is none.
        test: Gold that is tagged, once.
    """

    train: tuple[Part, ...]
    validation: Part | None
    test: Part

    def as_json(self) -> dict[str, Any]:
        """Return what a result says about the sentences."""
        return {
            "train": [part.facts for part in self.train],
            "validation": self.validation.facts if self.validation else None,
            "test": self.test.facts,
        }


@dataclass(frozen=True)
class PlannedCell:
    """A cell and its id, by which its result is found.

    Attributes:
        id: The id.
        cell: The cell.
        learns_probabilities: Whether the probabilities of labels are learned, and not the labels.
        true_size: How many sentences the size stands for (`true_size`).
    """

    id: str
    cell: Cell
    learns_probabilities: bool = False
    true_size: int | None = None

    @property
    def is_smaller(self) -> bool:
        """Whether there are fewer sentences than asked for."""
        size = self.cell.size
        return size is not None and self.true_size is not None and self.true_size < size


@dataclass(frozen=True)
class LeftOut:
    """Cells that cannot be run, because their data is not what it should be.

    Attributes:
        language: Their language.
        source: Their source; empty where it is all of them.
        setting: Their setting; empty where it is all of them.
        error: What is wrong.
        tagger: Their tagger; empty where it is all of them.
        size: The size of the one cell that it is; None where it is more, and for all sentences.
        seed: The seed of the one cell that it is; None where it is more.
    """

    language: str
    source: str
    setting: str
    error: SynthnerError
    tagger: str = ""
    size: int | None = None
    seed: int | None = None

    @property
    def name(self) -> str:
        """What the cells are called on a line, as far as all of them have it in common."""
        return " ".join(filter(None, (self.language, self.what)))

    @property
    def what(self) -> str:
        """What they are called in their language; empty where it is all of them."""
        words = [self.source, self.setting, self.tagger]
        if self.seed is not None:
            words += ["all" if self.size is None else str(self.size), f"seed {self.seed}"]
        return " ".join(filter(None, words))


@dataclass(frozen=True)
class Plan:
    """What a grid comes to.

    Attributes:
        cells: In the order of the description; small before large.
        left_out: What cannot be run, and why.
        untested: Codes of the languages that nobody asked to test, and whose gold has no test split.
        idle: Settings that the grid has no source or no tagger for, and why.
        notes: What of gold is not tested as it stands there, and of a source not learned, by their names.
    """

    cells: tuple[PlannedCell, ...]
    left_out: tuple[LeftOut, ...]
    untested: tuple[str, ...] = ()
    idle: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, tuple[Note, ...]] = field(default_factory=dict)

    @property
    def smaller(self) -> tuple[PlannedCell, ...]:
        """The first cell of each language, source, setting and size for which there are fewer sentences."""
        found: dict[tuple[str, str, str, int | None], PlannedCell] = {}
        for each in self.cells:
            if each.is_smaller:
                cell = each.cell
                found.setdefault((cell.language, cell.source, cell.setting, cell.size), each)
        return tuple(found.values())


Reading = Callable[[str], None]
"""Is told the code of a language whose data is read next."""


def plan_cells(data: GridData, reading: Reading = lambda _language: None) -> Plan:
    """Expand a grid into cells. All data is read for that, which can take long.

    A source that has fewer sentences than a size is used whole there, and not at any larger size. Where a
    seed decides nothing, there is one cell and not one a seed: the others would be the same run again.

    Args:
        data: The data of the grid.
        reading: Is told each language of the grid, in its order.
    """
    # What cannot be read is tried once: the Hub, where it cannot be reached, takes long to say so.
    with data.remembering_failures():
        return _plan(data, reading)


def _plan(data: GridData, reading: Reading) -> Plan:
    cells: list[PlannedCell] = []
    left_out: list[LeftOut] = []
    untested: list[str] = []
    notes: dict[str, tuple[Note, ...]] = {}
    for language in data.grid.languages:
        reading(language.code)
        try:
            if not language.is_named and not data.has_test(language.code):
                untested.append(language.code)
                continue
            notes[f"gold in {language.code}"] = tuple(data.notes_on_test(language.code))
        except SynthnerError as error:
            left_out.append(LeftOut(language.code, "", "", error))
            continue
        for source in data.grid.sources:
            if source.languages and language.code not in source.languages:
                continue
            found, failed = _planned_of_source(language, source, data)
            cells += found
            left_out += failed
            notes[f"{source.name} in {language.code}"] = data.notes_on_source(language.code, source)
    told = {name: each for name, each in notes.items() if each}
    return Plan(tuple(cells), tuple(left_out), tuple(untested), _idle_settings(data.grid), told)


def _idle_settings(grid: Grid) -> dict[str, str]:
    """Return the settings that no source or no tagger of a grid is for, each with the reason."""
    trained = [source for source in grid.sources if source.predictions is None]
    if not trained:
        return {}
    found = {}
    for setting in grid.settings:
        if setting in NEEDS_AN_ENCODER and all(tagger.kind == CRF for tagger in grid.taggers):
            found[setting] = "a CRF begins anew each time; name a tagger with a `model`"
        elif any(setting in _settings(source, grid) for source in trained):
            continue
        elif setting in TRANSFER_ALONE:
            found[setting] = "it is a setting of gold; name `organic: gold` under `evaluation.sources`"
        elif setting in ADDED_TO_GOLD:
            found[setting] = "gold is not added to itself; name another source"
        else:
            found[setting] = "a joint config has all of its languages already; name another source"
    return found


def _planned_of_source(
    language: GridLanguage, source: GridSource, data: GridData
) -> tuple[list[PlannedCell], list[LeftOut]]:
    """Plan the cells of all settings; a source that lacks the same in each of them is left out as a whole."""
    found: list[PlannedCell] = []
    failed: list[LeftOut] = []
    settings = tuple(_settings(source, data.grid))
    for setting in settings:
        planned_, left_out = _planned_in_setting(language, source, setting, data)
        found += planned_
        failed += left_out
    lacking = {(str(each.error), each.tagger, each.size, each.seed) for each in failed}
    if not found and len(failed) == len(settings) > 1 and len(lacking) == 1:
        return [], [replace(failed[0], setting="")]
    return found, failed


def _planned_in_setting(
    language: GridLanguage, source: GridSource, setting: str, data: GridData
) -> tuple[list[PlannedCell], list[LeftOut]]:
    """Plan the cells of a setting one by one: what one of them lacks, another may not need."""
    found: list[PlannedCell] = []
    failed: list[tuple[Cell, SynthnerError]] = []
    try:
        for cell in _cells(language, source, setting, data):
            try:
                found.append(planned(cell, data))
            except SynthnerError as error:
                failed.append((cell, error))
    except SynthnerError as error:
        # Without the source nobody knows which cells there would be.
        return found, [LeftOut(language.code, source.name, setting, error)]
    if not failed:
        return found, []
    return found, _in_few_words(LeftOut(language.code, source.name, setting, failed[0][1]), found, failed)


def _in_few_words(
    all_of_setting: LeftOut, found: list[PlannedCell], failed: list[tuple[Cell, SynthnerError]]
) -> list[LeftOut]:
    """Name what is left out: all of a setting or of a tagger where all of it is, for the same reason."""
    if not found and len({str(error) for _, error in failed}) == 1:
        return [all_of_setting]
    named = []
    for tagger in dict.fromkeys(cell.tagger.name for cell, _ in failed):
        of_tagger = [(cell, error) for cell, error in failed if cell.tagger.name == tagger]
        whole = replace(all_of_setting, tagger=tagger, error=of_tagger[0][1])
        has_some = any(each.cell.tagger.name == tagger for each in found)
        if not has_some and len({str(error) for _, error in of_tagger}) == 1:
            named.append(whole)
        else:
            named += [
                replace(whole, size=cell.size, seed=cell.seed, error=error) for cell, error in of_tagger
            ]
    return named


def planned(cell: Cell, data: GridData) -> PlannedCell:
    """Return a cell with its id.

    Raises:
        DataError: If its data cannot be had.
    """
    sentences = cell_data(cell, data)
    is_soft = any(part.probabilities_hash for part in sentences.train)
    size = true_size(cell.setting, cell.language, [part.facts for part in sentences.train])
    return PlannedCell(cell_id(cell, sentences, data), cell, is_soft, size)


def cell_id(cell: Cell, sentences: CellData, data: GridData, *, is_model_known: bool = True) -> str:
    """Return the hash of all that decides the result of a cell: 24 hexadecimal digits.

    Args:
        cell: The cell.
        sentences: Its data.
        data: The data of the grid.
        is_model_known: Whether the content of a local model decides. It did not in results that do not say
            which model they began with.
    """
    predicted = None
    if cell.setting == PREDICTIONS:
        predicted = data.predictions_hash(cell.language, source_of(cell, data.grid))
    decisive = {
        "format": FORMAT,
        "cell": cell.as_json(),
        "seed": data.grid.seed,
        "types": data.types(cell.language),
        "train": [(part.role, part.facts["sha256"]) for part in sentences.train],
        "validation": sentences.validation.facts["sha256"] if sentences.validation else None,
        "test": sentences.test.facts["sha256"],
        "predictions": predicted,
        "names": data.names_hash(cell.language) if tests_invariance(cell) else None,
    }
    if cell.setting == GOLD_AND_SYNTHETIC and cell.tagger.kind == CRF:
        decisive["recipes"] = RECIPES
    if sentences.validation and _chooses_epoch_by_loss(cell.tagger):
        # In earlier results of the same recipes it was micro-F1 that chose.
        decisive["best_epoch_by"] = "loss"
    if any(part.probabilities_hash for part in sentences.train):
        decisive["probabilities"] = [part.probabilities_hash for part in sentences.train]
    if is_model_known and (content := data.models.content(cell.tagger)) is not None:
        decisive["model"] = content
    if cell.setting == TRANSLATE_TEST:
        decisive["translate_test"] = way_of(language_of(cell, data.grid), data).decisive()
    text = json.dumps(decisive, ensure_ascii=False, sort_keys=True)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _chooses_epoch_by_loss(tagger: GridTagger) -> bool:
    if tagger.kind != ENCODER:
        return False
    from ..encoder.settings import LOSS

    settings = tagger.encoder_settings()
    return settings.best_epoch_by == LOSS and settings.iterations is None


def tests_invariance(cell: Cell) -> bool:
    """Say whether a cell also tests if predictions change with the names.

    The runs of one seed do, and those that repeat them: it takes as long as tagging the test sentences three
    times. Sentences with other names would have to be translated anew.
    """
    return 0 in (cell.seed, cell.retry_of) and cell.setting not in (PREDICTIONS, TRANSLATE_TEST)


def runs_a_large_model(cell: Cell) -> bool:
    """Say whether a cell needs the memory and the accelerator that an encoder or a translator needs."""
    return cell.tagger.kind == ENCODER or cell.setting == TRANSLATE_TEST


def source_of(cell: Cell, grid: Grid) -> GridSource:
    """Return the source of a cell by its name."""
    return next(each for each in grid.sources if each.name == cell.source)


def language_of(cell: Cell, grid: Grid) -> GridLanguage:
    """Return the language of a cell by its code."""
    return next(each for each in grid.languages if each.code == cell.language)


def cell_data(cell: Cell, data: GridData) -> CellData:
    """Return the sentences of a cell.

    Raises:
        DataError: If they cannot be had.
    """
    grid = data.grid
    source = source_of(cell, grid)
    test = data.test(cell.language)
    validation = None
    parts: list[Part]
    if cell.setting == PREDICTIONS:
        parts = []
    elif cell.setting == MULTILINGUAL:
        parts = [
            data.read_as(cell.language, data.sample("source", code, source, cell.size, cell.seed))
            for code in _languages_of(source, grid)
        ]
    elif cell.setting in TRANSFER_ALONE:
        parts = [_related(cell, data)]
    elif cell.setting in ADDED_TO_GOLD:
        gold = data.sample("gold", cell.language, _GOLD, cell.size, cell.seed)
        synthetic = data.beside_gold(cell.language, source, gold)
        parts = [synthetic, gold] if cell.setting == SYNTHETIC_THEN_GOLD else [gold, synthetic]
    elif cell.setting == SCRATCH and cell.tagger.learns_probabilities:
        parts = [data.sample_with_probabilities(cell.language, source, cell.size, cell.seed)]
    else:
        parts = [data.sample("source", cell.language, source, cell.size, cell.seed)]
        if cell.setting == FINE_TUNED:
            parts.insert(0, _related(cell, data))
    if cell.tagger.kind == ENCODER and cell.setting not in TRANSFER_ALONE:
        validation = (
            _joint_validation(cell.language, source, data)
            if cell.setting == MULTILINGUAL
            else data.validation(cell.language, _GOLD if cell.setting in ADDED_TO_GOLD else source)
        )
    return CellData(tuple(parts), validation, test)


_GOLD = GridSource(ORGANIC)


def _languages_of(source: GridSource, grid: Grid) -> list[str]:
    return [each.code for each in grid.languages if not source.languages or each.code in source.languages]


def _joint_validation(language: str, source: GridSource, data: GridData) -> Part | None:
    """Return the source's validation sentences in all languages: the best epoch is one for all of them."""
    found = [data.validation(code, source) for code in _languages_of(source, data.grid)]
    parts = [data.read_as(language, part) for part in found if part is not None]
    if len(parts) < 2:
        return parts[0] if parts else None
    revisions = {part.revision for part in parts}
    return Part(
        role="validation",
        language=SEVERAL_LANGUAGES,
        name=source.name,
        reference=", ".join(dict.fromkeys(part.reference for part in parts)),
        revision=revisions.pop() if len(revisions) == 1 else None,
        examples=tuple(example for part in parts for example in part.examples),
    )


def _related(cell: Cell, data: GridData) -> Part:
    related = transferred_from(language_of(cell, data.grid), cell.setting, data.grid)
    if related is None:
        raise DataError(
            f"there is no gold of a language related to `{cell.language}`",
            hint="Name one under `evaluation.related`, and its gold under `languages`.",
        )
    if related == cell.language:
        raise DataError(
            f"`{related}` is named as the language that it is itself related to",
            hint="Name another one under `evaluation.related`: transfer is from gold of another language.",
        )
    at_most = cell.tagger.settings.get("related_sentences", RELATED_AT_MOST)
    return data.related(cell.language, related, at_most)


def _settings(source: GridSource, grid: Grid) -> Iterator[str]:
    """Yield the settings that a source plays a part in.

    Gold is not added to itself, and a joint config holds all of its languages at once already.
    """
    if source.predictions is not None:
        yield PREDICTIONS
        return
    for setting in grid.settings:
        if setting in ADDED_TO_GOLD and source.is_organic:
            continue
        if setting in TRANSFER_ALONE and not source.is_organic:
            continue
        if setting == MULTILINGUAL and source.is_joint:
            continue
        yield setting


def _cells(language: GridLanguage, source: GridSource, setting: str, data: GridData) -> Iterator[Cell]:
    grid = data.grid
    if setting == PREDICTIONS:
        yield Cell(language.code, setting, source.name, None, 0, GridTagger(source.name, PREDICTIONS))
        return
    if setting == TRANSLATE_TEST and transferred_from(language, setting, grid) == language.code:
        # It is what the others are translated into.
        return
    sizes = (
        (0,)
        if setting in TRANSFER_ALONE
        else tuple(_sizes(grid.sizes, _available(language, source, setting, data)))
    )
    for tagger in grid.taggers:
        if setting in NEEDS_AN_ENCODER and tagger.kind == CRF:
            continue
        for size in sizes:
            first = Cell(language.code, setting, source.name, size, 0, tagger)
            for seed in range(_seeds_of(first, data)):
                yield replace(first, seed=seed)


def _available(language: GridLanguage, source: GridSource, setting: str, data: GridData) -> int:
    """Return how many of the sentences that the size counts there are.

    A model of several languages learns more as long as one of them has more, and is tested on all of them.
    """
    if setting == MULTILINGUAL:
        return max(data.available(code, source) for code in _languages_of(source, data.grid))
    return data.available(language.code, _GOLD if setting in ADDED_TO_GOLD else source)


def _seeds_of(first: Cell, data: GridData) -> int:
    """Return how many seeds a cell is run with."""
    try:
        return data.grid.seeds if _seed_matters(first, data) else 1
    except SynthnerError:
        # Another seed may draw sentences that will do: each says by itself what it lacks.
        return data.grid.seeds


def _seed_matters(cell: Cell, data: GridData) -> bool:
    """Say whether another seed would give another run.

    A related model is trained once for all seeds, and nothing is drawn at random when a CRF is trained: there
    the seed decides the sample, if anything.
    """
    if cell.setting in TRANSFER_ALONE:
        return False
    if cell.tagger.kind != CRF:
        return True
    one, other = (cell_data(replace(cell, seed=seed), data).train for seed in (0, 1))
    return any(part.examples != same.examples for part, same in zip(one, other, strict=True))


def can_be_repeated(cell: Cell, data: GridData) -> bool:
    """Say whether a run can end differently if it is made again with another seed."""
    return cell.setting != PREDICTIONS and _seed_matters(cell, data)


def _sizes(sizes: tuple[int, ...], available: int) -> Iterator[int]:
    for size in sizes:
        yield size
        if size >= available:
            return
