"""What GitHub does with a job, as far as our workflows use it: the shell steps run for real, with bash.

Steps run in order, with their conditions and expressions; our composite action is run in place. Actions of
others (`actions/checkout`, `actions/setup-python`) do nothing here: the workspace is laid out by the test.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
OUR_ACTION = "./synthner/.github/actions/synthner"
OF_OTHERS = ("actions/checkout@", "actions/setup-python@")

_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_PART = re.compile(r"'[^']*'|\|\||&&|==|!=|!|[()]|[A-Za-z][\w.-]*(?:\(\))?")
_OPERATORS = {"||": "or", "&&": "and", "!": "not", "==": "==", "!=": "!=", "(": "(", ")": ")"}


def read_workflow(name: str) -> dict[str, Any]:
    """Read one of our workflows."""
    text = (ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8")
    # For YAML `on` is no word, but a truth value.
    return {"on" if key is True else key: value for key, value in yaml.safe_load(text).items()}


def read_action() -> dict[str, Any]:
    """Read our composite action."""
    return yaml.safe_load((ROOT / ".github/actions/synthner/action.yml").read_text(encoding="utf-8"))


@dataclass
class Step:
    """What became of a step.

    Attributes:
        outcome: `success`, `failure` or `skipped`.
        outputs: What it gave on.
    """

    outcome: str
    outputs: dict[str, str]


@dataclass
class Job:
    """A job of a workflow.

    Attributes:
        folder: The workspace is in it, and the runner's own files.
        contexts: What expressions can name, beside the steps: `inputs`, `github`, `secrets` and `needs`.
        environment: The environment of every step.
        log: What the steps have printed.
        steps: What became of each step that has an id.
        failed: Whether a step has failed.
    """

    folder: Path
    contexts: Mapping[str, Any]
    environment: Mapping[str, str]
    log: str = ""
    steps: dict[str, Step] = field(default_factory=dict)
    failed: bool = False

    @property
    def workspace(self) -> Path:
        """The folder that steps run in."""
        return self.folder / "workspace"

    @property
    def summary(self) -> str:
        """The job's summary."""
        path = self.folder / "summary.md"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def run(self, job: Mapping[str, Any]) -> dict[str, str]:
        """Run all steps, and return the job's outputs."""
        self.workspace.mkdir(parents=True, exist_ok=True)
        for step in job["steps"]:
            self._run_step(step)
        return {name: self.expand(text) for name, text in job.get("outputs", {}).items()}

    def expand(self, text: object) -> str:
        """Put the values of expressions into a text."""
        return _EXPRESSION.sub(lambda match: _as_text(self.value(match.group(1))), str(text))

    def value(self, expression: str) -> Any:
        """Evaluate an expression."""
        parts = _PART.findall(expression)
        assert "".join(parts) == "".join(expression.split()), f"not understood: {expression}"
        names = {f"v{index}": self._look_up(part) for index, part in enumerate(parts) if _is_name(part)}
        code = " ".join(
            f"v{index}" if _is_name(part) else str(_OPERATORS.get(part, part))
            for index, part in enumerate(parts)
        )
        return eval(code, {"__builtins__": {}}, names)

    def _look_up(self, path: str) -> Any:
        if path == "cancelled()":
            return False
        steps = {
            name: {"outcome": step.outcome, "outputs": step.outputs} for name, step in self.steps.items()
        }
        value: Any = {**self.contexts, "steps": steps}
        for name in path.split("."):
            value = value.get(name, "") if isinstance(value, Mapping) else ""
        return value

    def _run_step(self, step: Mapping[str, Any]) -> None:
        runs = not self.failed and bool(self.value(str(step.get("if", "'always'"))))
        result = self._execute(step) if runs else Step("skipped", {})
        if "id" in step:
            self.steps[step["id"]] = result
        if result.outcome == "failure" and not step.get("continue-on-error"):
            self.failed = True

    def _execute(self, step: Mapping[str, Any]) -> Step:
        environment = {**self.environment, **{k: self.expand(v) for k, v in step.get("env", {}).items()}}
        if "run" in step:
            return self._run_script(step["run"], environment)
        if step["uses"] == OUR_ACTION:
            return self._run_action(step.get("with", {}), environment)
        assert step["uses"].startswith(OF_OTHERS), step["uses"]
        return Step("success", {})

    def _run_action(self, given: Mapping[str, Any], environment: Mapping[str, str]) -> Step:
        action = read_action()
        assert set(given) <= set(action["inputs"])
        inputs = {name: declared["default"] for name, declared in action["inputs"].items()}
        inputs |= {name: self.expand(value) for name, value in given.items()}
        place = {"GITHUB_ACTION_PATH": str(ROOT / ".github/actions/synthner")}
        inner = Job(self.folder, {"inputs": inputs}, {**environment, **place})
        for step in action["runs"]["steps"]:
            inner._run_step(step)
        self.log += inner.log
        outputs = {name: inner.expand(output["value"]) for name, output in action["outputs"].items()}
        return Step("failure" if inner.failed else "success", outputs)

    def _run_script(self, script: str, environment: Mapping[str, str]) -> Step:
        files = {name: self.folder / name for name in ("script.sh", "output", "temp")}
        files["script.sh"].write_text(script, encoding="utf-8")
        files["output"].write_text("", encoding="utf-8")
        files["temp"].mkdir(exist_ok=True)
        given = {
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            "GITHUB_OUTPUT": str(files["output"]),
            "RUNNER_TEMP": str(files["temp"]),
        }
        ended = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", files["script.sh"]],
            cwd=self.workspace,
            env={**environment, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        self.log += ended.stdout
        outputs = _read_outputs(files["output"].read_text(encoding="utf-8"))
        return Step("success" if ended.returncode == 0 else "failure", outputs)


def _is_name(part: str) -> bool:
    return part not in _OPERATORS and not part.startswith("'")


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_outputs(text: str) -> dict[str, str]:
    """Read what a step has written to `GITHUB_OUTPUT`: `name=value`, or lines up to a word of its own."""
    outputs: dict[str, str] = {}
    lines = text.splitlines()
    while lines:
        name, mark, end = lines.pop(0).partition("<<")
        if mark and "=" not in name:
            last = lines.index(end)
            outputs[name] = "\n".join(lines[:last])
            del lines[: last + 1]
        else:
            name, _, value = (name + mark + end).partition("=")
            outputs[name] = value
    return outputs
