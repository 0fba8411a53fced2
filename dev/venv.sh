# shellcheck shell=bash
# Virtual environments of this repository, for the scripts that source this.

# find_python: print a Python that pfcon runs on and that can make virtual environments.
# $PYTHON, where it is set, is the only candidate.
find_python() {
    local candidate path old="" no_venv=""
    for candidate in ${PYTHON:+"$PYTHON"} ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        path=$(command -v -- "$candidate") || continue
        # A pyenv shim exists for versions that are not active, and fails.
        "$path" -c '' 2>/dev/null || continue
        if ! "$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            old="$path is $("$path" -V 2>&1)"
        elif ! "$path" -c 'import ensurepip, venv' 2>/dev/null; then
            no_venv=$path
        else
            printf '%s\n' "$path"
            return 0
        fi
    done
    if [ -n "$no_venv" ]; then
        echo "$no_venv can't make virtual environments: its modules venv and ensurepip are missing." >&2
        echo "On Debian and Ubuntu: apt install python3-venv" >&2
    else
        echo "pfcon needs Python 3.11 or newer${old:+; $old}." >&2
        echo "On Debian 12 and Ubuntu 24.04: apt install python3 python3-venv. Or set PYTHON to where one is." >&2
    fi
    return 1
}

# venv_stamp PYTHON EXTRAS: what an environment depends on; a different stamp means that it has to be made anew.
venv_stamp() {
    printf '%s %s %s\n' "$PWD" "$2" "$("$1" -c 'import sys; print(sys.version_info[:2], sys.base_prefix)')"
    cksum setup.cfg pyproject.toml
}

# venv_is_current DIR EXTRAS: whether nothing has changed that the environment depends on.
venv_is_current() {
    local python
    python=$(find_python) || return 1
    [ -x "$1/bin/python" ] && [ "$(cat -- "$1/stamp" 2>/dev/null)" = "$(venv_stamp "$python" "$2")" ]
}

# ensure_venv DIR EXTRAS: make DIR an environment with the package of the current directory, editable.
# EXTRAS is empty or like [test]. Reuses DIR when it is current. DIR/install.log gets what pip says.
ensure_venv() {
    local python
    if venv_is_current "$1" "$2"; then
        echo "$1 is up to date"
        return 0
    fi
    python=$(find_python) || return 1
    fill_venv "$1" "$python" -e ".$2" || return 1
    venv_stamp "$python" "$2" >"$1/stamp"
}

# ensure_tool DIR REQUIREMENT: make DIR an environment with that package alone, NAME==VERSION; the rest as above.
ensure_tool() {
    local python stamp
    python=$(find_python) || return 1
    stamp=$(tool_stamp "$python" "$2")
    if [ -x "$1/bin/python" ] && [ "$(cat -- "$1/stamp" 2>/dev/null)" = "$stamp" ]; then
        echo "$1 is up to date"
        return 0
    fi
    fill_venv "$1" "$python" "$2" || return 1
    echo "$stamp" >"$1/stamp"
}

# tool_stamp PYTHON REQUIREMENT: what such an environment depends on.
tool_stamp() {
    printf '%s %s %s\n' "$PWD" "$2" "$("$1" -c 'import sys; print(sys.version_info[:2], sys.base_prefix)')"
}

# fill_venv DIR PYTHON WORD...: make DIR a new environment of that Python, and have its pip install these words.
# Python compiles what it imports, when it does: to compile all of the packages takes a third of the installation.
fill_venv() {
    local dir=$1 python=$2 log=$1/install.log
    shift 2
    echo "installing into $dir with $("$python" -V), log: $log"
    rm -rf -- "$dir"
    mkdir -- "$dir"
    if ! { "$python" -m venv "$dir" && "$dir/bin/python" -m pip install --no-input --no-compile "$@"; } >"$log" 2>&1; then
        echo "the installation failed; the end of $log:" >&2
        tail -n 30 -- "$log" >&2
        return 1
    fi
}

# ensure_package DIR REQUIREMENT PYTHON: have that package alone in DIR, for a PYTHONPATH; its needs are PYTHON's own.
# REQUIREMENT is NAME==VERSION. Beside an environment that has another version of it. DIR.log gets what pip says.
ensure_package() {
    if [ "$(cat -- "$1/stamp" 2>/dev/null)" = "$2" ]; then
        echo "$1 is up to date"
        return 0
    fi
    echo "installing $2 into $1"
    rm -rf -- "$1"
    if ! "$3" -m pip install --no-input --no-compile --no-deps --target "$1" "$2" >"$1.log" 2>&1; then
        echo "the installation failed; the end of $1.log:" >&2
        tail -n 30 -- "$1.log" >&2
        return 1
    fi
    echo "$2" >"$1/stamp"
}
