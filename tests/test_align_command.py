"""`synthner align`: files in every format in, a line of links a sentence out, and errors that say where."""

import gzip
import random
import signal
import time
from pathlib import Path

import pytest

from synthner.tests.command_line import files_in, finish, start
from synthner.tests.in_process import done, refused
from synthner.tests.tiny_encoder import save_tiny_encoder

pytest.importorskip("thot", reason="sil-thot is not installed: pip install 'synthner[align]'")

WORDS = {
    "Maja": "Maja", "Åse": "Åse", "bor": "lives", "cykler": "cycles", "sover": "sleeps", "nu": "now",
    "her": "here", "altid": "always", "ofte": "often", "aldrig": "never", "i": "in", "nær": "near",
    "Ribe": "Ribe", "Læsø": "Læsø", "Thisted": "Thisted", ".": ".",
}  # fmt: skip


def sentences(count: int, seed: int = 3) -> list[tuple[list[str], list[str]]]:
    """Return Danish sentences with their translations, word by word."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        source = [chance.choice(["Maja", "Åse"]), chance.choice(["bor", "cykler", "sover"])]
        source += [chance.choice(["nu", "her", "altid", "ofte", "aldrig"]), chance.choice(["i", "nær"])]
        source += [chance.choice(["Ribe", "Læsø", "Thisted"]), "."]
        made.append((source, [WORDS[word] for word in source]))
    return made


def write_text(path: Path, lines: list[list[str]]) -> Path:
    path.write_text("".join(" ".join(words) + "\n" for words in lines), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path) -> Path:
    pairs = sentences(60)
    write_text(tmp_path / "da.txt", [source for source, _ in pairs])
    write_text(tmp_path / "en.txt", [target for _, target in pairs])
    (tmp_path / "gold.txt").write_text("1-1 2-2 3-3 4p4 5-5 6-6\n" * len(pairs), encoding="utf-8")
    return tmp_path


FILES = ("--source", "da.txt", "--target", "en.txt")


def links_of(path: Path) -> list[set[tuple[int, int]]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        found = []
        for line in lines:
            pairs = [tuple(map(int, link.split("-"))) for link in line.split()]
            assert pairs == sorted(pairs)
            found.append({(source, target) for source, target in pairs})
    return found


def test_plain_text_is_aligned_and_compared_with_gold(folder):
    ended = done("align", *FILES, "-o", "a.txt", "--gold", "gold.txt", "--one-based", "--json", folder=folder)

    found = links_of(folder / "a.txt")
    assert ended.json["sentences"] == len(found) == 60
    assert ended.json["links"] == sum(map(len, found))
    assert ended.json["error"]["aer"] < 0.1
    assert ended.json["error"]["sure_links"] == 300
    assert ended.json["seconds"] > 0
    assert ended.json["remarks"] == []
    right = sum(len({(i, i) for i in range(6)} & links) for links in found)
    assert right > 0.9 * 360


def test_a_person_reads_what_was_done(folder):
    said = done("align", *FILES, "-o", "a.txt", "--gold", "gold.txt", "--one-based", folder=folder).stdout

    assert "Alignment error rate" in said
    assert "in 60 sentences, 0 of them without any: a.txt" in said


def test_what_is_aligned_can_be_projected(folder):
    tags = ["B-PER", "O", "O", "O", "B-LOC", "O"]
    lines = [
        "".join(f"{word}\t{tag}\n" for word, tag in zip(source, tags, strict=True))
        for source, _ in sentences(60)
    ]
    (folder / "da.conll").write_text("\n".join(lines), encoding="utf-8")

    done("align", "--source", "da.conll", "--target", "en.txt", "-o", "a.txt", folder=folder)
    projected = done(
        *("project", "--source", "da.conll", "--target", "en.txt", "--alignments", "a.txt"),
        *("--method", "gf22", "-o", "en.conll", "--json"),
        folder=folder,
    )

    assert projected.json["entities"] == 120
    assert projected.json["projected"] > 110


@pytest.mark.parametrize("suffix", [".txt.gz", ".conll", ".jsonl"])
def test_files_of_any_format_give_the_same_links(folder, suffix):
    pairs = sentences(60)
    target = folder / f"other{suffix}"
    if suffix == ".txt.gz":
        target.write_bytes(gzip.compress((folder / "en.txt").read_bytes()))
    elif suffix == ".conll":
        text = "\n".join("".join(f"{word} O\n" for word in words) for _, words in pairs)
        target.write_text(text, encoding="utf-8")
    else:
        quoted = [", ".join(f'"{word}"' for word in words) for _, words in pairs]
        lines = [f'{{"tokens": [{words}], "ner_tags": [{", ".join(["0"] * 6)}]}}\n' for words in quoted]
        target.write_text("".join(lines), encoding="utf-8")

    done("align", *FILES, "-o", "plain.txt.gz", folder=folder)
    done("align", "--source", "da.txt", "--target", target.name, "-o", "other.out", folder=folder)

    assert links_of(folder / "plain.txt.gz") == links_of(folder / "other.out")


def test_a_row_that_cannot_be_read_does_not_move_the_others(folder):
    rows = [
        '{"tokens": ["Maja"], "ner_tags": ["O"]}',
        '{"tokens": 7}',
        '{"tokens": ["No"], "ner_tags": ["O"]}',
    ]
    (folder / "en.jsonl").write_text("\n".join(rows), encoding="utf-8")
    write_text(folder / "da.txt", [["Maja"], ["Nej"]])

    said = refused("align", "--source", "da.txt", "--target", "en.jsonl", "-o", "a.txt", folder=folder)

    assert "en.jsonl:2: the row holds no lists" in said


def test_sentences_that_begin_like_tags_are_plain_text(folder):
    # In Portuguese, `O` is the most common first word there is.
    write_text(
        folder / "pt.txt", [["O", "gato", "dorme"], ["A", "Maja", "ri"], ["O", "rio", "corre", "aqui"]]
    )
    write_text(folder / "en3.txt", [["The", "cat"], ["Maja", "laughs"], ["The", "river", "runs", "here"]])

    ended = done("align", "--source", "pt.txt", "--target", "en3.txt", "-o", "a.txt", "--json", folder=folder)

    assert ended.json["sentences"] == 3


def test_the_same_text_gives_the_same_file(folder):
    done("align", *FILES, "-o", "a.txt.gz", folder=folder)
    # Another process hashes otherwise.
    assert finish(start("align", *FILES, "-o", "b.txt.gz", folder=folder)).status == 0

    assert (folder / "a.txt.gz").read_bytes() == (folder / "b.txt.gz").read_bytes()


def test_symmetrization_and_further_text_are_chosen(folder):
    more = sentences(200, seed=8)
    write_text(folder / "da2.txt", [source for source, _ in more])
    write_text(folder / "en2.txt", [target for _, target in more])
    counts = {}
    for how in ("intersection", "grow-diag-final-and", "union"):
        ended = done(
            *("align", *FILES, "-o", f"{how}.txt", "--symmetrize", how, "--json"),
            *("--extra", "da2.txt", "en2.txt"),
            folder=folder,
        )
        counts[how] = ended.json["links"]
        assert (ended.json["sentences"], ended.json["extra_sentences"]) == (60, 200)

    assert counts["intersection"] <= counts["grow-diag-final-and"] <= counts["union"]


@pytest.mark.parametrize("method", ["simalign", "awesome"])
def test_a_model_aligns_and_says_which_layer_it_was(folder, method):
    pairs = sentences(60)
    save_tiny_encoder(folder / "model", [words for pair in pairs for words in pair])

    alone, together = (
        done(
            *("align", *FILES, "-o", f"{size}.txt", "--method", method, "--model", "model", "--json"),
            *("--batch-size", size),
            folder=folder,
        )
        for size in ("1", "32")
    )

    assert alone.json["links"] == together.json["links"] > 60
    assert (together.json["layer"], together.json["read_in_parts"]) == (1, 0)
    assert (folder / "1.txt").read_bytes() == (folder / "32.txt").read_bytes()


def test_sentences_that_are_too_long_for_the_model_are_told(folder):
    save_tiny_encoder(folder / "model", [words for pair in sentences(60) for words in pair], positions=12)
    write_text(folder / "da.txt", [["Maja", "sover"] * 20, ["Maja"]])
    write_text(folder / "en.txt", [["Maja", "sleeps"] * 20, ["Maja"]])

    ended = done(
        "align", *FILES, "-o", "a.txt", "--method", "simalign", "--model", "model", "--json", folder=folder
    )

    assert ended.json["read_in_parts"] == 2
    assert "too long" in ended.json["remarks"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"en.txt": "Maja lives here\n"}, "da.txt:2: this is sentence 2, and en.txt has only 1"),
        ({"da.txt": "Maja bor\n", "en.txt": "a\nb\n"}, "en.txt:2: this is sentence 2, and da.txt has only 1"),
        ({"en.txt": "Maja\n \nÅse\n"}, "en.txt:2: the sentence is empty"),
        ({"da.txt": "", "en.txt": ""}, "da.txt: the files hold no sentences"),
        ({"gold.txt": "1-1\n"}, "gold.txt: gold has fewer lines than there are sentences, which are 60"),
        ({"gold.txt": "9-1\n" * 60}, "gold.txt:1"),
        ({"en.txt": None}, "en.txt: there is no such file"),
    ],
    ids=[
        "target-short",
        "source-short",
        "empty-sentence",
        "no-sentence",
        "gold-short",
        "gold-range",
        "no-file",
    ],
)
def test_files_that_do_not_belong_together_are_refused_and_nothing_is_written(folder, change, message):
    for name, text in change.items():
        if text is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(text, encoding="utf-8")
    before = files_in(folder)

    said = refused("align", *FILES, "-o", "a.txt", "--gold", "gold.txt", "--one-based", folder=folder)

    assert message in said
    assert files_in(folder) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--method", "simalign", "--symmetrize", "union"), "--symmetrize is an option of statistical"),
        (("--layer", "8"), "--layer is an option of simalign and awesome"),
        (("--one-based",), "--one-based is about gold"),
        (("--format", "conl"), "there is no format `conl`"),
    ],
    ids=["of-statistics", "of-models", "without-gold", "format"],
)
def test_options_that_mean_nothing_here_are_refused(folder, options, message):
    assert message in refused("align", *FILES, "-o", "a.txt", *options, folder=folder, status=2)


@pytest.mark.parametrize("output", ["da.txt", "./en.txt", "gold.txt", "more.da"])
def test_no_file_that_is_read_is_written_over(folder, output):
    for name, original in (("more.da", "da.txt"), ("more.en", "en.txt")):
        (folder / name).write_bytes((folder / original).read_bytes())
    before = files_in(folder)
    options = ("--gold", "gold.txt", "--one-based", "--extra", "more.da", "more.en")
    message = refused("align", *FILES, *options, "-o", output, folder=folder, status=2)
    assert "would take the place of a file that is read" in message
    assert files_in(folder) == before


def test_an_interrupt_leaves_nothing_behind_and_says_so(folder):
    pairs = sentences(20_000)
    write_text(folder / "da.txt", [source for source, _ in pairs])
    write_text(folder / "en.txt", [target for _, target in pairs])
    before = files_in(folder)
    process = start("align", *FILES, "-o", "a.txt", folder=folder)
    while not list(folder.glob(".synthner-*")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)

    ended = finish(process)

    assert ended.status == 130
    assert "Nothing was written" in ended.stderr
    assert files_in(folder) == before


def test_a_model_that_is_not_there_is_not_looked_for_before_the_files_are(folder):
    model = ("--method", "awesome", "--model", "./no-model")

    assert "no folder with a model" in refused("align", *FILES, "-o", "a.txt", *model, folder=folder)
    (folder / "da.txt").unlink()
    assert "da.txt" in refused("align", *FILES, "-o", "a.txt", *model, folder=folder)
