#!/usr/bin/env bash
# Takes the pictures of the README from those that the tests took. Run tests/vscode first.
# Made smaller with pngquant and optipng where they are there.
set -euo pipefail
cd "$(dirname "$0")/.."
for name in progress tooltip failure editing board-crash; do
    cp "out/screens/$name.png" "images/$name.png"
    if command -v pngquant >/dev/null; then pngquant --force --skip-if-larger --ext .png "images/$name.png" || true; fi
    if command -v optipng >/dev/null; then optipng -quiet -o5 "images/$name.png"; fi
done
ls -l images
