from pathlib import Path

import pytest
import torch

from ssdiff_models.errors import ModelError
from ssdiff_models.nets.registry import BASELINES
from ssdiff_models.training.config import TrainingConfig
from ssdiff_models.training.loop import StepReport, Trainer
from tests.models.training.pieces import sampler, trainer


def reports(run: Trainer) -> list[StepReport]:
    return list(run.run(sampler()))


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_a_resumed_run_is_the_same_bit_by_bit(tmp_path: Path) -> None:
    straight, first, second = trainer(), trainer(), trainer()
    expected = reports(straight)
    stream = first.run(sampler())
    begun = [next(stream) for _ in range(3)]
    first.save(tmp_path / "state.pt")
    second.resume(tmp_path / "state.pt")
    assert second.step == 3
    assert [*begun, *reports(second)] == expected
    assert same_weights(second.network, straight.network)
    assert same_weights(second.average, straight.average)
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


def test_every_step_is_reported_once() -> None:
    told = reports(trainer())
    assert [report.step for report in told] == list(range(1, 7))
    assert all(report.loss > 0 and report.gradient > 0 for report in told)
    assert reports_rates(told) == pytest.approx([1e-3, 2e-3, 2e-3, 2e-3, 2e-3, 1e-3])


def reports_rates(told: list[StepReport]) -> list[float]:
    return [report.rate for report in told]


def test_the_rate_rises_stays_and_falls() -> None:
    config = TrainingConfig(steps=100, warmup=10, decay=20, learning_rate=1.0)
    rates = [config.rate(step) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:81] == [1.0] * 72
    assert rates[90] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(0.05)


def test_the_loss_falls_on_a_tiny_set() -> None:
    told = [report.loss for report in reports(trainer(steps=40, decay=10, learning_rate=3e-3))]
    assert sum(told[-10:]) / 10 < 0.65 * sum(told[:2]) / 2


def test_the_average_has_statistics_of_batches_too() -> None:
    kind = BASELINES["mmnet"]
    torch.manual_seed(0)
    run = Trainer(kind.build(kind.config(bands=4)), TrainingConfig(steps=6, size=16, batch=3))
    before = {name: value.clone() for name, value in run.average.named_buffers()}
    reports(run)
    assert before
    for name, value in run.average.named_buffers():
        assert not torch.equal(value, before[name])
        if not value.is_floating_point():
            assert value == run.network.get_buffer(name)


def test_the_average_follows_the_weights() -> None:
    run = trainer(ema=0.5)
    start = {name: weight.clone() for name, weight in run.network.named_parameters()}
    stream = run.run(sampler())
    for _ in range(2):
        previous = {name: weight.clone() for name, weight in run.average.named_parameters()}
        decay = min(0.5, (2 + run.step) / (11 + run.step))
        next(stream)
        for name, weight in run.network.named_parameters():
            expected = decay * previous[name] + (1 - decay) * weight
            assert torch.allclose(dict(run.average.named_parameters())[name], expected, atol=1e-7)
    moved = [
        name
        for name, weight in run.average.named_parameters()
        if not torch.equal(weight, start[name])
    ]
    assert len(moved) > 0.9 * len(start)
    assert not run.average.training
    assert not any(weight.requires_grad for weight in run.average.parameters())


def test_gradients_are_clipped() -> None:
    free, clipped = trainer(clip=1e9, warmup=0), trainer(clip=1e-6, warmup=0)
    assert next(free.run(sampler())).gradient == next(clipped.run(sampler())).gradient
    norms = [
        torch.stack(
            [weight.grad.norm() for weight in run.network.parameters() if weight.grad is not None]
        ).norm()
        for run in (free, clipped)
    ]
    assert norms[1] <= 1e-6 * 1.01 < norms[0]


def test_a_loss_that_is_no_number_stops_the_run_with_the_average_intact() -> None:
    run = trainer()
    stream = run.run(sampler())
    next(stream)
    with torch.no_grad():
        run.network.head[1].bias.fill_(float("nan"))  # type: ignore[index,union-attr]
    with pytest.raises(ModelError, match=r"diverged at step 1.*nan.*learning rate"):
        next(stream)
    assert all(weight.isfinite().all() for weight in run.average.parameters())


@pytest.mark.parametrize("content", [b"", b"no state", None])
def test_files_that_are_no_state_are_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "state.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"state\.pt: not a training state"):
        trainer().resume(path)


def test_the_state_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.pt"
    torch.save({"network": {"weight": torch.zeros(3)}}, path)
    with pytest.raises(ModelError, match="not a training state"):
        trainer().resume(path)
