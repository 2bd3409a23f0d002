"""`synthner clusters`: what it shows, what it writes, and that editing that changes what is made."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthner.generation.clusters import look_at_clusters
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.release import read_release
from synthner.tests.command_line import files_in
from synthner.tests.in_process import done, refused

PEOPLE, TOWNS = ("Åse", "Maja", "Bøje", "Søren"), ("Ribe", "Thisted", "Læsø")
GOLD = [
    *(f"{person}/PER bor i {TOWNS[number % 2]}/LOC ." for number, person in enumerate(PEOPLE)),
    "I Ribe/LOC bor Maja/PER .",
    "Ude i Læsø/LOC regner det .",
]
# Læsø has no vector, and Thisted is far from everything.
VECTORS = {
    "Åse": (1, 0),
    "Maja": (1, 0.1),
    "Bøje": (-1, 0),
    "Søren": (-1, 0.1),
    "Ribe": (0, 1),
    "Thisted": (0, -1),
}
SWAP: dict[str, Any] = {"vectors": "{language}.vec", "clusters": 2}
CLUSTERS = {
    "PER": {"clusters": [["Bøje", "Søren"], ["Maja", "Åse"]], "unclustered": [], "alone": []},
    "LOC": {"clusters": [["Ribe"], ["Thisted"]], "unclustered": ["Læsø"], "alone": ["Ribe", "Thisted"]},
}


def write_release(
    folder: Path, *, languages: tuple[str, ...] = ("da",), **generators: dict[str, Any]
) -> Path:
    """Write a release, its gold and its word vectors; by default it replaces mentions, and names no file."""
    lines = []
    for sentence in GOLD:
        for word in sentence.split():
            token, _, type_ = word.partition("/")
            lines.append(f"{token} {f'B-{type_}' if type_ else 'O'}")
        lines.append("")
    gold = {"files": {"train": "train.conll"}, "license": "cc0-1.0"}
    rows = [f"{word} {' '.join(map(str, vector))}" for word, vector in VECTORS.items()]
    (folder / "train.conll").write_text("\n".join(lines), encoding="utf-8")
    for code in languages:
        (folder / f"{code}.vec").write_text("\n".join([f"{len(rows)} 2", *rows]) + "\n", encoding="utf-8")
    value = {
        "name": "swapped",
        "seed": 3,
        "languages": {code: {"gold": gold, "labels": ["PER", "LOC"]} for code in languages},
        "generators": generators or {"swap": swap()},
    }
    (folder / "release.yaml").write_text(json.dumps(value), encoding="utf-8")
    return folder


def swap(**settings: Any) -> dict[str, Any]:
    return {"method": "cluster_replacement", "cluster_replacement": {**SWAP, **settings}}


def by_size(types: dict[str, Any]) -> dict[str, Any]:
    """Order clusters and members, of which frequency decides, by their names."""
    return {
        type_: {
            key: sorted(map(sorted, value)) if key == "clusters" else value for key, value in found.items()
        }
        for type_, found in types.items()
    }


def test_clusters_are_shown_with_what_stays_and_nothing_is_written_that_was_not_asked_for(tmp_path):
    release = write_release(tmp_path)
    before = files_in(release)

    found = done("clusters", "--json", folder=release).json["configs"]
    told = done("clusters", folder=release).stdout

    assert files_in(release) == before
    config = found["da_swap"]
    assert (config["file"], config["read"], config["written"]) == (None, False, None)
    assert by_size(config["types"]) == CLUSTERS
    assert "da_swap: made from gold train" in told
    assert "PER: 4 mentions in 2 clusters" in told
    assert "Maja, Åse" in told
    assert "Left as they are, in no cluster: 1 (Læsø)" in told
    assert "Left as they are, alone in a cluster: 2 (Ribe, Thisted)" in told
    assert "`clusters_file: clusters/{language}.yaml`" in told


def test_the_most_frequent_mentions_of_a_cluster_stand_first(tmp_path):
    release = write_release(tmp_path, swap=swap(clusters=1))

    [people] = done("clusters", "--json", folder=release).json["configs"]["da_swap"]["types"]["PER"][
        "clusters"
    ]

    assert people == ["Maja", "Bøje", "Søren", "Åse"]


@pytest.mark.parametrize("name", ["kept/{language}.yaml", "{language}.json"])
def test_the_file_of_the_release_is_written_edited_and_used(tmp_path, name):
    release = write_release(tmp_path, swap=swap(clusters_file=name, candidates=1))
    path = release / name.replace("{language}", "da")

    first = done("clusters", "--json", folder=release).json["configs"]["da_swap"]
    assert (first["file"], first["read"], first["written"]) == (str(path), False, str(path))
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert sorted(map(sorted, value["clusters"]["PER"])) == CLUSTERS["PER"]["clusters"]

    value["clusters"] = {"PER": [["Åse", "Frederikke Juul"]], "LOC": []}
    edited = json.dumps(value) if path.suffix == ".json" else yaml.safe_dump(value, allow_unicode=True)
    path.write_text(edited, encoding="utf-8")
    again = done("clusters", "--json", folder=release).json["configs"]["da_swap"]
    assert (again["read"], again["written"]) == (True, None)
    assert again["types"]["PER"] == {
        "clusters": [["Åse", "Frederikke Juul"]],
        "unclustered": ["Bøje", "Maja", "Søren"],
        "alone": [],
    }
    assert again["types"]["LOC"]["unclustered"] == ["Læsø", "Ribe", "Thisted"]
    assert f"da_swap: read from {path}" in done("clusters", folder=release).stdout
    assert path.read_text(encoding="utf-8") == edited

    opened = read_release(release)
    generate(opened)
    with Journal(opened.journal) as journal:
        texts = [reply.text or "" for _, reply in journal.answers("da_swap") if reply]
    assert [text for text in texts if 'datapoints": []' not in text] == [
        text for text in texts if "Frederikke" in text
    ]
    assert any("Frederikke" in text for text in texts)


def test_generate_uses_the_clusters_that_were_shown(tmp_path):
    release = write_release(tmp_path, swap=swap(clusters_file="da.yaml"))

    done("clusters", folder=release)
    shown = files_in(release)["da.yaml"]
    planned = done("generate", "--dry-run", "--json", folder=release).json
    done("generate", folder=release)

    assert planned["configs"]["da_swap"]["splits"]["train"]["to_ask"] == len(GOLD)
    assert files_in(release)["da.yaml"] == shown
    assert done("generate", "--json", folder=release).json["answered"] == 0


def test_another_file_can_be_written_and_is_never_overwritten(tmp_path):
    release = write_release(tmp_path)

    told = done("clusters", "-o", "mine.json", folder=release).stdout

    assert "Written to mine.json. Edit it, and name it as `clusters_file`" in told
    value = json.loads((release / "mine.json").read_text(encoding="utf-8"))
    assert value["unclustered"]["LOC"] == ["Læsø"]
    assert "there is such a file already" in refused("clusters", "-o", "mine.json", folder=release, status=2)
    assert "neither JSON nor YAML" in refused("clusters", "-o", "mine.txt", folder=release)
    assert not (release / "mine.txt").exists()


def test_of_several_configs_one_is_chosen_by_name(tmp_path):
    simple = {"method": "simple_augmentation"}
    release = write_release(
        tmp_path, languages=("da", "nn"), swap=swap(), more=swap(clusters=1), simple=simple
    )

    assert list(look_at_clusters(read_release(release))) == ["da_swap", "da_more", "nn_swap", "nn_more"]
    chosen = done("clusters", "--config", "nn_more", "-o", "nn.yaml", "--json", folder=release).json
    assert list(chosen["configs"]) == ["nn_more"]
    assert (release / "nn.yaml").is_file()
    for arguments, message in (
        (("-o", "all.yaml"), "cannot hold the clusters of 4 configs"),
        (("--config", "da_simple"), "its method is `simple_augmentation`, which has no clusters"),
        (("--config", "da_swop"), "Did you mean `da_swap`?"),
    ):
        assert message in refused("clusters", *arguments, folder=release, status=2)
    assert not (release / "all.yaml").exists()


def test_a_release_without_clusters_says_so(tmp_path):
    release = write_release(tmp_path, simple={"method": "simple_augmentation"})

    message = refused("clusters", folder=release, status=2)

    assert f"{release / 'release.yaml'}: no generator has the method `cluster_replacement`" in message


def test_control_characters_of_gold_do_nothing_to_the_terminal(tmp_path):
    release = write_release(tmp_path)
    path = release / "train.conll"
    path.write_text(path.read_text(encoding="utf-8").replace("Læsø", "Læ\u202esø"), encoding="utf-8")

    told = done("clusters", folder=release).stdout

    assert "⟨U+202E⟩" in told
    assert "\u202e" not in told
