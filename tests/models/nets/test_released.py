import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.released import ReleasedConfig, ReleasedSSDiff, config_from_state_dict
from ssdiff_models.nets.released_blocks import Attention, in_windows, scale_low_bins
from tests.golden import networks

# What the issue allows of the output's range; measured 8e-7, float32 rounding through some 40 layers.
GOLDEN_TOLERANCE = 1e-4
# Float32 rounding of the same sums in another order.
ROUNDING = 2e-5

Inputs = dict[str, Tensor]


def golden_state(golden: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(
        golden / "released" / "released_8band.pt", weights_only=True
    )
    return state


def golden_case(golden: Path, case: int) -> tuple[Inputs, Tensor]:
    arrays = np.load(golden / "released" / "released_8band_io.npz")
    inputs = {
        name: torch.from_numpy(arrays[f"{name}_{case}"])
        for name in ("lms", "pan", "ms", "x_t", "t")
    }
    return inputs, torch.from_numpy(arrays[f"out_{case}"])


def loaded(state: dict[str, Tensor]) -> ReleasedSSDiff:
    network = ReleasedSSDiff(config_from_state_dict(state))
    network.load_state_dict(state)
    return network.eval()


@cache
def random_network(bands: int) -> ReleasedSSDiff:
    """A network in which no layer is zero, as a trained one."""
    with torch.random.fork_rng():
        torch.manual_seed(bands)
        network = ReleasedSSDiff(ReleasedConfig(bands=bands))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return network.eval()


def random_inputs(bands: int, rows: int, cols: int, batch: int = 1) -> Inputs:
    generator = torch.Generator().manual_seed(3)
    sizes = {
        "lms": (bands, rows, cols),
        "pan": (1, rows, cols),
        "ms": (bands, rows // 4, cols // 4),
        "x_t": (bands, rows, cols),
    }
    images = {name: torch.rand((batch, *size), generator=generator) for name, size in sizes.items()}
    return {**images, "t": torch.randint(0, 1000, (batch,), generator=generator)}


@pytest.mark.parametrize("case", [0, 1])
def test_outputs_are_those_of_the_released_code(golden: Path, case: int) -> None:
    inputs, expected = golden_case(golden, case)
    with torch.inference_mode():
        result = loaded(golden_state(golden))(**inputs)
    scale = float(expected.max() - expected.min())
    assert float((result - expected).abs().max()) <= GOLDEN_TOLERANCE * scale


@pytest.mark.parametrize("side", networks.CASES)
def test_outputs_are_still_those_that_agreed(side: int) -> None:
    expected = networks.outputs(side)
    with torch.inference_mode():
        result = loaded(networks.state())(**networks.inputs(side))
    difference = result[..., networks.STORED, networks.STORED] - expected
    scale = float(expected.max() - expected.min())
    assert float(difference.abs().max()) <= GOLDEN_TOLERANCE * scale


def test_names_and_shapes_are_the_released_ones() -> None:
    state = ReleasedSSDiff(ReleasedConfig(bands=8)).state_dict()
    assert {name: list(tensor.shape) for name, tensor in state.items()} == networks.shapes()
    assert len(state) == 187


def test_four_bands_are_eight_of_which_four_are_dark() -> None:
    """The network for 4 bands, cut out of the released one for 8, gives what that one gives where the other bands are zero."""
    state, keep = networks.state(), torch.arange(4)
    inputs = networks.inputs(32)
    cut = state | {
        "conv_lms2x_t.weight": state["conv_lms2x_t.weight"][:, torch.cat([keep, keep + 8])],
        "conv_pan2x_t.weight": state["conv_pan2x_t.weight"][:, torch.arange(5)],
        "conv_x_t.weight": state["conv_x_t.weight"][:, keep],
        "to_hrms.2.weight": state["to_hrms.2.weight"][keep],
        "to_hrms.2.bias": state["to_hrms.2.bias"][keep],
        "upsample.upsamle.0.weight": state["upsample.upsamle.0.weight"][:64, keep],
    }
    for name in ("lms", "ms", "x_t"):
        inputs[name][:, 4:] = 0
    with torch.inference_mode():
        eight = loaded(state)(**inputs)
        four = loaded(cut)(**inputs | {name: inputs[name][:, :4] for name in ("lms", "ms", "x_t")})
    assert torch.allclose(four, eight[:, :4], atol=ROUNDING)


@pytest.mark.parametrize(("bands", "parameters"), [(4, 1_413_940), (8, 1_426_616)])
def test_the_number_of_parameters_is_the_published_one(bands: int, parameters: int) -> None:
    network = ReleasedSSDiff(ReleasedConfig(bands=bands))
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


@pytest.mark.parametrize("bands", [1, 4, 8])
def test_any_band_count_works_and_round_trips(bands: int) -> None:
    network, inputs = random_network(bands), random_inputs(bands, 16, 24, batch=2)
    with torch.inference_mode():
        result = network(**inputs)
        again = loaded(network.state_dict())
        assert again.config == network.config == ReleasedConfig(bands=bands)
        assert torch.equal(again(**inputs), result)
    assert result.shape == (2, bands, 16, 24)
    assert bool(torch.isfinite(result).all())


def test_every_input_matters() -> None:
    network, inputs = random_network(2), random_inputs(2, 16, 16)
    with torch.inference_mode():
        result = network(**inputs)
        for name, tensor in inputs.items():
            assert not torch.allclose(network(**inputs | {name: tensor + 1}), result, atol=ROUNDING)


def test_attention_is_that_of_the_formula() -> None:
    """Materialised maps, one head at a time, in float64: FACTS 2.1, APFM."""
    torch.manual_seed(0)
    attention = Attention(32).double()
    spectral, spatial = (
        torch.randn(2, 20, 32, dtype=torch.float64),
        torch.randn(2, 20, 32, dtype=torch.float64),
    )
    heads = []
    for head in (slice(0, 16), slice(16, 32)):
        a, b = spatial @ attention.sa1.weight.T[:, head], spatial @ attention.sa2.weight.T[:, head]
        c, d = (
            spectral @ attention.se1.weight.T[:, head],
            spectral @ attention.se2.weight.T[:, head],
        )
        from_space = torch.softmax(a @ b.mT / math.sqrt(16), dim=-1) @ c
        heads.append(from_space * (a @ torch.softmax(c.mT @ d * math.sqrt(16) / 20, dim=-1)))
    expected = attention.to_out(torch.cat(heads, dim=-1))
    assert torch.allclose(attention(spectral, spatial), expected, atol=1e-12)


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (2, 64)])
def test_the_fourier_filter_works_on_the_shifted_spectrum(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).normal(size=(2, 3, *size))
    spectrum = np.fft.fftshift(np.fft.fft2(image), axes=(-2, -1))
    row, col = size[0] // 2, size[1] // 2
    spectrum[..., row - 1 : row + 1, col - 1 : col + 1] *= 0.3
    expected = np.fft.ifft2(np.fft.ifftshift(spectrum, axes=(-2, -1))).real
    result = scale_low_bins(torch.from_numpy(image).float(), 0.3).numpy()
    np.testing.assert_allclose(result, expected, atol=2e-6)  # float32 transforms


def test_windows_are_treated_one_by_one() -> None:
    image = torch.arange(2 * 3 * 4 * 9, dtype=torch.float32).reshape(2, 3, 4, 9)

    def demean(window: Tensor) -> Tensor:
        return window - window.mean(dim=(2, 3), keepdim=True)

    result = in_windows(demean, (2, 3), image)
    for row in range(0, 4, 2):
        for col in range(0, 9, 3):
            place = (..., slice(row, row + 2), slice(col, col + 3))
            assert torch.equal(result[place], demean(image[place]))


@pytest.mark.parametrize(
    ("cols", "windows", "side"), [(64, 1, 16), (32, 1, 8), (128, 2, 16), (96, 3, 8)]
)
def test_large_tiles_are_cut_into_windows(cols: int, windows: int, side: int) -> None:
    network, inputs = random_network(1), random_inputs(1, 32, cols)
    seen: list[tuple[int, ...]] = []
    hook = network.get_submodule("fusformer2").register_forward_hook(
        lambda _module, args, _output: seen.append(tuple(args[0].shape))
    )
    with torch.inference_mode():
        result = network(**inputs)
    hook.remove()
    assert seen == [(windows, 128, 8, side)]
    assert result.shape == (1, 1, 32, cols)


@pytest.mark.parametrize(("rows", "cols"), [(30, 64), (64, 68), (100, 32)])
def test_tiles_that_do_not_fit_are_refused(rows: int, cols: int) -> None:
    with pytest.raises(ModelError, match=f"{rows} x {cols}.*multiples of 32"):
        random_network(1)(**random_inputs(1, rows, cols))


def test_a_scene_with_other_bands_is_refused() -> None:
    with pytest.raises(ModelError, match="built for 2 bands, got 3"):
        random_network(2)(**random_inputs(3, 16, 16))


def test_it_runs_under_autocast() -> None:
    network, inputs = random_network(2), random_inputs(2, 32, 32)
    with torch.inference_mode():
        exact = network(**inputs)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = network(**inputs).float()
    # bfloat16 keeps 8 bits: a few per cent of the range after some 40 layers.
    assert float((rough - exact).abs().max()) < 0.05 * float(exact.max() - exact.min())


def test_state_dicts_of_other_things_are_refused() -> None:
    good = ReleasedSSDiff(ReleasedConfig(bands=2)).state_dict()
    with pytest.raises(ModelError, match=r"no 4-D tensor 'conv_lms2x_t\.weight'"):
        config_from_state_dict({"weight": torch.zeros(3)})
    with pytest.raises(ModelError, match=r"2 bands and 32 channels: it lacks time_embed\.0\.bias$"):
        config_from_state_dict(
            {name: tensor for name, tensor in good.items() if name != "time_embed.0.bias"}
        )
    with pytest.raises(ModelError, match=r"has unknown a, b, c and 1 more$"):
        config_from_state_dict({**good, **dict.fromkeys("abcd", torch.zeros(1))})
    with pytest.raises(ModelError, match=r"has other shapes in to_hrms\.2\.bias$"):
        config_from_state_dict({**good, "to_hrms.2.bias": torch.zeros(3)})
    with pytest.raises(ModelError, match=r"lacks conv_x_t\.bias"):
        config_from_state_dict({**good, "conv_x_t.bias": "no tensor"})
    with pytest.raises(ModelError, match="multiple of 32 channels, got 2 bands and 16"):
        config_from_state_dict({"conv_lms2x_t.weight": torch.zeros(16, 4, 3, 3)})
