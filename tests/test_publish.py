"""Publishing to a folder in Hub layout, and loading back what was published with the real `datasets`."""

import json
import resource
import shutil
import signal
import sys
from pathlib import Path

import datasets
import pyarrow.parquet
import pytest
from datasets import config as datasets_config

from synthner.cards.dataset_card import card_to_publish, write_card
from synthner.hub.folder import publish_to_folder
from synthner.hub.verification import verify_folder
from synthner.schema.errors import PublishError
from synthner.tests.built_dataset import LABELS, ROWS, write_dataset, write_manifest

TRAIN = "yor_gpt4/train-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def built_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    write_dataset(folder, {"yor_gpt4": ROWS, "yor_aya": {"train": ROWS["train"]}})
    write_card(folder)
    return folder


@pytest.fixture
def dataset(built_once, tmp_path):
    return Path(shutil.copytree(built_once, tmp_path / "dataset"))


@pytest.fixture
def published(dataset, tmp_path):
    publish_to_folder(dataset, tmp_path / "published")
    return tmp_path / "published"


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def edit_manifest(folder, edit):
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    edit(manifest)
    write_manifest(folder, manifest)


def test_only_what_the_manifest_lists_is_published(dataset, tmp_path):
    (dataset / "notes.txt").write_text("not for publishing", encoding="utf-8")

    published = publish_to_folder(dataset, tmp_path / "published")

    assert files_in(tmp_path / "published") == files_in(dataset) - {"notes.txt"}
    assert set(published.written) == files_in(tmp_path / "published")
    assert published.unchanged == published.removed == ()


def test_publishing_again_writes_nothing(dataset, published):
    before = {name: (published / name).stat().st_mtime_ns for name in files_in(published)}

    again = publish_to_folder(dataset, published)

    assert again.written == again.removed == ()
    assert {name: (published / name).stat().st_mtime_ns for name in files_in(published)} == before


def test_a_config_that_is_gone_disappears_and_the_files_of_others_stay(dataset, published):
    (published / "yor_aya" / "notes.md").write_text("mine", encoding="utf-8")
    (published / ".gitattributes").write_text("*.parquet filter=lfs", encoding="utf-8")
    edit_manifest(dataset, lambda manifest: manifest["configs"].pop("yor_aya"))
    write_card(dataset)

    again = publish_to_folder(dataset, published)

    assert set(again.removed) == {"yor_aya/train-00000-of-00001.parquet", "provenance/yor_aya.parquet"}
    assert set(again.written) == {"README.md", "manifest.json"}
    assert files_in(published) == {
        *(".gitattributes", "README.md", "manifest.json", "yor_aya/notes.md", "provenance/yor_gpt4.parquet"),
        *(TRAIN, "yor_gpt4/validation-00000-of-00001.parquet"),
    }
    assert [config.name for config in verify_folder(published)] == ["yor_gpt4"]


def test_what_people_wrote_into_the_published_card_is_published_again(dataset, published):
    card = published / "README.md"
    card.write_text(card.read_text(encoding="utf-8") + "\nThanks to all.\n", encoding="utf-8")

    again = publish_to_folder(dataset, published, card_to_publish(dataset, card))

    assert again.written == ()
    assert "Thanks to all." in card.read_text(encoding="utf-8")


def test_a_folder_that_becomes_empty_goes(dataset, published):
    edit_manifest(dataset, lambda manifest: manifest["configs"].pop("yor_aya"))

    publish_to_folder(dataset, published)

    assert not (published / "yor_aya").exists()


def test_a_file_that_changed_since_it_was_built_is_not_published(dataset, tmp_path):
    with (dataset / TRAIN).open("ab") as file:
        file.write(b"more")

    with pytest.raises(PublishError, match="not the one that was built"):
        publish_to_folder(dataset, tmp_path / "published")

    assert not (tmp_path / "published" / TRAIN).exists()


def test_an_incomplete_dataset_is_not_published(dataset, tmp_path):
    (dataset / "README.md").unlink()

    with pytest.raises(PublishError, match=r"lacks `README\.md`"):
        publish_to_folder(dataset, tmp_path / "published")


def test_a_dataset_without_a_licence_is_not_published(dataset, tmp_path):
    edit_manifest(dataset, lambda manifest: manifest.update(license=None, license_problem="gold disagrees"))

    with pytest.raises(PublishError, match="gold disagrees"):
        publish_to_folder(dataset, tmp_path / "published")


@pytest.mark.parametrize(
    "name",
    [
        "../out",
        "/etc/passwd",
        "a/../../out",
        "C:\\out",
        "C:out",
        "a\\b",
        "./a",
        "a//b",
        "",
        ".",
        "a\0b",
        "README.md",
        "manifest.json",
        ".git/hooks/post-commit",
    ],
)
def test_a_file_name_that_leads_elsewhere_is_refused(dataset, tmp_path, name):
    def rename(manifest):
        manifest["configs"]["yor_gpt4"]["splits"]["train"]["files"][0]["file"] = name

    edit_manifest(dataset, rename)

    with pytest.raises(PublishError, match="names a file that no build makes"):
        publish_to_folder(dataset, tmp_path / "published")


def test_a_former_manifest_cannot_remove_what_lies_elsewhere(dataset, published, tmp_path):
    (tmp_path / "precious").write_text("mine", encoding="utf-8")

    def rename(manifest):
        manifest["configs"]["yor_gpt4"]["splits"]["train"]["files"][0]["file"] = "../precious"

    edit_manifest(published, rename)

    with pytest.raises(PublishError):
        publish_to_folder(dataset, published)

    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("side", ["dataset", "published"])
def test_a_link_cannot_lead_out_of_the_folder(dataset, tmp_path, side):
    outside = tmp_path / "outside"
    folder = tmp_path / side
    folder.mkdir(exist_ok=True)
    if side == "dataset":
        (folder / "yor_gpt4").rename(outside)
    else:
        outside.mkdir()
    (folder / "yor_gpt4").symlink_to(outside)

    with pytest.raises(PublishError, match="through a link"):
        publish_to_folder(dataset, tmp_path / "published")

    assert side == "dataset" or not list(outside.iterdir())


@pytest.mark.parametrize("place", [".", "inside", ".."])
def test_dataset_and_target_may_not_lie_in_one_another(dataset, place):
    with pytest.raises(PublishError, match="in one another"):
        publish_to_folder(dataset, dataset / place)


def test_a_target_that_is_a_file_is_refused(dataset, tmp_path):
    (tmp_path / "published").write_text("", encoding="utf-8")

    with pytest.raises(PublishError, match="a file, not a folder"):
        publish_to_folder(dataset, tmp_path / "published")
    with pytest.raises(PublishError):
        publish_to_folder(dataset, tmp_path / "published" / "below")


def test_a_foreign_manifest_is_not_overwritten(dataset, tmp_path):
    target = tmp_path / "published"
    target.mkdir()
    (target / "manifest.json").write_text('{"name": "a web page"}', encoding="utf-8")

    with pytest.raises(PublishError) as caught:
        publish_to_folder(dataset, target)

    assert "another folder" in str(caught.value)
    assert files_in(target) == {"manifest.json"}


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX resource limits")
def test_a_disk_that_takes_no_more_is_an_error_and_the_next_call_finishes(dataset, tmp_path):
    target = tmp_path / "published"
    former_limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    former_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, former_limits[1]))
    try:
        with pytest.raises(PublishError, match="cannot be"):
            publish_to_folder(dataset, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former_limits)
        signal.signal(signal.SIGXFSZ, former_handler)

    assert files_in(target) == set()
    publish_to_folder(dataset, target)
    assert files_in(target) == files_in(dataset)


def test_every_config_loads_back(published, capfd):
    verified = verify_folder(published)

    assert [(config.name, config.examples) for config in verified] == [
        ("yor_gpt4", {"train": 3, "validation": 1}),
        ("yor_aya", {"train": 3}),
    ]
    assert verified[0].labels == LABELS.names
    assert capfd.readouterr() == ("", "")


def test_users_load_what_was_built(published, tmp_path):
    loaded = datasets.load_dataset(str(published), "yor_gpt4", cache_dir=str(tmp_path / "cache"))

    names = loaded["train"].features["ner_tags"].feature
    assert list(loaded["train"]["tokens"]) == [tokens for tokens, _ in ROWS["train"]]
    assert [names.int2str(tags) for tags in loaded["train"]["ner_tags"]] == [
        tags for _, tags in ROWS["train"]
    ]
    assert loaded["train"].column_names == ["id", "tokens", "ner_tags"]


def test_verification_leaves_the_settings_of_datasets_as_they_were(published):
    datasets.enable_progress_bars()
    before = datasets_config.HF_HUB_OFFLINE, datasets.logging.get_verbosity()

    verify_folder(published)

    assert not datasets.are_progress_bars_disabled()
    assert (datasets_config.HF_HUB_OFFLINE, datasets.logging.get_verbosity()) == before


def test_a_changed_data_file_is_detected(published):
    with (published / TRAIN).open("r+b") as file:
        file.seek(100)
        file.write(b"\xff")

    with pytest.raises(PublishError, match="sha256") as caught:
        verify_folder(published)

    assert TRAIN in str(caught.value)


def test_a_missing_data_file_is_detected(published):
    (published / TRAIN).unlink()

    with pytest.raises(PublishError, match="No such file") as caught:
        verify_folder(published)

    assert caught.value.where == str(published / TRAIN)
    assert "release.yaml" not in str(caught.value.hint)


def test_a_number_of_examples_that_differs_is_detected(published):
    def add_one(manifest):
        manifest["configs"]["yor_gpt4"]["splits"]["validation"]["examples"] = 2

    edit_manifest(published, add_one)
    write_card(published)

    with pytest.raises(PublishError) as caught:
        verify_folder(published)

    assert "config yor_gpt4" in str(caught.value)
    assert "validation" in str(caught.value)
    assert "2" in str(caught.value)
    assert "1" in str(caught.value)


def test_label_names_in_another_order_are_detected(published):
    card = (published / "README.md").read_text(encoding="utf-8")
    swapped = card.replace("'1': B-PER", "'1': B-LOC", 1).replace("'3': B-LOC", "'3': B-PER", 1)
    (published / "README.md").write_text(swapped, encoding="utf-8")

    with pytest.raises(PublishError, match="column `ner_tags`") as caught:
        verify_folder(published)

    assert "in the card" in str(caught.value)


def test_label_names_of_a_file_that_disagree_with_its_card_are_detected(dataset, tmp_path):
    def swap(manifest):
        for config in manifest["configs"].values():
            config["labels"] = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]

    edit_manifest(dataset, swap)
    write_card(dataset)
    publish_to_folder(dataset, tmp_path / "published")

    with pytest.raises(PublishError, match="column `ner_tags`") as caught:
        verify_folder(tmp_path / "published")

    assert "split train" in str(caught.value)


def test_a_file_that_slips_into_a_split_is_detected(published):
    extra = published / "yor_gpt4" / "train-extra.parquet"
    pyarrow.parquet.write_table(pyarrow.parquet.read_table(published / TRAIN), extra)

    with pytest.raises(PublishError, match="config yor_gpt4"):
        verify_folder(published)


def test_a_config_that_the_card_does_not_name_is_detected(published):
    card = (published / "README.md").read_text(encoding="utf-8")
    (published / "README.md").write_text(card.replace("yor_aya", "yor_other"), encoding="utf-8")

    with pytest.raises(PublishError, match="configs of the card"):
        verify_folder(published)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(PublishError, match="no built dataset"):
        verify_folder(tmp_path)
