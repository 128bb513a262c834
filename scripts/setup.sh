# shellcheck shell=bash disable=SC2034,SC2154
# What ./quickstart, ./run-tests and .ci/run share: packages and the build. Sourced, never run.
# The caller has set `root`, the absolute path of the repository.

export LC_ALL=C.UTF-8
PATH="$PATH:/usr/sbin:/sbin"  # dpkg needs them, and a plain `su` leaves them out

# What meson.build asks for.
build_packages=(
  g++ pkg-config meson ninja-build ccache python3
  libabsl-dev libcereal-dev libssl-dev libhwy-dev libxxhash-dev libicu-dev nlohmann-json3-dev
  libzmq3-dev cppzmq-dev libtomlplusplus-dev libgraphviz-dev graphviz libcairo2-dev catch2
  libbenchmark-dev
)
# What the tests of the release build need on top: the guard counts instructions, gnuplot draws the
# figures of experiments, reports are looked at in a browser, and their tables set by LaTeX.
test_packages=(
  valgrind gnuplot-nox chromium chromium-driver librsvg2-bin texlive-latex-base
  texlive-latex-recommended
)
# What the sanitizer builds need on top.
clang_packages=(clang libclang-rt-dev llvm)

fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# install_packages PACKAGE...: installs those that are missing; no apt and no network when none is.
install_packages() {
  local missing=() package
  if ! command -v dpkg-query >/dev/null; then
    echo "${0##*/}: not a Debian system, so nothing is installed; the build needs: $*" >&2
    return
  fi
  for package in "$@"; do
    [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" == installed* ]] \
      || missing+=("$package")
  done
  ((${#missing[@]})) || return 0

  local as_root=()
  if ((EUID != 0)); then
    as_root=(sudo -n)
    sudo -n true 2>/dev/null || fail "packages are missing, and neither root nor sudo without a" \
      "password is available; run: apt-get install ${missing[*]}"
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8)

  echo "Installing ${missing[*]}"
  local log attempt
  log=$(mktemp)
  # The lock of the package lists has no time-out of its own. Old lists may do, so install anyway.
  for attempt in 1 2 3; do
    "${as_root[@]}" apt-get -q update >"$log" 2>&1 </dev/null && break
    grep -q 'Could not get lock' "$log" || break
    sleep $((attempt * 10))
  done
  if ! "${as_root[@]}" apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends \
      "${missing[@]}" >>"$log" 2>&1 </dev/null; then
    local reason
    reason=$(grep -m 1 '^E: ' "$log" || tail -n 1 "$log")
    rm -f "$log"
    fail "cannot install ${missing[*]}: $reason"
  fi
  rm -f "$log"
}

# configure DIRECTORY OPTION...: a build directory of this repository, set up once. Options of a
# directory that is set up already stay as they are.
configure() {
  local directory="$root/$1" log
  shift
  if [[ -e "$directory/build.ninja" && -e "$directory/meson-private/coredata.dat" ]]; then
    # A repository that was moved or copied takes along a directory that points to its old place.
    grep -qF "\"source\": \"$root\"" "$directory/meson-info/meson-info.json" && return 0
    set -- --wipe "$@"
  fi
  echo "Configuring ${directory##*/}/"
  log=$(mktemp)
  if ! meson setup "$@" "$directory" "$root" >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    rm -f "$log"
    fail "meson cannot configure ${directory##*/}/"
  fi
  rm -f "$log"
}

# build DIRECTORY [TARGET...]: says nothing where nothing is to be done.
build() {
  local directory="$root/$1" plan verbosity=()
  shift
  # Meson's own rerun, after a change of its files, has much to say only when it fails.
  plan=$(ninja -C "$directory" build.ninja 2>&1) \
    || fail "meson cannot configure ${directory##*/}/:"$'\n'"$plan"
  plan=$(ninja -C "$directory" -n "$@" 2>&1) \
    || fail "ninja cannot plan ${directory##*/}/: ${plan##*$'\n'}"
  [[ "$plan" == *'no work to do.'* ]] && return 0
  echo "Building ${directory##*/}/"
  [[ -t 1 ]] || verbosity=(--quiet)
  ninja -C "$directory" -j "$(nproc)" "${verbosity[@]}" "$@" </dev/null \
    || fail "the build of ${directory##*/}/ failed"
}
