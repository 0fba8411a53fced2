"""Ask whether what the lock files name has known vulnerabilities: `.venv-tools/bin/python dev/audit.py`.

pip-audit asks, for each file of requirements/. What requirements/audit-exceptions.toml names is passed over until its
day. The exit status is 0 when all is well, 1 when anything is not, 3 when the service that knows does not answer: then
nothing was checked.
"""

import datetime
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EXCEPTIONS = ROOT / "requirements" / "audit-exceptions.toml"
UNANSWERED = 3
FIELDS = {"id": str, "package": str, "reason": str, "expires": datetime.date}
SECONDS = 600.0  # for one file


def read_exceptions(path: Path, today: datetime.date) -> tuple[set[tuple[str, str]], list[str]]:
    """Pairs of package and vulnerability that are passed over, and faults of the list itself."""
    allowed: set[tuple[str, str]] = set()
    faults: list[str] = []
    for number, entry in enumerate(tomllib.loads(path.read_text(encoding="utf-8")).get("exception", []), 1):
        name = f"{path.name}: exception {number}"
        wrong = [field for field, kind in FIELDS.items() if type(entry.get(field)) is not kind or not entry[field]]
        if wrong or entry.keys() - FIELDS.keys():
            faults.append(f"{name} needs {', '.join(FIELDS)}, and nothing else")
        elif entry["expires"] < today:
            faults.append(f"{name}, {entry['id']} of {entry['package']}, has expired on {entry['expires']}")
        else:
            allowed.add((entry["package"], entry["id"]))
    return allowed, faults


def judge(dependencies: list[dict[str, Any]], allowed: set[tuple[str, str]]) -> list[str] | None:
    """Lines about what is wrong, of pip-audit's answer; None where the service knew none of the packages."""
    if all("skip_reason" in found for found in dependencies):
        return None
    lines = []
    for found in dependencies:
        if "skip_reason" in found:
            lines.append(f"{found['name']}: could not be checked: {found['skip_reason']}")
            continue
        for fault in found["vulns"]:
            if not any((found["name"], name) in allowed for name in (fault["id"], *fault["aliases"])):
                mended = ", ".join(fault["fix_versions"]) or "none yet"
                lines.append(f"{found['name']} {found['version']}: {fault['id']}; mended in: {mended}")
    return lines


def ask(file: Path) -> list[dict[str, Any]] | None:
    """What pip-audit finds; None when it gets no answer."""
    words = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--progress-spinner", "off"]
    words += ["--format", "json", "--requirement", str(file)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, subprocess.TimeoutExpired) as error:
        print(f"{file.name}: pip-audit got no answer: {error}", file=sys.stderr)
        return None
    return found


def answers(file: Path) -> bool:
    """Whether the service knows a file's first package; where it does not, it is not there, or knows nothing."""
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if line[0] not in "# \n"]
    with tempfile.TemporaryDirectory(prefix="pfcon-audit-") as directory:
        part = Path(directory) / "first.txt"
        part.write_text("".join(lines[starts[0] : starts[1] if len(starts) > 1 else None]), encoding="utf-8")
        found = ask(part)
    return found is not None and judge(found, set()) is not None


def main() -> int:
    """The command."""
    allowed, lines = read_exceptions(EXCEPTIONS, datetime.datetime.now(datetime.UTC).date())
    files = sorted((ROOT / "requirements").glob("*.lock"))
    unanswered = not answers(files[0])
    for file in () if unanswered else files:
        found = ask(file)
        faults = None if found is None else judge(found, allowed)
        unanswered = unanswered or faults is None
        lines += faults or []
    for line in dict.fromkeys(lines):
        print(line)
    if lines:
        return 1
    if unanswered:
        print("NOT CHECKED: the service that knows of vulnerabilities does not answer here", file=sys.stderr)
        return UNANSWERED
    print(f"no known vulnerabilities in {', '.join(file.name for file in files)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
