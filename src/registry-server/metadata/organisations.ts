import type { SqlRow, SqlSession } from "#store/sql/database.ts";
import { flagOf, numberOf, textOf } from "./columns.ts";

export interface Organisation {
  readonly name: string;
  /** Sum of its blobs, each counted once; absent: without limit. */
  readonly quotaBytes?: number;
  /** Whether repositories that come to be by a push are public. */
  readonly isPublicByDefault: boolean;
  readonly createdMs: number;
}

export interface Member {
  readonly user: string;
  /** Owners have the role admin on all repositories of the organisation; others read them. */
  readonly isOwner: boolean;
}

function readOrganisation(row: SqlRow): Organisation {
  return {
    name: textOf(row, "name"),
    ...(row["quota_bytes"] === null ? {} : { quotaBytes: numberOf(row, "quota_bytes") }),
    isPublicByDefault: flagOf(row, "is_public_by_default"),
    createdMs: numberOf(row, "created_ms"),
  };
}

export async function findOrganisation(
  session: SqlSession,
  name: string,
): Promise<Organisation | undefined> {
  const [row] = await session.all("SELECT * FROM organisations WHERE name = $1", name);
  return row && readOrganisation(row);
}

/** The organisation, which no other transaction reads so until this one ends. */
export async function lockOrganisation(
  session: SqlSession,
  name: string,
): Promise<Organisation | undefined> {
  await session.run("UPDATE organisations SET name = name WHERE name = $1", name);
  return await findOrganisation(session, name);
}

export async function listOrganisations(session: SqlSession): Promise<readonly Organisation[]> {
  return (await session.all("SELECT * FROM organisations ORDER BY name")).map(readOrganisation);
}

/** @returns False when the name is taken, by an organisation or a user. */
export async function insertOrganisation(
  session: SqlSession,
  organisation: Organisation,
): Promise<boolean> {
  const changed = await session.run(
    `INSERT INTO organisations (name, quota_bytes, is_public_by_default, created_ms)
     SELECT $1, $2, $3, $4 WHERE NOT EXISTS (SELECT 1 FROM users WHERE name = $5)
     ON CONFLICT (name) DO NOTHING`,
    organisation.name,
    organisation.quotaBytes ?? null,
    organisation.isPublicByDefault ? 1 : 0,
    organisation.createdMs,
    organisation.name,
  );
  return changed > 0;
}

export async function updateOrganisation(
  session: SqlSession,
  organisation: Organisation,
): Promise<void> {
  await session.run(
    "UPDATE organisations SET quota_bytes = $1, is_public_by_default = $2 WHERE name = $3",
    organisation.quotaBytes ?? null,
    organisation.isPublicByDefault ? 1 : 0,
    organisation.name,
  );
}

/** Removes it with members, teams, robots and grants; repositories stay. @returns Whether it was there. */
export async function removeOrganisation(session: SqlSession, name: string): Promise<boolean> {
  await session.run("DELETE FROM members WHERE organisation = $1", name);
  await session.run("DELETE FROM team_members WHERE organisation = $1", name);
  await session.run("DELETE FROM grants WHERE grantee LIKE $1", `team:${name}/%`);
  await session.run("DELETE FROM teams WHERE organisation = $1", name);
  await session.run("DELETE FROM tokens WHERE owner = $1 AND kind = 'robot'", name);
  return (await session.run("DELETE FROM organisations WHERE name = $1", name)) > 0;
}

export async function listMembers(
  session: SqlSession,
  organisation: string,
): Promise<readonly Member[]> {
  const rows = await session.all(
    "SELECT * FROM members WHERE organisation = $1 ORDER BY user_name",
    organisation,
  );
  return rows.map((row) => ({ user: textOf(row, "user_name"), isOwner: flagOf(row, "is_owner") }));
}

export async function findMember(
  session: SqlSession,
  organisation: string,
  user: string,
): Promise<Member | undefined> {
  const [row] = await session.all(
    "SELECT * FROM members WHERE organisation = $1 AND user_name = $2",
    organisation,
    user,
  );
  return row && { user, isOwner: flagOf(row, "is_owner") };
}

export async function putMember(
  session: SqlSession,
  organisation: string,
  member: Member,
): Promise<void> {
  await session.run(
    `INSERT INTO members (organisation, user_name, is_owner) VALUES ($1, $2, $3)
     ON CONFLICT (organisation, user_name) DO UPDATE SET is_owner = excluded.is_owner`,
    organisation,
    member.user,
    member.isOwner ? 1 : 0,
  );
}

/** Takes the user out of the organisation and its teams. @returns Whether it was a member. */
export async function removeMember(
  session: SqlSession,
  organisation: string,
  user: string,
): Promise<boolean> {
  const where = "WHERE organisation = $1 AND user_name = $2";
  await session.run(`DELETE FROM team_members ${where}`, organisation, user);
  return (await session.run(`DELETE FROM members ${where}`, organisation, user)) > 0;
}
