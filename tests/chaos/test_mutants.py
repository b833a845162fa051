"""The mutants fit the worker as it is; that the checker sees them takes servers and minutes: `make chaos-mutants`."""

import ast
import os
from pathlib import Path

import pytest

from chaos.checker import INVARIANTS
from chaos.faults import ACTS
from chaos.mutants import MUTANTS, Mutant, on_the_path, schedule


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_edits_fit_the_worker_and_make_python(mutant: Mutant, tmp_path: Path) -> None:
    with on_the_path(mutant, tmp_path):
        first = Path(os.environ["PYTHONPATH"].split(os.pathsep)[0])
        for edit in mutant.edits:
            ast.parse((first / "tandem_worker" / edit.file).read_text())

    assert not os.environ.get("PYTHONPATH", "").startswith(str(tmp_path))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_is_to_be_told_by_invariants_there_are_with_faults_there_are(mutant: Mutant) -> None:
    assert set(mutant.told_by) <= {invariant.__name__ for invariant in INVARIANTS}
    assert {fault.kind for fault in schedule(mutant, 40)} <= set(ACTS)


def test_its_faults_come_by_time_and_take_turns() -> None:
    (killing,) = [mutant for mutant in MUTANTS if mutant.name == "commit-before-process"]

    faults = schedule(killing, 20)

    assert [(fault.start, fault.target) for fault in faults] == [
        (6.0, "orders-1"),
        (10.0, "orders-2"),
        (14.0, "orders-1"),
        (18.0, "orders-2"),
    ]
