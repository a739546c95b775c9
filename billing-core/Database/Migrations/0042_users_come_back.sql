-- Contrary to what 0001 says: a user or team that is deleted and made again under its external id is the same one again, row and id.
-- Otherwise deleting a user would be a way to a fresh budget. What must not come back with the row is ended when it is deleted:
-- its keys are revoked, a team's members leave it. Those that were deleted before this migration are ended here.
update api_keys k set revoked_at = u.deleted_at from users u where u.id = k.user_id and u.deleted_at is not null and k.revoked_at is null;
update api_keys k set revoked_at = t.deleted_at from teams t where t.id = k.team_id and t.deleted_at is not null and k.revoked_at is null;
update users u set team_id = null from teams t where t.id = u.team_id and t.deleted_at is not null;

-- Finds the row to bring back, and keys to revoke.
create index teams_all on teams (customer_id, external_id);
create index users_all on users (customer_id, external_id);
create index users_team on users (team_id) where team_id is not null;
create index api_keys_user on api_keys (user_id) where user_id is not null;
create index api_keys_team on api_keys (team_id) where team_id is not null;
