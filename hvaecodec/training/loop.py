"""The one training loop: a task supplies loss and validation, the loop steps, averages, logs and saves.

Resumable to the bit on one machine when the budget is in steps: see `checkpoint`.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hvaecodec.training.checkpoint import (
    Checkpoint,
    Position,
    load_checkpoint,
    moments,
    restore_moments,
    save_checkpoint,
)
from hvaecodec.training.optimisers import make_optimiser
from hvaecodec.training.place import counter_rng
from hvaecodec.training.ranks import Ranks
from hvaecodec.training.recipes.common import LoopConfig

LOG = "log.jsonl"

# (part of the budget that is spent, words about the last step)
Report = Callable[[float, str], None]


@dataclass(frozen=True)
class Moment:
    """Tells a task the time: the step's number and the part of the budget that is spent, 0..1."""

    step: int
    fraction: float


class Task(Protocol):
    """Holds one net and what it is trained on."""

    @property
    def net(self) -> nn.Module:
        """Return the net whose parameters the loop trains."""
        ...

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of one step, a scalar, and scalars for the log.

        All that is random comes from `rng` (on the CPU), the default generators of torch, or generators of the task's
        place under the step's number; the loop seeds the former two for every step.
        """
        ...

    def validate(self) -> dict[str, Any]:
        """Return metrics of the net as it stands (the loop puts the averaged weights in), ready for JSON."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Return what a resumed run needs of this rank beside the net."""
        ...

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` returned; {} if this rank was not there."""
        ...


class Stateless:
    """Lets a `Task` keep nothing between steps: a resumed run needs its net alone."""

    def state(self) -> dict[str, Tensor]:
        """Return nothing."""
        return {}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Leave the task as it is."""


def learning_rate(config: LoopConfig, moment: Moment) -> float:
    """Return the learning rate: a linear warm-up over steps times a cosine over the budget down to `floor` of it.

    Where the schedule is constant there is no cosine.
    """
    cosine = 0.5 * (1 + math.cos(math.pi * moment.fraction)) * (1 - config.floor) + config.floor
    later = cosine if config.schedule == "cosine" else 1.0
    return config.learning_rate * min(1, (moment.step + 1) / max(1, config.warm_up)) * later


class Average:
    """Follows a net's parameters by their exponential moving average, whose memory grows from none to `decay`."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: p.detach().clone() for name, p in net.named_parameters()}

    def update(self, net: nn.Module, step: int) -> None:
        """Take in the parameters as they are after step number `step`, counted from 1."""
        decay = min(self.decay, (step + 1) / (step + 10))
        torch._foreach_lerp_(list(self.values.values()), [p.detach() for p in net.parameters()], 1 - decay)

    @contextlib.contextmanager
    def within(self, net: nn.Module) -> Iterator[None]:
        """Put the averaged weights into the net for as long as the block runs."""
        own = {name: p.detach().clone() for name, p in net.named_parameters()}
        _copy(net, self.values)
        try:
            yield
        finally:
            _copy(net, own)


def _copy(net: nn.Module, values: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.copy_(values[name])


def spent_fraction(config: LoopConfig, position: Position) -> float:
    """Return the part of the budget that is spent, 0..1."""
    if config.steps is not None:
        return min(1.0, position.step / config.steps)
    return min(1.0, position.seconds / (60 * config.minutes))


@dataclass
class Loop:
    """Trains one stage of a recipe in its folder.

    run: what must be equal for a checkpoint there to be continued. about: what else its checkpoints tell.
    """

    task: Task
    config: LoopConfig
    folder: Path
    _: KW_ONLY
    seed: int = 0
    ranks: Ranks = field(default_factory=Ranks)
    run: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    report: Report = lambda spent, words: None

    def __post_init__(self) -> None:
        self.net = self.task.net
        self.position = Position()
        c = self.config
        if c.channels_last:
            self.net.to(memory_format=torch.channels_last)
        self.optimiser = make_optimiser(self.net, c)
        self.average = Average(self.net, c.ema)

    def train(self) -> Position:
        """Train from the folder's checkpoint, or from the net as it is, until the budget is spent and saved.

        Afterwards the net has the averaged weights. Raises ValueError if the checkpoint is of another run.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        checkpoint = load_checkpoint(self.folder)
        if checkpoint is not None:
            self._resume(checkpoint)
        self.ranks.copy_from_first([t.data for t in (*self.net.parameters(), *self.net.buffers())])
        if checkpoint is None:
            self.average = Average(self.net, self.config.ema)
        sums, saved = _Sums(), self.position
        while True:
            begun, worked = time.monotonic(), time.process_time()
            moment, save = self._now(saved)
            if save:
                self._save()
                saved, begun, worked = self.position, time.monotonic(), time.process_time()
            if moment.fraction >= 1:
                break
            sums.add(*self._step(moment))
            self.position = Position(
                moment.step + 1,
                self.position.seconds + time.monotonic() - begun,
                self.position.cpu_seconds + time.process_time() - worked,
            )
            if self.position.step % self.config.log_every == 0:
                self._log(sums.means() | {"learning_rate": learning_rate(self.config, moment)})
                sums = _Sums()
        _copy(self.net, self.average.values)
        return self.position

    def _now(self, saved: Position) -> tuple[Moment, bool]:
        """Return what time it is and whether to save, as rank 0 has it."""
        spent = spent_fraction(self.config, self.position)
        unsaved = self.position.step > saved.step
        due = unsaved and (spent >= 1 or self.position.seconds - saved.seconds >= 60 * self.config.save_minutes)
        spent, due_there = self.ranks.agree([spent, float(due)], self._device())
        return Moment(self.position.step, spent), bool(due_there)

    def _step(self, moment: Moment) -> tuple[dict[str, Tensor], bool]:
        """Take a step of the optimiser, unless the gradient is not finite; return scalars to log and whether it was."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.config, moment)
        first, second = counter_rng(self.seed, self.ranks.rank, moment.step).integers(2**63, size=2)
        torch.manual_seed(int(first))
        loss, logs = self.task.loss(moment, torch.Generator().manual_seed(int(second)))
        loss.backward()
        if self.ranks.world > 1:
            self.ranks.average([_gradient(p) for p in self.net.parameters()])
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.config.clip)
        finite = bool(torch.isfinite(norm))
        if finite:
            self.optimiser.step()
        self.optimiser.zero_grad()
        self.average.update(self.net, moment.step + 1)
        self.report(moment.fraction, f"step {moment.step}")
        return {"loss": loss.detach(), "gradient_norm": norm.detach()} | logs, finite

    def _save(self) -> None:
        """Validate and write the checkpoint, rank 0 on behalf of all."""
        states = self.ranks.gather({name: value.cpu() for name, value in self.task.state().items()})
        if self.ranks.rank == 0:
            with self.average.within(self.net):
                self.about["metrics"] = self.task.validate()
            tensors = {f"net.{name}": value for name, value in self.net.state_dict().items()}
            tensors |= {f"ema.{name}": value for name, value in self.average.values.items()}
            tensors |= {f"adam.{name}": value for name, value in moments(self.optimiser, self.net).items()}
            for rank, state in enumerate(states):
                tensors |= {f"task.{rank}.{name}": value for name, value in state.items()}
            save_checkpoint(self.folder, Checkpoint(self.position, self.run, self.about, tensors))
            self._log({"valid": self.about["metrics"]})
        self.ranks.wait()

    def _resume(self, checkpoint: Checkpoint) -> None:
        if checkpoint.run != self.run:
            raise ValueError(
                f"{self.folder} holds a run with other settings or data; choose another folder to train in"
            )
        self.net.load_state_dict(checkpoint.part("net."))
        restore_moments(self.optimiser, self.net, checkpoint.part("adam."))
        for name, value in checkpoint.part("ema.").items():
            self.average.values[name].copy_(value)
        self.task.load_state(checkpoint.part(f"task.{self.ranks.rank}."))
        self.position = checkpoint.position
        self.about = checkpoint.about | self.about

    def _log(self, record: dict[str, Any]) -> None:
        """Append one JSON line to the log."""
        if self.ranks.rank == 0:
            head = {"step": self.position.step, "seconds": round(self.position.seconds, 1)}
            head |= {"cpu_seconds": round(self.position.cpu_seconds, 1)}
            with (self.folder / LOG).open("a", encoding="utf-8") as file:
                file.write(json.dumps(head | record) + "\n")

    def _device(self) -> torch.device:
        return next(self.net.parameters()).device


def _gradient(parameter: nn.Parameter) -> Tensor:
    if parameter.grad is None:  # unused in this step here, perhaps not elsewhere
        parameter.grad = torch.zeros_like(parameter)
    return parameter.grad


class _Sums:
    """Adds up what steps log; a step whose gradient was not finite only counts as skipped."""

    def __init__(self) -> None:
        self.sums: dict[str, Tensor] = {}
        self.steps = self.skipped = 0

    def add(self, logs: dict[str, Tensor], finite: bool) -> None:
        """Take in what a step logs. finite: whether its gradient was."""
        if not finite:
            self.skipped += 1
            return
        self.steps += 1
        for name, value in logs.items():
            self.sums[name] = self.sums.get(name, torch.zeros_like(value)) + value

    def means(self) -> dict[str, float]:
        """Return the means over the steps so far, and how many were skipped, if any."""
        means = {name: round(float(value) / self.steps, 5) for name, value in self.sums.items()}
        return means | ({"skipped": self.skipped} if self.skipped else {})
