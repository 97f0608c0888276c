"""``ssdiff sharpen --shard`` and ``ssdiff merge``: several runs, one output."""

from pathlib import Path

import pytest
import rasterio

from ssdiff_cli.launcher import read_shard
from ssdiff_cli.rasters.writing.shards import Shard
from ssdiff_models.errors import UsageError
from tests.cli.calls import answer, refusal, save_tiny, ssdiff
from tests.scenes import Scene, SceneFactory

Word = str | Path | int


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("model"), tile=64)


@pytest.fixture
def scene(scene_factory: SceneFactory) -> Scene:
    """Three rows of the file's tiles high."""
    return scene_factory(size=640)


@pytest.mark.parametrize(
    "options", [(), ("--method", "gsa"), ("-f", "COG")], ids=["network", "gsa", "cog"]
)
def test_merged_shards_are_the_file_of_one_run(
    options: tuple[str, ...], scene: Scene, tiny: Path, tmp_path: Path
) -> None:
    model: list[Word] = [] if "--method" in options else ["--model", tiny]
    words: list[Word] = ["sharpen", scene.pan, scene.ms, *options, *model]
    answer(*words, "-o", tmp_path / "whole.tif")
    out = tmp_path / "out.tif"
    shards = [Path(str(answer(*words, "-o", out, "--shard", f"{i}/2")["output"])) for i in (1, 2)]
    assert [path.name for path in shards] == ["out.shard1of2.tif", "out.shard2of2.tif"]
    assert not out.exists()
    assert answer("merge", *shards[::-1], "-o", out) == {"output": str(out), "shards": 2}
    assert out.read_bytes() == (tmp_path / "whole.tif").read_bytes()


def test_the_spread_is_sharded_like_the_image(scene: Scene, tiny: Path, tmp_path: Path) -> None:
    words: list[Word] = [
        "sharpen",
        scene.pan,
        scene.ms,
        "--model",
        tiny,
        "--steps",
        2,
        "--samples",
        2,
    ]
    answer(*words, "-o", tmp_path / "whole.tif", "--uncertainty", tmp_path / "whole-sd.tif")
    for i in (1, 2, 3):
        answer(
            *words,
            "-o",
            tmp_path / "out.tif",
            "--uncertainty",
            tmp_path / "sd.tif",
            "--shard",
            f"{i}/3",
        )
    for name in ("out", "sd"):
        answer("merge", *sorted(tmp_path.glob(f"{name}.shard*")), "-o", tmp_path / f"{name}.tif")
    for name, whole in (("out", "whole"), ("sd", "whole-sd")):
        assert (tmp_path / f"{name}.tif").read_bytes() == (tmp_path / f"{whole}.tif").read_bytes()


def test_a_run_that_its_launcher_numbers(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    report = answer(
        "sharpen",
        scene.pan,
        scene.ms,
        "-o",
        tmp_path / "out.tif",
        "--method",
        "exp",
        "--shard",
        "auto",
    )
    assert str(report["output"]).endswith("out.shard2of3.tif")
    with rasterio.open(str(report["output"])) as shard:
        assert (shard.width, shard.height) == (640, 640)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"RANK": "3", "WORLD_SIZE": "8"}, (4, 8)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "2"}, (1, 2)),
        (
            {
                "SLURM_ARRAY_TASK_ID": "7",
                "SLURM_ARRAY_TASK_MIN": "5",
                "SLURM_ARRAY_TASK_COUNT": "4",
            },
            (3, 4),
        ),
        (
            {
                "SLURM_ARRAY_TASK_ID": "20",
                "SLURM_ARRAY_TASK_MIN": "10",
                "SLURM_ARRAY_TASK_STEP": "10",
                "SLURM_ARRAY_TASK_COUNT": "3",
                "SLURM_PROCID": "1",
                "SLURM_NTASKS": "2",
            },
            (4, 6),
        ),
    ],
)
def test_the_variables_of_launchers(environ: dict[str, str], expected: tuple[int, int]) -> None:
    index, count = expected
    assert read_shard("auto", environ) == Shard(index=index, count=count)


@pytest.mark.parametrize(
    ("text", "environ", "message"),
    [
        ("auto", {}, "Slurm"),
        ("auto", {"WORLD_SIZE": "2"}, "RANK is not set"),
        ("auto", {"RANK": "x", "WORLD_SIZE": "2"}, "RANK is x"),
        ("2", {}, "give i/N"),
        ("0/4", {}, "from 1"),
        ("5/4", {}, "from 1"),
    ],
)
def test_shards_that_cannot_be(text: str, environ: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_shard(text, environ)


def test_what_cannot_be_merged(scene: Scene, tmp_path: Path) -> None:
    words: list[Word] = ["sharpen", scene.pan, scene.ms, "--method", "exp"]
    first = str(answer(*words, "-o", tmp_path / "a.tif", "--shard", "1/2")["output"])
    other = str(
        answer(*words, "-o", tmp_path / "b.tif", "--shard", "2/2", "--dtype", "float32")["output"]
    )
    out = tmp_path / "out.tif"
    assert "of 2 parts shard 2 is not there: make it with --shard 2/2" in refusal(
        ssdiff("merge", first, "-o", out), 3
    )
    assert "another run" in refusal(ssdiff("merge", first, other, "-o", out), 3)
    assert "no finished shard" in refusal(ssdiff("merge", scene.pan, "-o", out), 3)
    assert "cannot be read" in refusal(ssdiff("merge", tmp_path / "none.tif", "-o", out), 3)
    assert "exists" in refusal(ssdiff(*words, "-o", tmp_path / "a.tif", "--shard", "1/2"), 2)
    assert not [path for path in tmp_path.iterdir() if "part" in path.name or path == out]
