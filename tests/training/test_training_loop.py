"""The loop: schedules, averages, checkpoints, and that an interrupted run continues to the bit."""

from __future__ import annotations

import json
import os

import pytest
import torch
from smooth import check_that_it_resumes, quick, stop_at, tiny_recipe, write_pictures
from torch import nn

from hvaecodec.codec.errors import CodecError
from hvaecodec.training.checkpoint import NAME, Checkpoint, Position, load_checkpoint, load_weights, save_checkpoint
from hvaecodec.training.limited_loop import LimitedLoop, setting
from hvaecodec.training.loop import LOG, Average, Loop, Moment, learning_rate, spent_fraction
from hvaecodec.training.recipes import LoopConfig
from hvaecodec.training.run import Settings, train_recipe


class Line:
    """Fits a line; the loss of step `bad` is not a number."""

    def __init__(self, bad: int = -1) -> None:
        torch.manual_seed(0)
        self.net, self.bad, self.sums = nn.Linear(2, 1), bad, []

    def loss(self, moment, rng):
        x = torch.randn(8, 2, generator=rng)
        self.sums.append(float(x.sum()))
        error = ((self.net(x) - x.sum(1, keepdim=True)) ** 2).mean()
        return error * (float("nan") if moment.step == self.bad else 1), {"error": error.detach()}

    def validate(self):
        return {"weight": self.net.weight.flatten().tolist()}

    def state(self):
        return {}

    def load_state(self, state):
        assert state == {}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("photos"))


@pytest.mark.parametrize("name", ["dct-vae-photo-prior", "dct-vae-photo-generator"])
def test_three_steps_and_three_resumed_are_six_steps(name, photos, tmp_path):
    checkpoint = check_that_it_resumes(tiny_recipe(name, 6, save_minutes=0), photos, tmp_path, step=3)
    assert checkpoint.position.step == 6


def test_the_whole_recipe_resumes_in_the_middle_of_searched_symbols(photos, tmp_path):
    recipe = tiny_recipe("dct-vae-photo", 40, save_minutes=0, log_every=100)
    first = recipe.stages[2]
    assert first.name == "prior-searched" and first.task.symbols == "searched" and first.loop.steps == 4
    plain = [stage for stage in recipe.stages if stage.task.symbols == "plain"]
    short = tuple(tiny_recipe("dct-vae-photo", 4, save_minutes=0).stage(stage.name) for stage in plain)
    recipe = type(recipe)(recipe.name, recipe.preset, (*short, *recipe.stages[2:]), count_crops=1)
    with pytest.raises(KeyboardInterrupt):
        train_recipe(recipe, Settings(photos, tmp_path / "halves"), stop_at(1, first.name))
    train_recipe(recipe, Settings(photos, tmp_path / "halves"))
    train_recipe(recipe, Settings(photos, tmp_path / "whole"))
    for stage in recipe.stages:
        whole, halves = (load_checkpoint(tmp_path / run / stage.name) for run in ("whole", "halves"))
        assert all(torch.equal(whole.tensors[key], halves.tensors[key]) for key in whole.tensors)
    assert any(key.startswith("task.0.") and key.endswith(".symbols") for key in whole.tensors)


def test_checkpoint_is_replaced_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    def checkpoint(step: int) -> Checkpoint:
        return Checkpoint(Position(step), {}, {}, {"net.w": torch.full((3,), float(step))})

    save_checkpoint(tmp_path, checkpoint(1))
    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", lambda *paths: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(CodecError, match="no space left"):
            save_checkpoint(tmp_path, checkpoint(2))
    assert load_checkpoint(tmp_path).tensors["net.w"].tolist() == [1, 1, 1]
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_damaged_checkpoint_is_an_error_in_one_line(tmp_path):
    (tmp_path / NAME).write_bytes(b"not safetensors at all")
    with pytest.raises(ValueError, match=NAME):
        load_checkpoint(tmp_path)


def test_learning_rate_warms_up_and_falls_to_its_floor():
    config = LoopConfig(learning_rate=1.0, floor=0.02, warm_up=10)
    assert learning_rate(config, Moment(0, 0.0)) == pytest.approx(0.1)
    assert learning_rate(config, Moment(9, 0.0)) == pytest.approx(1)
    assert learning_rate(config, Moment(99, 0.5)) == pytest.approx(0.51)
    assert learning_rate(config, Moment(99, 1.0)) == pytest.approx(0.02)


def test_a_constant_rate_stays_after_its_warm_up():
    config = LoopConfig(learning_rate=1.0, warm_up=10, schedule="constant")
    assert learning_rate(config, Moment(4, 0.0)) == pytest.approx(0.5)
    assert learning_rate(config, Moment(99, 0.7)) == learning_rate(config, Moment(99, 1.0)) == 1


def test_processor_time_is_counted_and_stands_in_the_log(tmp_path):
    position = Loop(Line(), quick(20), tmp_path).train()
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert position.cpu_seconds > 0
    assert lines[-1]["cpu_seconds"] == pytest.approx(position.cpu_seconds, abs=0.1)
    assert load_checkpoint(tmp_path).position == position


def test_budget_is_minutes_or_steps():
    assert spent_fraction(LoopConfig(minutes=2), Position(5, 30)) == 0.25
    assert spent_fraction(LoopConfig(minutes=2, steps=10), Position(5, 1000)) == 0.5
    assert spent_fraction(LoopConfig(minutes=2), Position(5, 1000)) == 1


def test_average_follows_the_weights():
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    average = Average(net, 0.999)
    nn.init.ones_(net.weight)
    average.update(net, 1)
    assert float(average.values["weight"]) == pytest.approx(1 - 2 / 11)
    with average.within(net):
        assert float(net.weight.detach()) == pytest.approx(1 - 2 / 11)
    assert float(net.weight.detach()) == 1


def test_average_is_what_a_trained_net_keeps(tmp_path):
    task = Line()
    Loop(task, quick(5), tmp_path).train()
    saved = load_checkpoint(tmp_path)
    assert torch.equal(task.net.weight, saved.tensors["ema.weight"])
    assert not torch.equal(saved.tensors["ema.weight"], saved.tensors["net.weight"])
    assert saved.about["metrics"]["weight"] == task.net.weight.flatten().tolist()
    again = nn.Linear(2, 1)
    load_weights(again, tmp_path)
    assert torch.equal(again.weight, task.net.weight)


def test_a_step_without_a_finite_gradient_is_skipped_and_told(tmp_path):
    task = Line(bad=2)
    Loop(task, quick(4), tmp_path).train()
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [line.get("skipped", 0) for line in lines if "learning_rate" in line] == [0, 0, 1, 0]
    assert all(value.isfinite().all() for value in load_checkpoint(tmp_path).tensors.values())
    assert lines[-1]["valid"]["weight"]


def test_seed_decides_what_is_drawn(tmp_path):
    tasks = [Line(), Line(), Line()]
    for number, (task, seed) in enumerate(zip(tasks, (1, 1, 2), strict=True)):
        Loop(task, quick(3), tmp_path / str(number), seed=seed).train()
    assert tasks[0].sums == tasks[1].sums != tasks[2].sums
    assert len(set(tasks[0].sums)) == 3


def test_a_folder_with_another_run_is_refused(tmp_path):
    Loop(Line(), quick(1), tmp_path, run={"recipe": "one"}).train()
    with pytest.raises(ValueError, match="other settings"):
        Loop(Line(), quick(2), tmp_path, run={"recipe": "two"}).train()


def test_a_finished_run_goes_on_with_a_larger_budget(tmp_path):
    assert Loop(Line(), quick(2), tmp_path).train().step == 2
    assert Loop(Line(), quick(2), tmp_path).train().step == 2
    assert Loop(Line(), quick(5), tmp_path).train().step == 5


def test_a_limited_loop_ends_at_a_checkpoint_when_its_processor_time_is_spent(tmp_path):
    loop = LimitedLoop(Line(), LoopConfig(steps=10_000_000, minutes=60, log_every=100), tmp_path)
    loop.cpu_minutes = 0.2 / 60
    with pytest.raises(SystemExit) as end:
        loop.train()
    saved = load_checkpoint(tmp_path)
    assert end.value.code == 0 and saved is not None and 0.2 <= saved.position.cpu_seconds < 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a=1e-3", ("a", 1e-3)), ("b=soap", ("b", "soap")), ("c=[1, 2]", ("c", (1, 2))), ("d=x=y", ("d", "x=y"))],
)
def test_a_setting_is_json_or_a_word(text, expected):
    assert setting(text) == expected
