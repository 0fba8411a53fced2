# shellcheck shell=bash
# Virtual environments of this repository, for the scripts that source this.

# find_python: print a Python that pfcon runs on and that can make virtual environments.
# $PYTHON, where it is set, is the only candidate.
find_python() {
    local candidate path base old="" no_venv=""
    for candidate in ${PYTHON:+"$PYTHON"} ${PYTHON:-python3.13 python3.12 python3.11 python3}; do
        path=$(command -v -- "$candidate") || continue
        # A pyenv shim exists for versions that are not active, and fails.
        "$path" -c '' 2>/dev/null || continue
        if ! "$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
            old="$path is $("$path" -V 2>&1)"
        elif ! "$path" -c 'import ensurepip, venv' 2>/dev/null; then
            no_venv=$path
        else
            # Of an environment that is active, its base: the environment itself may be made anew.
            base=$("$path" -c 'import sys; sys.prefix == sys.base_prefix or print(sys._base_executable)')
            printf '%s\n' "${base:-$path}"
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

# python_facts PYTHON: print what of a Python an environment depends on.
python_facts() {
    "$1" -c 'import sys; print(sys.version_info[:2], sys.base_prefix)'
}

# lock_of EXTRAS: print the lock file for the package with these extras.
lock_of() {
    case $1 in
        "") echo requirements/service.lock ;;
        "[test]") echo requirements/test.lock ;;
        *)
            echo "there is no lock file for the extras $1" >&2
            return 1 ;;
    esac
}

# locks_fit PYTHON: whether the lock files are made for this Python: each package has a wheel for it.
locks_fit() {
    "$1" - <<'END'
import platform
import sys

known = sys.platform == "linux" and platform.machine() in ("x86_64", "aarch64") and platform.libc_ver()[0] == "glibc"
sys.exit(not (known and (3, 11) <= sys.version_info[:2] <= (3, 13)))
END
}

# venv_stamp PYTHON EXTRAS: what an environment depends on; a different stamp means that it has to be made anew.
venv_stamp() {
    printf '%s %s %s\n' "$PWD" "$2" "$(python_facts "$1")"
    cksum setup.cfg pyproject.toml "$(lock_of "$2")"
}

# venv_is_current DIR EXTRAS: whether nothing has changed that the environment depends on.
venv_is_current() {
    local python
    python=$(find_python) || return 1
    [ -x "$1/bin/python" ] && [ "$(cat -- "$1/stamp" 2>/dev/null)" = "$(venv_stamp "$python" "$2")" ]
}

# ensure_venv DIR EXTRAS: make DIR an environment with the package of the current directory, editable.
# EXTRAS is empty or [test]. Reuses DIR when it is current. DIR/install.log gets what pip says.
# Packages are those of the lock file, and nothing else; a Python that the file is not made for gets what setup.cfg allows.
ensure_venv() {
    local python lock
    if venv_is_current "$1" "$2"; then
        echo "$1 is up to date"
        return 0
    fi
    python=$(find_python) || return 1
    lock=$(lock_of "$2") || return 1
    make_venv "$1" "$python" || return 1
    if locks_fit "$python"; then
        pip_into "$1" --require-hashes --only-binary :all: -r "$lock" || return 1
        pip_into "$1" --no-index --no-deps --no-build-isolation -e . || return 1
    else
        tell_no_lock "$python"
        pip_into "$1" -e ".$2" || return 1
    fi
    venv_stamp "$python" "$2" >"$1/stamp"
}

# tell_no_lock PYTHON: say that packages are not pinned.
tell_no_lock() {
    echo "WARNING: requirements/*.lock are for Python 3.11 to 3.13 on Linux with glibc, x86_64 or aarch64. This is" \
        "$("$1" -V) on $(uname -sm): the newest packages are installed, without a check of their hashes." >&2
}

# ensure_tool DIR NAME: make DIR an environment of requirements/NAME.lock alone; the rest as above.
ensure_tool() {
    local python stamp
    python=$(find_python) || return 1
    stamp=$(tool_stamp "$python" "$2")
    if [ -x "$1/bin/python" ] && [ "$(cat -- "$1/stamp" 2>/dev/null)" = "$stamp" ]; then
        echo "$1 is up to date"
        return 0
    fi
    make_venv "$1" "$python" || return 1
    if locks_fit "$python"; then
        pip_into "$1" --require-hashes --only-binary :all: -r "requirements/$2.lock" || return 1
    else
        tell_no_lock "$python"
        "$python" dev/locks.py "$2" >"$1/requirements" || return 1
        pip_into "$1" -r "$1/requirements" || return 1
    fi
    echo "$stamp" >"$1/stamp"
}

# tool_stamp PYTHON NAME: what such an environment depends on.
tool_stamp() {
    printf '%s %s %s %s\n' "$PWD" "$2" "$(python_facts "$1")" "$(cksum "requirements/$2.lock")"
}

# make_venv DIR PYTHON: make DIR a new environment of that Python. DIR/install.log gets what is said.
make_venv() {
    echo "installing into $1 with $("$2" -V), log: $1/install.log"
    rm -rf -- "$1"
    mkdir -- "$1"
    logged "$1/install.log" "$2" -m venv "$1"
}

# pip_into DIR WORD...: have the environment's pip install these words.
# Python compiles what it imports, when it does: to compile all of the packages takes a third of the installation.
pip_into() {
    local dir=$1
    shift
    logged "$dir/install.log" "$dir/bin/python" -m pip install --no-input --no-compile "$@"
}

# logged LOG WORD...: run a command whose output goes to a log; the end of that is shown when it fails.
logged() {
    local log=$1
    shift
    if ! "$@" >>"$log" 2>&1; then
        echo "the installation failed; the end of $log:" >&2
        tail -n 30 -- "$log" >&2
        return 1
    fi
}

# ensure_package DIR NAME PYTHON: have the one package of requirements/NAME.lock in DIR, for a PYTHONPATH; its needs are
# PYTHON's own. Beside an environment that has another version of it. DIR.log gets what pip says.
ensure_package() {
    local stamp
    stamp=$(cksum "requirements/$2.lock")
    if [ "$(cat -- "$1/stamp" 2>/dev/null)" = "$stamp" ]; then
        echo "$1 is up to date"
        return 0
    fi
    echo "installing requirements/$2.lock into $1"
    rm -rf -- "$1" "$1.log"
    logged "$1.log" "$3" -m pip install --no-input --no-compile --no-deps --require-hashes --only-binary :all: \
        --target "$1" -r "requirements/$2.lock" || return 1
    echo "$stamp" >"$1/stamp"
}
