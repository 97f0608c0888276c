"""The networks of the paper's table: their published sizes, and what they see."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize, pad
from torch.utils.flop_counter import FlopCounterMode

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.baselines.baseline import Regression
from ssdiff_models.nets.baselines.ctinn import CTINNConfig, LongRange
from ssdiff_models.nets.network import Network
from ssdiff_models.nets.registry import BASELINES, find_kind
from tests.models.tiny import images, randomised

SIZES = {
    "pnn": (104_360, 80_420),
    "pannet": (83_024, 77_640),
    "msdcnn": (228_556, 189_852),
    "dicnn": (46_792, 42_180),
    "fusionnet": (78_632, 76_324),
    "ctinn": (63_772, 62_904),
    "lagconv": (151_397, 148_457),
    "mmnet": (202_698, 51_822),
    "dcfnet": (2_768_071, 2_757_955),
    "pandiff": (13_871_613, 13_867_685),
}
"""Parameters for 8 and for 4 bands: of published weights where there are any, else derived."""
COSTS = {
    # Its padding is 18 % of a patch of 64 pixels.
    "pnn": 246.5,
    "pannet": 157.8,
    "msdcnn": 456.5,
    "dicnn": 93.3,
    "fusionnet": 156.7,
    "ctinn": 897.8,
    "lagconv": 256.5,
    "mmnet": 1016.6,
    "dcfnet": 1672.7,
    "pandiff": 1346.2,
}
"""Operations a pixel, in thousands, for 8 bands on 64 x 64 pixels; two a multiplication."""
LOCAL = {"pnn": 8, "pannet": 20, "msdcnn": 12, "dicnn": 3, "fusionnet": 10}
"""Reach in PAN pixels of the networks that look at a part of the tile only."""


def network(name: str, bands: int = 4, **config: int) -> Network:
    kind = find_kind(name)
    torch.manual_seed(0)
    return kind.build(kind.config(bands=bands, **config))


def count(net: Network) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize("name", BASELINES)
def test_the_parameters_are_those_of_the_table(name: str) -> None:
    with torch.device("meta"):
        assert (count(network(name, 8)), count(network(name, 4))) == SIZES[name]


def test_ctinn_has_the_published_size_at_half_its_width() -> None:
    assert [count(network("ctinn", bands, width=8)) for bands in (8, 4)] == [38_258, 37_822]


@pytest.mark.parametrize("name", BASELINES)
def test_the_operations_are_those_of_the_table(name: str) -> None:
    net = network(name, 8).eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(**images(8, 64, 64))
    assert counter.get_total_flops() / 64**2 / 1000 == pytest.approx(COSTS[name], abs=0.06)


@pytest.mark.parametrize("name", BASELINES)
def test_every_weight_learns(name: str) -> None:
    net = randomised(network(name))
    given = images(4, 32, 48)
    output = net(**given)
    assert output.shape == given["lms"].shape
    output.square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize("name", BASELINES)
def test_only_pandiff_sees_the_noisy_state(name: str) -> None:
    net = randomised(network(name)).eval()
    given = images(4, 32, 32)
    other = given | {"x_t": given["x_t"] + 1, "t": given["t"] // 2}
    assert torch.equal(net(**given), net(**other)) == (name != "pandiff")
    assert net.diffuses == (name == "pandiff")


@pytest.mark.parametrize("name", BASELINES)
def test_no_image_depends_on_its_batch(name: str) -> None:
    net = randomised(network(name)).eval()
    given = images(4, 32, 48, batch=2)
    with torch.no_grad():
        both = net(**given)
        alone = net(**{key: value[1:] for key, value in given.items()})
    scale = float(both.abs().max())
    torch.testing.assert_close(both[1:], alone, rtol=0, atol=1e-5 * scale)


def reach(net: Network, side: int, centre: int) -> Iterator[Tensor]:
    """Distances, in PAN pixels, of the inputs that the output at ``(centre, centre)`` sees."""
    given = images(4, side, side)
    for image in (given["lms"], given["pan"], given["ms"]):
        image.requires_grad_()
    net(**given)[..., centre, centre].sum().backward()
    for image in (given["lms"], given["pan"], given["ms"]):
        if image.grad is not None and bool(image.grad.any()):
            step = side // image.shape[-1]
            places = image.grad.abs().sum((0, 1)).nonzero() * step
            near = places.where(places >= centre, places + step - 1)
            yield (near - centre).abs().max()


@pytest.mark.parametrize("name", BASELINES)
def test_nothing_beyond_the_receptive_field_matters(name: str) -> None:
    net = randomised(network(name)).eval()
    assert net.receptive_radius == LOCAL.get(name)
    side = 128 if name in LOCAL else 64
    if name not in LOCAL:
        assert max(map(int, reach(net, side, 32))) == 32
        return
    farthest = [max(map(int, reach(net, side, 64 + phase))) for phase in range(4)]
    assert LOCAL[name] - 4 < max(farthest) <= LOCAL[name]


@pytest.mark.parametrize("name", BASELINES)
def test_tiles_leave_the_cores_exact_or_are_patches(name: str) -> None:
    net = network(name)
    step, overlap = net.tiling(64)
    assert step % net.multiple == overlap % net.multiple == 0
    assert (overlap >= LOCAL[name]) if name in LOCAL else (step + overlap == 64)
    assert network("mmnet").tiling(16) == (16, 0)


def test_pannet_sees_high_frequencies_only() -> None:
    net = randomised(network("pannet")).eval()
    given = images(4, 32, 32)
    brighter = given | {"pan": given["pan"] + 1, "ms": given["ms"] + 2, "lms": given["lms"] + 2}
    torch.testing.assert_close(net(**given), net(**brighter), rtol=0, atol=1e-3)


def test_fusionnet_sees_differences_only() -> None:
    net = randomised(network("fusionnet")).eval()
    given = images(4, 32, 32)
    brighter = given | {"pan": given["pan"] + 1, "lms": given["lms"] + 1}
    torch.testing.assert_close(net(**given), net(**brighter), rtol=0, atol=1e-3)


def test_msdcnn_makes_no_negative_image_and_no_dead_band() -> None:
    net = network("msdcnn").eval()
    given = images(4, 32, 32)
    with torch.no_grad():
        fused = net(**given) + given["lms"] + 1
    assert float(fused.min()) >= -1e-6
    assert (fused > 0).any((0, 2, 3)).all()


def test_means_are_those_of_the_tile() -> None:
    """A network with attention or means gives a pixel another value in another tile."""
    net = randomised(network("lagconv")).eval()
    assert isinstance(net, Regression)
    given = images(4, 64, 64)
    part = given | {name: given[name][..., :32, :32] for name in ("lms", "pan", "x_t")}
    small = net(**(part | {"ms": given["ms"][..., :8, :8]}))
    assert not torch.allclose(small[..., 8:16, 8:16], net(**given)[..., 8:16, 8:16])


def test_adaptive_taps_are_weighted_at_each_pixel() -> None:
    layer = network("lagconv").get_submodule("layers.0")
    weight = layer.get_parameter("weight")
    features = torch.rand(1, 5, 6, 7)
    with torch.no_grad():
        mean = features.mean((2, 3), keepdim=True)
        masks, bias = layer.get_submodule("gate")(features)[0], layer.get_submodule("bias")(mean)
        found = layer(features)[0] - bias[0]
    padded = pad(features[0], (1, 1, 1, 1))
    for row, col in ((0, 0), (3, 4), (5, 6)):
        around = padded[:, row : row + 3, col : col + 3] * masks[:, row, col].view(3, 3)
        expected = (weight * around).sum((1, 2, 3))
        torch.testing.assert_close(found[:, row, col], expected.detach())


def test_windows_are_parts_of_the_image_and_are_summed() -> None:
    layer = network("ctinn").get_submodule("long_range")
    image = torch.rand(1, 8, 48, 48)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.zero_()
        summed = layer(image, image)
    # Each place far from the border lies in 3 x 3 windows.
    torch.testing.assert_close(summed[..., 16:32, 16:32], 9 * image[..., 16:32, 16:32])
    torch.testing.assert_close(summed[..., :8, :8], 4 * image[..., :8, :8])


def test_long_range_features_are_the_most_alike_of_a_window() -> None:
    """One window on 24 x 24 pixels, searched pixel by pixel."""
    layer = network("ctinn").get_submodule("long_range")
    assert isinstance(layer, LongRange)
    ms, pan = torch.rand(2, 1, 8, 24, 24)
    places = [(row, col) for row in range(24) for col in range(24)]
    patches = {}
    for name, image in (("ms", ms), ("pan", pan)):
        padded = pad(image[0], (1, 1, 1, 1))
        patches[name] = torch.stack([padded[:, r : r + 3, c : c + 3] for r, c in places])
    flat = {name: normalize(some.flatten(1), dim=1) for name, some in patches.items()}
    score, best = (flat["ms"] @ flat["pan"].T).max(1)
    canvas = torch.zeros(8, 26, 26)
    for (row, col), source in zip(places, best.tolist(), strict=True):
        canvas[:, row : row + 3, col : col + 3] += patches["pan"][source] / 9
    with torch.no_grad():
        change = layer.merge(torch.cat([canvas[None, :, 1:-1, 1:-1], ms], dim=1))
        expected = change * score.view(1, 1, 24, 24) + ms
        torch.testing.assert_close(layer.in_window(ms, pan), expected)


@pytest.mark.parametrize("name", BASELINES)
def test_other_ratios_and_bands_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="ratio 4, got 2"):
        network(name, 4, ratio=2)
    with pytest.raises(ModelError, match="at least one band, got 0"):
        network(name, 0)
    with pytest.raises(ModelError, match="4 bands, got 3"):
        network(name)(**images(3, 32, 32))
    with pytest.raises(ModelError, match=r"not adapted: choose another --model"):
        _ = network(name).last_layer


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(ModelError, match="multiple of 4, got 6"):
        CTINNConfig(bands=4, width=6)
    with pytest.raises(ModelError, match="no network 'pan': known are ssdiff, released, pnn"):
        find_kind("pan")
