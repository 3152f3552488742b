#!/bin/sh
# Installs what the tests need and this machine lacks: Debian packages by apt, npm
# packages as package-lock.json pins them. With everything there it asks
# nothing of the network and changes nothing.
#
#   scripts/bootstrap.sh          everything
#   scripts/bootstrap.sh node     only what make assets needs
set -eu
cd "$(dirname "$0")/.."

has() { command -v "$1" >/dev/null 2>&1; }

has_postgresql() {
    for program in /usr/lib/postgresql/*/bin/initdb; do
        if [ -x "$program" ]; then return 0; fi
    done
    has initdb && has postgres
}

# The headers too: the race detector compiles C.
has_compiler() {
    has gcc && printf '#include <stdlib.h>\n' | gcc -E -o /dev/null - 2>/dev/null
}

missing=
has node || missing="$missing nodejs"
has npm || missing="$missing npm"
if [ "${1:-all}" = all ]; then
    has_compiler || missing="$missing gcc libc6-dev"
    has chromium || missing="$missing chromium"
    has_postgresql || missing="$missing postgresql"
fi

if [ -n "$missing" ]; then
    if ! has apt-get; then
        echo "missing, and there is no apt-get to install it:$missing" >&2
        exit 1
    fi
    sudo=
    if [ "$(id -u)" != 0 ]; then
        if ! has sudo; then
            echo "missing, and installing it needs root or sudo:$missing" >&2
            exit 1
        fi
        sudo=sudo
    fi
    echo "installing:$missing"

    # Debian's package makes a cluster and starts it. The tests start servers of
    # their own, so this one is not made: nothing is left running.
    conf=/etc/postgresql-common/createcluster.d/aldaba-tests.conf
    case "$missing" in
    *postgresql*)
        # shellcheck disable=SC2064 # the values of now
        trap "$sudo rm -f $conf" EXIT
        $sudo mkdir -p "$(dirname "$conf")"
        echo 'create_main_cluster = false' | $sudo tee "$conf" >/dev/null
        ;;
    esac

    $sudo apt-get update -q
    # shellcheck disable=SC2086 # a list of words
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi

# Playwright and the validator of HTML refuse an older one, which Debian 12 has.
new_enough() {
    node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)'
}
if [ "${1:-all}" = all ] && ! new_enough; then
    echo "the tests need Node.js 20.19 or newer, and this is $(node --version): install a newer one (Debian 13 has it)" >&2
    exit 1
fi

# npm ci, only when what it would install has changed.
for lock in assets/package-lock.json internal/wordlists/source/package-lock.json e2e/package-lock.json; do
    if [ ! -f "$lock" ]; then continue; fi
    folder=$(dirname "$lock")
    if [ "${1:-all}" = node ] && [ "$folder" = e2e ]; then continue; fi
    stamp=$folder/node_modules/.stamp
    now=$(cd "$folder" && sha256sum package.json package-lock.json)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$now" ]; then continue; fi
    echo "npm packages of $folder"
    (cd "$folder" && npm ci --no-audit --no-fund)
    mkdir -p "$folder/node_modules"
    printf '%s\n' "$now" >"$stamp"
done
echo "ready"
