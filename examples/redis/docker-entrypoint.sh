#!/bin/sh
# Started as root it hands the data over to redis and steps down; as another user it goes on as that.
set -eu
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
  find /data ! -user redis -exec chown redis:redis {} +
  exec setpriv --reuid=redis --regid=redis --init-groups --inh-caps=-all "$0" "$@"
fi
exec "$@"
