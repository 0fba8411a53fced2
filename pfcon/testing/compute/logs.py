"""The compute contract: the whole log of a job, by ``open_log`` or ``log_after``."""

import os
import re
from collections.abc import Iterator

from pfcon.compute.kept_log import read_at
from pfcon.compute.log import clean_log
from pfcon.models import JobSpec, JobStatus, Resources
from pfcon.testing.compute.harness import Harness
from pfcon.testing.waiting import PATIENCE, checks, eventually

BURSTS = 'i=0; while [ $i -lt 4000 ]; do i=$((i + 1)); echo "line $i"; [ $((i % 400)) -gt 0 ] || sleep 0.2; done'


class LogReader:
    """Reads the log of a job from where it was left, as the service does. data: all that was read."""

    def __init__(self, compute: Harness, spec: JobSpec) -> None:
        self._engine = compute.engine
        self._spec = spec
        self._cursor = ""
        self.data = b""

    def read(self, *, ended: bool = False) -> bytes:
        """Read on, and return all that was read until now."""
        for data, cursor, new_line in self._next(ended=ended):
            missing = b"\n" if new_line and self.data and not self.data.endswith(b"\n") else b""
            self.data += missing + data
            self._cursor = cursor
        return self.data

    def read_to_the_end(self) -> None:
        """Read on while the job runs, and once after its end."""
        assert eventually(lambda: bool(self._engine.logs(self._spec.name, 10)))
        for _ in checks(PATIENCE):
            ended = self._engine.info(self._spec.name).status.final
            self.read(ended=ended)
            if ended:
                return

    def _next(self, *, ended: bool) -> Iterator[tuple[bytes, str, bool]]:
        directory = self._engine.open_log(self._spec.name)
        if directory is None:
            yield from self._engine.log_after(self._spec.name, self._cursor, ended=ended)
            return
        try:
            while (found := read_at(directory, int(self._cursor or 0), 1 << 20)).data:
                self._cursor = str(found.start + len(found.data))
                yield found.data, self._cursor, False
        finally:
            os.close(directory)


def whole_log(compute: Harness, spec: JobSpec) -> bytes:
    """Run a job, and return its log."""
    info = compute.run(spec)
    assert info.status is JobStatus.SUCCEEDED, info.message
    return LogReader(compute, spec).read(ended=True)


def test_the_log_has_the_bytes_that_a_job_wrote(compute: Harness) -> None:
    compute.can.need("log_bytes")
    log = whole_log(compute, compute.shell(r"printf 'a\377\000\n\r\nb\303\251'; printf '\303\n\n no end'"))
    assert log == b"a\xff\x00\n\r\nb\xc3\xa9\xc3\n\n no end"


def test_the_log_has_the_text_that_a_job_wrote(compute: Harness) -> None:
    log = whole_log(compute, compute.shell(r"printf 'a\377b\n\n\nc\303\251 \347\214\253\n no end'"))
    assert clean_log(log).removesuffix("\n") == "a\ufffdb\n\n\ncé 猫\n no end"


def test_long_lines_are_whole(compute: Harness) -> None:
    sizes = (0, 1, 8191, 8192, 16383, 16384, 16385, 32768, 70_000, 200_000)
    script = f"for number, size in enumerate({sizes}): print(chr(97 + number) * size, flush=True)"
    log = whole_log(compute, compute.spec(["python3", "-c", script]))
    lines = [bytes([97 + number]) * size for number, size in enumerate(sizes)]
    assert [len(line) for line in log.splitlines()] == [*sizes]
    assert log == b"".join(line + b"\n" for line in lines)


def test_a_log_of_three_mebibytes_is_whole(compute: Harness) -> None:
    compute.can.need("long_logs")
    script = "for number in range(50_000): print(f'{number:062}')"
    log = whole_log(compute, compute.spec(["python3", "-c", script]))
    assert log == b"".join(b"%062d\n" % number for number in range(50_000))


def test_the_log_of_a_job_that_runs_goes_on_where_it_was_left(compute: Harness) -> None:
    spec = compute.shell('echo one; while [ ! -e "$1"/go ]; do sleep 0.1; done; echo two >&2')
    compute.engine.schedule(spec)
    reader = LogReader(compute, spec)
    assert eventually(lambda: bool(compute.engine.logs(spec.name, 10)))
    assert eventually(lambda: reader.read() == b"one\n")
    assert reader.read() == b"one\n"
    compute.outgoing(spec).joinpath("go").touch()
    compute.wait(spec.name)
    assert reader.read(ended=True) == b"one\ntwo\n"
    assert reader.read(ended=True) == b"one\ntwo\n"


def test_whenever_a_log_is_read_each_line_comes_once(compute: Harness) -> None:
    spec = compute.shell(BURSTS)
    compute.engine.schedule(spec)
    reader = LogReader(compute, spec)
    reader.read_to_the_end()
    assert reader.data == b"".join(b"line %d\n" % number for number in range(1, 4001))


def test_each_line_of_several_workers_comes_once(compute: Harness) -> None:
    compute.can.need("workers")
    script = 'n=${PFCON_WORKER:-$(hostname)}; for i in 1 2 3 4 5; do echo "$i of $n"; sleep 0.1; done'
    spec = compute.shell(script, resources=Resources(workers=3))
    compute.engine.schedule(spec)
    reader = LogReader(compute, spec)
    reader.read_to_the_end()
    form = re.compile(r"(?:worker [1-3]: )?([1-5]) of (\S+)")  # an engine may have one log for all of them
    found = [form.fullmatch(line) for line in reader.data.decode().splitlines()]
    lines = [match.groups() for match in found if match]
    assert len(lines) == len(found) == 15, reader.data
    assert len(set(lines)) == 15
    for worker in {worker for _, worker in lines}:
        assert [number for number, its in lines if its == worker] == ["1", "2", "3", "4", "5"]


__all__ = [name for name in [*globals()] if name.startswith("test_")]
