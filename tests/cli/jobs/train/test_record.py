from dataclasses import replace
from pathlib import Path

import pytest

from ssdiff_cli.jobs.train.record import changed_settings, pooled
from ssdiff_cli.jobs.train.settings_file import read_settings
from tests.models.training.pieces import wald_scene


def test_what_a_model_knows_is_what_it_saw_of_the_world() -> None:
    real, patches = (
        wald_scene("town"),
        [wald_scene(f"train.h5#{number}", 16, number) for number in range(3)],
    )
    made = [wald_scene("town#noisy"), replace(wald_scene("simulated/wv3-0"), sensor="simulated")]
    found = pooled([real, *patches, *made])
    assert [scene.name for scene in found] == ["town", "train.h5#0"]
    assert found[1].gt.shape == (4, 48, 16)


def test_where_all_is_simulated_that_is_all_there_is() -> None:
    made = [replace(wald_scene("simulated/wv3-0"), sensor="simulated")]
    assert pooled(made) == tuple(made)


@pytest.mark.parametrize("text", ["training = 3\n", "[training\n", "", "[training]\nold = 1\n"])
def test_a_record_of_another_version_has_no_changes_to_name(tmp_path: Path, text: str) -> None:
    record = tmp_path / "m.toml"
    record.write_text(text)
    assert list(changed_settings(record, read_settings(None, [], network={}))) == []


def test_a_changed_setting_is_named_unless_it_is_the_length(tmp_path: Path) -> None:
    record = tmp_path / "m.toml"
    record.write_text("[training]\nbatch = 4\nsteps = 10\n")
    settings = read_settings(None, [("training", "batch", 8)], network={})
    assert list(changed_settings(record, settings)) == ["training.batch is 8, the run began with 4"]
