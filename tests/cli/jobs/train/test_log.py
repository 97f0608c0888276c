"""The table of a training's steps and its curves."""

from dataclasses import replace
from pathlib import Path

import pytest

from ssdiff_cli.jobs.train.log import (
    COLUMNS,
    LogRow,
    can_draw,
    draw_curves,
    read_log,
    stopped_if_diverging,
    write_log,
)
from ssdiff_models.errors import ModelError
from ssdiff_models.training.loop import StepReport


def row(step: int, loss: float = 1.0, ergas: float | None = None) -> LogRow:
    return LogRow(step=step, loss=loss, rate=0.1, gradient=2.0, ergas=ergas)


def test_a_log_goes_on_where_the_state_is(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    write_log(path, [row(1), row(2, ergas=1.5), row(3)])
    path.write_text(path.read_text() + "4,0.")
    rows = read_log(path, 2)
    assert rows == [row(1), row(2, ergas=1.5)]
    write_log(path, [*rows, row(3, loss=0.5)])
    assert path.read_text().splitlines() == [
        ",".join(COLUMNS),
        "1,1.0,0.1,2.0,,,",
        "2,1.0,0.1,2.0,,1.5,",
        "3,0.5,0.1,2.0,,,",
    ]


@pytest.mark.parametrize("text", ["", "step,loss\n1,2\n", "a,b\n1,2,3\n", "\x00\n"])
def test_another_file_in_the_logs_place_has_no_rows(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(text)
    assert read_log(path, 2) == []


def test_a_loss_that_runs_away_stops_the_training() -> None:
    losses = [0.1 if step % 2 else 0.3 for step in range(20)]
    reports = [
        StepReport(step=step, loss=loss, rate=0.1, gradient=1.0)
        for step, loss in enumerate([*losses, 500.0])
    ]
    seen: list[StepReport] = []
    with pytest.raises(ModelError, match=r"diverged at step 20: the loss is 500, it was 0\.1"):
        seen.extend(stopped_if_diverging(reports))
    assert list(stopped_if_diverging(reports[:-1])) == reports[:-1]


def test_curves_are_drawn_with_and_without_q2n(tmp_path: Path) -> None:
    rows = [row(1), row(2, ergas=1.5), replace(row(3, ergas=1.2), sam=2.0, q2n=0.9)]
    draw_curves(tmp_path / "m.png", rows)
    assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")


def test_curves_need_matplotlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert can_draw(tmp_path / "m.png")
    monkeypatch.setattr("ssdiff_cli.jobs.train.log.find_spec", lambda _name: None)
    with caplog.at_level("INFO", logger="ssdiff_cli"):
        assert not can_draw(tmp_path / "m.png")
    assert "matplotlib is not installed" in caplog.text
