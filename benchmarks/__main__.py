"""`python -m benchmarks`: measures, and prints the tables of the README.

python -m benchmarks                        # everything, on bills of `finops sample`
python -m benchmarks reduce --data DIR      # one measurement, on a delivery of your own
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    allocate,
    api,
    cards,
    cold_start,
    cubes,
    forecasts,
    merge,
    reduce,
    resources,
    views,
    whole,
)

MONTH = "2026-09"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", nargs="*", help=f"of {', '.join(MEASUREMENTS)}; all by default")
    parser.add_argument("--data", type=Path, help="a folder with a CUR 2.0 delivery in Parquet")
    parser.add_argument("--lines", type=int, default=2_000_000, help="of the sample bill otherwise")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each contender")
    parser.add_argument("--scratch", type=Path, help="where files are kept (default: nowhere)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = arguments.scratch or Path(temporary)
        for name in arguments.what or MEASUREMENTS:
            print(f"\n## {name}\n", flush=True)
            told = MEASUREMENTS[name](arguments, scratch)
            print(told, flush=True)


def data(arguments: argparse.Namespace, scratch: Path) -> list[Path]:
    """The files to measure with; a sample bill is written once."""
    if arguments.data:
        return reduce.files_of(arguments.data)
    folder = scratch / f"sample-{arguments.lines}"
    if not folder.exists():
        from finops.local.sample import write_sample

        write_sample(folder, month=MONTH, lines=arguments.lines)
    return reduce.files_of(folder)


def _reduce(arguments: argparse.Namespace, scratch: Path) -> str:
    files = data(arguments, scratch)
    told = f"{reduce.lines_in(files):,} lines in {len(files)} files.\n\n"
    return told + reduce.compare(files, scratch / "reduce", rounds=arguments.rounds)


def _merge(arguments: argparse.Namespace, scratch: Path) -> str:
    return merge.compare(data(arguments, scratch), scratch / "merge", rounds=arguments.rounds)


def _allocate(arguments: argparse.Namespace, scratch: Path) -> str:
    return allocate.compare(scratch / "allocate", rounds=arguments.rounds)


def _resources(arguments: argparse.Namespace, scratch: Path) -> str:
    return resources.compare(scratch / "resources")


def _linearity(arguments: argparse.Namespace, scratch: Path) -> str:
    return reduce.linearity(data(arguments, scratch), scratch / "linear", rounds=arguments.rounds)


def _flatness(arguments: argparse.Namespace, scratch: Path) -> str:
    first = data(arguments, scratch)[0]
    return reduce.flatness(first, scratch / "flat", rounds=arguments.rounds)


def _cold_start(arguments: argparse.Namespace, scratch: Path) -> str:
    parts = [cold_start.starts(rounds=2 * arguments.rounds)]
    for name, code in (("API function", cold_start.API), ("reducer", cold_start.REDUCER)):
        parts.append(f"{name}, heaviest packages:\n\n{cold_start.heaviest(code)}")
    return "\n\n".join(parts)


def _layers(arguments: argparse.Namespace, scratch: Path) -> str:
    return cold_start.layers()


def _load(arguments: argparse.Namespace, scratch: Path) -> str:
    return whole.load(scratch / "load", lines=1_000_000, rounds=max(1, arguments.rounds // 2))


def _api(arguments: argparse.Namespace, scratch: Path) -> str:
    return api.load(scratch / "api", seconds=6 * arguments.rounds)


def _cubes(arguments: argparse.Namespace, scratch: Path) -> str:
    return cubes.compare(scratch / "cubes", rounds=max(1, arguments.rounds // 2))


def _cards(arguments: argparse.Namespace, scratch: Path) -> str:
    return cards.load(scratch / "cards")


def _views(arguments: argparse.Namespace, scratch: Path) -> str:
    return views.compare()


def _forecasts(arguments: argparse.Namespace, scratch: Path) -> str:
    return forecasts.compare()


MEASUREMENTS: dict[str, Callable[[argparse.Namespace, Path], str]] = {
    "reduce": _reduce,
    "merge": _merge,
    "allocate": _allocate,
    "resources": _resources,
    "cubes": _cubes,
    "cards": _cards,
    "views": _views,
    "forecasts": _forecasts,
    "linearity": _linearity,
    "flatness": _flatness,
    "cold_start": _cold_start,
    "layers": _layers,
    "load": _load,
    "api": _api,
}


if __name__ == "__main__":
    main()
