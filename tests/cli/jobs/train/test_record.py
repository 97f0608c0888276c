from dataclasses import replace

from ssdiff_cli.jobs.train.record import pooled
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
