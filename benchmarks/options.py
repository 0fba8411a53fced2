"""The command line. Needs nothing but Python, so that ``-h`` works everywhere."""

import argparse
from pathlib import Path

SECTIONS = (
    "rest",
    "staging",
    "download",
    "health",
    "followers",
    "attack",
    "large",
    "memory",
    "status",
    "watching",
    "records",
    "submissions",
    "slurm",
    "copy",
    "listing",
    "deletion",
    "objects",
)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """only: sections, quick, engine, work."""
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.sh",
        description="Measures pfcon beside unzip, zip -1, cp, find, rm and the bare Docker SDK on this machine, in one "
        "run, and prints Markdown tables. Only ratios hold elsewhere. A target that is missed is told and changes "
        "nothing; a measurement that fails makes the exit status 1.",
        epilog="A full run takes an hour, half of it for `watching`, and 30 GB of disk. "
        f"Sections: {', '.join(SECTIONS)}. On an ext4 without a journal wait some minutes before the next run: "
        "its figures for many files would be false.",
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="NAME", help="measure these sections alone")
    parser.add_argument("--quick", action="store_true", help="trees of a tenth of the size, shorter runs: only a hint")
    parser.add_argument("--engine", choices=("docker", "podman"), help="default: Docker if it answers, else Podman")
    parser.add_argument(
        "--work",
        type=Path,
        metavar="DIR",
        help="work in DIR, on the file system to measure, and keep the zips there for the next run; default: a "
        "temporary directory in /var/tmp",
    )
    return parser.parse_args(argv)
