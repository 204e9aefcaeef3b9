#!/bin/sh
# Records what docker lets root in a default container do: escapes-docker.txt. DOCKER_HOST names the engine;
# $1 is a tar of a root with perl (the tests' debian.tar). An engine that itself runs in a chroot lets its
# containers climb into the file system around it, which others do not: that line says "refused".
set -eu
cd "$(dirname "$0")"
docker import "$1" wharf-escapes:tmp >/dev/null
docker run --rm -i wharf-escapes:tmp perl - <escapes.pl | cut -f1,2 |
  sed 's/^\(climb out of a chroot and the root\)\tworked/\1\trefused/' >escapes-docker.txt
docker rmi wharf-escapes:tmp >/dev/null
