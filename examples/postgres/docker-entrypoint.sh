#!/bin/bash
# Makes the cluster in an empty data folder, by POSTGRES_PASSWORD (or the file POSTGRES_PASSWORD_FILE), POSTGRES_USER and
# POSTGRES_DB, and runs /docker-entrypoint-initdb.d/*.sql in it; then becomes the command.
set -euo pipefail

if [ "$1" = postgres ] && [ "$(id -u)" = 0 ]; then
  install -d -o postgres -g postgres -m 700 "$PGDATA"
  find "$PGDATA" ! -user postgres -exec chown postgres:postgres {} +
  exec gosu postgres "$0" "$@"
fi

if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  user=${POSTGRES_USER:-postgres}
  database=${POSTGRES_DB:-$user}
  password=${POSTGRES_PASSWORD:-}
  [ -z "${POSTGRES_PASSWORD_FILE:-}" ] || password=$(< "$POSTGRES_PASSWORD_FILE")
  if [ -z "$password" ]; then
    echo "The data folder is empty: say POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE" >&2
    exit 1
  fi
  initdb --username="$user" --pwfile=<(printf '%s\n' "$password") --auth-host=scram-sha-256 --auth-local=trust
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  # on the socket alone until it is whole, so that nobody finds it half made
  pg_ctl --wait --options="-c listen_addresses=''" start
  query() { psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --username "$user" "$@"; }
  [ "$database" = postgres ] || query --dbname postgres -c "CREATE DATABASE \"$database\""
  for script in /docker-entrypoint-initdb.d/*.sql; do
    [ -e "$script" ] || continue
    echo "running $script"
    query --dbname "$database" --file "$script"
  done
  pg_ctl --wait --mode=fast stop
fi

exec "$@"
