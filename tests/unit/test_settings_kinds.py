"""Which texts each kind of setting takes, and what it makes of them."""

from pathlib import PurePosixPath
from typing import Any

import jwt
import pytest

from pfcon.compute.settings import ContainerUser, IdRange, container_user
from pfcon.compute.slurm.settings import sbatch_options
from pfcon.settings import kinds


def refuses(kind: kinds.Kind[Any], *texts: str) -> None:
    """Check that the kind takes none of the texts."""
    for text in texts:
        with pytest.raises(ValueError):  # noqa: PT011 - its text is never shown
            print(f"{text!r} was taken as {kind.parse(text)!r}")


@pytest.mark.parametrize(
    ("texts", "expected"),
    [(("true", "Yes", "1", "ON", "yEs"), True), (("false", "no", "0", "Off", "NO", "fAlse"), False)],
)
def test_booleans_have_four_spellings_in_any_case(texts: tuple[str, ...], expected: bool) -> None:
    assert [kinds.boolean().parse(text) for text in texts] == [expected] * len(texts)


def test_other_words_are_no_booleans() -> None:
    refuses(kinds.boolean(), "maybe", "2", "y", "truely", "-1")


def test_a_number_is_whole_and_within_its_range() -> None:
    kind = kinds.number(8, 10)
    assert [kind.parse(text) for text in ("8", "10", "010")] == [8, 10, 10]
    refuses(kind, "7", "11", "8.0", "+8", "-8", "eight", "8 ", "1_0", "٩", "9" * 50)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1048577", 1048577),
        ("1KiB", 1024),
        ("64 MiB", 64 * 2**20),
        ("3gib", 3 * 2**30),
        ("1 TiB", 2**40),
    ],
)
def test_sizes_are_read_as_bytes(text: str, expected: int) -> None:
    assert kinds.size().parse(text) == expected


def test_sizes_with_other_units_are_refused() -> None:
    refuses(kinds.size(), "1 MB", "1M", "1.5 GiB", "-1", "GiB", "1  KiB", "9999999999999999999 TiB")
    refuses(kinds.size(low=1024), "0", "1023")
    assert kinds.size(low=1024).parse("1 KiB") == 1024


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:5005", ("127.0.0.1", 5005)),
        ("[::1]:5005", ("::1", 5005)),
        ("[::]:65535", ("::", 65535)),
        ("pfcon.example.org:1", ("pfcon.example.org", 1)),
    ],
)
def test_addresses_are_a_host_and_a_port(text: str, expected: tuple[str, int]) -> None:
    assert kinds.address().parse(text) == expected


def test_addresses_without_host_or_port_are_refused() -> None:
    refuses(
        kinds.address(),
        "5005",
        ":5005",
        "host",
        "host:",
        "host:0",
        "host:65536",
        "::1:5005",
        "[::1]",
        "[x]:5005",
    )
    refuses(kinds.address(), "http://host:5005", "a b:5005", "host:50 05")


def test_urls_are_http_and_hold_no_credentials() -> None:
    for text in ("http://swift_service:8080/auth/v1.0", "https://s3.example.org", "http://[::1]:9000"):
        assert kinds.url().parse(text) == text
    refuses(
        kinds.url(),
        "s3.example.org",
        "ftp://host",
        "http://",
        "http://u:p@host",
        "http://host:99999",
        "http://[::1",
    )
    refuses(kinds.url(), "http://ho st", "http://host:0", "http://host\n", "http://a..b", f"http://{'a' * 64}")


def test_databases_are_sqlite_files_or_postgresql() -> None:
    for text in (
        "sqlite:////var/db",
        "postgresql://u:p@db/pfcon",
        "postgresql+psycopg://db/x?sslmode=require",
    ):
        assert kinds.database_url().parse(text) == text
    refuses(kinds.database_url(), "mysql://db/x", "/var/db", "sqlite://", "sqlite:///:memory:", "postgresql://")
    refuses(kinds.database_url(), "sqlite:///file::memory:?cache=shared")


def test_directories_are_absolute() -> None:
    assert kinds.directory().parse("/data/store/") == PurePosixPath("/data/store")
    refuses(kinds.directory(), "data", "./data", "/", "/data/../etc", "~/data", "/da\nta")


def test_choices_have_aliases_and_any_case() -> None:
    kind = kinds.one_of(("docker", "cromwell", "slurm"), {"podman": "docker"})
    assert [kind.parse(text) for text in ("Docker", "podman", "slurm")] == ["docker", "docker", "slurm"]
    refuses(kind, "dockr", "docker,slurm")
    assert kind.accepts == "docker, cromwell or slurm (podman means docker)"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1000:2000", ContainerUser(IdRange(1000, 1000), IdRange(2000, 2000))),
        ("1000-1999:5", ContainerUser(IdRange(1000, 1999), IdRange(5, 5))),
        ("1:7-7", ContainerUser(IdRange(1, 1), IdRange(7, 7))),
        (":0", ContainerUser(None, IdRange(0, 0))),
        ("4294967294:", ContainerUser(IdRange(4294967294, 4294967294), None)),
        (":", ContainerUser(None, None)),
    ],
)
def test_users_are_ids_or_ranges_of_them(text: str, expected: ContainerUser) -> None:
    assert container_user().parse(text) == expected


def test_other_users_are_refused() -> None:
    refuses(
        container_user(),
        "1000",
        "4294967295:0",
        "2-1:0",
        "a:b",
        "1:2:3",
        "-1:0",
        "1-:0",
        "1 :2",
        "1-2-3:4",
    )


def test_pairs_keep_their_order_and_may_have_empty_values() -> None:
    assert kinds.pairs().parse("b=2, a = x=y ,c=,") == (("b", "2"), ("a", "x=y"), ("c", ""))
    refuses(kinds.pairs(), "a", "=b", "a=1,a=2", "a=1,,b=2", "a b=c", ",")


def test_names_are_separated_by_commas() -> None:
    kind = kinds.names("names", r"[a-z]+")
    assert kind.parse("one, two") == ("one", "two")
    refuses(kind, "one,,two", "One", "one two", ",")


def test_every_value_that_is_present_means_yes() -> None:
    assert kinds.present().parse("0") is True


def test_texts_are_one_line() -> None:
    assert kinds.text("").parse("pass word ü") == "pass word ü"
    refuses(kinds.text(""), "two\nlines", "nul\x00", "newline\n")


@pytest.mark.parametrize("user", ["x" * 198, "ü" * 33, "😀" * 16])
def test_the_longest_users_leave_a_token_below_500_characters(user: str) -> None:
    assert kinds.user_name().parse(user) == user
    refuses(kinds.user_name(), user + user[0])
    token = jwt.encode({"pfcon_user": user, "exp": 4_000_000_000}, "k" * 32, algorithm="HS256")
    assert len(token) < 500


def test_further_sbatch_options_are_words_as_a_shell_has_them() -> None:
    parse = sbatch_options().parse
    found = parse("--reservation=a --exclusive --licenses='two words'")
    assert found == ("--reservation=a", "--exclusive", "--licenses=two words")
    refuses(sbatch_options(), "-p x", "reservation", "--", "'--a", "--Ab", "")


@pytest.mark.parametrize("option", ["--output=/x", "--wrap=id", "--arr=1-9", "--uid=0", "--export=ALL", "--wait"])
def test_sbatch_options_that_pfcon_sets_are_refused_also_when_cut_short(option: str) -> None:
    refuses(sbatch_options(), option)
