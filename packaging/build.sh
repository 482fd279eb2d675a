#!/usr/bin/env bash
# Builds what is handed out, into build/dist: bit for bit the same from the same commit. Called by make:
#
#   packaging/build.sh static ARCH    seikan-linux-ARCH, one static program
#   packaging/build.sh sbom ARCH      what it is made of, and the licenses' texts
#   packaging/build.sh deb|rpm|tarball ARCH
#   packaging/build.sh sums           SHA256SUMS of all of it
#
# VERSION, COMMIT, MAINTAINER and DIST come from the environment. The default maintainer
# has an address that looks like one, as dpkg and lintian ask, and that can never be anybody's: RFC 2606
# reserves .invalid. Who hands packages out sets MAINTAINER="Name <address>".
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
what=$1 arch=${2:-}
dist=${DIST:-build/dist} tags=osusergo,netgo,sqlite_omit_load_extension
nfpm=github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
: "${VERSION:?}" "${COMMIT:?}" "${MAINTAINER:=Seikan developers <seikan@seikan.invalid>}"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
binary=$dist/seikan-linux-$arch name=seikan-$VERSION-linux-$arch stage=build/stage/$what-$VERSION-$arch
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
  GOGC=${GOGC:-400} CC=$cc CGO_ENABLED=1 GOOS=linux GOARCH=$arch GOFLAGS= go build -trimpath -buildvcs=false \
    -tags $tags \
    -ldflags "-s -w -buildid= -linkmode external -extldflags '-static -Wl,--build-id=none' -X seikan/appliance/cli.Version=$VERSION -X seikan/appliance/cli.Commit=$COMMIT" \
    -o "$binary" ./appliance
  ls -l "$binary"
}

sbom() { # the notices under one name in all packages
  go run -trimpath ./packaging/sbom "$binary" "$VERSION" "$dist/$name.notices.txt" >"$dist/$name.spdx.json"
}

# stage: what nfpm.yaml and the tarball take, besides files of the source tree
stage() {
  rm -rf "$stage"
  mkdir -p "$stage/scripts"
  install -m 0755 "$binary" "$stage/seikan"
  GOFLAGS= go run -trimpath -tags $tags ./packaging/man "$VERSION" "$stage/pages" # flags as above: the same compiled packages
  for f in packaging/scripts/*.sh; do
    sed "s/@VERSION@/$VERSION/g" "$f" >"$stage/scripts/$(basename "$f")"
  done
  cp "$dist/$name.spdx.json" "$stage/sbom.spdx.json"
  gzip -9n <"$dist/$name.notices.txt" >"$stage/third-party-notices.txt.gz"
  sed "s|build/stage/|$stage/|" packaging/nfpm.yaml >"$stage/nfpm.yaml"
}

tools=${TOOLS:-$PWD/build/tools}
tools() { # installed beside and renamed, since several packages may be built at a time
  [ ! -x "$tools/nfpm" ] || return 0
  GOBIN=$tools/new.$$ GOFLAGS= go install "$nfpm"
  mv "$tools/new.$$/nfpm" "$tools/nfpm" && rmdir "$tools/new.$$"
}

package() {
  tools
  stage
  run_nfpm package --config "$stage/nfpm.yaml" --packager "$1" --target "$dist/"
  rm -rf "$stage"
}

run_nfpm() { # outside this module, whose go.mod does not know it; GOARCH names the package's architecture
  GOARCH=$arch VERSION=$VERSION MAINTAINER=$MAINTAINER "$tools/nfpm" "$@"
}

tarball() {
  stage
  local top=$stage/tar/seikan-$VERSION
  mkdir -p "$top/logs" "$top/share"
  cp -r packaging/home/. "$top/"
  install -m 0755 "$stage/seikan" "$top/bin/seikan"
  install -m 0755 packaging/install.sh "$top/bin/install.sh"
  local n
  for n in seatunnel.sh seatunnel-cluster.sh stop-seatunnel-cluster.sh seatunnel-connector.sh; do ln -sfn seikan "$top/bin/$n"; done
  cp -r systemd "$stage/scripts" packaging/profile.sh packaging/default "$top/share/"
  cp -r "$stage"/pages/completions "$top/share/"
  mkdir "$top/share/man" && cp -r "$stage"/pages/man? "$top/share/man/"
  cp LICENSE "$stage/sbom.spdx.json" "$stage/third-party-notices.txt.gz" "$top/"
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=go+rX,go-w -C "$stage/tar" -c "seikan-$VERSION" |
    gzip -9n >"$dist/$name.tar.gz"
  ls -l "$dist/$name.tar.gz"
  rm -rf "$stage"
}

case $what in
  static) static ;;
  sbom) sbom ;;
  tools) tools ;;
  deb | rpm) package "$what" ;;
  tarball) tarball ;;
  sums) (cd "$dist" && find . -maxdepth 1 -type f ! -name SHA256SUMS -printf '%f\n' | LC_ALL=C sort | xargs sha256sum >SHA256SUMS && cat SHA256SUMS) ;;
  *) sed -n '2,/^set/p' "$0" | grep '^#' >&2; exit 2 ;;
esac
