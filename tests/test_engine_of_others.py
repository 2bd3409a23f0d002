"""The engine of docs/engines.md: short, brought by another package, and as good as those that come along."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from synthner.builders.build import build
from synthner.generation.generate import generate
from synthner.generation.journal import Journal
from synthner.schema.errors import EngineError, ReleaseError
from synthner.tests.small_release import server_settings, write_release

PAGE = Path(__file__).resolve().parents[1] / "docs" / "engines.md"
ANSWER = {
    "model": "tiny:latest",
    "message": {
        "role": "assistant",
        "content": json.dumps(
            {
                "datapoints": [
                    {"words": [{"token": "Åse", "label": "B-PER"}, {"token": "synger", "label": "O"}]}
                ]
            }
        ),
    },
    "done_reason": "stop",
    "prompt_eval_count": 300,
    "eval_count": 40,
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Install a package that brings the engine of the page."""
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code
    assert len(code[1].splitlines()) <= 55
    site = tmp_path / "site"
    (site / "my_package-1.0.dist-info").mkdir(parents=True)
    (site / "my_package-1.0.dist-info" / "METADATA").write_text("Name: my_package\nVersion: 1.0\n")
    (site / "my_package-1.0.dist-info" / "entry_points.txt").write_text(
        "[synthner.engines]\nollama = my_ollama_engine:OllamaEngine\nbroken = no_such_module:Engine\n"
    )
    (site / "my_ollama_engine.py").write_text(code[1], encoding="utf-8")
    monkeypatch.syspath_prepend(site)


@pytest.fixture
def ollama():
    """Start a server that speaks Ollama's interface; yield its address and what it got."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            body = json.dumps(ANSWER).encode() if len(received) != 2 else b"{"
            self.send_response(200 if self.path == "/api/chat" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", received
    server.shutdown()
    server.server_close()


def release_of(folder: Path, engine: str, **settings: str):
    generator = server_settings("http://127.0.0.1:1", 4) | {"engine": engine, "settings": settings}
    del generator["openai"]
    return write_release(folder, {"local": generator})


@pytest.mark.usefixtures("package")
def test_the_engine_of_the_page_makes_a_dataset(tmp_path, ollama):
    address, received = ollama
    release = release_of(tmp_path / "release", "ollama", address=address)

    first = generate(release)
    second = generate(release)
    manifest = build(release)

    assert (first.answered, first.failed) == (3, 1)
    assert (second.answered, second.failed) == (1, 0)
    assert len(received) == 5
    assert received[0]["format"]["required"] == ["datapoints"]
    with Journal(release.journal) as journal:
        call, reply = next(journal.answers("da_local"))
    assert (call.engine, call.base_url) == ("ollama", address)
    assert reply is not None
    assert reply.usage == {"prompt_tokens": 300, "completion_tokens": 40}
    assert manifest["configs"]["da_local"]["totals"]["returned"] == 4


@pytest.mark.usefixtures("package")
def test_an_engine_that_cannot_be_imported_says_where_it_comes_from(tmp_path):
    with pytest.raises(EngineError, match="no_such_module") as caught:
        generate(release_of(tmp_path / "release", "broken"))

    assert "no_such_module:Engine" in (caught.value.hint or "")


@pytest.mark.usefixtures("package")
def test_an_engine_that_is_not_there_is_named_with_its_line_and_the_nearest(tmp_path):
    with pytest.raises(ReleaseError, match="no engine `olama`") as caught:
        release_of(tmp_path / "release", "olama")

    assert "ollama" in (caught.value.hint or "")
    assert "release.yaml" in (caught.value.where or "")
