"""Clusters of mentions of one type: names of women and of men, towns and countries.

A mention is the mean of the vectors of its words. K-Means groups the mentions of each type, those of related
languages together, whose vectors must be in one space.

Clusters can be written to a file, which people look at and change before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ...schema.errors import DataError
from ...schema.example import Example
from ...schema.validation import nearest
from ...sources.files import open_bytes, write_atomically
from .word_vectors import Vector, WordVectors, forms, of_length_one

Surface = tuple[str, ...]
"""The words of a mention."""

Cluster = tuple[Surface, ...]

NUMBERS_OF_CLUSTERS = (2, 3, 4, 6, 8, 12, 16, 24, 32)
"""The numbers of clusters that are tried where the release names none."""

SILHOUETTE_SAMPLE = 1000
STARTS = 5

_SUFFIXES = (".json", ".yaml", ".yml")


@dataclass(frozen=True)
class MentionClusters:
    """The clusters of each type.

    Attributes:
        clusters: By type, the clusters, each a list of mentions.
        unclustered: By type, mentions that no word vector is known for. They stay as they are.
    """

    clusters: Mapping[str, tuple[Cluster, ...]]
    unclustered: Mapping[str, Cluster]

    def as_json(self) -> dict[str, Any]:
        """Return the clusters as JSON values, as the file holds them."""
        return {
            "clusters": {
                type_: [[_written(surface) for surface in cluster] for cluster in clusters]
                for type_, clusters in self.clusters.items()
            },
            "unclustered": {
                type_: [_written(surface) for surface in surfaces]
                for type_, surfaces in self.unclustered.items()
            },
        }


@dataclass(frozen=True, slots=True)
class Corpus:
    """One language's part in the clusters.

    Attributes:
        examples: Its sentences, whose mentions are grouped.
        vectors: The vectors of its words; in the same space as those of the other languages.
    """

    examples: Sequence[Example]
    vectors: WordVectors


def mentions_by_type(examples: Iterable[Example], types: Sequence[str]) -> dict[str, list[Surface]]:
    """Return the different mentions of each type, sorted."""
    found: dict[str, set[Surface]] = {type_: set() for type_ in types}
    for example in examples:
        for mention in example.mentions:
            if mention.type in found:
                found[mention.type].add(example.tokens[mention.start : mention.end])
    return {type_: sorted(surfaces) for type_, surfaces in found.items()}


def cluster_mentions(
    corpora: Sequence[Corpus], types: Sequence[str], *, number: int | None, random_state: int
) -> MentionClusters:
    """Group the mentions of each type.

    Args:
        corpora: The languages; a mention that stands in several belongs to the first.
        types: The entity types.
        number: Clusters of each type; None for the number with the best silhouette.
        random_state: Decides how K-Means begins.

    Raises:
        DataError: If the languages' vectors are of different lengths.
    """
    from threadpoolctl import threadpool_limits

    lengths = sorted({len(vector) for corpus in corpora for vector in islice(corpus.vectors.values(), 1)})
    if len(lengths) > 1:
        raise DataError(
            f"the word vectors of related languages have {' and '.join(map(str, lengths))} numbers",
            hint="Mentions of several languages are compared in one space: take aligned word vectors.",
        )
    placed: dict[str, dict[Surface, Vector]] = {type_: {} for type_ in types}
    unknown: dict[str, set[Surface]] = {type_: set() for type_ in types}
    for corpus in corpora:
        for type_, found in _vectors_of_mentions(corpus, types).items():
            for surface, vector in found.items():
                if vector is None:
                    unknown[type_].add(surface)
                else:
                    placed[type_].setdefault(surface, vector)
    # One thread: K-Means adds up in the order in which its threads end.
    with threadpool_limits(limits=1):
        clusters = {type_: _clusters(placed[type_], number, random_state) for type_ in types}
    return MentionClusters(
        clusters,
        {type_: tuple(sorted(unknown[type_] - placed[type_].keys())) for type_ in types},
    )


def _vectors_of_mentions(corpus: Corpus, types: Sequence[str]) -> dict[str, dict[Surface, Vector | None]]:
    """Return the vector of each mention, of length one; None where no word of it has one."""
    return {
        type_: {surface: _mean_vector(surface, corpus.vectors) for surface in surfaces}
        for type_, surfaces in mentions_by_type(corpus.examples, types).items()
    }


def _mean_vector(surface: Surface, vectors: WordVectors) -> Vector | None:
    known = []
    for word in surface:
        form = next((form for form in forms(word) if form in vectors), None)
        if form is not None:
            known.append(vectors[form])
    return of_length_one(np.mean(of_length_one(np.array(known)), axis=0)[None])[0] if known else None


def _clusters(
    vectors: Mapping[Surface, Vector], number: int | None, random_state: int
) -> tuple[Cluster, ...]:
    surfaces = sorted(vectors)
    if not surfaces:
        return ()
    # Computed to the last digit, vectors of the same words differ by machine; rounded, hardly.
    matrix = np.round(np.array([vectors[surface] for surface in surfaces]), 6)
    clusters: dict[int, list[Surface]] = {}
    for surface, found in zip(surfaces, _numbers_of_clusters(matrix, number, random_state), strict=True):
        clusters.setdefault(found, []).append(surface)
    # The largest first, so that they can be told apart by their place.
    return tuple(sorted(map(tuple, clusters.values()), key=lambda cluster: (-len(cluster), cluster)))


def _numbers_of_clusters(matrix: Vector, number: int | None, random_state: int) -> list[int]:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    different = len(np.unique(matrix, axis=0))

    def grouped(size: int) -> list[int]:
        kmeans = KMeans(size, n_init=STARTS, random_state=random_state)  # pyright: ignore[reportArgumentType]
        return kmeans.fit_predict(matrix).tolist()

    if number is not None:
        return grouped(min(number, different))
    best, chosen = -2.0, [0] * len(matrix)
    for size in NUMBERS_OF_CLUSTERS:
        # With more, most mentions would be alone, with nothing to put in their place.
        if size > different // 2:
            break
        numbers = grouped(size)
        sample = np.random.RandomState(random_state).permutation(len(matrix))[:SILHOUETTE_SAMPLE]
        labels = np.array(numbers)[sample]
        if not 1 < len(set(labels.tolist())) < len(labels):
            continue
        score = float(silhouette_score(matrix[sample], labels))
        if score > best:
            best, chosen = score, numbers
    return chosen


def write_clusters(path: Path, clusters: MentionClusters) -> None:
    """Write clusters to a file, JSON or YAML by its name, one mention a line.

    Raises:
        DataError: If it cannot be written, or its name says neither.
    """
    _check_suffix(path)
    value = clusters.as_json()
    if path.suffix == ".json":
        text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    else:
        import yaml

        text = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=10_000)
    with write_atomically(path) as stream:
        stream.write(text)


def read_clusters(path: Path, types: Sequence[str]) -> MentionClusters:
    """Read a file that `write_clusters` wrote and people may have changed.

    Mentions may be moved, added and removed; what is in no cluster stays as it is.

    Raises:
        DataError: If it cannot be read, a type is none of `types`, or a mention stands in two clusters.
    """
    _check_suffix(path)
    with open_bytes(path) as stream:
        data = stream.read()
    value = _parsed(data, path)
    if (
        not isinstance(value, dict)
        or not set(value) <= {"clusters", "unclustered"}
        or "clusters" not in value
    ):
        raise DataError("there is no `clusters` by type, or a key besides", where=str(path), hint=_HINT)
    clusters, unclustered = value["clusters"], value.get("unclustered") or {}
    for by_type in (clusters, unclustered):
        if not isinstance(by_type, dict):
            raise DataError("clusters are not given by type", where=str(path), hint=_HINT)
        for type_ in by_type:
            if type_ not in types:
                raise DataError(
                    f"`{type_}` is no type of gold", where=str(path), hint=nearest(str(type_), types)
                )
    read = {type_: _read_type(clusters.get(type_) or [], f"{path}: {type_}") for type_ in types}
    return MentionClusters(
        read,
        {
            type_: _read_cluster(unclustered.get(type_) or [], f"{path}: unclustered {type_}")
            for type_ in types
        },
    )


_HINT = "Remove the file to have it written anew, or write it as it was: docs/methods.md shows how."


def _check_suffix(path: Path) -> None:
    if path.suffix not in _SUFFIXES:
        raise DataError(
            "the name of a file of clusters says neither JSON nor YAML",
            where=str(path),
            hint=f"Let it end with {', '.join(_SUFFIXES)}.",
        )


def _parsed(data: bytes, path: Path) -> Any:
    try:
        text = data.decode("utf-8-sig")
        return _parsed_json(text, path) if path.suffix == ".json" else _parsed_yaml(text, path)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError("this is not UTF-8 text", where=f"{path}:{line}", hint=_HINT) from error
    except RecursionError as error:
        raise DataError("the values are nested too deeply", where=str(path), hint=_HINT) from error


def _parsed_json(text: str, path: Path) -> Any:
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _without_repeats(pairs, path))
    except json.JSONDecodeError as error:
        raise DataError(
            f"this is not JSON: {error.msg}", where=f"{path}:{error.lineno}", hint=_HINT
        ) from error
    except ValueError as error:
        raise DataError(f"this is not JSON: {error}", where=str(path), hint=_HINT) from error


def _parsed_yaml(text: str, path: Path) -> Any:
    import yaml

    try:
        # Every scalar is a text: a year and `No` are names here.
        return yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes nothing but texts
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        problem = error.problem or error.context or "it cannot be read"
        raise DataError(f"this is not YAML: {problem}", where=where, hint=_HINT) from error
    except yaml.YAMLError as error:
        raise DataError(f"this is not YAML: {error}", where=str(path), hint=_HINT) from error


def _without_repeats(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise DataError("a key stands twice", where=str(path), hint=f"The keys: {', '.join(value)}.")
    return value


def _read_type(value: Any, where: str) -> tuple[Cluster, ...]:
    if not isinstance(value, list):
        raise DataError("the clusters of a type are no list", where=where, hint=_HINT)
    clusters = tuple(
        _read_cluster(cluster, f"{where}, cluster {number}") for number, cluster in enumerate(value, 1)
    )
    seen: dict[Surface, int] = {}
    for number, cluster in enumerate(clusters, 1):
        for surface in cluster:
            if seen.setdefault(surface, number) != number:
                raise DataError(
                    f"`{' '.join(surface)}` stands in the clusters {seen[surface]} and {number}",
                    where=where,
                    hint="Remove it from one of them.",
                )
    return clusters


def _read_cluster(value: Any, where: str) -> Cluster:
    if not isinstance(value, list):
        raise DataError("a cluster is no list of mentions", where=where, hint=_HINT)
    return tuple(dict.fromkeys(_read_surface(mention, where) for mention in value))


def _read_surface(value: Any, where: str) -> Surface:
    words = value.split() if isinstance(value, str) else value
    if (
        not isinstance(words, list)
        or not words
        or not all(isinstance(word, str) and word.strip() for word in words)
    ):
        raise DataError(
            f"`{json.dumps(value, ensure_ascii=False)}` is no mention",
            where=where,
            hint="A mention is a text of words with blanks between them, or a list of words.",
        )
    return tuple(words)


def _written(surface: Surface) -> str | list[str]:
    """Write a mention as one text, if its words can be told from that."""
    text = " ".join(surface)
    return text if tuple(text.split()) == surface else list(surface)
