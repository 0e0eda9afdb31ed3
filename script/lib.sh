# shellcheck shell=bash
# What the scripts share. Sourced from the checkout, with its path in $ROOT.

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$(basename "$0"): $*"
  exit 1
}

# pip and Chromium want a home; a service or CI may run us without one.
if [[ -z ${HOME:-} ]]; then
  HOME=$(getent passwd "$(id -u)" | cut -d: -f6) || HOME=
  [[ -n $HOME && -w $HOME ]] || HOME=${TMPDIR:-/tmp}
  export HOME
fi

# Prints a Python that is new enough and can make virtual environments.
find_python() {
  local candidate
  for candidate in python3 python3.11 python3.12 python3.13 python3.14; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      "$candidate" -c 'import ensurepip, venv' 2>/dev/null ||
        die "$candidate has no venv module: apt-get install python3-venv"
      printf '%s\n' "$candidate"
      return
    fi
  done
  die "Python 3.11 or newer is needed: apt-get install python3 python3-venv"
}

# ensure_venv FILE...: $ROOT/.venv with what these hashed requirement files pin, made or brought up to date only when it
# is not what they say. Beside it lies a stamp for each file: `sha256sum` of what was installed.
ensure_venv() {
  local file stale=0
  # Two that start at once share one .venv: the second waits for the first.
  exec 9<"$ROOT"
  if command -v flock >/dev/null; then flock 9; fi
  for file in "$@"; do
    sha256sum --check --status "$ROOT/.venv/${file%.txt}.sha256" 2>/dev/null || stale=1
  done
  if ((stale)); then
    make_venv
    install_requirements "$@"
  fi
  exec 9<&-
}

make_venv() {
  local python
  ! "$ROOT/.venv/bin/python" -c 'import pip' 2>/dev/null || return 0
  python=$(find_python)
  "$python" -m venv --clear "$ROOT/.venv" 2>/dev/null || die "can't make $ROOT/.venv: is the folder writable?"
}

install_requirements() {
  local file log=$ROOT/.venv/install.log arguments=()
  [[ -w $ROOT/.venv ]] || die "can't write to $ROOT/.venv"
  for file in "$@"; do arguments+=(-r "$ROOT/$file"); done
  say "installing $* into .venv"
  "$ROOT/.venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes \
    "${arguments[@]}" >"$log" 2>&1 || die "$(why_not_installed "$log")"
  for file in "$@"; do sha256sum "$file" >"$ROOT/.venv/${file%.txt}.sha256"; done
}

# One line for what pip says on many.
why_not_installed() {
  local problem
  if grep -qiE "(gcc|cc|c\+\+).*(not found|no such file|failed: )|unable to execute|no acceptable c compiler|python\.h: no such file" "$1"; then
    problem="a C compiler is needed: apt-get install build-essential python3-dev"
  elif grep -qiE "NewConnectionError|NameResolutionError|Temporary failure in name resolution|ConnectTimeoutError|ProxyError|Network is unreachable" "$1"; then
    problem="the package index can't be reached"
  elif grep -qi "No space left on device" "$1"; then
    problem="the disk is full"
  elif grep -qi "Permission denied" "$1"; then
    problem="a folder can't be written"
  else
    problem=$(grep -m1 '^ERROR' "$1" || echo "pip failed")
  fi
  printf 'installing the requirements failed: %s (the whole story: %s)\n' "$problem" "$1"
}

# The texts of the pages, as the running portal reads them.
compile_catalogs() {
  [[ -d $ROOT/app/translations ]] || return 0
  "$ROOT/.venv/bin/pybabel" --quiet compile -d "$ROOT/app/translations" || die "the translations can't be compiled"
}
