-- Who read content, who gave commands, who was refused. It holds no content, and no addresses of clients.
create or replace view analytics.audit as
select a.at::timestamptz as at, a.audit_id, a.kind, a.caller, a.key_id, a.action, a.target, a.scope, a.status,
       a.request_id
  from ingest.audit a;

comment on view analytics.audit is 'Reads of content, operator commands and refusals: one row each, without content.';
comment on column analytics.audit.at is 'Time of the request.';
comment on column analytics.audit.audit_id is 'Number of the row in this database.';
comment on column analytics.audit.kind is 'read (of texts or names), command or refused.';
comment on column analytics.audit.caller is
  'Label of the caller''s key, open where the service needs none, or user of the command line.';
comment on column analytics.audit.key_id is 'Id of the key; null: no key was needed or given.';
comment on column analytics.audit.action is 'Method and route of the API, or kind of the command on the command line.';
comment on column analytics.audit.target is 'Path of the request, or target of the command; null: none.';
comment on column analytics.audit.scope is 'Scope that the request needs; null: the command line.';
comment on column analytics.audit.status is
  'HTTP status of the answer; null: the command line, or a command whose outcome is unknown.';
comment on column analytics.audit.request_id is 'Id of the request, as in the log; null: the command line.';
