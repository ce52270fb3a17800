# What bin/test, bin/demo, bin/flowloom, the Makefile and .ci/run share: a Python,
# the clone's own .venv, tmux. POSIX sh. Source it; it only defines functions.
#
#   root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
#   . "$root/bin/lib/setup.sh"
#
# Every function reports what it does on stderr, prints its result (if any) on stdout,
# and exits the (sub)shell with one sentence if it fails.

: "${root:?set root to the clone before sourcing bin/lib/setup.sh}"

say() { printf '%s\n' "flowloom: $*" >&2; }

die() {
    say "$*"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# flowloom_python: print the path of a Python that is new enough ($PYTHON first).
flowloom_python() {
    # Run each one: a version manager's shim may exist without a Python behind it.
    for _candidate in ${PYTHON:+"$PYTHON"} python3 python3.14 python3.13 python3.12 python3.11; do
        "$_candidate" -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1); print(sys.executable)' \
            2>/dev/null && return 0
    done
    die "needs Python 3.11 or newer, and found none. Install it, or set PYTHON=/path/to/python3"
}

# as_root COMMAND...: run it as root, without ever asking for a password.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_apt() {
    have apt-get && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

_apt_updated=''
# apt_install PACKAGE...: install with apt if no password is needed; else return false.
apt_install() {
    can_apt || return 1
    say "installing $* (apt-get) ..."
    if [ -z "$_apt_updated" ]; then
        # Ignore a mirror that fails: the install below decides.
        as_root apt-get update -qq >/dev/null 2>&1 || :
        _apt_updated=1
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@" </dev/null >/dev/null 2>&1
}

# ensure_command COMMAND [PACKAGE]: install it if it is not on PATH, or stop and say how to.
ensure_command() {
    have "$1" && return 0
    apt_install "${2:-$1}" && have "$1" && return 0
    if have brew; then _how="brew install ${2:-$1}"; else _how="sudo apt-get install ${2:-$1}"; fi
    die "needs $1; install it (for example: $_how) and run this again"
}

ensure_tmux() { ensure_command tmux; }
ensure_git() { ensure_command git; }

# locked FILE COMMAND...: run COMMAND while holding a lock on FILE. The kernel releases
# the lock however we end, so it can never be stale.
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

# ensure_venv [EXTRA]: create $root/.venv with this clone installed in it (editable).
# Does nothing while pyproject.toml is older than the last install.
ensure_venv() {
    _venv_current "${1:-}" && return 0
    locked "$root/.cache/venv.lock" _make_venv "${1:-}" || exit 1
}

# The stamp names the clone that the .venv was made for: a moved .venv points to the old place.
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
    # A link points to another clone's .venv, which we must not clear or install into.
    [ ! -L "$_venv" ] || rm -f -- "$_venv"
    if ! "$_venv/bin/python" -c 'import pip, sys; sys.version_info >= (3, 11) or sys.exit(1)' 2>/dev/null ||
        { [ -f "$_file" ] && [ "$(cat "$_file")" != "$root" ]; }; then
        if ! "$_python" -c 'import ensurepip, venv' 2>/dev/null; then
            _version=$("$_python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
            apt_install "python$_version-venv" || apt_install python3-venv ||
                die "$_python cannot create a virtual environment; run: sudo apt-get install python$_version-venv"
        fi
        say "creating .venv with $("$_python" --version) ..."
        "$_python" -m venv --clear "$_venv" >&2 || die "could not create $_venv"
    fi
    say "installing flowloom${1:+[$1]} into .venv ..."
    # Written before the install, so that an edit made during it is noticed next time.
    printf '%s\n' "$root" >"$_file.new" || die "cannot write to $_venv"
    "$_venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input \
        -e "$root${1:+[$1]}" </dev/null >&2 || die "pip could not install flowloom${1:+[$1]}; see above"
    # An install with an extra also serves a call without one.
    [ -z "$1" ] || cp -p "$_file.new" "$_venv/.flowloom"
    mv "$_file.new" "$_file"
}
