"""``ssdiff eval --report``: one page that needs nothing else, with pictures of what was scored."""

import base64
import io
import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from ssdiff_cli.app import app
from ssdiff_cli.jobs.evaluate.plan import Sample, Settings
from ssdiff_cli.jobs.evaluate.report.gallery import Gallery
from ssdiff_cli.jobs.evaluate.report.pictures import round_up
from ssdiff_models.checkpoint import save_checkpoint
from ssdiff_models.scene.sensors import get
from tests.models import tiny
from tests.scenes import Scene, SceneFactory


class Page(HTMLParser):
    """What a page shows, and what it would load."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.pictures: list[tuple[str, str]] = []
        self.headings: list[str] = []
        self.cells: list[str] = []
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        assert tag not in {"script", "link", "iframe", "object"}
        assert "href" not in found
        if tag == "img":
            self.pictures.append((found["alt"] or "", found["src"] or ""))
        self._open = tag

    def handle_data(self, data: str) -> None:
        if self._open in {"h2", "h3"} and data.strip():
            self.headings.append(data.strip())
        if self._open == "td" and data.strip():
            self.cells.append(data.strip())

    def picture(self, title: str) -> npt.NDArray[np.float32]:
        return self.picture_of(next(source for name, source in self.pictures if name == title))

    def picture_of(self, source: str) -> npt.NDArray[np.float32]:
        pixels: npt.NDArray[np.float32] = imread(
            io.BytesIO(base64.b64decode(source.partition(",")[2])), format="png"
        )
        return pixels


def report(folder: Path, *arguments: str | Path) -> tuple[Page, dict[str, dict[str, float]]]:
    path = folder / "report.html"
    result = CliRunner().invoke(
        app, ["eval", *map(str, arguments), "--json", "--report", str(path)]
    )
    assert result.exit_code == 0, result.output
    return Page(path.read_text(encoding="utf-8")), json.loads(result.stdout)["methods"]


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    return scene_factory(size=384, offset=(0.0, 0.0), margin=0)


def test_a_page_of_the_reduced_resolution(scene: Scene, tmp_path: Path) -> None:
    model = tmp_path / "tiny.safetensors"
    save_checkpoint(model, tiny.model())
    arguments = ("--methods", "ssdiff,exp", "--model", model)
    page, scores = report(tmp_path, "--reduced-res", scene.pan, scene.ms, *arguments)
    assert all(source.startswith("data:image/") for _, source in page.pictures)
    assert page.headings == [
        *(
            "Settings",
            "Images",
            "Errors",
            "Bands",
            "Worst spot",
            "Its errors, on the scale above",
            "How ssdiff denoises",
        ),
        *(
            "state x_t (residual and noise)",
            "estimate of the image",
            "its low frequencies",
            "its high frequencies",
        ),
    ]
    titles = [title for title, _ in page.pictures]
    assert titles[:4] == ["PAN", "reference", "ssdiff", "exp (MS, interpolated)"]
    assert sum(title.startswith("t = ") for title in titles) == 4 * 6
    assert [f"{scores[name]['sam']:.3f}" in page.cells for name in ("ssdiff", "exp")] == [
        True,
        True,
    ]
    # 96 MS pixels less the border cut.
    assert page.picture("reference").shape[:2] == (55, 55)
    states = [page.picture(f"t = {t}") for t in (999, 166)]
    assert states[0][..., :3].std() > 2 * states[1][..., :3].std(), "noise fades from step to step"


def test_eight_bands_through_a_model_of_four(scene_factory: SceneFactory, tmp_path: Path) -> None:
    wide = scene_factory(size=384, sensor="wv2", offset=(0.0, 0.0), margin=0)
    model = tmp_path / "tiny.safetensors"
    save_checkpoint(model, tiny.model())
    page, _ = report(
        tmp_path,
        "--reduced-res",
        wide.pan,
        wide.ms,
        "--methods",
        "ssdiff",
        "--model",
        model,
        "--sensor",
        "wv2",
    )
    # The last estimate is what the method gives (the projection on the MS aside), so the page shows the same bands.
    last = [picture for title, picture in page.pictures if title == "t = 166"][1]
    assert page.picture_of(last)[..., :3].std(axis=2).mean() > 0.005, "in colour"


def test_a_page_without_a_reference(scene: Scene, tmp_path: Path) -> None:
    page, _ = report(tmp_path, "--full-res", scene.pan, scene.ms, "--fused", scene.truth)
    titles = [title for title, _ in page.pictures]
    assert titles[:3] == ["PAN", "truth", "exp (MS, interpolated)"]
    assert "How ssdiff denoises" not in page.headings
    assert page.picture("truth").shape[:2] == (384, 384)


def test_a_page_of_two_rasters(scene: Scene, tmp_path: Path) -> None:
    page, _ = report(tmp_path, "--fused", scene.truth, "--reference", scene.truth)
    assert [title for title, _ in page.pictures][:2] == ["reference", "truth"]
    np.testing.assert_array_equal(page.picture("reference"), page.picture("truth"))


def test_the_same_evaluation_gives_the_same_page(scene: Scene, tmp_path: Path) -> None:
    pages = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        report(tmp_path / name, "--reduced-res", scene.pan, scene.ms, "--methods", "exp")
        pages.append((tmp_path / name / "report.html").read_bytes())
    assert pages[0] == pages[1]


def gallery(lms: npt.NDArray[np.float32], *, has_reference: bool) -> Gallery:
    """An image that is shown as a whole, without fused ones."""
    rows, cols = lms.shape[1:]
    whole = (slice(0, rows), slice(0, cols))
    sample = Sample(
        name="x",
        pan=np.zeros((0, rows, cols), np.float32),
        ms=lms,
        lms=lms,
        valid=np.ones((rows, cols), np.bool_),
        inner=whole,
        phase=1.5,
        reference=lms if has_reference else None,
    )
    settings = Settings(
        protocol="reduced-resolution" if has_reference else "full-resolution",
        inputs=(),
        sensor=get("qb"),
        ratio=4,
        crop=0,
        peak=255,
        unit="scene",
    )
    return Gallery(settings=settings, sample=sample, part=whole)


def test_errors_are_relative_to_the_mean_of_each_band() -> None:
    truth = np.stack([np.full((40, 50), 100.0), np.full((40, 50), 1000.0)]).astype(np.float32)
    truth[:, ::2] *= 1.1
    truth[:, 1::2] *= 0.9
    fused = truth.copy()
    fused[:, 10:14, 20:24] += np.array([30, 400], np.float32)[:, None, None]
    shown = gallery(truth, has_reference=True)
    error = shown.error_map(fused)
    assert error[12, 22] == pytest.approx(100 * np.sqrt((0.3**2 + 0.4**2) / 2), rel=1e-5)
    assert error.sum() == pytest.approx(16 * error[12, 22], rel=1e-5)
    figures = shown.band_figures(fused)
    share = np.sqrt(16 / 2000)
    assert figures.rmse == pytest.approx([30 * share, 40 * share], rel=1e-5)
    assert all(0.5 < value < 1 for value in figures.correlation)


def test_the_border_of_the_part_shown_has_no_error_without_a_reference() -> None:
    lms = np.random.default_rng(0).uniform(100, 200, (4, 64, 80)).astype(np.float32)
    error = gallery(lms, has_reference=False).error_map(lms)
    inside = np.zeros(error.shape, np.bool_)
    inside[20:-20, 20:-20] = True
    assert (error > 0)[inside].all()
    assert (error == 0)[~inside].all()


def test_scales_end_at_round_numbers() -> None:
    ends = [round_up(value) for value in (0, 0.13, 1, 3, 7.1, 20, 52)]
    assert ends == pytest.approx([1, 0.15, 1, 3, 8, 20, 60])
