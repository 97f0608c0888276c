import itertools
import math

import pytest
import torch
from torch import Tensor

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.blocks import APFM, FMIM, HEAD_DIM, from_windows, to_windows
from ssdiff_models.nets.ssdiff import SSDiff, SSDiffConfig
from tests.models.tiny import images, network, randomised

# Rounding of the same sums taken in another order, in float32 and in float64.
ROUNDING = 2e-5
DOUBLE = 1e-12


def fresh(**changes: object) -> SSDiff:
    config = {"bands": 3, "dim": 16, "window": 8, "time_width": 32} | changes
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return randomised(SSDiff(SSDiffConfig(**config)))  # type: ignore[arg-type]


@pytest.mark.parametrize("bands", range(1, 9))
@pytest.mark.parametrize("ratio", [2, 4])
def test_any_band_count_and_ratio(bands: int, ratio: int) -> None:
    net = fresh(bands=bands, ratio=ratio, ms_skip=True)
    inputs = images(bands, 8, 16, ratio=ratio, batch=2)
    with torch.no_grad():
        assert net(**inputs).shape == (2, bands, 8, 16)


@pytest.mark.parametrize("ms_skip", [False, True])
def test_no_layer_is_never_used(ms_skip: bool) -> None:
    net = fresh(ms_skip=ms_skip)
    net(**images(3, 16, 16)).square().sum().backward()
    unused = [
        name
        for name, weight in net.named_parameters()
        if weight.grad is None or not weight.grad.abs().sum() > 0
    ]
    assert unused == []


@pytest.mark.parametrize("argument", ["lms", "pan", "ms", "x_t", "t"])
def test_every_input_counts(argument: str) -> None:
    net, inputs = fresh(ms_skip=True), images(3, 16, 16)
    changed = inputs | {argument: inputs[argument] + 1}
    with torch.no_grad():
        assert (net(**changed) - net(**inputs)).abs().max() > 1e-3


def test_an_untrained_network_predicts_no_residual() -> None:
    net = SSDiff(SSDiffConfig(bands=4, dim=16, window=8, ms_skip=True))
    with torch.no_grad():
        assert not net(**images(4, 8, 8)).any()


def test_branches_share_no_parameter_and_cover_all() -> None:
    net = fresh()
    branches = {name: net.branch_of(name) for name, _ in net.named_parameters()}
    assert branches["injections.0.apfm.spatial_maps.weight"] == "spatial"
    assert branches["injections.0.apfm.spectral_maps.weight"] == "spectral"
    # A branch of its own: what the spectral layers make never enters the spatial ones.
    net.zero_grad()
    inputs = images(3, 16, 16)
    features, _ = net.spatial.start(torch.cat([inputs["pan"], inputs["x_t"]], 1), inputs["t"])
    features.sum().backward()  # type: ignore[no-untyped-call]
    assert all(
        weight.grad is None
        for name, weight in net.named_parameters()
        if branches[name] == "spectral"
    )


def naive_apfm(apfm: APFM, spectral: Tensor, spatial: Tensor) -> Tensor:
    """Eq. 8-10 head by head, with softmaxes in full."""
    a_b = apfm.spatial_maps(apfm.norm_spa(spatial))
    c_d = apfm.spectral_maps(apfm.norm_spe(spectral))
    tokens, channels = spectral.shape[1:]
    parts = []
    for head in range(channels // HEAD_DIM):
        own = slice(head * HEAD_DIM, (head + 1) * HEAD_DIM)
        t_a, t_b = a_b[..., :channels][..., own], a_b[..., channels:][..., own]
        t_c, t_d = c_d[..., :channels][..., own].mT, c_d[..., channels:][..., own].mT
        weight_spa = torch.exp(t_a @ t_b.mT / math.sqrt(HEAD_DIM))
        weight_spe = torch.exp(t_c @ t_d.mT * math.sqrt(HEAD_DIM**3) / tokens)
        weight_spa, weight_spe = (w / w.sum(-1, keepdim=True) for w in (weight_spa, weight_spe))
        for weight in (weight_spa, weight_spe):
            assert torch.allclose(weight.sum(-1), torch.ones(()).to(weight))
        parts.append((weight_spa @ t_c.mT) * (weight_spe @ t_a.mT).mT)
    hidden = spectral + apfm.merge(torch.cat(parts, -1))
    refined: Tensor = hidden + apfm.mlp(hidden)
    return refined


@pytest.mark.parametrize("channels", [16, 48])
def test_apfm_is_equations_8_to_10(channels: int) -> None:
    torch.manual_seed(0)
    apfm = APFM(channels).double()
    spectral, spatial = torch.randn(2, 3, 20, channels, dtype=torch.float64).unbind()
    with torch.no_grad():
        assert torch.allclose(
            apfm(spectral, spatial), naive_apfm(apfm, spectral, spatial), rtol=0, atol=DOUBLE
        )


@pytest.mark.parametrize(("window", "bins"), [(2, 1), (4, 1), (8, 1), (16, 2)])
def test_fmim_is_equations_11_and_12(window: int, bins: int) -> None:
    torch.manual_seed(0)
    fmim, x = (
        FMIM(window, 0.6, bins).double(),
        torch.randn(3, window, window, 5, dtype=torch.float64),
    )
    fmim.projection = fmim.projection.double()
    frequency = torch.fft.fftfreq(window, 1 / window)
    low = frequency.abs() <= bins
    alpha = 1.0 - 0.4 * (low[:, None] & low).double()
    # A real image's spectrum needs a mask that is the same at f and -f.
    assert torch.equal(alpha, alpha.flip(0, 1).roll((1, 1), (0, 1)))
    expected = torch.fft.ifft2(torch.fft.fft2(x, dim=(1, 2)) * alpha[..., None], dim=(1, 2))
    assert expected.imag.abs().max() < DOUBLE
    # The projection is stored in float32.
    assert torch.allclose(fmim(x), expected.real, rtol=0, atol=ROUNDING)


def test_fmim_damps_a_constant_and_keeps_detail() -> None:
    fmim = FMIM(8, 0.3)
    constant = torch.full((1, 8, 8, 2), 5.0)
    assert torch.allclose(fmim(constant), 0.3 * constant, atol=ROUNDING)
    checkers = ((torch.arange(8)[:, None] + torch.arange(8)) % 2 * 2.0 - 1)[None, ..., None]
    assert torch.allclose(fmim(checkers), checkers, atol=ROUNDING)


def test_windows_there_and_back() -> None:
    features = torch.arange(2 * 3 * 8 * 12).reshape(2, 3, 8, 12).float()
    cut = to_windows(features, 4)
    assert torch.equal(cut[1], features[0, :, :4, 4:8].permute(1, 2, 0))
    assert torch.equal(from_windows(cut, 8, 12), features)


def outside(
    inputs: dict[str, Tensor], rows: slice, cols: slice, ratio: int = 4
) -> dict[str, Tensor]:
    """Changes all image pixels but those of a rectangle beyond recognition."""
    changed = {}
    for name, image in inputs.items():
        if name == "t":
            changed[name] = image
            continue
        step = ratio if name == "ms" else 1
        keep = torch.zeros(image.shape[-2:], dtype=torch.bool)
        keep[
            slice(rows.start // step, rows.stop // step),
            slice(cols.start // step, cols.stop // step),
        ] = True
        changed[name] = torch.where(keep, image, 50 - 30 * image)
    return changed


@pytest.mark.parametrize("unshuffle", [1, 2])
def test_nothing_beyond_the_receptive_radius_counts(unshuffle: int) -> None:
    net = fresh(ms_skip=True, unshuffle=unshuffle, window=8 * unshuffle).double()
    side = 8 * unshuffle * 19
    inputs = {
        name: image.double() if name != "t" else image
        for name, image in images(3, side, side).items()
    }
    radius, window = net.receptive_radius, slice(72 * unshuffle, 80 * unshuffle)
    near = slice(window.start - radius, window.stop + radius)
    assert near.start > 0
    with torch.no_grad():
        whole, other = net(**inputs), net(**outside(inputs, near, near))
        nearer = net(
            **outside(
                inputs, slice(64 * unshuffle, 88 * unshuffle), slice(64 * unshuffle, 88 * unshuffle)
            )
        )
    difference = (whole - other).abs()[..., window, window]
    assert difference.max() < DOUBLE
    assert (whole - nearer).abs()[..., window, window].max() > 1e-6


def test_a_tile_moved_by_whole_windows_sees_the_same() -> None:
    net, side = fresh(ms_skip=True), 8 * 17
    inputs = images(3, side, side + 8)
    radius = net.receptive_radius
    moved = {
        name: image[..., 2 if name == "ms" else 8 :] if name != "t" else image
        for name, image in inputs.items()
    }
    still = {
        name: image[..., : -2 if name == "ms" else -8] if name != "t" else image
        for name, image in inputs.items()
    }
    inner, same = slice(radius, side - radius - 8), slice(radius + 8, side - radius)
    with torch.no_grad():
        difference = (net(**moved)[..., inner, inner] - net(**still)[..., inner, same]).abs()
    assert difference.numel() > 0
    assert difference.max() < ROUNDING


def test_squares_of_pixels_become_channels_and_come_back() -> None:
    net, inputs = fresh(unshuffle=2, window=16), images(3, 32, 32)
    with torch.no_grad():
        plain = net(**inputs)
        net.get_parameter("head.1.bias").add_(torch.arange(12.0))
        shifted = net(**inputs) - plain
    band, row, col = torch.meshgrid(
        torch.arange(3), torch.arange(32), torch.arange(32), indexing="ij"
    )
    expected = 4 * band + 2 * (row % 2) + col % 2
    torch.testing.assert_close(shifted[0], expected.float(), rtol=0, atol=1e-4)


def test_batches_are_independent() -> None:
    net, inputs = network(), images(4, 16, 16, batch=3)
    both = net(**inputs)
    for k in range(3):
        alone = net(**{name: image[k : k + 1] for name, image in inputs.items()})
        assert torch.allclose(both[k], alone[0], rtol=0, atol=ROUNDING)


def test_half_precision_stays_near() -> None:
    net, inputs = network(), images(4, 16, 16)
    exact = net(**inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = net(**inputs)
    # bfloat16 has 8 bits; some 40 layers.
    assert (half.float() - exact).abs().max() < 0.05 * exact.abs().max()


@pytest.mark.parametrize(("rows", "cols", "bands"), [(12, 8, 4), (8, 20, 4), (8, 8, 3)])
def test_wrong_sizes_are_refused(rows: int, cols: int, bands: int) -> None:
    with pytest.raises(ModelError, match=r"multiples of 8|built for 4 bands"):
        network()(**images(bands, rows, cols))


@pytest.mark.parametrize(
    "change",
    [
        *({"bands": 0}, {"ratio": 3}, {"dim": 24}, {"dim": 0}, {"window": 6}, {"window": 4}),
        *({"unshuffle": 3}, {"unshuffle": 4, "ratio": 2}, {"window": 8, "unshuffle": 2}),
    ],
)
def test_wrong_configs_are_refused(change: dict[str, int]) -> None:
    value = next(iter(change.values()))
    with pytest.raises(ModelError, match=str(value)):
        SSDiffConfig(**({"bands": 4} | change))  # type: ignore[arg-type]


def test_no_two_modules_share_a_weight() -> None:
    weights = list(fresh().parameters())
    assert all(a is not b for a, b in itertools.combinations(weights, 2))
