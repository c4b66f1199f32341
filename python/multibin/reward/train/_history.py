"""What a training run has done: losses, learning rates, validations, examples left out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

__all__ = ["History", "Validation"]


@dataclass(frozen=True)
class Validation:
    """Holds one evaluation on the validation examples.

    >>> Validation(100, 0.4, 0.9).auc
    0.9
    """

    step: int
    """The optimiser steps before it."""
    loss: float
    """The mean cross-entropy of a labelled step, in nats."""
    auc: float | None
    """The area under the ROC curve of the step scores; None where all labels are of one kind."""


@dataclass
class History:
    """Holds what a run has recorded so far, one entry of `losses` and `rates` an optimiser step.

    >>> history = History(losses=[0.7, 0.5], rates=[1e-4, 5e-5])
    >>> history.steps, history.best
    (2, None)
    >>> History.from_json(history.to_json()) == history
    True
    """

    losses: list[float] = field(default_factory=list)
    """The mean cross-entropy of a labelled step, in nats, before the optimiser step."""
    rates: list[float] = field(default_factory=list)
    """The learning rates."""
    validations: list[Validation] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    """Examples left out: `too_long`, `unlabelled`, and both behind `validation_`."""
    stopped_early: bool = False
    """Whether the validation loss ended the run."""
    model: Any = field(default=None, repr=False, compare=False)
    """The trained model; with new adapters, a PEFT model around it. JSON has no model."""

    @property
    def steps(self) -> int:
        """The optimiser steps done."""
        return len(self.losses)

    @property
    def best(self) -> Validation | None:
        """The validation with the lowest loss, the first of equals; None without any."""
        return min(self.validations, key=lambda each: each.loss, default=None)

    @property
    def since_best(self) -> int:
        """The validations after the best one.

        >>> History(validations=[Validation(5, 0.4, None), Validation(9, 0.5, None)]).since_best
        1
        """
        return 0 if self.best is None else len(self.validations) - 1 - self._best_place()

    def _best_place(self) -> int:
        losses = [each.loss for each in self.validations]
        return losses.index(min(losses))

    def to_dict(self) -> dict[str, Any]:
        """Returns the history as plain values.

        >>> History(losses=[0.7], rates=[0.1]).to_dict()["losses"]
        [0.7]
        """
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        del values["model"]
        return {**values, "validations": [asdict(each) for each in self.validations]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> History:
        """Returns the history of what `to_dict` has returned.

        >>> History.from_dict({"losses": [0.7]}).steps
        1
        """
        validations = [Validation(**each) for each in values.get("validations", [])]
        return cls(**{**values, "validations": validations})

    def to_json(self) -> str:
        """Returns the history as one JSON object.

        >>> History().to_json()[:14]
        '{"losses": [],'
        """
        return json.dumps(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> History:
        """Returns the history of what `to_json` has returned.

        >>> History.from_json('{"losses": [0.7]}').losses
        [0.7]
        """
        return cls.from_dict(json.loads(text))

    def plot(self, path: str | Path) -> None:
        """Draws losses and AUC against optimiser steps into a file (.png, .pdf or .svg).

        >>> import tempfile
        >>> history = History(losses=[0.7, 0.5], rates=[0.1, 0.0])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     history.plot(f"{folder}/loss.png")

        Raises:
            ModuleNotFoundError: matplotlib is missing.
            ValueError: the name has another ending, or there is no loss to draw.
        """
        from multibin.reward.train._picture import draw

        draw(self, Path(path))
