"""`synthner project` as a user meets it: files in, a labelled file out, and what it says about bad ones."""

import gzip
import re
from pathlib import Path

import pytest

from synthner.projection.alignments import read_alignments
from synthner.tests.command_line import done, refused, synthner

SOURCE = """Ama B-PER
Owusu I-PER
lives O
in O
Ho B-LOC
. O

It O
rains O
. O

Kofi B-PER
left O
Tamale B-TOWN/CITY
for O
Ho B-LOC
. O
"""
TARGET = "Ama Owusu te Ho .\nOsu retɔ .\nKofi fii Tamale kɔɔ Ho .\n"
ALIGNMENTS = "0-0 1-1 2-2 4-3 5-4\n\n0-0 1-1 2-2 3-3 5-5\n"
LABELLED = """Ama B-PER
Owusu I-PER
te O
Ho B-LOC
. O

Osu O
retɔ O
. O

Kofi B-PER
fii O
Tamale B-TOWN/CITY
kɔɔ O
Ho O
. O

"""
OPTIONS = ("--source", "s.conll", "--target", "t.txt", "--alignments", "a.txt", "-o", "o.conll")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "s.conll").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "t.txt").write_text(TARGET, encoding="utf-8")
    (tmp_path / "a.txt").write_text(ALIGNMENTS, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("method", ["gf22", "politov", "greedy", "exact"])
def test_every_method_labels_the_target_and_counts_what_it_dropped(folder, method):
    outcome = done("project", *OPTIONS, "--method", method, "--json", folder=folder).json

    assert (folder / "o.conll").read_text(encoding="utf-8") == LABELLED
    assert outcome.pop("seconds") >= 0
    assert outcome == {
        "sentences": 3,
        "entities": 5,
        "projected": 4,
        "mentions": 4,
        "dropped": {"not aligned": 1},
        "types": {
            "LOC": {"entities": 2, "projected": 1, "dropped": {"not aligned": 1}},
            "PER": {"entities": 2, "projected": 2, "dropped": {}},
            "TOWN/CITY": {"entities": 1, "projected": 1, "dropped": {}},
        },
        "scoring": None,
        "problems": [],
    }


def test_what_a_person_reads(folder):
    said = done("project", *OPTIONS, "--method", "exact", folder=folder).stdout

    assert re.search(r"LOC +2 +1 +not aligned 1", said)
    assert "Projected 4 of 5 entities in 3 sentences, as 4 mentions: o.conll" in said


def test_gzip_in_and_out_and_another_format(folder):
    for name in ("t.txt", "a.txt"):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
    rows = ('{"tokens": ["Ho"], "ner_tags": ["B-LOC"]}\n', '{"tokens": ["Ama"], "ner_tags": ["O"]}\n')
    (folder / "s.jsonl").write_text("".join((rows[0], rows[1], rows[0])), encoding="utf-8")
    (folder / "a.txt.gz").write_bytes(gzip.compress(b"0-3\n\n0-4\n"))
    files = ("--source", "s.jsonl", "--target", "t.txt.gz", "--alignments", "a.txt.gz", "-o", "o.conll.gz")

    done("project", *files, "--method", "exact", folder=folder)

    packed = (folder / "o.conll.gz").read_bytes()
    assert gzip.decompress(packed).decode("utf-8").count("Ho B-LOC\n") == 2
    done("project", *files, "--method", "exact", folder=folder)
    assert (folder / "o.conll.gz").read_bytes() == packed


def test_the_authors_program_or_their_description(folder):
    (folder / "a.txt").write_text("0-0 1-1 1-3\n\n\n", encoding="utf-8")

    done("project", *OPTIONS, "--method", "gf22", folder=folder)
    assert (
        (folder / "o.conll")
        .read_text(encoding="utf-8")
        .startswith("Ama B-PER\nOwusu I-PER\nte I-PER\nHo I-PER\n")
    )
    done("project", *OPTIONS, "--method", "gf22", "--compat", folder=folder)
    assert (folder / "o.conll").read_text(encoding="utf-8").startswith("Ama B-PER\nOwusu I-PER\nte O\nHo O\n")


@pytest.mark.parametrize(
    ("options", "alignments", "line"),
    [
        (("gf22", "--keep-puncs"), "4-4", ". B-LOC"),
        (("gf22", "--fill-gap-size", "0"), "0-0 1-2", "Owusu O"),
        (("politov", "--merge-distance", "0"), "4-0 4-2", "te B-LOC"),
        (("politov", "--length-ratio", "0.4"), "0-1", "Owusu B-PER"),
        (("politov", "--only-i"), "0-0 1-1 0-3 1-4 0-2", "Ho I-PER"),
        (("politov", "--top-k", "1"), "4-0 4-3", "Ho O"),
        (("greedy", "--n-proj", "2"), "4-0 4-3", "Ho B-LOC"),
        (("exact", "--n-proj", "2", "--exactly"), "4-0 4-3", "Ho B-LOC"),
        (("exact", "--exactly"), "0-0 4-0", "Ama O"),
        (("exact", "--one-based"), "5-4", "Ho B-LOC"),
        (("exact", "--sure-only"), "4p3", "Ho O"),
        (("exact",), "4p3", "Ho B-LOC"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_parameters(folder, options, alignments, line):
    (folder / "a.txt").write_text(f"{alignments}\n\n\n", encoding="utf-8")

    done("project", *OPTIONS, "--method", *options, folder=folder)

    first = (folder / "o.conll").read_text(encoding="utf-8").partition("\n\n")[0]
    assert line in first.splitlines()


def test_a_parameter_of_another_method_is_wrong_usage(folder):
    message = refused("project", *OPTIONS, "--method", "greedy", "--compat", folder=folder, status=2)

    assert "the method `greedy` has no parameter `compat`" in message
    assert "gf22" in message


SPACED = SOURCE.replace(" ", "\t").replace("It\t", "It is\t")
BAD = {
    "target word out of range": ("a.txt", "0-0\n0-3\n\n", "a.txt:2", "the target sentence has 3 words"),
    "source word out of range": ("a.txt", "6-0\n\n\n", "a.txt:1", "the source sentence has 6 words"),
    "garbage": ("a.txt", "0-0\n1-1 zwei\n\n", "a.txt:2", "`zwei` is no pair"),
    "a pair without an end": ("a.txt", "0-\n\n\n", "a.txt:1", "`0-` is no pair"),
    "a negative index": ("a.txt", "-1-0\n\n\n", "a.txt:1", "`-1-0` is no pair"),
    "a number of a thousand digits": ("a.txt", "9" * 1000 + "-0\n\n\n", "a.txt:1", "is no pair"),
    "alignments end": ("a.txt", "\n\n", "s.conll:12", "after the end of a.txt"),
    "alignments go on": ("a.txt", "\n\n\n\n", "a.txt:4", "after the end of s.conll and t.txt"),
    "target ends": ("t.txt", "Ama Owusu te Ho .\n", "s.conll:8", "after the end of t.txt"),
    "target goes on": ("t.txt", TARGET + "Yoo .\n", "t.txt:4", "after the end of s.conll and a.txt"),
    "an empty target sentence": ("t.txt", "Ama Owusu te Ho .\n \n. .\n", "t.txt:2", "is empty"),
    "a beginning of a document": ("t.txt", "-DOCSTART-\n" + TARGET, "t.txt:1", "begins with `-DOCSTART-`"),
    "a word that begins one": ("t.txt", "Ama fii -DOCSTART-s .\n. .\n. .\n", "t.txt:1", "begins with"),
    "a labelled target": (
        "t.txt",
        LABELLED,
        "t.txt",
        "this is CoNLL, words with their labels, and the target",
    ),
    "a target of rows": (
        "t.txt",
        '{"text": "Ama Owusu te Ho ."}\n',
        "t.txt",
        "this is jsonl, and the target is",
    ),
    "no target at all": ("t.txt", "", "s.conll:1", "after the end of t.txt"),
    "a word with a space": ("s.conll", SPACED, "s.conll:8", "the word `It is` holds a space"),
    "no source": ("s.conll", "", "s.conll", "no sentences"),
    "target is not UTF-8": ("t.txt", b"Ama \xff\n", "t.txt:1", "not UTF-8"),
}


ROW = '{"tokens": ["Ama"], "ner_tags": ["B-PER"]}\n'
BLANK_ROW = '{"tokens": [], "ner_tags": []}\n'
LONG_ROW = '{"tokens": ["Ama"], "ner_tags": ["B-PER", "O"]}\n'
BAD |= {
    "an empty source sentence": ("s.conll", ROW + BLANK_ROW + ROW, "s.conll:2", "the row holds no sentence"),
    "more tags than words": ("s.conll", ROW + LONG_ROW, "s.conll:2", "1 words and 2 tags"),
    "a blank word beside two in one": (
        "s.conll",
        '{"tokens": ["Ama Owusu", ""], "ner_tags": ["B-PER", "O"]}\n',
        "s.conll:1",
        "`Ama Owusu` holds a space",
    ),
}


@pytest.mark.parametrize(("name", "content", "place", "says"), BAD.values(), ids=BAD)
def test_bad_files(folder, name, content, place, says):
    data = content if isinstance(content, bytes) else content.encode()
    (folder / name).write_bytes(data)
    if "tokens" in str(content):
        (folder / "a.txt").write_text("\n\n\n", encoding="utf-8")

    message = refused("project", *OPTIONS, "--method", "gf22", folder=folder)

    assert message.startswith(f"{place}: ")
    assert says in message
    assert not (folder / "o.conll").exists()


def test_a_missing_file_and_a_wrong_method(folder):
    (folder / "a.txt").unlink()
    assert "a.txt: there is no such file" in refused("project", *OPTIONS, "--method", "gf22", folder=folder)
    assert synthner("project", *OPTIONS, "--method", "best", folder=folder).status == 2


@pytest.mark.parametrize("output", ["s.conll", "t.txt", "./a.txt", "gold.conll"])
def test_no_file_that_is_read_is_written_over(folder, output):
    (folder / "gold.conll").write_text(LABELLED, encoding="utf-8")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    options = (*OPTIONS[:-1], output, "--method", "exact", "--scores", "fused", "--tagger-gold", "gold.conll")

    message = refused("project", *options, folder=folder, status=2)

    assert "would take the place of a file that is read" in message
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_failed_run_leaves_the_old_output(folder):
    (folder / "o.conll").write_text("before", encoding="utf-8")
    (folder / "a.txt").write_text("\n\n0-9\n", encoding="utf-8")

    refused("project", *OPTIONS, "--method", "gf22", folder=folder)

    assert (folder / "o.conll").read_text(encoding="utf-8") == "before"
    assert {path.name for path in folder.iterdir()} == {"s.conll", "t.txt", "a.txt", "o.conll"}


def test_tags_that_are_none_are_reported_and_count_as_o(folder):
    (folder / "s.conll").write_text(SOURCE.replace("B-TOWN/CITY", "TOWN"), encoding="utf-8")

    ended = done("project", *OPTIONS, "--method", "gf22", "--json", folder=folder)

    assert ended.json["entities"] == 4
    (problem,) = ended.json["problems"]
    assert problem["kind"] == "invalid tag"
    assert (problem["first"]["line"], problem["first"]["label"]) == (14, "TOWN")


def test_reading_alignments(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(" 1-1 2p3\t2-2 1-1 \r\n\n", encoding="utf-8")

    assert list(read_alignments(path)) == [(1, {(1, 1), (2, 3), (2, 2)}), (2, frozenset())]
    assert next(read_alignments(path, one_based=True)) == (1, {(0, 0), (1, 2), (1, 1)})
    assert next(read_alignments(path, sure_only=True)) == (1, {(1, 1), (2, 2)})


def test_hand_made_and_automatic_alignments_of_others(shared):
    folder = shared / "data" / "projection" / "awesome_align"

    automatic = [pairs for _, pairs in read_alignments(folder / "enfr.awesome-align.out")]
    gold = [pairs for _, pairs in read_alignments(folder / "enfr.gold.gz", one_based=True)]
    sure = [pairs for _, pairs in read_alignments(folder / "enfr.gold.gz", one_based=True, sure_only=True)]

    assert len(automatic) == len(gold) == len(sure) == 447
    found = sum(len(pairs & possible) for pairs, possible in zip(automatic, gold, strict=True))
    assert found / sum(map(len, automatic)) > 0.9
    assert all(pairs <= possible for pairs, possible in zip(sure, gold, strict=True))


@pytest.mark.parametrize("method", ["gf22 --keep-puncs", "politov", "greedy", "exact"])
def test_words_aligned_to_themselves_give_the_gold_of_a_corpus(shared, tmp_path, method):
    packed = (shared / "data/projection/europarl_ner/en-europarl.test.conll02.gz").read_bytes()
    source = gzip.decompress(packed).decode("utf-8").replace("\t", " ")
    sentences = [[line.split()[0] for line in block.splitlines()] for block in source.strip().split("\n\n")]
    target = "".join(" ".join(words) + "\n" for words in sentences)
    alignments = "".join(
        " ".join(f"{word}-{word}" for word in range(len(words))) + "\n" for words in sentences
    )
    for name, text in {"s.conll": source, "t.txt": target, "a.txt": alignments}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    outcome = done("project", *OPTIONS, "--method", *method.split(), "--json", folder=tmp_path).json

    assert outcome["projected"] == outcome["entities"] == outcome["mentions"] > 600
    assert (tmp_path / "o.conll").read_text(encoding="utf-8").splitlines() == source.splitlines()
