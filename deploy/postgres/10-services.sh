#!/bin/sh
# Runs once, when the server's data folder is new: a database and three roles for each service.
# Each role's password is in a file of PMO_PASSWORDS (default /run/secrets) named <service>_<kind>_password.
set -eu
passwords=${PMO_PASSWORDS:-/run/secrets}

for service in ${PMO_SERVICES:-projects resources kpi gateway}; do
    psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --no-password \
        --dbname postgres \
        --set service="$service" --set database="pmo_$service" \
        --set owner="${service}_owner" --set app="${service}_app" --set relay="${service}_relay" \
        --set owner_password="$(cat "$passwords/${service}_owner_password")" \
        --set app_password="$(cat "$passwords/${service}_app_password")" \
        --set relay_password="$(cat "$passwords/${service}_relay_password")" \
        --file - <<'SQL'
create role :"owner" with login nosuperuser nocreatedb nocreaterole nobypassrls noreplication password :'owner_password';
create role :"app" with login nosuperuser nocreatedb nocreaterole nobypassrls noreplication password :'app_password';
create role :"relay" with login nosuperuser nocreatedb nocreaterole nobypassrls noreplication password :'relay_password';

alter role :"owner" set search_path = 'public';
alter role :"owner" set timezone = 'UTC';
alter role :"owner" set default_transaction_isolation = 'read committed';
alter role :"owner" set statement_timeout = '0';
alter role :"owner" set lock_timeout = '2s';
alter role :"owner" set idle_in_transaction_session_timeout = '60s';
alter role :"owner" set transaction_timeout = '0';

alter role :"app" set search_path = 'public';
alter role :"app" set timezone = 'UTC';
alter role :"app" set default_transaction_isolation = 'read committed';
alter role :"app" set statement_timeout = '5s';
alter role :"app" set lock_timeout = '1s';
alter role :"app" set idle_in_transaction_session_timeout = '10s';
alter role :"app" set transaction_timeout = '15s';

alter role :"relay" set search_path = 'public';
alter role :"relay" set timezone = 'UTC';
alter role :"relay" set default_transaction_isolation = 'read committed';
alter role :"relay" set statement_timeout = '10s';
alter role :"relay" set lock_timeout = '1s';
alter role :"relay" set idle_in_transaction_session_timeout = '10s';
alter role :"relay" set transaction_timeout = '15s';

create database :"database" owner :"owner";
revoke all on database :"database" from public;
grant connect on database :"database" to :"app", :"relay";
SQL
done
