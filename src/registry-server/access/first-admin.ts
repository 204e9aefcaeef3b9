import { randomBytes } from "node:crypto";
import { insertUser, listUsers } from "#registry-server/metadata/users.ts";
import type { SqlDatabase } from "#store/sql/database.ts";
import type { Passwords } from "./passwords.ts";

const PASSWORD_BYTES = 15;

/**
 * Makes the first user of a registry that has none.
 *
 * @returns Its password, which is nowhere else; undefined when there are users.
 */
export async function makeFirstAdmin(
  database: SqlDatabase,
  passwords: Passwords,
  nowMs: number,
): Promise<string | undefined> {
  if ((await listUsers(database)).length > 0) return undefined;
  const password = randomBytes(PASSWORD_BYTES).toString("base64url");
  const isNew = await insertUser(database, {
    name: "admin",
    passwordHash: await passwords.hash(password),
    isAdmin: true,
    isDisabled: false,
    createdMs: nowMs,
  });
  return isNew ? password : undefined; // another server was faster
}
