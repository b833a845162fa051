"""What whoever runs the benchmarks may choose."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """`quick` is for trying: everything a tenth as long. `rows` and `hold_seconds` are those of backlog and hold."""

    rounds: int
    quick: bool
    rows: int = 0
    hold_seconds: int = 0

    def seconds(self, full: float) -> float:
        return full / 10 if self.quick else full

    def events(self, full: int) -> int:
        return full // 10 if self.quick else full
