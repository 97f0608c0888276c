import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from ssdiff_models import load_checkpoint
from ssdiff_models.checkpoint import Checkpoint, read_header, save_checkpoint
from ssdiff_models.diffusion.schedule import Schedule
from ssdiff_models.errors import ModelError, ResourceError
from ssdiff_models.nets.network import NetworkConfig
from ssdiff_models.nets.registry import BASELINES
from ssdiff_models.nets.released import ReleasedConfig, ReleasedSSDiff
from tests.models.tiny import Slots, images, model

METADATA = {
    "name": "tiny",
    "sensors": ["qb"],
    "training": {"steps": 3, "loss": 0.25},
    "licence": "none",
}


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    checkpoint = model(
        bands=("blue", "green", "red", "nir"), normalisation="full-scale", full_scale=1023.0, residual_scale=3.0, ms_phase=2.0,
        schedule=Schedule(name="linear", steps=500), steps=4, metadata=METADATA,
    )  # fmt: skip
    save_checkpoint(path, checkpoint)
    return path


def rewritten(path: Path, **changes: Any) -> Path:
    """The file with another header; None takes an entry away."""
    header = read_header(path) | changes
    kept = {key: value for key, value in header.items() if value is not None}
    save_file(load_file(path), path, metadata={"ssdiff": json.dumps(kept)})
    return path


def refusal(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_what_is_saved_is_loaded(stored: Path) -> None:
    loaded, original = load_checkpoint(stored), model()
    assert loaded.config == original.config
    assert loaded.bands == ("blue", "green", "red", "nir")
    assert (loaded.ratio, loaded.band_count, loaded.ms_phase, loaded.residual_scale) == (
        4,
        4,
        2.0,
        3.0,
    )
    assert (loaded.normalisation, loaded.full_scale) == ("full-scale", 1023.0)
    assert loaded.schedule == Schedule(name="linear", steps=500)
    assert (loaded.steps, loaded.tile, loaded.overlap) == (4, 24, 8)
    assert loaded.metadata == METADATA
    assert loaded.name == "tiny"
    weights = loaded.network.state_dict()
    assert all(
        torch.equal(weights.pop(name), tensor)
        for name, tensor in original.network.state_dict().items()
    )
    assert not weights
    inputs = images(4, 16, 16)
    # Another memory order rounds otherwise.
    assert torch.allclose(loaded.network(**inputs), original.network(**inputs), rtol=0, atol=1e-5)


def test_a_loaded_network_is_ready(stored: Path) -> None:
    network = load_checkpoint(stored).network
    assert not any(module.training for module in network.modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_saving_twice_gives_the_same_bytes(stored: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.safetensors"
    save_checkpoint(again, load_checkpoint(stored))
    assert again.read_bytes() == stored.read_bytes()
    assert list(tmp_path.glob("*.part")) == []


def test_the_released_network_is_stored_too(tmp_path: Path) -> None:
    path = tmp_path / "released.safetensors"
    network = ReleasedSSDiff(ReleasedConfig(bands=4))
    save_checkpoint(path, Checkpoint(network=network, bands=None, ratio=4))
    loaded = load_checkpoint(path)
    assert isinstance(loaded.network, ReleasedSSDiff)
    assert loaded.bands is None
    assert loaded.name == "unnamed"


def test_half_precision_storage_loads_as_float32(stored: Path) -> None:
    exact = load_checkpoint(stored).network.state_dict()
    header = {"ssdiff": json.dumps(read_header(stored) | {"digest": None})}
    save_file(
        {name: tensor.half() for name, tensor in load_file(stored).items()}, stored, metadata=header
    )
    for name, tensor in load_checkpoint(stored).network.state_dict().items():
        assert tensor.dtype == torch.float32
        # float16 has 11 bits.
        assert torch.allclose(tensor, exact[name], rtol=2**-11, atol=1e-7)


def test_the_header_is_read_without_the_weights(stored: Path) -> None:
    header = read_header(stored)
    assert header["schema"] == 1
    assert header["network"] == "ssdiff"
    assert header["config"]["window"] == 8
    assert set(header) >= {"ratio", "ms_phase", "schedule", "metadata", "version"}


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    assert "no such model" in refusal(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("size", [0, 5, 200, -100])
def test_a_truncated_file_is_told(stored: Path, size: int) -> None:
    stored.write_bytes(stored.read_bytes()[:size])
    assert "not a readable safetensors file" in refusal(stored)


def test_a_folder_is_told(tmp_path: Path) -> None:
    refusal(tmp_path)


def test_other_safetensors_files_are_told(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    assert "not an ssdiff checkpoint" in refusal(path)
    save_file({"weight": torch.zeros(3)}, path, metadata={"ssdiff": "[1, 2]"})
    assert "not an ssdiff checkpoint" in refusal(path)
    save_file({"weight": torch.zeros(3)}, path, metadata={"ssdiff": "{no json"})
    refusal(path)


def test_a_schema_of_the_future_is_told(stored: Path) -> None:
    assert "schema 7, this version reads 1" in refusal(rewritten(stored, schema=7))


@pytest.mark.parametrize(
    "change",
    [
        {"network": "other"},
        {"network": None},
        {"config": {"bands": 4, "unheard_of": 1}},
        {"config": {"bands": 0}},
        {"config": None},
        {"config": {"bands": 5, "dim": 16, "window": 8, "time_width": 32}},
        {"schedule": {"name": "sigmoid", "steps": 10}},
        {"schedule": {"nome": "cosine"}},
        {"normalisation": "other"},
        {"ratio": None},
        {"ratio": "four"},
        {"steps": [1]},
        {"full_scale": 0},
        {"metadata": None},
    ],
    ids=str,
)
def test_headers_that_make_no_sense_are_told(stored: Path, change: dict[str, Any]) -> None:
    refusal(rewritten(stored, **change))


@pytest.mark.parametrize("kind", ["missing", "extra", "shape", "finite"])
def test_weights_that_do_not_fit_are_told(stored: Path, kind: str) -> None:
    # Without a checksum, as older files are.
    weights, header = (
        load_file(stored),
        {"ssdiff": json.dumps(read_header(stored) | {"digest": None})},
    )
    name = "head.1.weight"
    if kind == "missing":
        del weights[name]
    elif kind == "extra":
        weights["stranger"] = torch.zeros(2)
    elif kind == "finite":
        weights[name][0] = torch.nan
    else:
        weights[name] = weights[name][:2]
    save_file(weights, stored, metadata=header)
    refusal(stored)


@pytest.mark.parametrize("place", [100, 5000, 3])
def test_a_single_damaged_byte_is_told(stored: Path, place: int) -> None:
    data = bytearray(stored.read_bytes())
    data[-place] ^= 0x55
    stored.write_bytes(data)
    assert "their checksum differs" in refusal(stored)


class Payload:
    """Would write a file if it were unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "pwned")


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    proof, path = tmp_path / "proof", tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Payload(proof)))
    refusal(path)
    torch.save({"weights": Payload(proof)}, path)
    refusal(path)
    assert not proof.exists()


def test_a_stored_model_is_plain_safetensors(stored: Path) -> None:
    with safe_open(stored, framework="np") as file:
        assert set(file.keys()) == set(model().network.state_dict())


def test_an_unknown_network_is_not_stored(tmp_path: Path) -> None:
    strange = Slots()
    strange.config = NetworkConfig(bands=4)
    with pytest.raises(ModelError, match="Slots"):
        save_checkpoint(
            tmp_path / "x.safetensors", Checkpoint(network=strange, bands=None, ratio=4)
        )
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_told_and_nothing_left(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match=r"absent.*choose a writable folder"):
        save_checkpoint(tmp_path / "absent" / "x.safetensors", model())


def test_a_models_own_rules() -> None:
    with pytest.raises(ModelError, match="unknown normalisation 'median'"):
        model(normalisation="median")
    with pytest.raises(ModelError, match="--full-scale"):
        model(normalisation="full-scale")


@pytest.mark.parametrize("name", BASELINES)
def test_a_checkpoint_knows_its_network(name: str, tmp_path: Path) -> None:
    kind = BASELINES[name]
    path = tmp_path / "baseline.safetensors"
    network = kind.build(kind.config(bands=4)).eval()
    save_checkpoint(path, Checkpoint(network=network, bands=None, ratio=4))
    assert read_header(path)["network"] == name
    loaded = load_checkpoint(path).network
    assert type(loaded) is type(network)
    given = images(4, 32, 32)
    with torch.no_grad():
        assert torch.allclose(loaded(**given), network(**given), atol=1e-5)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pnn.safetensors"
    kind = BASELINES["pnn"]
    network = kind.build(kind.config(bands=4))
    save_checkpoint(path, Checkpoint(network=network, bands=None, ratio=4))
    assert "do not fit together" in refusal(rewritten(path, network="dicnn"))
    assert "no network 'pix': known are ssdiff" in refusal(rewritten(path, network="pix"))


@pytest.mark.parametrize(
    "lie",
    [
        {"config": {"bands": 4, "dim": 1 << 30}},
        {"tile": 0},
        {"ratio": 10**9},
        {"steps": 10**12},
        {"residual_scale": float("nan")},
        {"schedule": {"name": "cosine", "steps": 10**12}},
        {"bands": ["blue"]},
        {"bands": [1, 2, 3, 4]},
        {"metadata": {"sensors": 3}},
        {"metadata": {"radiometry": {"pan_contrast": 3}}},
        {"metadata": "text"},
    ],
)
def test_a_header_that_lies_is_refused(stored: Path, lie: dict[str, Any]) -> None:
    refusal(rewritten(stored, **lie))
