import gzip
import json
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from synthner.builders.build import build
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.generation.methods.cluster_replacement import ClusterReplacement, clusters_of, comparable
from synthner.generation.methods.mention_clusters import MentionClusters
from synthner.generation.methods.word_vectors import read_vectors, vectors_of_corpus
from synthner.generation.plan import method_context, plan_summary
from synthner.release import Release, read_release
from synthner.schema.errors import DataError, ReleaseError
from synthner.schema.example import Example
from synthner.schema.iob2 import mentions, violations
from synthner.sources.readers import read_examples

WOMEN, MEN = ("Åse", "Maja", "Ida", "Signe"), ("Bøje", "Søren", "Niels", "Karl Åge")
TOWNS, FIRMS = ("Thisted", "Læsø", "Nørre Snede", "Ribe"), ("Nordlys", "Havblik", "Bageren")
SWEDISH_WOMEN, SWEDISH_TOWNS = ("Linnéa", "Astrid", "Elsa Maria"), ("Kiruna", "Ystad")

DANISH = {
    "train": [
        f"{person}/PER bor i {town}/LOC og arbejder hos {firm}/ORG ."
        for number, person in enumerate((*WOMEN, *MEN))
        for town, firm in [(TOWNS[number % 4], FIRMS[number % 3])]
    ]
    + [
        f"I {town}/LOC så {person}/PER havet , sagde {person}/PER ."
        for town, person in zip(TOWNS, MEN, strict=True)
    ]
    + ["Vejret er godt i dag ."],
    "validation": ["Åse/PER bor i Ribe/LOC og arbejder hos Nordlys/ORG ."],
    "test": ["Maja/PER bor i Thisted/LOC og arbejder hos Havblik/ORG ."],
}
SWEDISH = {
    "train": [
        f"{person}/PER bor i {town}/LOC och läser ." for person in SWEDISH_WOMEN for town in SWEDISH_TOWNS
    ]
}
# By word: what kind of name it is, as two numbers; the third tells one from the other.
KINDS = {
    WOMEN: (1, 0),
    MEN: (-1, 0),
    TOWNS: (0, 1),
    FIRMS: (0, -1),
    SWEDISH_WOMEN: (1, 0),
    SWEDISH_TOWNS: (0, 1),
}
VECTORS = {
    word: (*map(float, kind), 0.01 * number)
    for names, kind in KINDS.items()
    for number, name in enumerate(names)
    for word in name.split()
}


def columns(sentences: Sequence[str]) -> str:
    """Write sentences, in which a name has its type after a slash, as CoNLL columns."""
    blocks = []
    for sentence in sentences:
        lines: list[str] = []
        name: list[str] = []
        for word in (
            sentence.replace("Karl Åge", "Karl_Åge")
            .replace("Nørre Snede", "Nørre_Snede")
            .replace("Elsa Maria", "Elsa_Maria")
            .split()
        ):
            text, slash, type_ = word.partition("/")
            name = text.split("_")
            tags = [f"{'I' if place else 'B'}-{type_}" for place in range(len(name))] if slash else ["O"]
            lines += [f"{part} {tag}" for part, tag in zip(name, tags, strict=True)]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def release_of(folder: Path, *, languages: dict[str, Any] | None = None, **method: Any) -> Release:
    """Write a release that replaces mentions, with gold of Danish and of Swedish."""
    entries = {}
    for code, splits in (languages or {"da": DANISH}).items():
        files = {}
        for split, sentences in splits.items():
            files[split] = f"gold/{code}_{split}.conll"
            (folder / "gold").mkdir(parents=True, exist_ok=True)
            (folder / files[split]).write_text(columns(sentences), encoding="utf-8")
        entries[code] = {"gold": {"files": files, "license": "cc0-1.0"}, "labels": ["PER", "ORG", "LOC"]}
    path = folder / "release.yaml"
    generators = {"swap": {"method": "cluster_replacement", "cluster_replacement": method}}
    value = {"name": "swapped", "seed": 11, "languages": entries, "generators": generators}
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return read_release(path)


def made(release: Release, config: str = "da_swap") -> list[list[Example]]:
    """Generate, and return the variants of each gold sentence."""
    summary = generate(release)
    assert summary.failed == 0
    with Journal(release.journal) as journal:
        answers = [reply.text for _, reply in journal.answers(config) if reply and reply.text]
    return [
        [Example("", tuple(row["tokens"]), tuple(row["ner_tags"])) for row in json.loads(text)["datapoints"]]
        for text in answers
    ]


def gold_of(release: Release, code: str = "da", split: str = "train") -> list[Example]:
    return list(read_examples(release.folder / "gold" / f"{code}_{split}.conll"))


def names(example: Example) -> list[tuple[str, str]]:
    return [(" ".join(example.tokens[m.start : m.end]), m.type) for m in example.mentions]


def outside(example: Example) -> list[str]:
    return [token for token, tag in zip(example.tokens, example.ner_tags, strict=True) if tag == "O"]


def write_vectors(path: Path, form: str, vectors: dict[str, tuple[float, ...]] = VECTORS) -> Path:
    """Write word vectors: `text` as word2vec and fastText do, `binary` as word2vec does."""
    header = f"{len(vectors)} {len(next(iter(vectors.values())))}\n".encode()
    if form == "binary":
        rows = [word.encode() + b" " + struct.pack(f"<{len(v)}f", *v) + b"\n" for word, v in vectors.items()]
    else:
        rows = [f"{word} {' '.join(map(str, v))} \n".encode() for word, v in vectors.items()]
    data = header + b"".join(rows)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


# What holds for every variant.

WORDS = st.sampled_from(["bor", "i", "Ada", "Bo", "Cilla", "Dorte", "By", "Ø", "."])
TAGS = st.sampled_from(["O", "O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
SURFACES = st.lists(WORDS, min_size=1, max_size=3).map(tuple)
CLUSTERS = st.lists(st.lists(SURFACES, min_size=1, max_size=5, unique=True).map(tuple), max_size=3)


@st.composite
def sentences(draw) -> Example:
    pairs = draw(st.lists(st.tuples(WORDS, TAGS), min_size=1, max_size=9))
    tags = []
    for _, tag in pairs:
        before = tags[-1] if tags else "O"
        tags.append(f"B-{tag[2:]}" if tag[0] == "I" and before[2:] != tag[2:] else tag)
    return Example("1", tuple(word for word, _ in pairs), tuple(tags))


@st.composite
def clusters_in(draw) -> MentionClusters:
    of_types = {}
    for type_ in ("PER", "LOC"):
        seen: set[tuple[str, ...]] = set()
        kept = []
        for cluster in draw(CLUSTERS):
            kept.append(tuple(surface for surface in cluster if surface not in seen))
            seen.update(cluster)
        of_types[type_] = tuple(kept)
    return MentionClusters(of_types, {})


@settings(max_examples=150, deadline=None)
@given(sentences(), clusters_in(), st.integers(0, 99), st.lists(sentences(), max_size=3))
def test_a_variant_keeps_all_but_the_words_of_its_mentions(example, clusters, seed, held_out):
    never = frozenset(comparable(each.tokens) for each in (example, *held_out))
    replacement = ClusterReplacement(clusters, never)

    variants = replacement.variants(example, str(seed), 5)

    assert variants == ClusterReplacement(clusters, never).variants(example, str(seed), 5)
    texts = [comparable(tokens) for tokens, _ in variants]
    assert len(set(texts)) == len(texts) <= 5
    assert not never & set(texts)
    before = [(" ".join(example.tokens[m.start : m.end]), m.type) for m in example.mentions]
    for tokens, tags in variants:
        variant = Example("2", tokens, tags)
        assert violations(tags) == []
        assert outside(variant) == outside(example)
        after = names(variant)
        assert [type_ for _, type_ in after] == [type_ for _, type_ in before]
        alike: dict[str, set[str]] = {}
        for (old, type_), (new, _) in zip(before, after, strict=True):
            alike.setdefault(old, set()).add(new)
            together = [c for c in clusters.clusters[type_] if tuple(old.split()) in c]
            assert old == new or tuple(new.split()) in together[0]
        assert all(len(new) == 1 for new in alike.values())
        assert len({next(iter(new)) for new in alike.values()}) == len(alike)


def test_a_mention_without_others_stays_and_words_with_two_types_do():
    clusters = MentionClusters({"PER": ((("Ada",), ("Bo", "Holm")),), "LOC": ((("Ada",), ("Ribe",)),)}, {})
    replacement = ClusterReplacement(clusters, frozenset())
    alone = Example("1", ("Ada", "så", "Cilla"), ("B-PER", "O", "B-PER"))
    both = Example("2", ("Ada", "så", "Ada"), ("B-PER", "O", "B-LOC"))

    assert replacement.variants(alone, "1", 2) == [
        (("Bo", "Holm", "så", "Cilla"), ("B-PER", "I-PER", "O", "B-PER"))
    ]
    assert replacement.variants(both, "1", 2) == []


def test_a_mention_that_is_only_typed_otherwise_makes_no_variant():
    clusters = MentionClusters({"PER": ((("Åse",), ("A\u030ase",), ("ÅSE", "."), ("Bo",)),)}, {})
    example = Example("1", ("Åse", "sover"), ("B-PER", "O"))

    found = ClusterReplacement(clusters, frozenset({comparable(example.tokens)})).variants(example, "1", 9)

    assert found == [(("Bo", "sover"), ("B-PER", "O"))]


# From gold to a dataset.


def test_mentions_are_replaced_by_others_of_their_kind(tmp_path):
    release = release_of(tmp_path, vectors="da.vec", clusters=2)
    write_vectors(tmp_path / "da.vec", "text")
    kinds = [set(WOMEN), set(MEN), set(TOWNS), set(FIRMS)]
    held_out = {
        comparable(e.tokens) for split in ("validation", "test") for e in gold_of(release, "da", split)
    }

    variants = made(release)

    gold = gold_of(release)
    assert [len(of_one) for of_one in variants] == [1] * (len(gold) - 1) + [0]
    changed = 0
    for example, (variant, *_) in zip(gold, variants[:-1], strict=False):
        assert comparable(variant.tokens) not in held_out
        for (old, _), (new, _) in zip(names(example), names(variant), strict=True):
            changed += old != new
            # Two clusters split towns and firms by the number that tells one from another, too.
            assert any({old, new} <= kind for kind in kinds)
    assert changed > len(gold)


def test_the_same_seed_gives_the_same_and_another_seed_another(tmp_path):
    first = made(release_of(tmp_path / "a"))
    again = made(release_of(tmp_path / "b"))
    text = (tmp_path / "b" / "release.yaml").read_text(encoding="utf-8").replace('"seed": 11', '"seed": 12')
    (tmp_path / "b" / "release.yaml").write_text(text, encoding="utf-8")
    other = made(read_release(tmp_path / "b"))

    assert first == again
    assert first != other


@pytest.mark.parametrize(("volume", "most"), [(1, 1), (2, 2), ("all", 6)])
def test_the_volume_says_how_many_variants_there_are(tmp_path, volume, most):
    release = release_of(tmp_path, volume=volume, candidates=6, clusters=1)

    plan = plan_summary(release).configs["da_swap"]
    variants = made(release)

    gold = gold_of(release)
    assert plan.splits["train"].datapoints == most * len(gold)
    sizes = [len(of_one) for of_one in variants]
    assert max(sizes) <= most
    assert volume == "all" or sizes[0] == most
    assert volume != "all" or most < sum(sizes) < most * len(gold)


def test_the_tagger_prefers_what_it_can_read(tmp_path):
    """Names that no tagger of gold has seen, and that look like no name, lose against the others."""
    odd = ["og", "i", "hos"]
    cluster = [*WOMEN, *MEN, *odd]
    release = release_of(tmp_path, candidates=20, clusters_file="da.json")
    value = {"clusters": {"PER": [cluster]}}
    (tmp_path / "da.json").write_text(json.dumps(value), encoding="utf-8")

    people = [names(variant)[0][0] for of_one in made(release)[:8] for variant in of_one]

    assert len(people) == 8
    assert not set(people) & set(odd)


@pytest.mark.parametrize(("volume", "variants"), [("all", 0), (1, 1)], ids=["all", "one"])
def test_the_tagger_has_not_seen_the_sentence(tmp_path, volume, variants):
    """A tagger that had learned from one of the two would know the other, which is the same sentence."""
    languages = {"da": {"train": ["Åse/PER bor her .", "åse/PER bor her ."]}}
    release = release_of(tmp_path, languages=languages, volume=volume, clusters_file="da.json")
    value = {"clusters": {"PER": [["Åse", "åse", "Åsa", "Åso", "Åsi", "Åsy", "Åsu"]]}}
    (tmp_path / "da.json").write_text(json.dumps(value), encoding="utf-8")

    assert [len(of_one) for of_one in made(release)] == [variants] * 2


def test_generated_and_built_it_is_a_dataset(tmp_path):
    release = release_of(tmp_path, volume=2)
    generate(release)

    build(release)

    files = sorted(release.dataset.rglob("*train*.parquet"))
    rows = [row for path in files for row in pq.read_table(path).to_pylist() if "tokens" in row]
    gold = {tuple(e.tokens) for split in DANISH for e in gold_of(release, "da", split)}
    assert len(rows) > 12
    assert not gold & {tuple(row["tokens"]) for row in rows}


def test_after_generating_a_plan_makes_no_clusters(tmp_path):
    release = release_of(tmp_path, vectors="da.vec", clusters=2)
    path = write_vectors(tmp_path / "da.vec", "text")
    script = "import sys, pathlib; from synthner.generation.generate import generate; "
    script += "from synthner.release import read_release; generate(read_release(pathlib.Path(sys.argv[1])))"
    subprocess.run([sys.executable, "-c", script, str(release.path)], check=True)
    # The same file to the eye, and none that vectors could be read from.
    status = path.stat()
    path.write_bytes(b"x" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

    split = plan_summary(release).configs["da_swap"].splits["train"]
    os.utime(path)

    assert split.calls == split.answered
    with pytest.raises(DataError, match="does not say how many words"):
        plan_summary(release)


def test_nothing_is_made_anew_unless_what_decides_it_changes(tmp_path):
    release = release_of(tmp_path, clusters_file="da.json")

    first, second = generate(release), generate(release)

    assert first.answered == len(gold_of(release))
    assert second.answered == 0
    other = generate(
        release_of(
            tmp_path,
            clusters_file="da.json",
            languages={"da": {**DANISH, "test": DANISH["test"] * 2 + ["Ny ."]}},
        )
    )
    assert other.answered == len(gold_of(release))


# Clusters.


def clusters(release: Release, code: str = "da") -> dict[str, tuple]:
    config = next(config for config in release.configs if config.language.code == code)
    return dict(clusters_of(method_context(config, release, {})).clusters)


def as_sets(found: Sequence) -> list[set[str]]:
    return [{" ".join(surface) for surface in cluster} for cluster in found]


@pytest.mark.parametrize(
    ("number", "people"), [(None, 2), (1, 1), (2, 2), (3, 3), (100, len(WOMEN) + len(MEN))], ids=str
)
def test_the_number_of_clusters_is_given_or_chosen(tmp_path, number, people):
    write_vectors(tmp_path / "da.vec", "text")
    chosen = {} if number is None else {"clusters": number}

    found = clusters(release_of(tmp_path, vectors="da.vec", **chosen))

    assert len(found["PER"]) == people
    if people == 2:
        assert sorted(map(sorted, as_sets(found["PER"]))) == sorted([sorted(WOMEN), sorted(MEN)])


def test_vectors_of_gold_tell_words_by_their_neighbours_and_parts():
    texts = [f"i {town}borg regner det" for town in ("Alm", "Bro", "Dal", "Elv")]
    texts += [f"den {word}ende mand smiler" for word in ("le", "sov", "tal", "gå")]

    vectors = vectors_of_corpus([text.split() for text in texts], 3)

    near = float(vectors["almborg"] @ vectors["elvborg"])
    assert near > float(vectors["almborg"] @ vectors["sovende"]) + 0.3
    again = vectors_of_corpus([text.split() for text in texts], 3)
    assert all((vectors[word] == again[word]).all() for word in vectors)
    assert vectors_of_corpus([], 3) == {}


def test_mentions_of_a_related_language_share_clusters_and_are_used(tmp_path):
    languages = {"da": DANISH, "sv": SWEDISH}
    release = release_of(
        tmp_path,
        languages=languages,
        vectors="{language}.vec",
        related=["da", "sv"],
        clusters=2,
        candidates=1,
    )
    danish = {word: v for word, v in VECTORS.items() if word not in {"Kiruna", "Ystad", "Linnéa"}}
    write_vectors(tmp_path / "da.vec", "text", danish)
    write_vectors(tmp_path / "sv.vec", "text")

    found = as_sets(clusters(release)["PER"])
    of_danish = {name for of_one in made(release) for variant in of_one for name, _ in names(variant)}

    assert any(set(SWEDISH_WOMEN) <= cluster and set(WOMEN) & cluster for cluster in found)
    assert of_danish & {*SWEDISH_WOMEN, *SWEDISH_TOWNS}
    with Journal(release.journal) as journal:
        texts = [reply.text or "" for _, reply in journal.answers("sv_swap") if reply]
    assert any(town in text for town in TOWNS for text in texts)


def test_trained_on_both_languages_vectors_are_in_one_space(tmp_path):
    release = release_of(tmp_path, languages={"da": DANISH, "sv": SWEDISH}, related=["sv"], clusters=1)

    [people] = as_sets(clusters(release)["PER"])

    assert people == {*WOMEN, *MEN, *SWEDISH_WOMEN}


def test_vectors_of_different_lengths_are_no_one_space(tmp_path):
    release = release_of(
        tmp_path, languages={"da": DANISH, "sv": SWEDISH}, vectors="{language}.vec", related=["sv"]
    )
    write_vectors(tmp_path / "da.vec", "text")
    write_vectors(tmp_path / "sv.vec", "text", {word: (*v, 1.0) for word, v in VECTORS.items()})

    with pytest.raises(DataError, match="3 and 4 numbers"):
        generate(release)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ({"related": ["nn"]}, "no config of this release is in `nn`"),
        ({"volume": 2, "candidates": 1}, "2 variants of a sentence cannot be chosen among 1"),
        ({"vectors": "none.vec"}, "the word vectors cannot be read"),
    ],
    ids=["related", "candidates", "vectors"],
)
def test_settings_that_cannot_be_are_refused(tmp_path, method, message):
    with pytest.raises((ReleaseError, DataError), match=message):
        generate(release_of(tmp_path, **method))


def test_one_file_cannot_hold_the_clusters_of_two_languages(tmp_path):
    release = release_of(tmp_path, languages={"da": DANISH, "sv": SWEDISH}, clusters_file="all.json")

    with pytest.raises(ReleaseError, match="several languages"):
        generate(release)


@pytest.mark.parametrize(
    "method",
    [
        {"volume": 3},
        {"clusters": 0},
        {"candidates": 0},
        {"clusters_file": "a.txt"},
        {"related": []},
        {"k": 1},
    ],
    ids=lambda method: next(iter(method)),
)
def test_the_release_file_is_checked(tmp_path, method):
    with pytest.raises(ReleaseError):
        release_of(tmp_path, **method)


# The file of clusters.


@pytest.mark.parametrize("name", ["{language}.json", "kept/{language}.yaml"])
def test_the_clusters_are_written_once_and_changing_them_changes_what_is_made(tmp_path, name):
    release = release_of(tmp_path, clusters_file=name)
    path = tmp_path / name.replace("{language}", "da")

    plan_summary(release)
    assert not path.exists()
    made(release)
    text = path.read_text(encoding="utf-8")
    value = yaml.safe_load(text)
    assert {name for cluster in value["clusters"]["PER"] for name in cluster} == {*WOMEN, *MEN}
    assert "Søren" in text

    value["clusters"]["PER"] = [["Åse", "Frederikke Juul"], *([name] for name in (*WOMEN[1:], *MEN))]
    value["clusters"]["LOC"] = value["clusters"]["ORG"] = []
    edited = json.dumps(value) if path.suffix == ".json" else yaml.safe_dump(value, allow_unicode=True)
    path.write_text(edited, encoding="utf-8")
    again = made(release)

    assert [names(variant)[0][0] for of_one in again for variant in of_one] == ["Frederikke Juul"]
    assert path.read_text(encoding="utf-8") == edited


def test_numbers_and_words_of_yaml_are_names(tmp_path):
    (tmp_path / "da.yaml").write_text(
        "clusters:\n  PER:\n  - - Åse\n    - 1984\n    - No\n", encoding="utf-8"
    )

    found = clusters(release_of(tmp_path, clusters_file="da.yaml"))

    assert as_sets(found["PER"]) == [{"Åse", "1984", "No"}]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", '{"clusters": {\n  "PER": [}', "a.json:2: this is not JSON"),
        ("a.yaml", "clusters:\n  PER: [a\n  LOC: ]b", r"a.yaml:\d: this is not YAML"),
        ("a.json", "[]", "there is no `clusters` by type"),
        ("a.json", '{"clusters": []}', "not given by type"),
        ("a.json", '{"clusters": {"PERS": []}}', "`PERS` is no type of gold"),
        ("a.json", '{"clusters": {"PER": {}, "PER": []}}', "a key stands twice"),
        ("a.json", '{"clusters": {"PER": "Ada"}}', "PER: the clusters of a type are no list"),
        ("a.json", '{"clusters": {"PER": ["Ada"]}}', "cluster 1: a cluster is no list of mentions"),
        ("a.json", '{"clusters": {"PER": [["Ada"], ["Bo", " "]]}}', 'cluster 2: `" "` is no mention'),
        ("a.json", '{"clusters": {"PER": [["Ada"], ["Ada"]]}}', "`Ada` stands in the clusters 1 and 2"),
        ("a.json", b"\xff\xfe", "not UTF-8"),
    ],
    ids=[
        "json",
        "yaml",
        "list",
        "no types",
        "type",
        "twice",
        "text",
        "flat",
        "blank",
        "two clusters",
        "bytes",
    ],
)
def test_a_file_of_clusters_that_was_broken_is_refused(tmp_path, name, text, message):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(DataError, match=message):
        generate(release_of(tmp_path, clusters_file=name))


# Word vectors from files.


@pytest.mark.parametrize("form", ["text", "binary"])
@pytest.mark.parametrize("suffix", ["vec", "vec.gz"])
def test_vectors_are_read_in_both_formats_packed_or_not(tmp_path, form, suffix):
    path = write_vectors(tmp_path / f"da.{suffix}", form)

    vectors = read_vectors(path, {"Åse", "Søren", "unknown"})

    assert {word: [round(x, 4) for x in v.tolist()] for word, v in vectors.items()} == {
        "Åse": [1.0, 0.0, 0.0],
        "Søren": [-1.0, 0.0, 0.01],
    }


def test_a_binary_file_without_line_ends_is_read(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(b"2 2\nab " + struct.pack("<2f", 1, 2) + b"c " + struct.pack("<2f", 3, 4))

    assert read_vectors(path, {"ab", "c"})["c"].tolist() == [3.0, 4.0]


FLOATS = struct.pack("<2f", 0.5, 0.1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", ":1: the first line does not say how many"),
        (b"Ada 0.1 0.2\n", ":1: the first line does not say how many"),
        (b"0 2\n", ":1: the first line says 0 words of 2 numbers"),
        (b"1 99999999999\n", ":1: the first line says 1 words of 99,999,999,999 numbers"),
        (b"2 2\nAda 1 2\nBo 1 2 3\n", ":3: a word and 2 numbers are expected"),
        (b"2 2\nAda 1 2\nBo 1\n", ":3: a word and 2 numbers are expected"),
        (b"2 2\nAda 1 2\nBo 1 x\n", ":3: could not convert string to float: 'x'"),
        (b"2 2\nAda 1 2\nBo 1 nan\n", ":3: a number of `Bo` is not finite"),
        (b"3 2\nAda 1 2\nBo 1 2\n", ":3: the file is cut short: it says 3 words and holds 2"),
        (b"1 2\nAda 1 2\nBo 1 2\n", ":3: there are more words than the 1 of the first line"),
        (b"2 2\nAda 1 2\nB\xff 1 2\n", ":3: this is not UTF-8 text"),
        (b"2 2\nAda " + FLOATS + b"\nBo " + FLOATS[:5], "word 2: the file is cut short"),
        (b"2 2\nAda " + FLOATS + b"\n", "word 2: the file is cut short"),
        (b"1 2\nA\xffa " + FLOATS, "word 1: the word is not UTF-8 text"),
        (b"1 2\nBo " + struct.pack("<2f", 1, float("inf")), "a number of `Bo` is not finite"),
        (struct.pack("<2i", 793712314, 12), "this is a fastText model, not word vectors"),
    ],
)
def test_a_broken_file_of_vectors_is_refused_with_its_line(tmp_path, data, message):
    path = tmp_path / "a.vec"
    path.write_bytes(data)

    with pytest.raises(DataError, match=message):
        read_vectors(path, {"Ada", "Bo"})


def test_a_mention_without_vectors_is_named_and_stays(tmp_path):
    known = {word: v for word, v in VECTORS.items() if word not in {"Signe", "Karl", "Åge"}}
    write_vectors(tmp_path / "da.vec", "text", known)
    release = release_of(tmp_path, vectors="da.vec", clusters_file="da.json")

    variants = made(release)

    written = json.loads((tmp_path / "da.json").read_text(encoding="utf-8"))
    assert written["unclustered"]["PER"] == ["Karl Åge", "Signe"]
    for example, of_one in zip(gold_of(release), variants, strict=True):
        for variant in of_one:
            for (old, _), (new, _) in zip(names(example), names(variant), strict=True):
                assert (old in {"Signe", "Karl Åge"}) == (new in {"Signe", "Karl Åge"})


@pytest.mark.parametrize(
    ("code", "related", "folder", "other"),
    [
        ("yor", "swa", "masakhaner2/yor", "masakhaner2/swa"),
        ("da", "sv", "uner/da_ddt", "uner/sv_talbanken"),
    ],
    ids=["yor", "da"],
)
def test_real_gold_of_two_languages(tmp_path, shared, code, related, folder, other):
    gold = {}
    for language, place in ((code, folder), (related, other)):
        [train] = (shared / "data" / place).glob("*train*.gz")
        gold[language] = [example for example in read_examples(train) if example.mentions][:80]
    languages = {language: {"train": ["x/PER y/ORG z/LOC"]} for language in gold}
    release = release_of(tmp_path, languages=languages, related=[related], volume=2, candidates=3)
    for language, examples in gold.items():
        text = "\n\n".join(
            "\n".join(
                f"{t} {g if g[2:] != 'DATE' else 'O'}" for t, g in zip(e.tokens, e.ner_tags, strict=True)
            )
            for e in examples
        )
        (tmp_path / "gold" / f"{language}_train.conll").write_text(text + "\n", encoding="utf-8")

    variants = made(release, f"{code}_swap")

    own = gold_of(release, code)
    foreign = {name for e in gold_of(release, related) for name in names(e)} - {
        n for e in own for n in names(e)
    }
    assert len(variants) == len(own)
    assert sum(map(len, variants)) > 1.5 * len(own)
    assert foreign & {name for of_one in variants for variant in of_one for name in names(variant)}
    for example, of_one in zip(own, variants, strict=True):
        for variant in of_one:
            assert violations(variant.ner_tags) == []
            assert outside(variant) == outside(example)
            assert [m.type for m in mentions(variant.ner_tags)] == [m.type for m in example.mentions]
