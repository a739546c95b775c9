# What up, demo, test and verify share; sourced, never run. Says in one line what is missing and how to get it.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_CLI_UI_LANGUAGE=en

die() { echo "$1" >&2; exit 1; }

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# apt_install PACKAGE...: quiet unless it fails.
apt_install() {
    echo "installing $*"
    local log; log=$(mktemp)
    if ! { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        rm -f "$log"
        die "apt-get could not install: $*"
    fi
    rm -f "$log"
}

need_dotnet() {
    command -v dotnet >/dev/null || die "The .NET 10 SDK is not installed: https://dotnet.microsoft.com/download/dotnet/10.0"
    need_icu
    dotnet --list-sdks | grep '^10\.' >/dev/null || die "The .NET 10 SDK is not installed (found: $(dotnet --list-sdks | cut -d' ' -f1 | paste -sd' ')): https://dotnet.microsoft.com/download/dotnet/10.0"
}

# .NET does not start without ICU, and invoices need locales.
need_icu() {
    # Not grep -q: it leaves at the first match, ldconfig dies of the closed pipe, and pipefail calls that "not installed".
    if { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep libicuuc >/dev/null; then return; fi
    can_install || die "libicu is not installed: apt-get install libicu72 (Debian 12), libicu74 (Ubuntu 24.04) or the like"
    apt-get update -q >/dev/null 2>&1 || true
    local package; package=$(apt-cache search --names-only '^libicu[0-9]+$' | cut -d' ' -f1 | sort -V | tail -n 1)
    apt_install "${package:-libicu-dev}"
}

# build_launcher: Release, which pulls in the gateway and the billing core. Two builds at once would tread on each other.
build_launcher() {
    mkdir -p "$root/artifacts"
    local log; log=$(mktemp)
    if ! flock "$root/artifacts/.launcher-build" \
        dotnet build "$root/deploy/local/launcher/Quota.Local.csproj" -c Release -v q --nologo >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        die "The build failed."
    fi
    rm -f "$log"
}

launcher=$root/artifacts/bin/Quota.Local/release/Quota.Local.dll

# need_test_tools: the real servers that tests start, and node for the npm SDK that they call.
need_test_tools() {
    local missing=()
    command -v redis-server >/dev/null || missing+=(redis-server)
    [ -n "${QUOTA_POSTGRES_BIN:-}" ] || command -v postgres >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    if [ ${#missing[@]} -gt 0 ]; then
        can_install || die "The tests need real servers and node: apt-get install ${missing[*]}"
        apt_install "${missing[@]}"
    fi
}

# figure NAME LOG: what a test run's last summary says; it ends with "total: 48", "failed: 0", "succeeded: 48", "skipped: 0".
figure() {
    local n; n=$(sed -n "s/^ *$1: *\([0-9][0-9]*\).*/\1/p" "$2" | tail -n 1)
    echo "${n:-0}"
}

# conclude STATUS PASSED FAILED: the last line, and the exit code; a run without a test has failed.
conclude() {
    local status=$1
    if [ "$status" = 0 ] && { [ "$2" = 0 ] || [ "$3" != 0 ]; }; then status=1; fi
    echo "$2 passed, $3 failed"
    exit "$status"
}
