# The real Claude Code releases that the tests drive, as native binaries. POSIX sh,
# to be sourced after setup.sh; only tests need it.

# The only place where the releases are pinned.
claude_pin=$root/src/flowloom/doctor/claude_code.py

# claude_platform: print this machine's name in the vendor's packages.
claude_platform() {
    case "$(uname -s)/$(uname -m)" in
        Linux/x86_64 | Linux/amd64) _platform=linux-x64 ;;
        Linux/aarch64 | Linux/arm64) _platform=linux-arm64 ;;
        Darwin/arm64) _platform=darwin-arm64 ;;
        Darwin/x86_64) _platform=darwin-x64 ;;
        *) return 1 ;;
    esac
    for _musl in /lib/ld-musl-*; do
        [ -e "$_musl" ] && [ ! -e /lib64/ld-linux-x86-64.so.2 ] && [ ! -e /lib/ld-linux-aarch64.so.1 ] &&
            _platform=$_platform-musl && break
    done
    printf '%s\n' "$_platform"
}

# claude_cache: print a writable folder, outside the clone if possible.
claude_cache() {
    _cache=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
    for _folder in ${_cache:+"$_cache/flowloom-test/claude"} "$root/.cache/claude"; do
        mkdir -p "$_folder" 2>/dev/null && [ -w "$_folder" ] && printf '%s\n' "$_folder" && return 0
    done
    die "cannot write to $root/.cache"
}

ensure_npm() {
    have npm && have node && return 0
    apt_install ca-certificates nodejs npm && have npm
}

# claude_releases: print the two releases to test, the oldest supported and the newest tested.
claude_releases() {
    _pinned=$(sed -n 's/^TESTED = ("\([0-9.]*\)", "\([0-9.]*\)")$/\1 \2/p' "$claude_pin")
    [ -n "$_pinned" ] || die "$claude_pin pins no releases: TESTED = (\"oldest\", \"newest\")"
    printf '%s\n' "$_pinned"
}

# claude_newest: print the newest release that npm has. Only a trial asks for it.
claude_newest() {
    _cache=$(claude_cache) || exit 1
    _platform=$(claude_platform) || die "there is no Claude Code for this platform"
    ensure_npm || die "needs npm to find the newest Claude Code"
    npm view "@anthropic-ai/claude-code-$_platform" version --cache "$_cache/npm" --logs-max=0 \
        --fetch-timeout=30000 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 2>/dev/null </dev/null ||
        die "npm did not answer; name a release: make trial CLAUDE=2.1.400"
}

# claude_binary VERSION: print the path of that release's binary, downloading it if
# needed. Returns false if that fails.
claude_binary() {
    _cache=$(claude_cache) || exit 1
    _binary=$_cache/$1/claude
    [ -x "$_binary" ] || locked "$_cache/$1.lock" _fetch_claude "$1" || return 1
    printf '%s\n' "$_binary"
}

_fetch_claude() {
    [ -x "$_cache/$1/claude" ] && return 0 # another run was faster
    _platform=$(claude_platform) && ensure_npm || return 1
    _package=claude-code-$_platform
    say "downloading Claude Code $1 ($_platform) ..."
    _new=$_cache/$1.new # only ours, under the lock; remove what a killed run left
    rm -rf "$_new" && mkdir "$_new" || return 1
    # Use a separate HOME and npm cache, so that nothing of the user's is read or changed.
    # Move the binary into place only after it has printed its version.
    if mkdir "$_new/home" "$_new/ready" &&
        npm install --prefix "$_new" --cache "$_new/npm" --no-save --no-package-lock --no-audit --no-fund \
            --ignore-scripts --loglevel=error --logs-max=0 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=10000 \
            "@anthropic-ai/$_package@$1" </dev/null >"$_new/log" 2>&1 &&
        mv "$_new/node_modules/@anthropic-ai/$_package/claude" "$_new/ready/claude" &&
        HOME=$_new/home DISABLE_AUTOUPDATER=1 "$_new/ready/claude" --version 2>>"$_new/log" </dev/null |
            grep -qF "$1" &&
        mv "$_new/ready" "$_cache/$1"; then
        rm -rf "$_new"
        return 0
    fi
    say "Claude Code $1 could not be downloaded: $(grep -vi '^npm warn' "$_new/log" | head -n 1)"
    rm -rf "$_new"
    return 1
}
