"""What is to be said of a picture that is converted: one short sentence each."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Notes:
    """Sentences about one picture. every: all of them, in order. losses: those of what will be gone."""

    every: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)

    def add(self, words: str) -> None:
        """Note a conversion that loses nothing."""
        self.every.append(words)

    def lose(self, words: str) -> None:
        """Note what will be gone."""
        self.every.append(words)
        self.losses.append(words)
