"""What whoever runs the benchmarks may choose."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """`quick` is for trying: everything a tenth as long. `rows` and `hold_seconds` are those of backlog and hold."""

    rounds: int
    quick: bool
    rows: int
    hold_seconds: int

    def seconds(self, full: float) -> float:
        return full / 10 if self.quick else full

    def events(self, full: int) -> int:
        return full // 10 if self.quick else full
