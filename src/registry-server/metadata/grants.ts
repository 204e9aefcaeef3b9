import type { SqlSession } from "#store/sql/database.ts";
import { textOf } from "./columns.ts";

/** What a user or team may do with a repository: each includes those before it. */
export type Role = "read" | "write" | "admin";

export const ROLES: readonly Role[] = ["read", "write", "admin"];

export interface Grant {
  /** A name, or `acme/*` for all below it. */
  readonly repository: string;
  /** `user:alice` or `team:acme/builders`. */
  readonly grantee: string;
  readonly role: Role;
}

export async function putGrant(session: SqlSession, grant: Grant): Promise<void> {
  await session.run(
    `INSERT INTO grants (repository, grantee, role) VALUES ($1, $2, $3)
     ON CONFLICT (repository, grantee) DO UPDATE SET role = excluded.role`,
    grant.repository,
    grant.grantee,
    grant.role,
  );
}

/** @returns Whether it was there. */
export async function removeGrant(
  session: SqlSession,
  repository: string,
  grantee: string,
): Promise<boolean> {
  const changed = await session.run(
    "DELETE FROM grants WHERE repository = $1 AND grantee = $2",
    repository,
    grantee,
  );
  return changed > 0;
}

export async function listGrants(
  session: SqlSession,
  repository: string,
): Promise<readonly Grant[]> {
  const rows = await session.all(
    "SELECT * FROM grants WHERE repository = $1 ORDER BY grantee",
    repository,
  );
  return rows.map((row) => ({
    repository,
    grantee: textOf(row, "grantee"),
    role: textOf(row, "role") as Role, // written from this very type
  }));
}

/** Roles that grants give a user, as itself and by its teams, on any of the names. */
export async function rolesOf(
  session: SqlSession,
  user: string,
  repositories: readonly string[],
): Promise<readonly Role[]> {
  const places = repositories.map((_, index) => `$${index + 3}`).join(", ");
  const rows = await session.all(
    `SELECT g.role FROM grants g WHERE g.repository IN (${places}) AND (g.grantee = $1 OR g.grantee IN (
       SELECT 'team:' || m.organisation || '/' || m.team FROM team_members m WHERE m.user_name = $2))`,
    `user:${user}`,
    user,
    ...repositories,
  );
  return rows.map((row) => textOf(row, "role") as Role);
}
