"""``ssdiff models``: list, show and import."""

import hashlib
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from ssdiff_cli.app import app
from ssdiff_models import zoo
from ssdiff_models.checkpoint import load_checkpoint, read_header
from ssdiff_models.nets.released import ReleasedConfig, ReleasedSSDiff
from tests.golden import networks

PARAMETERS = 1_413_940


def ssdiff(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, arguments)])


def refused(result: Result, code: int) -> str:
    """Returns the one line an error gets."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("released") / "ema.pt"
    torch.save(ReleasedSSDiff(ReleasedConfig(bands=4)).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def imported(released: Path) -> Path:
    path = released.with_name("qb-released.safetensors")
    assert ssdiff("import", released, "-o", path, "--sensor", "QuickBird").exit_code == 0
    return path


def test_import_keeps_every_weight(released: Path, imported: Path) -> None:
    expected = torch.load(released, weights_only=True)
    state = load_checkpoint(imported).network.state_dict()
    assert list(state) == list(expected)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in state.items())


def test_import_records_what_the_released_code_assumes(released: Path, imported: Path) -> None:
    checkpoint = load_checkpoint(imported)
    assert checkpoint.config == ReleasedConfig(bands=4)
    assert checkpoint.bands == ("blue", "green", "red", "nir")
    assert (checkpoint.ratio, checkpoint.ms_phase, checkpoint.residual_scale) == (4, 2.0, 1.0)
    assert (checkpoint.normalisation, checkpoint.full_scale) == ("full-scale", 2047)
    assert checkpoint.tile + checkpoint.overlap == 64
    assert not checkpoint.network.training
    assert checkpoint.metadata["name"] == "qb-released"
    assert checkpoint.metadata["sensors"] == ["qb"]
    digest = hashlib.sha256(released.read_bytes()).hexdigest()
    assert checkpoint.metadata["training"] == {"imported_from": "ema.pt", "sha256": digest}


def test_an_imported_file_gives_the_released_outputs(tmp_path: Path) -> None:
    given, output = tmp_path / "released.pt", tmp_path / "x.safetensors"
    torch.save(networks.state(), given)
    done = ssdiff("import", given, "-o", output, "--sensor", "wv3")
    assert (done.exit_code, done.stdout) == (0, f"{output}\n")
    result, expected = load_checkpoint(output).network(**networks.inputs(32)), networks.outputs(32)
    difference = (result[..., networks.STORED, networks.STORED] - expected).abs()
    scale = float(expected.max() - expected.min())
    assert float(difference.max()) <= 1e-4 * scale  # what the issue allows


def test_full_scale_is_the_options_or_the_sensors_or_the_papers(
    released: Path, tmp_path: Path
) -> None:
    output = tmp_path / "x.safetensors"
    for options, expected in [
        ([], 2047),
        (["--sensor", "gf2"], 1023),
        (["--sensor", "gf2", "--full-scale", "4095"], 4095),
    ]:
        assert ssdiff("import", released, "-o", output, "--overwrite", *options).exit_code == 0
        assert load_checkpoint(output).full_scale == expected
    assert load_checkpoint(output).bands is not None


def test_without_a_sensor_the_bands_have_no_names(released: Path, tmp_path: Path) -> None:
    done = ssdiff("import", released, "-o", tmp_path / "x.safetensors", "--json")
    record = json.loads(done.stdout)
    assert record["output"] == record["path"] == str(tmp_path / "x.safetensors")
    assert (record["bands"], record["band_names"], record["sensors"]) == (4, None, [])
    assert record["parameters"] == PARAMETERS


def test_half_precision_weights_become_float32(released: Path, tmp_path: Path) -> None:
    half = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in torch.load(released).items()
    }
    torch.save(half, tmp_path / "half.pt")
    assert ssdiff("import", tmp_path / "half.pt", "-o", tmp_path / "x.safetensors").exit_code == 0
    network = load_checkpoint(tmp_path / "x.safetensors").network
    assert all(parameter.dtype == torch.float32 for parameter in network.parameters())


def test_an_existing_output_is_kept(released: Path, tmp_path: Path) -> None:
    output = tmp_path / "x.safetensors"
    output.write_text("precious")
    line = refused(ssdiff("import", released, "-o", output), 2)
    assert str(output) in line
    assert "--overwrite" in line
    assert output.read_text() == "precious"
    assert ssdiff("import", released, "-o", output, "--overwrite").exit_code == 0
    assert read_header(output)["network"] == "released"


class Payload:
    """Would write a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "pwned")


@pytest.mark.parametrize(
    "kind",
    ["missing", "folder", "text", "empty", "truncated", "tensor", "other", "diverged", "module"],
)
def test_wrong_files_are_refused(released: Path, tmp_path: Path, kind: str) -> None:
    source, output = tmp_path / "x.pt", tmp_path / "x.safetensors"
    state = torch.load(released, weights_only=True)
    if kind == "folder":
        source.mkdir()
    elif kind in ("text", "empty"):
        source.write_text("no weights here" if kind == "text" else "")
    elif kind == "truncated":
        source.write_bytes(released.read_bytes()[:5000])
    elif kind == "diverged":
        torch.save({**state, "to_hrms.0.bias": torch.full((32,), torch.nan)}, source)
    elif kind != "missing":
        content = {
            "tensor": torch.zeros(3),
            "other": {"weight": torch.zeros(3)},
            "module": torch.nn.Linear(2, 2),
        }
        torch.save(content[kind], source)
    line = refused(ssdiff("import", source, "-o", output), 4)
    assert line.startswith(f"ssdiff: {source}: ")
    assert list(tmp_path.glob("*.safetensors*")) == []


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_nothing_is_ever_unpickled(tmp_path: Path, writer: str) -> None:
    source, proof = tmp_path / "evil.pt", tmp_path / "proof"
    content = {"conv_lms2x_t.weight": Payload(proof)}
    if writer == "torch":
        torch.save(content, source)
    else:
        source.write_bytes(pickle.dumps(content))
    refused(ssdiff("import", source, "-o", tmp_path / "x.safetensors"), 4)
    assert not proof.exists()
    assert not (tmp_path / "x.safetensors").exists()


def test_impossible_options_are_refused(released: Path, tmp_path: Path) -> None:
    output = tmp_path / "x.safetensors"
    assert "got 0" in refused(ssdiff("import", released, "-o", output, "--full-scale", "0"), 2)
    assert "unknown sensor 'sputnik'" in refused(
        ssdiff("import", released, "-o", output, "--sensor", "sputnik"), 2
    )
    assert "4 bands, WorldView-3 has 8" in refused(
        ssdiff("import", released, "-o", output, "--sensor", "wv3"), 2
    )
    assert not output.exists()


def test_an_missing_folder_is_refused(released: Path, tmp_path: Path) -> None:
    output = tmp_path / "absent" / "x.safetensors"
    assert str(output) in refused(ssdiff("import", released, "-o", output), 2)


def test_show_tells_all_of_a_file(imported: Path) -> None:
    done = ssdiff("show", imported)
    assert done.exit_code == 0
    for line in (
        "network: released",
        "config:",
        "  bands: 4",
        "bands: blue, green, red, nir",
        "full_scale: 2047.0",
        f"path: {imported}",
    ):
        assert line in done.stdout.splitlines()


def test_show_as_json_is_the_header_and_the_file(imported: Path) -> None:
    record = json.loads(ssdiff("show", imported, "--json").stdout)
    header = read_header(imported)
    assert {key: record[key] for key in header} == header
    assert record["parameters"] == PARAMETERS
    assert record["size_bytes"] == imported.stat().st_size
    assert record["path"] == str(imported)


def test_show_refuses_what_is_no_model(released: Path, imported: Path, tmp_path: Path) -> None:
    assert "neither a file nor a shipped model" in refused(ssdiff("show", "nope"), 4)
    assert f"{tmp_path}: a folder, not a model" in refused(ssdiff("show", tmp_path), 4)
    assert "ssdiff models import" in refused(ssdiff("show", released), 4)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(imported.read_bytes()[:-100])
    assert str(damaged) in refused(ssdiff("show", damaged), 4)


@pytest.fixture
def as_if_shipped(imported: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of models in the place of the shipped ones."""
    monkeypatch.setattr(zoo, "WEIGHTS", imported.parent)
    zoo.shipped.cache_clear()
    yield imported
    zoo.shipped.cache_clear()


def test_list_is_a_table(as_if_shipped: Path) -> None:
    heading, row = ssdiff("list").stdout.splitlines()
    assert heading.split() == ["name", "bands", "ratio", "sensors", "parameters", "size"]
    assert row.split() == ["qb-released", "4", "4", "qb", "1,413,940", "5.7", "MB"]
    assert heading.index("size") == row.index("5.7")


def test_list_as_json(as_if_shipped: Path) -> None:
    (record,) = json.loads(ssdiff("list", "--json").stdout)["models"]
    assert record == {
        "name": "qb-released",
        "bands": 4,
        "band_names": ["blue", "green", "red", "nir"],
        "ratio": 4,
        "sensors": ["qb"],
        "parameters": PARAMETERS,
        "size_bytes": as_if_shipped.stat().st_size,
        "path": str(as_if_shipped),
    }


def test_without_a_subcommand_it_lists() -> None:
    alone, spelt_out = ssdiff(), ssdiff("list")
    assert alone.exit_code == 0
    assert alone.stdout == spelt_out.stdout
    assert alone.stdout.startswith("name")


def test_shipped_models_are_found_by_name(as_if_shipped: Path) -> None:
    assert ssdiff("show", "qb-released").exit_code == 0
