"""Results as people read them."""

from collections.abc import Mapping

from benchmarks.measuring.results import Result, number


def markdown(title: str, target: str, plot: str, results: Mapping[str, Result]) -> str:
    """`target` makes it, and `plot` is the file beside it."""
    parts = [
        f"# {title}",
        f"Made by `{target}`; [docs/performance.md](../../docs/performance.md) says what each figure means and what"
        " bounds it. Medians of the rounds, with the lowest and the highest.",
        f"![The figures]({plot})",
    ]
    for name, result in results.items():
        parts += [
            f"## {result.title}",
            _figures(result),
            _remarks(result),
            f"<sub>`{target} ONLY={name}`: {_conditions(result)}</sub>",
        ]
    return "\n\n".join(parts) + "\n"


def text(result: Result) -> str:
    """For a terminal."""
    lines = [result.title]
    for series in result.series:
        figure = f"{number(series.median)} {series.unit}"
        lines.append(f"  {series.subject:<28} {series.case:<24} {figure:>24}   ({series.spread})")
    lines += [f"  {'met   ' if aim.met else 'MISSED'} {aim.text}; reached {aim.reached}" for aim in result.aims]
    return "\n".join([*lines, *(f"  {note}" for note in result.notes)])


def _figures(result: Result) -> str:
    if result.by_clients:
        return "\n\n".join(_grid(result, unit) for unit in dict.fromkeys(series.unit for series in result.series))
    rows = [
        f"| {series.subject} | {series.case} | {number(series.median)} {series.unit} | {series.spread} |"
        for series in result.series
    ]
    return "\n".join(["| | | median | lowest to highest |", "|---|---|---:|---:|", *rows])


def _grid(result: Result, unit: str) -> str:
    """Medians: a row for each case, a column for each subject."""
    medians = {(series.case, series.subject): series.median for series in result.series if series.unit == unit}
    subjects = list(dict.fromkeys(subject for _, subject in medians))
    rows = [
        f"| {case} | {' | '.join(number(medians[case, subject]) for subject in subjects)} |"
        for case in dict.fromkeys(case for case, _ in medians)
    ]
    return "\n".join([f"| {unit} | {' | '.join(subjects)} |", f"|---|{'---:|' * len(subjects)}", *rows])


def _remarks(result: Result) -> str:
    aims = [f"{'met' if aim.met else '**missed**'}: {aim.text}; reached {aim.reached}" for aim in result.aims]
    return "\n".join(f"- {remark}" for remark in [*aims, *result.notes])


def _conditions(result: Result) -> str:
    return "; ".join(f"{name} {value}" for name, value in result.conditions.items())
