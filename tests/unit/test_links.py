"""ChRIS links: each rule of the contract. Zips and random trees are tested in files of their own."""

import pytest
from support.links import MemoryStorage, stage, tree_of

from pfcon.errors import Refused, TooLarge
from pfcon.links import is_at_or_below
from pfcon.links.budget import Budget
from pfcon.links.expansion import Expansion


def test_the_contracts_example() -> None:
    files = {
        "in/home_bob.chrislink": "home/bob\n",
        "home/bob/PIPELINES_bob.chrislink": " PIPELINES/bob ",
        "PIPELINES/bob/pipeline.yml": "x",
    }
    staged, notes = stage(files, "in")
    assert staged == {"home_bob/PIPELINES_bob/pipeline.yml": "PIPELINES/bob/pipeline.yml"}
    assert notes == ""


def test_a_link_to_a_file_gives_its_parents_directory_with_that_file_alone() -> None:
    staged, _ = stage({"in/d/l.chrislink": "home/bob/a.txt", "home/bob/a.txt": "", "home/bob/b.txt": ""}, "in")
    assert staged == {"d/home_bob/a.txt": "home/bob/a.txt"}


def test_a_link_to_a_file_at_the_storage_root_puts_it_beside_the_link() -> None:
    staged, _ = stage({"in/d/l.chrislink": "a.txt", "a.txt": ""}, "in")
    assert staged == {"d/a.txt": "a.txt"}


def test_a_link_to_a_link_file_is_expanded_where_that_file_would_be() -> None:
    staged, _ = stage({"in/l.chrislink": "x/m.chrislink", "x/m.chrislink": "y", "y/f": ""}, "in")
    assert staged == {"x/y/f": "y/f"}


def test_several_roots_merge_each_relative_to_its_own() -> None:
    staged, notes = stage({"a/x/1": "", "b/c/x/2": "", "b/c/3": "", "d/file": ""}, "a", "b/c", "d/file", "a")
    assert staged == {"x/1": "a/x/1", "x/2": "b/c/x/2", "3": "b/c/3", "file": "d/file"}
    assert notes == ""


def test_paths_compare_by_components() -> None:
    files = {"foo/a/1": "", "foo/ab/2": "", "in/l.chrislink": "foo/a", "in/m.chrislink": "foo/ab"}
    staged, _ = stage(files, "in", output="foo/abc")
    assert sorted(staged) == ["foo_a/1", "foo_ab/2"]
    assert [is_at_or_below(path, "foo/a") for path in ("foo/a", "foo/a/b", "foo/ab", "foo")] == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize("target", ["/etc", "../x", "a/../b", "", "  ", "./", "a\0b", "out", "out/put", "./out//put/"])
def test_a_target_that_leads_out_or_to_the_output_is_refused(target: str) -> None:
    files = {"in/l.chrislink": target, "out/put/f": "", "b/f": ""}
    with pytest.raises(Refused, match="Invalid input path: "):
        stage(files, "in", output="out/put")


def test_a_target_below_the_output_or_beside_it_is_no_fault() -> None:
    files = {
        "in/l.chrislink": "out/put/deep",
        "in/m.chrislink": "out/putter",
        "out/put/deep/f": "",
        "out/putter/g": "",
    }
    assert len(stage(files, "in", output="out/put")[0]) == 2


@pytest.mark.parametrize("root", ["/a", "a/../b", "..", "."])
def test_a_root_that_leads_out_is_refused(root: str) -> None:
    with pytest.raises(Refused, match="Invalid input path: "):
        stage({"a/f": ""}, root)


def test_what_does_not_exist_is_left_out_with_a_note() -> None:
    staged, notes = stage({"in/l.chrislink": "gone/away", "in/f": ""}, "in", "no/where")
    assert sorted(staged) == ["f"]
    assert "'gone/away'" in notes
    assert "'no/where'" in notes


@pytest.mark.parametrize("content", [b"x" * 4097, b"\xff\xfe"], ids=["too long", "no text"])
def test_what_is_no_link_is_left_out_with_a_note(content: bytes) -> None:
    staged, notes = stage({"in/l.chrislink": content, "in/f": ""}, "in")
    assert sorted(staged) == ["f"]
    assert "in/l.chrislink" in notes


def test_a_link_to_its_own_directory_or_one_above_ends() -> None:
    files = {
        "in/d/l.chrislink": "in/d",
        "in/d/m.chrislink": "in",
        "in/d/n.chrislink": "in/d/n.chrislink",
        "in/d/f": "",
    }
    staged, notes = stage(files, "in")
    assert staged == {"d/f": "in/d/f"}
    assert notes.count("already being staged") == 3


def test_a_directory_above_an_input_root_is_expanded_once() -> None:
    staged, notes = stage({"home/in/l.chrislink": "home", "home/in/f": "", "home/g": ""}, "home/in")
    assert staged == {"f": "home/in/f", "home/g": "home/g", "home/in/f": "home/in/f"}
    assert notes.count("already being staged") == 1


def test_a_link_directory_merges_with_a_real_one() -> None:
    staged, notes = stage({"in/l.chrislink": "a/b", "in/a_b/1": "", "a/b/2": "", "a/b/1": "other"}, "in")
    assert staged == {"a_b/1": "in/a_b/1", "a_b/2": "a/b/2"}
    assert "'a/b/1'" in notes


def test_the_same_file_twice_at_one_place_is_staged_once_silently() -> None:
    files = {"in/l.chrislink": "a/b", "in/m.chrislink": "a/b", "in/n.chrislink": "a/b/1", "a/b/1": ""}
    assert stage(files, "in") == ({"a_b/1": "a/b/1"}, "")


def test_a_directory_reached_in_two_ways_has_what_either_way_brings() -> None:
    files = {"p/l.chrislink": "t", "q/l.chrislink": "t", "t/m.chrislink": "p", "t/f": "", "p/g": ""}
    staged, notes = stage(files, "p", "q")
    assert staged == {"g": "p/g", "t/f": "t/f", "t/p/g": "p/g"}  # from p alone, t's link to p would end there
    assert notes.count("already being staged") == 2


def test_a_directory_in_the_way_of_a_file_stays_though_nothing_in_it_does() -> None:
    staged, notes = stage(
        {"in/a/b/x.chrislink": "in", "in/a/l.chrislink": "c/f", "in/a/c/f/y.chrislink": "in", "c/f": ""}, "in"
    )
    assert staged == {}
    assert "left out 'c/f': 'a/c/f' is already staged from another path" in notes


def test_a_file_in_the_way_of_a_directory_stays_and_is_told() -> None:
    staged, notes = stage({"in/a_b": "file", "in/l.chrislink": "a/b", "a/b/1": ""}, "in")
    assert staged == {"a_b": "in/a_b"}
    assert "'a/b'" in notes


def test_empty_directories_are_told_others_not() -> None:
    staged, _ = stage({"in/d/empty/": "", "in/d/f": "", "in/l.chrislink": "void", "void/": ""}, "in")
    assert sorted(staged) == ["d/empty/", "d/f", "void/"]


def test_a_name_that_no_file_system_takes_is_refused() -> None:
    target = "/".join(["x" * 100] * 3)
    with pytest.raises(Refused, match="too long"):
        stage({"in/l.chrislink": target, f"{target}/f": ""}, "in")


def bomb() -> dict[str, bytes | str]:
    files: dict[str, bytes | str] = {f"d{n}/l{i}.chrislink": f"d{n + 1}/s{i}" for n in range(12) for i in range(9)}
    files |= {f"d{n}/s{i}/m{k}.chrislink": f"d{n + 1}/s{k}" for n in range(1, 12) for i in range(9) for k in range(9)}
    return files | {"d0/start": "", "d12/s1/end": "x" * 50}


def test_links_that_multiply_hit_a_limit() -> None:
    walk = Expansion(MemoryStorage(tree_of(bomb())), Budget(1000, 0))
    with pytest.raises(TooLarge, match="PFCON_MAX_FILES"):
        list(walk.walk(["d0"]))


@pytest.mark.parametrize(("budget", "setting"), [(Budget(2, 0), "MAX_FILES"), (Budget(0, 299), "MAX_UNPACKED_BYTES")])
def test_files_count_as_often_as_they_are_staged(budget: Budget, setting: str) -> None:
    files = {"in/l.chrislink": "x", "in/d/l.chrislink": "x", "in/e/l.chrislink": "x", "x/f": "y" * 100}
    with pytest.raises(TooLarge, match=setting):
        list(Expansion(MemoryStorage(tree_of(files)), budget).walk(["in"]))


def test_a_thousand_notes_are_counted_only() -> None:
    _, notes = stage({f"in/{n}.chrislink": "gone" for n in range(1000)}, "in")
    assert notes.endswith("and 900 more notes")
