# What up, demo and test share; sourced, never run. Says in one line what is missing and how to get it.
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
    dotnet --list-sdks | grep -q '^10\.' || die "The .NET 10 SDK is not installed (found: $(dotnet --list-sdks | cut -d' ' -f1 | paste -sd' ')): https://dotnet.microsoft.com/download/dotnet/10.0"
}

# .NET does not start without ICU, and invoices need locales.
need_icu() {
    if { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -q libicuuc; then return; fi
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
