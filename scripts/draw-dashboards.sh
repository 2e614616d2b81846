#!/usr/bin/env bash
# Draws the dashboards into docs/pictures, with data that a real Prometheus scraped from the real example: run it after a
# change of the panels, and look at what it drew. It takes as many seconds as it is told, 600 unless it is, and is no gate.
# It needs Node 20.11 or later with npm; the rest it installs, Grafana's components into scripts/pictures/node_modules.
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/install.sh
source scripts/install.sh

if command -v apt-get >/dev/null; then exporter=prometheus-redis-exporter; else exporter=redis_exporter; fi
need prometheus=prometheus=prometheus redis-server=redis-server=redis "$exporter=prometheus-redis-exporter=redis_exporter" \
  chromium=chromium=chromium pngquant=pngquant=pngquant

work=${CARGO_TARGET_DIR:-target}/pictures
cargo build --locked --quiet -p using-cache
npm install --prefix scripts/pictures --no-package-lock --no-audit --no-fund --ignore-scripts --silent
REDIS_EXPORTER=$exporter node scripts/pictures/collect.mjs "${1:-600}" "$work"
node scripts/pictures/draw.mjs "$work" docs/pictures
pngquant --force --ext .png --strip 64 docs/pictures/*.png
