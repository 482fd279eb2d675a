#!/usr/bin/env bash
# Builds what is handed out, into build/dist: bit for bit the same from the same commit. Called by make:
#
#   packaging/build.sh static ARCH    seikan-linux-ARCH, one static program
#   packaging/build.sh deb|rpm|tarball|sbom ARCH
#   packaging/build.sh sums           SHA256SUMS of all of it
#
# VERSION, COMMIT and MAINTAINER come from the environment.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
what=$1 arch=${2:-}
dist=${DIST:-build/dist} stage=build/stage
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
: "${VERSION:?}" "${COMMIT:?}" "${MAINTAINER:=Seikan maintainers <maintainers@seikan.example>}"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
binary=$dist/seikan-linux-$arch
mkdir -p "$dist"

static() {
  local cc=gcc
  if [ "$arch" != "$(go env GOHOSTARCH)" ]; then
    case $arch in
      amd64) cc=x86_64-linux-gnu-gcc ;;
      arm64) cc=aarch64-linux-gnu-gcc ;;
      *) echo "build.sh: unknown architecture $arch; expected amd64 or arm64" >&2; exit 2 ;;
    esac
    command -v "$cc" >/dev/null || { echo "build.sh: $cc is missing: apt-get install gcc-${cc%-gcc} libc6-dev-$arch-cross" >&2; exit 1; }
  fi
  # Everything that differs from machine to machine or day to day is left out. sqlite's load_extension
  # needs dlopen, which a static program does not have.
  CC=$cc CGO_ENABLED=1 GOOS=linux GOARCH=$arch GOFLAGS= go build -trimpath -buildvcs=false \
    -tags osusergo,netgo,sqlite_omit_load_extension \
    -ldflags "-s -w -buildid= -linkmode external -extldflags '-static -Wl,--build-id=none' -X seikan/appliance/cli.Version=$VERSION -X seikan/appliance/cli.Commit=$COMMIT" \
    -o "$binary" ./appliance
  ls -l "$binary"
}

sbom() { go run ./packaging/sbom "$binary" "$VERSION" >"$dist/seikan-$VERSION-linux-$arch.spdx.json"; }

# stage: what nfpm.yaml and the tarball take, besides files of the source tree
stage() {
  rm -rf "$stage"
  mkdir -p "$stage/scripts"
  install -m 0755 "$binary" "$stage/seikan"
  go run ./packaging/man "$VERSION" "$stage/pages"
  for f in packaging/scripts/*.sh; do
    sed "s/@VERSION@/$VERSION/g" "$f" >"$stage/scripts/$(basename "$f")"
  done
  cp "$dist/seikan-$VERSION-linux-$arch.spdx.json" "$stage/sbom.spdx.json"
}

package() {
  stage
  run_nfpm package --config packaging/nfpm.yaml --packager "$1" --target "$dist/"
}

run_nfpm() { # outside this module, whose go.mod does not know it; GOARCH names the package's architecture
  [ -x build/tools/nfpm ] || GOBIN=$PWD/build/tools GOFLAGS= go install "$nfpm"
  GOARCH=$arch VERSION=$VERSION MAINTAINER=$MAINTAINER build/tools/nfpm "$@"
}

tarball() {
  stage
  local name=seikan-$VERSION-linux-$arch top
  top=$stage/tar/seikan-$VERSION
  mkdir -p "$top/logs" "$top/share"
  cp -r packaging/home/. "$top/"
  install -m 0755 "$stage/seikan" "$top/bin/seikan"
  install -m 0755 packaging/install.sh "$top/bin/install.sh"
  local n
  for n in seatunnel.sh seatunnel-cluster.sh stop-seatunnel-cluster.sh seatunnel-connector.sh; do ln -sfn seikan "$top/bin/$n"; done
  cp -r systemd "$stage/scripts" packaging/profile.sh packaging/default "$top/share/"
  cp -r "$stage"/pages/completions "$top/share/"
  mkdir "$top/share/man" && cp -r "$stage"/pages/man? "$top/share/man/"
  cp LICENSE "$stage/sbom.spdx.json" "$top/"
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=go+rX,go-w -C "$stage/tar" -c "seikan-$VERSION" |
    gzip -9n >"$dist/$name.tar.gz"
  ls -l "$dist/$name.tar.gz"
}

case $what in
  static) static ;;
  sbom) sbom ;;
  deb | rpm) package "$what" ;;
  tarball) tarball ;;
  sums) (cd "$dist" && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%f\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS && cat SHA256SUMS) ;;
  *) sed -n '2,/^set/p' "$0" | grep '^#' >&2; exit 2 ;;
esac
