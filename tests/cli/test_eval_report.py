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
from ssdiff_models.checkpoint import save_checkpoint
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
    # The last estimate is what the method gives, so the page shows the same bands.
    last = [picture for title, picture in page.pictures if title == "t = 166"][1]
    assert page.picture_of(last)[..., :3].std(axis=2).mean() > 0.005, "in colour"


def test_a_page_without_a_reference(scene: Scene, tmp_path: Path) -> None:
    page, _ = report(tmp_path, "--full-res", scene.pan, scene.ms, "--fused", scene.truth)
    titles = [title for title, _ in page.pictures]
    assert titles[:3] == ["PAN", "truth", "exp (MS, interpolated)"]
    assert "How ssdiff denoises" not in page.headings
    assert page.picture("truth").shape[:2] == (384, 384)
    assert "Close up" in page.headings
    places = page.headings[page.headings.index("Close up") + 1 : page.headings.index("Errors")]
    assert {"edge", "shadow"} <= set(places)
    shown = titles[3 : 3 + 3 * len(places)]
    assert shown == ["PAN", "exp (MS, interpolated)", "truth"] * len(places)
    soft, crisp = (page.picture_of(page.pictures[k][1]) for k in (4, 5))
    assert crisp.shape[:2] == (64, 64)
    steps = [np.abs(np.diff(image[..., :3], axis=0)).mean() for image in (soft, crisp)]
    assert steps[1] > 1.3 * steps[0]


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
