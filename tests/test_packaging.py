"""What is shipped, and what the documents say of it."""

import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

import ssdiff_cli
import ssdiff_models
from ssdiff_cli.app import app
from ssdiff_models import __version__, metrics

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"ssdiff_cli": ROOT / "ssdiff_cli", "ssdiff_models": ROOT / "models/ssdiff_models"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    build = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(folder),
        str(ROOT),
    ]
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file)


def commands() -> dict[str, Any]:
    """Every registered command by its words, groups with their sub-commands."""
    return dict(_walk(typer.main.get_command(app), ()))


def _walk(command: object, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if words:
        yield " ".join(words), command
    for name, sub in getattr(command, "commands", {}).items():
        yield from _walk(sub, (*words, name))


@cache
def readme() -> str:
    return (ROOT / "README.md").read_text(encoding="utf-8")


def examples() -> list[str]:
    """The `ssdiff …` lines of README's code blocks, continuation lines joined."""
    blocks = re.findall(
        r"^```(?:sh|bash|console)?\n(.*?)^```", readme(), flags=re.MULTILINE | re.DOTALL
    )
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("ssdiff ")]


def python_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", readme(), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("code", python_blocks(), ids=lambda code: code.splitlines()[0])
def test_the_readmes_python_runs(code: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["simulate", str(tmp_path / "scene"), "--size", "128"])
    assert done.exit_code == 0, done.output
    run = [sys.executable, "-W", "error", "-c", code]
    ran = subprocess.run(run, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) >= 2


@pytest.mark.parametrize("package", [ssdiff_cli, ssdiff_models])
def test_every_public_name_is_found_where_it_is_said_to_be(package: ModuleType) -> None:
    assert all(getattr(package, name) is not None for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(package, "nothing")  # noqa: B009 - mypy knows that it is not there


DOCUMENTS = sorted((*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_of_a_document_leads_to_a_file(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8"))
    files = [link for link in links if "://" not in link]
    assert [link for link in files if not (document.parent / link).exists()] == []


def test_the_architecture_names_files_by_the_names_they_have() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    links = re.findall(r"\[([^\]]+\.py)\]\(([^)]+)\)", text)
    assert len(links) > 30
    assert [shown for shown, path in links if not path.endswith(shown)] == []


def test_every_metric_is_in_the_table_of_metrics() -> None:
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    told = re.findall(r"\| `(\w+)\(", text)
    known = [name for name in metrics.__all__ if name.islower()]
    assert set(told) <= set(known)
    assert {"ergas", "sam", "q2n", "hqnr"} <= set(told)


def test_models_is_a_source_root_with_one_package() -> None:
    names = {path.name for path in (ROOT / "models").iterdir()} - {"__pycache__"}
    assert names == {"ssdiff_models"}


def test_the_wheel_holds_the_two_packages_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"ssdiff_cli", "ssdiff_models", f"ssdiff_cli-{__version__}.dist-info"}


def test_the_wheel_holds_every_module_marker_and_weight(wheel: zipfile.ZipFile) -> None:
    shipped = set(wheel.namelist())
    for package, folder in PACKAGES.items():
        files = {
            path
            for suffix in ("*.py", "py.typed", "*.safetensors", "*.toml", "*.html")
            for path in folder.rglob(suffix)
        }
        assert {f"{package}/{path.relative_to(folder).as_posix()}" for path in files} <= shipped
        assert f"{package}/py.typed" in shipped


def test_the_wheel_carries_its_licence_and_the_command(wheel: zipfile.ZipFile) -> None:
    info = f"ssdiff_cli-{__version__}.dist-info"
    assert "Apache License" in wheel.read(f"{info}/licenses/LICENSE").decode()
    assert "ssdiff = ssdiff_cli.app:main" in wheel.read(f"{info}/entry_points.txt").decode()


def test_every_requirement_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    table = project["project"]
    required = [
        *table["dependencies"],
        *(one for extra in table["optional-dependencies"].values() for one in extra),
    ]
    names = {re.split(r"[\[<>=~! ]", one)[0] for one in required} - {table["name"]}
    pins = re.findall(
        r"^([a-z0-9-]+)==",
        (ROOT / "constraints.txt").read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )
    assert names <= set(pins)


def test_every_command_has_an_example_in_the_readme() -> None:
    shown = [" ".join(shlex.split(line, comments=True)[1:]) for line in examples()]
    missing = [
        name for name in commands() if not any(f"{line} ".startswith(f"{name} ") for line in shown)
    ]
    assert not missing


def test_every_example_in_the_readme_is_a_command_with_these_options() -> None:
    known = commands()
    assert examples()
    for line in examples():
        words = shlex.split(line, comments=True)[1:]
        name = next(
            (" ".join(words[:size]) for size in (2, 1) if " ".join(words[:size]) in known), None
        )
        accepted = {
            option
            for parameter in (known[name].params if name else [])
            for option in parameter.opts
        }
        used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert name or used <= {"--version", "--show-versions"}, line
        assert used <= accepted | {"--help", "-h", "--version", "--show-versions", "-vv"}, line
