"""All that is measured of speed, memory and cost, one after the other, each in a process of its own: half an hour.

`--write` and `--quick` go to each; what else is on the command line is for `overhead` (`--litellm`, `--portkey`, …).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence

import msgspec


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A benchmark, and how it is run here."""

    name: str
    usual: tuple[str, ...] = ()
    quick: tuple[str, ...] = ("--quick",)
    is_judged: bool = True
    """False for what is too short here to be written down or to count as failed."""


STEPS = (
    Step(name="overhead"),
    Step(name="sizes"),
    Step(name="latency", quick=("--sizes", "2000", "--rounds", "1", "--questions", "50", "--exchanges", "50")),
    Step(name="soak", usual=("--minutes", "5"), quick=("--minutes", "0.3"), is_judged=False),
    Step(name="cost"),
    Step(name="profile"),
)
"""`overhead` has the start-up in it, and `latency` how many turns are learnt while others ask. Calls are known again
for ten minutes, so that in five memory still grows: `scripts/soak` is long enough to say whether anything leaks."""


def commands(arguments: Sequence[str]) -> list[tuple[Step, list[str]]]:
    """What to run for these arguments."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="each as short as it can be: to see that it works")
    parser.add_argument("--write", action="store_true", help="write the sections into docs/benchmarks.md")
    known, others = parser.parse_known_args(arguments)
    return [
        (
            step,
            [
                *(sys.executable, "-m", f"benchmarks.{step.name}"),
                *(step.quick if known.quick else step.usual),
                *(["--write"] if known.write and step.is_judged else []),
                *(others if step.name == "overhead" else []),
            ],
        )
        for step in STEPS
    ]


def main() -> None:
    """Run all, also where one fails, and exit with 1 then."""
    failed = []
    for step, command in commands(sys.argv[1:]):
        print(f"== {' '.join(command[2:])}", flush=True)
        if subprocess.run(command).returncode and step.is_judged:
            failed.append(step.name)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
