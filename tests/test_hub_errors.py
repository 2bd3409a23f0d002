"""What publishing says where something else than a Hub answers, and what it must never say: a token."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from huggingface_hub import HfApi, constants

from synthner.hub.repository import Repository, TransientError, hub_errors
from synthner.schema.errors import DataError, PublishError
from synthner.schema.secrecy import without_secrets
from synthner.sources.hub import read_hub
from synthner.sources.hub_errors import hub_errors as errors_of_reading
from synthner.sources.model_downloads import downloaded_model

_OF_ANOTHER_KIND = "s3cr3t/of+another~kind"
_PAGE = b"<html>Welcome to our wireless network</html>"


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler], tuple[int, str, bytes]]) -> Iterator[str]:
    """Serve one answer to every call: its status, its type, and its bytes, given the call."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = answer(self)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Location", self.path)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as served:
        Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def repeat_token(call: BaseHTTPRequestHandler, status: int) -> tuple[int, str, bytes]:
    """Answer with an error that holds the token of the call."""
    message = f"who is {call.headers['Authorization'].removeprefix('Bearer ')}?"
    return status, "application/json", json.dumps({"error": message}).encode()


def error_of(endpoint: str) -> PublishError:
    with pytest.raises(PublishError) as caught, hub_errors("acme/names"):
        HfApi(endpoint=endpoint).repo_info("acme/names", repo_type="dataset")
    return caught.value


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_token_that_the_server_repeats_is_not_shown(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("HF_TOKEN", _OF_ANOTHER_KIND)
    monkeypatch.delenv("HF_OIDC_RESOURCE", raising=False)

    with server(lambda call: repeat_token(call, status)) as endpoint:
        error = error_of(endpoint)
    assert "who is …?" in error.message
    assert _OF_ANOTHER_KIND not in f"{error.message}{error.where}{error.hint}"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "the Hub refuses to give the dataset: it answers 400: who is …?"),
        (403, "the Hub does not let this token have the dataset: who is …?"),
        (500, "the Hub answers 500: who is …?"),
    ],
)
@pytest.mark.parametrize("as_a_file", [False, True], ids=["of the Hub", "named a file that is missing"])
def test_who_only_reads_is_told_what_the_hub_answers_and_no_token(
    monkeypatch: pytest.MonkeyPatch, status: int, said: str, as_a_file: bool
) -> None:
    monkeypatch.setenv("HF_TOKEN", _OF_ANOTHER_KIND)
    monkeypatch.delenv("HF_OIDC_RESOURCE", raising=False)

    def ask(endpoint: str) -> None:
        api = HfApi(endpoint=endpoint)
        with errors_of_reading("dataset", "acme/names", instead="give `files`"):
            if as_a_file:
                api.snapshot_download("acme/names", repo_type="dataset")
            else:
                api.dataset_info("acme/names")

    with server(lambda call: repeat_token(call, status)) as endpoint, pytest.raises(DataError) as caught:
        ask(endpoint)
    assert caught.value.message == said
    assert _OF_ANOTHER_KIND not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("401 for url https://ada:pa55word@hub.test/api", "pa55word"),
        ("GET https://cdn.test/file?X-Signature=abcdef", "abcdef"),
        ("token=my_hf_AbCdEf.gh-ij is revoked", "AbCdEf.gh-ij"),
        ("Authorization: Bearer 0123abcd was sent", "0123abcd"),
        ("subject eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmVk expired", "eyJzdWIiOiJhIn0"),
    ],
    ids=["password in an address", "signature", "token of the Hub", "bearer", "token of a CI job"],
)
def test_what_looks_like_a_secret_is_not_shown(text: str, secret: str) -> None:
    shown = without_secrets(text)
    assert secret not in shown
    assert text.split(maxsplit=1)[0].split("=", maxsplit=1)[0] in shown


def test_an_ordinary_message_is_shown_as_it_is() -> None:
    message = (
        'Invalid metadata in README.md: "license" must be one of [mit, cc0-1.0] (see https://hf.co/docs)'
    )
    assert without_secrets(message) == message


def test_a_token_that_cannot_be_read_hides_no_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HF_OIDC_RESOURCE", raising=False)
    for unreadable in (tmp_path, tmp_path / "bytes"):
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(unreadable))
        (tmp_path / "bytes").write_bytes(b"\xff")
        assert without_secrets("the weights are cut short") == "the weights are cut short"


@pytest.mark.parametrize(
    ("status", "kind"), [(200, "text/html"), (302, "text/html")], ids=["a page", "redirects for ever"]
)
def test_a_page_that_wants_a_login_is_named_for_what_it_is(status: int, kind: str) -> None:
    with server(lambda _: (status, kind, _PAGE)) as endpoint:
        error = error_of(endpoint)
    assert isinstance(error, TransientError)
    assert error.message == "what answers is not the Hub"


@pytest.mark.parametrize(
    ("status", "kind", "body", "said"),
    [
        (200, "text/html", _PAGE, "sends a page of HTML instead of JSON"),
        (200, "text/plain", b"log in first", "sends another text instead of JSON"),
        (200, "application/json", b"", "sends nothing instead of JSON"),
        (302, "text/html", _PAGE, "redirects without end"),
        (403, "text/html; charset=utf-8", _PAGE, "sends a page of HTML instead of JSON, with status 403"),
        (407, "text/html", _PAGE, "sends a page of HTML instead of JSON, with status 407"),
        (511, "text/html", _PAGE, "sends a page of HTML instead of JSON, with status 511"),
    ],
    ids=["a page", "a text", "nothing", "redirects for ever", "forbids", "a proxy", "a network"],
)
@pytest.mark.parametrize(
    "read",
    [lambda: read_hub("acme/names"), lambda: downloaded_model("acme/names", None, ["*.json"])],
    ids=["a dataset", "a model"],
)
def test_who_reads_is_told_what_came_in_place_of_the_hubs_answer(
    monkeypatch: pytest.MonkeyPatch,
    read: Callable[[], object],
    status: int,
    kind: str,
    body: bytes,
    said: str,
) -> None:
    with server(lambda _: (status, kind, body)) as endpoint:
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        with pytest.raises(DataError) as caught:
            read()
    assert caught.value.message == f"what answers in the Hub's place {said}"
    assert caught.value.where == "acme/names"
    for advice in ("want a login", "HTTPS_PROXY", "HF_ENDPOINT"):
        assert advice in str(caught.value.hint)


def test_a_page_of_the_hub_itself_that_is_out_of_order_is_no_login(monkeypatch: pytest.MonkeyPatch) -> None:
    with server(lambda _: (502, "text/html", _PAGE)) as endpoint:
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        with pytest.raises(DataError, match="the Hub answers 502"):
            downloaded_model("acme/names", None, ["*.json"])


def test_a_file_of_a_folder_that_is_no_json_is_not_the_hubs_answer(tmp_path) -> None:
    (tmp_path / "train.jsonl").write_text('{"tokens": ["Ada"], "ner_tags": ["B-PER"]}\n', encoding="utf-8")
    (tmp_path / "dataset_infos.json").write_bytes(_PAGE)
    with pytest.raises(DataError, match="the dataset cannot be loaded"):
        read_hub(str(tmp_path))


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("huggingface.co", "no address of a Hub"),
        ("ftp://huggingface.co", "no address of a Hub"),
        ("https://huggingface.co:99999", "no address of a Hub"),
        ("https://ada:pa55word@huggingface.co", "holds a user or a password"),
    ],
    ids=["no scheme", "another scheme", "no port", "a password"],
)
def test_an_address_that_no_hub_has_is_refused(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, message: str
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    with pytest.raises(PublishError, match=message) as caught:
        Repository("acme/names")
    assert caught.value.where == "HF_ENDPOINT"
    assert "pa55word" not in str(caught.value)
