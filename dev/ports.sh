# shellcheck shell=bash
# Ports that stay reserved from the choice of a port to the start of the server that listens there; for scripts to source.

HELD_PORT="" # the last one; or, where hold_port failed, who has it

# hold_port PYTHON PROBE [PORT]: reserve that port, or a free one, and set HELD_PORT. PROBE is the path of dev/probe.py.
# Held until this shell ends. Fails when the port is taken.
hold_port() {
    IFS= read -r HELD_PORT < <(exec "$1" "$2" hold "${@:3}" 2>&1) || HELD_PORT="an unknown process"
    [[ $HELD_PORT =~ ^[0-9]+$ ]]
}
