"""The names, paths, files and logs that CUBE's users have."""

import zipfile

import pytest
from support.cube import Cube, Instance
from support.live import COPY_ALL, LiveServer, new_jid

DONE = "finishedSuccessfully"
LISTED = 'cd "$0" && find . -type f | sort && cat "./one file.txt"'
in_network_on_process = pytest.mark.parametrize("innetwork", ["process-fslink", "process-filesystem"], indirect=True)
on_process = pytest.mark.parametrize("fslink", ["process"], indirect=True)


def upload(server: LiveServer, user: str = "chris") -> str:
    """A user's file in storage; its directory, relative to storage."""
    name = f"home/{user}/uploads/{new_jid()}"
    (server.storebase / name).mkdir(parents=True)
    (server.storebase / name / "one file.txt").write_text("alpha")
    return name


@pytest.mark.parametrize("user", ["a+b", "Zoë O'Neill: c", "100% sure;x=y"])
def test_users_have_names_that_mean_something_in_urls(innetwork: LiveServer, user: str) -> None:
    cube = Cube(innetwork)
    instance = Instance(COPY_ALL, [upload(cube.server, user)], feed=f"home/{user}/feeds/feed_1")
    compute, names = cube.run(instance)
    assert (compute["status"], names) == (DONE, {"one file.txt"})
    cube.clean_up(instance)


@in_network_on_process
@pytest.mark.parametrize("form", ["{}/", "/{}", "/{}/"])
def test_slashes_around_an_input_directory_mean_nothing(innetwork: LiveServer, form: str) -> None:
    cube = Cube(innetwork)
    instance = Instance(COPY_ALL, [form.format(upload(cube.server))])
    assert cube.run(instance)[1] == {"one file.txt"}
    cube.clean_up(instance)


def test_an_input_may_be_a_single_file(innetwork: LiveServer) -> None:
    cube = Cube(innetwork)
    instance = Instance(LISTED, [upload(cube.server) + "/one file.txt"])
    compute, _ = cube.run(instance)
    assert (compute["status"], compute["logs"]) == (DONE, "./one file.txt\nalpha")
    cube.clean_up(instance)


class Nameless(zipfile.ZipInfo):
    """A file without a name, which Python 3.11 can't pack but CUBE's Python can."""

    def is_dir(self) -> bool:
        return False


def test_an_input_may_be_a_single_file_that_cube_packs_without_its_name(live: LiveServer) -> None:
    cube = Cube(live)
    path = live.storebase.parent / f"{new_jid()}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(Nameless(""), "alpha")
    instance = Instance('cd "$0" && cat -- *', zip_file=path.read_bytes())
    compute, _ = cube.run(instance)
    assert compute["status"] == DONE
    assert compute["logs"].splitlines()[1:] == ["alpha"]
    assert "without a name" in compute["logs"].splitlines()[0]
    cube.clean_up(instance)


def test_several_inputs_merge_and_links_are_followed(fslink: LiveServer) -> None:
    cube = Cube(fslink)
    linking, linked, other = upload(fslink), upload(fslink), upload(fslink)
    (fslink.storebase / other / "one file.txt").rename(fslink.storebase / other / "other.txt")
    (fslink.storebase / linking / "x.chrislink").write_text(linked)
    instance = Instance(COPY_ALL, [linking, other])
    _, names = cube.run(instance)
    assert names == {"one file.txt", "other.txt", f"{linked.replace('/', '_')}/one file.txt"}
    cube.clean_up(instance)


@on_process
def test_an_input_that_is_missing_is_told_by_the_copy_and_by_the_plugin(fslink: LiveServer) -> None:
    """From its first final answer on: CUBE asks no more after that."""
    cube = Cube(fslink)
    missing = f"home/chris/uploads/{new_jid()}"
    instance = Instance(COPY_ALL, [upload(fslink), missing])
    cube.make_output_dir(instance)
    for compute in (cube.copy(instance), cube.run(instance)[0]):
        assert compute["status"] == DONE
        assert f"'{missing}' does not exist" in compute["message"]
        assert f"'{missing}' does not exist" in compute["logs"]
    cube.clean_up(instance)


@pytest.mark.parametrize("filesystem", ["process"], indirect=True)
def test_a_job_whose_only_input_is_missing_ends_before_it_runs(filesystem: LiveServer) -> None:
    cube = Cube(filesystem)
    missing = f"home/chris/uploads/{new_jid()}"
    compute, names = cube.run(Instance('ls "$0" >"$1/names"', [missing]))
    assert (compute["status"], compute["reason"], names) == ("finishedWithError", "InputMissing", set())
    assert compute["message"] == f"none of the job's inputs exists: '{missing}'"
    assert compute["logs"] == f"pfcon: {compute['message']}\n"


def test_a_log_of_any_bytes_is_text_that_cubes_database_takes(fslink: LiveServer) -> None:
    cube = Cube(fslink)
    instance = Instance(r"printf 'a\000b\377c\n\303\251\n'", [upload(fslink)])
    compute, _ = cube.run(instance)
    assert compute["status"] == DONE
    assert compute["logs"] == "a\ufffdb\ufffdc\n\xe9\n"
    cube.clean_up(instance)


def test_outputs_never_include_links(fslink: LiveServer) -> None:
    cube = Cube(fslink)
    script = 'cd "$1"; echo home/other >x.chrislink; ln -s /etc/passwd passwd; ln -s / root; echo y >y.txt'
    instance = Instance(script, [upload(fslink)])
    assert cube.run(instance)[1] == {"y.txt"}
    assert not (fslink.storebase / instance.output_dir / "x.chrislink").exists()
    cube.clean_up(instance)


def test_a_stray_data_file_is_ignored_by_all_four_kinds(fslink: LiveServer) -> None:
    """The command line of CUBE's client sends one with each POST."""
    cube = Cube(fslink)
    instance = Instance(COPY_ALL, [upload(fslink)])
    cube.make_output_dir(instance)
    copy = {"input_dirs": list(instance.input_dirs), "output_dir": instance.output_dir, "jid": instance.jid}
    posts = {
        "copy": copy,
        "plugin": instance.fields(),
        "upload": {"job_output_path": instance.output_dir, "jid": instance.jid},
        "delete": {"jid": instance.jid},
    }
    for kind, fields in posts.items():
        cube.submit(kind, fields, data_file=b"1000")
        assert cube.poll(kind, instance.jid)["status"] == DONE
    assert (fslink.storebase / instance.output_dir / "one file.txt").read_text() == "alpha"
    for kind in posts:
        assert cube.delete(kind, instance.jid).status_code == 204


@on_process
def test_a_file_list_needs_the_path_that_it_is_for(fslink: LiveServer) -> None:
    cube = Cube(fslink)
    instance = Instance(COPY_ALL, [upload(fslink)])
    cube.run(instance)
    answer = cube.get(f"pluginjobs/{instance.jid}/file/")
    assert answer.status_code == 400
    assert "job_output_path" in str(answer.json()["message"])
    cube.clean_up(instance)
