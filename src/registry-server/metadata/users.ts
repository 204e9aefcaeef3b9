import type { SqlRow, SqlSession } from "#store/sql/database.ts";
import { flagOf, numberOf, textOf } from "./columns.ts";

export interface User {
  readonly name: string;
  /** Of argon2id, in its own text form. */
  readonly passwordHash: string;
  /** May do everything, on every repository. */
  readonly isAdmin: boolean;
  readonly isDisabled: boolean;
  readonly createdMs: number;
}

function readUser(row: SqlRow): User {
  return {
    name: textOf(row, "name"),
    passwordHash: textOf(row, "password_hash"),
    isAdmin: flagOf(row, "is_admin"),
    isDisabled: flagOf(row, "is_disabled"),
    createdMs: numberOf(row, "created_ms"),
  };
}

export async function findUser(session: SqlSession, name: string): Promise<User | undefined> {
  const [row] = await session.all("SELECT * FROM users WHERE name = $1", name);
  return row && readUser(row);
}

export async function listUsers(session: SqlSession): Promise<readonly User[]> {
  return (await session.all("SELECT * FROM users ORDER BY name")).map(readUser);
}

/** @returns False when the name is taken, by a user or an organisation. */
export async function insertUser(session: SqlSession, user: User): Promise<boolean> {
  const changed = await session.run(
    `INSERT INTO users (name, password_hash, is_admin, is_disabled, created_ms)
     SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT 1 FROM organisations WHERE name = $6)
     ON CONFLICT (name) DO NOTHING`,
    user.name,
    user.passwordHash,
    user.isAdmin ? 1 : 0,
    user.isDisabled ? 1 : 0,
    user.createdMs,
    user.name,
  );
  return changed > 0;
}

export async function updateUser(session: SqlSession, user: User): Promise<void> {
  await session.run(
    "UPDATE users SET password_hash = $1, is_admin = $2, is_disabled = $3 WHERE name = $4",
    user.passwordHash,
    user.isAdmin ? 1 : 0,
    user.isDisabled ? 1 : 0,
    user.name,
  );
}

/** Removes the user with memberships, grants and tokens; repositories stay. @returns Whether it was there. */
export async function removeUser(session: SqlSession, name: string): Promise<boolean> {
  await session.run("DELETE FROM members WHERE user_name = $1", name);
  await session.run("DELETE FROM team_members WHERE user_name = $1", name);
  await session.run("DELETE FROM grants WHERE grantee = $1", `user:${name}`);
  await session.run("DELETE FROM tokens WHERE owner = $1 AND kind <> 'robot'", name);
  return (await session.run("DELETE FROM users WHERE name = $1", name)) > 0;
}
