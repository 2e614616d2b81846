# What the scripts share that install what they need: source it. It has no line of its own to run.

# Runs a command as root, by whatever means there is.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
    echo "error: installing needs root: run as root, or install sudo" >&2
    exit 1
  fi
}

# Installs what is missing of triples PROGRAM=APT_PACKAGE=BREW_PACKAGE, all in one go.
need() {
  local triple program apt brew packages=() formulas=()
  for triple in "$@"; do
    IFS='=' read -r program apt brew <<<"$triple"
    if ! command -v "$program" >/dev/null; then
      packages+=("$apt")
      formulas+=("$brew")
    fi
  done
  [ ${#packages[@]} -eq 0 ] && return
  if command -v apt-get >/dev/null; then
    echo "installing ${packages[*]}"
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}"
  elif command -v brew >/dev/null; then
    echo "installing ${formulas[*]}"
    brew install "${formulas[@]}"
  else
    echo "error: there is neither apt-get nor brew; install ${packages[*]} and run this again" >&2
    exit 1
  fi
}

# Prints the package of promtool, which newer Debian releases keep apart from prometheus.
promtool_package() {
  if command -v apt-cache >/dev/null && apt-cache show promtool >/dev/null 2>&1; then echo promtool; else echo prometheus; fi
}
