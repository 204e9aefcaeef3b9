import type { SqlSession } from "#store/sql/database.ts";
import { textOf } from "./columns.ts";

export interface Team {
  readonly organisation: string;
  readonly name: string;
}

/** @returns False when it is there already. */
export async function insertTeam(session: SqlSession, team: Team): Promise<boolean> {
  const changed = await session.run(
    "INSERT INTO teams (organisation, name) VALUES ($1, $2) ON CONFLICT (organisation, name) DO NOTHING",
    team.organisation,
    team.name,
  );
  return changed > 0;
}

export async function hasTeam(session: SqlSession, team: Team): Promise<boolean> {
  const where = "WHERE organisation = $1 AND name = $2";
  const rows = await session.all(`SELECT name FROM teams ${where}`, team.organisation, team.name);
  return rows.length > 0;
}

export async function listTeams(
  session: SqlSession,
  organisation: string,
): Promise<readonly string[]> {
  const rows = await session.all(
    "SELECT name FROM teams WHERE organisation = $1 ORDER BY name",
    organisation,
  );
  return rows.map((row) => textOf(row, "name"));
}

/** Removes it with its members and grants. @returns Whether it was there. */
export async function removeTeam(session: SqlSession, team: Team): Promise<boolean> {
  const { organisation, name } = team;
  await session.run("DELETE FROM grants WHERE grantee = $1", `team:${organisation}/${name}`);
  await session.run(
    "DELETE FROM team_members WHERE organisation = $1 AND team = $2",
    organisation,
    name,
  );
  const changed = await session.run(
    "DELETE FROM teams WHERE organisation = $1 AND name = $2",
    organisation,
    name,
  );
  return changed > 0;
}

export async function listTeamMembers(session: SqlSession, team: Team): Promise<readonly string[]> {
  const rows = await session.all(
    "SELECT user_name FROM team_members WHERE organisation = $1 AND team = $2 ORDER BY user_name",
    team.organisation,
    team.name,
  );
  return rows.map((row) => textOf(row, "user_name"));
}

export async function addTeamMember(session: SqlSession, team: Team, user: string): Promise<void> {
  await session.run(
    `INSERT INTO team_members (organisation, team, user_name) VALUES ($1, $2, $3)
     ON CONFLICT (organisation, team, user_name) DO NOTHING`,
    team.organisation,
    team.name,
    user,
  );
}

/** @returns Whether the user was one of it. */
export async function removeTeamMember(
  session: SqlSession,
  team: Team,
  user: string,
): Promise<boolean> {
  const changed = await session.run(
    "DELETE FROM team_members WHERE organisation = $1 AND team = $2 AND user_name = $3",
    team.organisation,
    team.name,
    user,
  );
  return changed > 0;
}
