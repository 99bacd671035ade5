#!/bin/sh
# Makes a base image for ../Dockerfile out of Debian's packages, for hosts that reach no image registry:
#   debian_base.sh [NAME]              prints the image's id; NAME is `trainyard-base:debian` unless given
#   trainyard's build takes it as      --build-arg BASE_IMAGE=NAME
# MIRROR is the Debian mirror to take (else the one this host's apt has, else debootstrap's own). BASE_TARBALL keeps the
# file system: it is written there the first time and imported from there ever after, without root or debootstrap.
# The same packages give the same image: an engine that has it keeps it, and all that was built upon it.
set -eu
umask 022
name=${1:-trainyard-base:debian}
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

lacks() {
  echo "debian_base.sh: $1" >&2
  exit 2
}
command -v docker >/dev/null || lacks 'docker is not here. Install it: apt-get install docker.io'
docker version >/dev/null 2>&1 || lacks "the Docker engine at ${DOCKER_HOST:-its usual socket} does not answer."

work=$(mktemp -d)
half=
clean_up() {
  umount "$work/root/proc" 2>/dev/null || true
  umount "$work/root/sys" 2>/dev/null || true
  rm -rf --one-file-system "$work"
  [ -z "$half" ] || rm -f "$half"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# The first Debian archive that apt uses here, in either format of its lists.
mirror_of_host() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE 's,^(deb[[:space:]]|URIs:).*[[:space:]](https?://[^[:space:]]+/debian(/[0-9TZ]+)?/?)([[:space:]].*)?$,\2,p' |
    head -n 1
}

make_tarball() {
  [ "$(id -u)" = 0 ] || lacks 'making a Debian file system needs root. Run this as root (sudo).'
  command -v debootstrap >/dev/null || lacks 'debootstrap is not here. Install it: apt-get install debootstrap'
  [ -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
    lacks "Debian's keys are not here. Install them: apt-get install debian-archive-keyring"
  suite=bookworm
  mirror=${MIRROR:-}
  if (. /etc/os-release && [ "${ID:-}" = debian ] && [ -n "${VERSION_CODENAME:-}" ]) 2>/dev/null; then
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=${mirror:-$(mirror_of_host)}
  fi
  root=$work/root
  if ! debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" "$root" \
    ${mirror:+"$mirror"} >"$work/log" 2>&1; then
    tail -n 20 "$work/log" >&2
    [ ! -e "$root/debootstrap/debootstrap.log" ] || tail -n 20 "$root/debootstrap/debootstrap.log" >&2
    echo "debian_base.sh: debootstrap could not make Debian $suite from ${mirror:-its default mirror}." >&2
    exit 1
  fi
  umount "$root/proc" 2>/dev/null || true
  umount "$root/sys" 2>/dev/null || true

  # Nothing in a package is younger than the archive's release. What is was made just now, and gets the release's time:
  # the packages' files keep theirs, by which Python knows its compiled files.
  released=$(sed -n 's/^Date: //p' "$root"/var/lib/apt/lists/*Release | head -n 1)
  [ -n "$released" ] || { echo 'debian_base.sh: the archive does not say when it was released.' >&2; exit 1; }
  cd "$root"
  find usr/share/doc -mindepth 2 ! -name copyright ! -type d -delete
  find usr/share/doc -mindepth 1 -type d -empty -delete
  find dev proc sys run tmp var/tmp var/log var/cache var/lib/apt/lists usr/share/locale usr/share/man usr/share/info \
    usr/share/lintian usr/share/groff -xdev -mindepth 1 ! -type d -delete 2>/dev/null || true
  rm -rf dev/* usr/share/locale/* usr/share/man/* usr/share/info/* var/cache/apt/* var/cache/debconf/*-old \
    var/lib/dpkg/*-old etc/hostname etc/resolv.conf
  : >etc/machine-id
  cd "$work"
  tar --create --file "$1" --directory "$root" --one-file-system --format=gnu --sort=name --numeric-owner \
    --clamp-mtime --mtime="$released" .
  rm -rf --one-file-system "$root"
}

tarball=${BASE_TARBALL:-}
if [ -z "$tarball" ]; then
  tarball=$work/base.tar
  make_tarball "$tarball"
elif [ ! -e "$tarball" ]; then
  case $tarball in /*) ;; *) tarball=$PWD/$tarball ;; esac
  half=$(mktemp "$tarball.XXXXXX")
  make_tarball "$half"
  chmod 644 "$half"
  mv "$half" "$tarball"
  half=
fi

# An import has a new id each time, even of the same: what the engine has already is left as it is.
same="sha256:$(sha256sum <"$tarball" | cut -d ' ' -f 1) [\"PATH=$path\"] [\"python3\"]"
there=$(docker image inspect --format '{{index .RootFS.Layers 0}} {{json .Config.Env}} {{json .Config.Cmd}}' "$name" \
  2>/dev/null || true)
if [ "$there" = "$same" ]; then
  docker image inspect --format '{{.Id}}' "$name"
else
  docker import --change "ENV PATH=$path" --change 'CMD ["python3"]' - "$name" <"$tarball"
fi
