#!/bin/sh
# Fills the port into the configuration, then becomes the command.
set -eu
sed "s/@NGINX_PORT@/${NGINX_PORT}/" /etc/nginx/nginx.conf.template > /tmp/nginx.conf
exec "$@"
