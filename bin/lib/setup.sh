# What bin/test, bin/demo, bin/flowloom, the Makefile and .ci/run share: a Python,
# the clone's own .venv, tmux. POSIX sh, to be sourced; it runs nothing by itself.
#
#   root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
#   . "$root/bin/lib/setup.sh"
#
# Every function says what it does on stderr, prints its result (if it has one) on
# stdout, and ends the (sub)shell with one sentence when it cannot go on.

: "${root:?set root to the clone before sourcing bin/lib/setup.sh}"

say() { printf '%s\n' "flowloom: $*" >&2; }

die() {
    say "$*"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# flowloom_python: print the path of a Python that is new enough ($PYTHON first).
flowloom_python() {
    # A name alone proves nothing: a version manager's shim may stand for nothing.
    for _candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        "$_candidate" -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1); print(sys.executable)' \
            2>/dev/null && return 0
    done
    die "needs Python 3.11 or newer and found none; install it, or name it: PYTHON=/path/to/python3 $0"
}

# as_root COMMAND...: run it as root, without ever asking for a password.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_apt() {
    have apt-get && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

_apt_updated=''
# apt_install PACKAGE...: install by apt where that asks nobody; false where it can't.
apt_install() {
    can_apt || return 1
    say "installing $* (apt-get) ..."
    if [ -z "$_apt_updated" ]; then
        # A mirror that is half away is no reason to stop: the install below decides.
        as_root apt-get update -qq >/dev/null 2>&1 || :
        _apt_updated=1
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" </dev/null >/dev/null 2>&1
}

# ensure_command COMMAND [PACKAGE]: have it on PATH, or stop and say how to get it.
ensure_command() {
    have "$1" && return 0
    apt_install "${2:-$1}" && have "$1" && return 0
    if have brew; then _how="brew install ${2:-$1}"; else _how="sudo apt-get install ${2:-$1}"; fi
    die "needs $1; install it (for instance: $_how) and run this again"
}

ensure_tmux() { ensure_command tmux; }
ensure_git() { ensure_command git; }

# locked FILE COMMAND...: run COMMAND while nobody else runs one under FILE. The
# kernel drops the lock however we end, so there is no stale one to break.
locked() {
    _lock=$1
    shift
    mkdir -p "$(dirname "$_lock")" 2>/dev/null || die "cannot write to $(dirname "$_lock")"
    _python=$(flowloom_python) || exit 1
    (
        "$_python" -c '
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("flowloom: waiting for another run ...", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)
' || exit 1
        "$@" 9>&-
    ) 9>>"$_lock"
}

# ensure_venv [EXTRA]: have $root/.venv with this clone installed in it (editable).
# Costs nothing while pyproject.toml is not newer than the last install.
ensure_venv() {
    _venv_current "${1:-}" && return 0
    locked "$root/.cache/venv.lock" _make_venv "${1:-}" || exit 1
}

# The stamp names the clone it was made for: a .venv that was moved points elsewhere.
_stamp() { printf '%s\n' "$root/.venv/.flowloom${1:+-$1}"; }

_venv_current() {
    _file=$(_stamp "$1")
    [ -x "$root/.venv/bin/python" ] && [ -f "$_file" ] && [ "$(cat "$_file")" = "$root" ] &&
        [ -z "$(find "$root/pyproject.toml" -newer "$_file")" ] &&
        "$root/.venv/bin/python" -c '' 2>/dev/null
}

_make_venv() {
    _venv_current "$1" && return 0 # another run was faster
    _python=$(flowloom_python) || exit 1
    _venv=$root/.venv
    _file=$(_stamp "$1")
    # A link leads to another clone's, which is not ours to clear or to install into.
    [ ! -L "$_venv" ] || rm -f -- "$_venv"
    if ! "$_venv/bin/python" -c 'import pip, sys; sys.version_info >= (3, 11) or sys.exit(1)' 2>/dev/null ||
        { [ -f "$_file" ] && [ "$(cat "$_file")" != "$root" ]; }; then
        if ! "$_python" -c 'import ensurepip, venv' 2>/dev/null; then
            _version=$("$_python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
            apt_install "python$_version-venv" || apt_install python3-venv ||
                die "$_python cannot make a virtual environment; run: sudo apt-get install python$_version-venv"
        fi
        say "making .venv with $("$_python" --version) ..."
        "$_python" -m venv --clear "$_venv" >&2 || die "could not make $_venv"
    fi
    say "installing flowloom${1:+[$1]} into .venv ..."
    # Dated before the install, so that an edit made meanwhile is seen next time.
    printf '%s\n' "$root" >"$_file.new" || die "cannot write to $_venv"
    "$_venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input \
        -e "$root${1:+[$1]}" </dev/null >&2 || die "pip could not install flowloom${1:+[$1]}; see above"
    # Whoever needs no extra needs no second install.
    [ -z "$1" ] || cp -p "$_file.new" "$_venv/.flowloom"
    mv "$_file.new" "$_file"
}
