"""ChRIS links in an upload: what they stand for is moved there."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from support.links import stage_zip
from support.zips import NO_LIMITS, good_zip, spooled

from pfcon.archive.contents import read_contents
from pfcon.archive.inflating import read_small
from pfcon.archive.limits import UploadLimits
from pfcon.archive.zip_index import ZipTree
from pfcon.archive.zip_links import expand
from pfcon.errors import Refused, TooLarge


def test_in_a_zip_the_files_behind_links_are_moved() -> None:
    files = {
        "a.txt": "",
        "l.chrislink": "home/bob/feeds/feed_2/data",
        "home/bob/feeds/feed_2/data/b.txt": "",
        "home/bob/feeds/feed_2/data/n.chrislink": "home/bob/feeds/feed_3/data",
        "home/bob/feeds/feed_3/data/c.txt": "",
    }
    staged, notes = stage_zip(files)
    first = "home_bob_feeds_feed_2_data"
    assert sorted(staged) == ["a.txt", f"{first}/b.txt", f"{first}/home_bob_feeds_feed_3_data/c.txt"]
    assert notes == ""


def test_in_a_zip_real_folders_that_share_the_top_with_a_target_stay() -> None:
    staged, _ = stage_zip({"l.chrislink": "home/a", "home/a/1": "", "home/ab/2": "", "home/3": "", "home/e/": ""})
    assert sorted(staged) == ["home/3", "home/ab/2", "home/e/", "home_a/1"]


def test_in_a_zip_a_file_linked_twice_is_staged_twice() -> None:
    staged, _ = stage_zip({"d/l.chrislink": "p/f", "e/l.chrislink": "p", "p/f": "", "p/g": ""})
    assert sorted(staged) == ["d/p/f", "e/p/f", "e/p/g"]


def test_in_a_zip_a_single_linked_file_moves_and_its_neighbours_stay() -> None:
    staged, _ = stage_zip({"l.chrislink": "p/f", "p/f": "", "p/g": ""})
    assert sorted(staged) == ["p/f", "p/g"]
    assert stage_zip({"d/l.chrislink": "p/f", "p/f": "", "p/g": ""})[0].keys() == {"d/p/f", "p/g"}


def test_in_a_zip_a_link_above_itself_moves_nothing() -> None:
    staged, notes = stage_zip({"home/bob/l.chrislink": "home", "home/bob/f": "", "home/g": ""})
    assert sorted(staged) == ["home/bob/f", "home/g"]
    assert "already being staged" in notes


def test_in_a_zip_a_ring_of_links_keeps_its_first_directory_in_place() -> None:
    staged, _ = stage_zip({"a/l.chrislink": "b", "b/l.chrislink": "a", "a/1": "", "b/2": ""})
    assert sorted(staged) == ["a/1", "a/b/2"]


def test_in_a_zip_a_ring_that_a_later_ring_links_to_stays_in_place_too() -> None:
    links = {"a/l": "a2", "a2/l": "a", "b/k": "a", "b/l": "b2", "b2/l": "b"}
    files = {f"{name}.chrislink": target for name, target in links.items()}
    staged, _ = stage_zip({**files, "a/1": "", "a2/2": "", "b/3": "", "b2/4": ""})
    assert sorted(staged) == ["a/1", "a/a2/2", "b/3", "b/a/1", "b/a/a2/2", "b/b2/4"]


def test_in_a_zip_what_a_name_in_the_way_keeps_from_moving_stays_in_place() -> None:
    staged, notes = stage_zip({"p_q": "", "l.chrislink": "p/q", "p/q/f": ""})
    assert sorted(staged) == ["p/q/f", "p_q"]
    assert notes != ""


def expanded(files: Mapping[str, bytes], limits: UploadLimits, size: int | None = None) -> int:
    """Expand a zip with these files, or one that is said to have so many bytes; how many files are staged."""
    upload = spooled(good_zip(files))
    with upload.file:
        contents = read_contents(upload.file.fileno(), upload.size, NO_LIMITS)
        tree = ZipTree(contents.members, contents.count, lambda member: read_small(upload.file.fileno(), member), None)
        with tree:
            expand(tree, limits, size or upload.size)
            return tree.placing().nfiles


LINKED = {f"{n}/l.chrislink": b"p" for n in range(9)} | {"p/f": b"x" * 100}


def test_limits_of_the_upload_hold_for_expanded_zips() -> None:
    with pytest.raises(TooLarge, match="PFCON_MAX_UNPACKED_BYTES"):
        expanded(LINKED, replace(NO_LIMITS, unpacked_bytes=500))
    assert expanded(LINKED, replace(NO_LIMITS, unpacked_bytes=900)) == 9


def test_directories_of_expanded_zips_count_too() -> None:
    with pytest.raises(TooLarge, match="more than 26 files and directories"):
        expanded(LINKED, replace(NO_LIMITS, files=26))
    assert expanded(LINKED, replace(NO_LIMITS, files=27)) == 9  # each below two directories


@pytest.mark.parametrize(("links", "refused"), [(25, False), (26, True)])
def test_the_ratio_of_expanded_zips_is_limited(links: int, refused: bool) -> None:
    files = {f"{n}/l.chrislink": b"p" for n in range(links)} | {"p/f": bytes(10 << 20)}
    limits = replace(NO_LIMITS, ratio=10)
    if refused:
        with pytest.raises(TooLarge, match=r"its links expanded, .* compression ratio .*PFCON_MAX_RATIO"):
            expanded(files, limits)
    else:
        assert expanded(files, limits) == links


def test_links_lead_no_deeper_than_a_zip_may() -> None:
    deep = "/".join("d" * 200)
    files = {f"{deep}/l.chrislink": b"q", "q/" + "/".join("e" * 54) + "/f": b""}
    assert expanded(files, NO_LIMITS) == 1
    with pytest.raises(Refused, match="more than 256 directories deep: d/d/"):
        expanded(files | {"q/" + "/".join("e" * 60) + "/f": b""}, NO_LIMITS)


def test_links_that_lead_to_very_many_names_are_refused() -> None:
    with pytest.raises(TooLarge, match="more than 20000 links"):
        expanded({f"{n}.chrislink": b"p" for n in range(20_001)}, NO_LIMITS)


def test_in_a_zip_what_a_name_in_the_way_keeps_from_where_it_was_to_be_moved_stays_in_place() -> None:
    files = {"a/b": "", "a/x.chrislink": "b", "b/x.chrislink": "a", "b/y.chrislink": "a/x.chrislink", "b/a/f": ""}
    staged, notes = stage_zip(files)
    assert set(staged.values()) == {"a/b", "b/a/f"}
    assert "left out 'b': 'a/b' is already staged from another path" in notes
