#!/bin/sh
# PostgreSQL for a test: trusts everybody on its network, keeps nothing safe from a power cut
set -e
bin=/usr/lib/postgresql/15/bin
cd /var/lib/postgresql
if [ ! -e data/PG_VERSION ]; then
  chown postgres .
  su postgres -c "$bin/initdb -D data -N --auth=trust >/dev/null"
  echo 'host all all all trust' >>data/pg_hba.conf
fi
exec su postgres -c "exec $bin/postgres -D data -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off"
