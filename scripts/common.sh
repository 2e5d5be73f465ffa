# What the scripts share.  Sourced, with REPO set to the repository's root.

build_packages=(
  g++ cmake ninja-build ccache pkg-config
  protobuf-compiler libprotobuf-dev libonnx-dev libcli11-dev libfmt-dev nlohmann-json3-dev libexpected-dev
  libdeflate-dev libgtest-dev libgmock-dev
)
test_packages=(python3 python3-venv python3-numpy python3-torch python3-torchvision python3-sklearn)
check_packages=(clang clang-format clang-tidy clang-tools libclang-rt-14-dev)

say() { printf '\n== %s\n' "$*"; }

# Installs the Debian packages that are missing; quick and silent when none is.
install_packages() {
  local missing=() package as_root=()
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  ((${#missing[@]})) || return 0
  if ((EUID)); then
    command -v sudo >/dev/null || { echo "Install these as root, then run this again: ${missing[*]}" >&2; return 1; }
    as_root=(sudo)
  fi
  say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" \
      >"$REPO/build/apt.log" 2>&1 || { tail -n 20 "$REPO/build/apt.log" >&2; return 1; }
}

# configure_and_build PRESET [TARGET...]
configure_and_build() {
  local preset=$1
  shift
  mkdir -p "$REPO/build"
  [[ -f $REPO/build/$preset/build.ninja ]] || (cd "$REPO" && cmake --preset "$preset" >"$REPO/build/cmake-$preset.log" 2>&1) ||
    { cat "$REPO/build/cmake-$preset.log" >&2; return 1; }
  (cd "$REPO" && cmake --build --preset "$preset" ${@:+--target "$@"})
}

# python_environment FOLDER PYTHON REQUIREMENTS: a virtual environment; made again when the file REQUIREMENTS changes.
python_environment() {
  local folder=$1 python=$2 requirements=$3 wanted
  wanted="$python $(cat "$requirements")"
  [[ -f $folder/.made_of && $(<"$folder/.made_of") == "$wanted" ]] && return 0
  rm -rf "$folder"
  $python "$folder" && "$folder/bin/pip" install -q --disable-pip-version-check -r "$requirements" || return 1
  printf '%s\n' "$wanted" >"$folder/.made_of"
}
