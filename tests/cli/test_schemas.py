"""What `--json` prints is what docs/schemas says."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.calls import answer, save_tiny, ssdiff
from tests.scenes import SceneFactory

SCHEMAS = Path(__file__).resolve().parent.parent.parent / "docs/schemas"
KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "null": (type(None),),
}


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def mismatches(value: Any, rule: dict[str, Any], place: str = "$") -> list[str]:
    """Returns where a value breaks a schema; the keywords are those that our schemas use."""
    unknown = set(rule) - {
        *("$schema", "title", "description", "type", "const", "enum"),
        *("properties", "required", "additionalProperties", "items"),
    }
    assert not unknown, f"{place}: the test knows no {unknown}"
    if "const" in rule or "enum" in rule:
        return [] if value in rule.get("enum", [rule.get("const")]) else [f"{place}: {value!r}"]
    names = [rule["type"]] if isinstance(rule["type"], str) else rule["type"]
    kinds = tuple(kind for name in names for kind in KINDS[name])
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        return [f"{place}: {value!r} is no {names}"]
    if isinstance(value, list):
        parts = [mismatches(one, rule["items"], f"{place}[]") for one in value if "items" in rule]
    elif isinstance(value, dict):
        own = rule.get("properties", {})
        rest = rule.get("additionalProperties", True)
        parts = [
            [f"{place}: lacks {name}"] for name in rule.get("required", []) if name not in value
        ]
        for name, one in value.items():
            inner = own.get(name, rest)
            if inner is False:
                parts.append([f"{place}: {name} is unknown"])
            elif inner is not True:
                parts.append(mismatches(one, inner, f"{place}.{name}"))
    else:
        parts = []
    return [text for part in parts for text in part]


def test_a_mismatch_is_found() -> None:
    good = {"output": "a.png"}
    assert mismatches(good, schema("quicklook")) == []
    assert mismatches({}, schema("quicklook")) == ["$: lacks output"]
    assert mismatches({"output": 3}, schema("quicklook")) == ["$.output: 3 is no ['string']"]
    assert mismatches(good | {"more": 1}, schema("quicklook")) == ["$: more is unknown"]


def test_every_command_keeps_to_its_schema(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=192)
    pair = (scene.pan, scene.ms)
    tiny = ("--model", save_tiny(tmp_path))
    out = tmp_path / "out.tif"
    calls: list[tuple[str, tuple[Any, ...]]] = [
        ("sharpen", ("sharpen", *pair, *tiny, "-o", out)),
        ("sharpen", ("sharpen", *pair, "--method", "exp", "--register", "-o", tmp_path / "r.tif")),
        ("plan", ("sharpen", *pair, *tiny, "--dry-run", "-o", tmp_path / "x.tif")),
        ("check", ("check", *pair)),
        ("check", ("check", *pair, "--method", "exp", "--register-local")),
        ("eval", ("eval", "--reduced-res", *pair, "--methods", "exp,gsa", "--crop", 0)),
        ("eval", ("eval", "--full-res", *pair, "--fused", out)),
        ("quicklook", ("quicklook", *pair, out, "-o", tmp_path / "q.png")),
        ("simulate", ("simulate", tmp_path / "made", "--size", 64)),
        ("sensors", ("sensors",)),
        ("methods", ("methods",)),
        ("models_list", ("models", "list")),
        ("models_show", ("models", "show", "bgrn")),
    ]
    for name, words in calls:
        assert mismatches(answer(*words), schema(name)) == [], name


def test_lines_of_a_batch_and_failures(scene_factory: SceneFactory, tmp_path: Path) -> None:
    scene = scene_factory(size=64)
    rows = [f"{pan},{scene.ms},{tmp_path}/{k}.tif" for k, pan in enumerate((scene.pan, "no.tif"))]
    text = "\n".join(("pan,ms,out", *rows))
    for options in (("--dry-run",), (), ()):
        lines = ssdiff("batch", "-", "--method", "exp", *options, text=text).stdout.splitlines()
        assert len(lines) == 2
        for line in lines:
            assert mismatches(json.loads(line), schema("batch")) == []
    told = ssdiff("check", "no.tif", scene.ms, "--json").stdout
    assert mismatches(json.loads(told), schema("failure")) == []


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.stem)
def test_a_schema_says_what_it_is_of(path: Path) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found["$schema"].endswith("2020-12/schema")
    assert found["description"].endswith(".")
