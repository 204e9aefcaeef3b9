import { ROLES, type Role, rolesOf } from "#registry-server/metadata/grants.ts";
import { findMember, findOrganisation } from "#registry-server/metadata/organisations.ts";
import { findRepository } from "#registry-server/metadata/repositories.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";
import type { ResourceScope } from "#spec/distribution/scopes.ts";
import type { SqlSession } from "#store/sql/database.ts";
import type { Account, RepositoryAction } from "./access.ts";

const ROLE_OF_ACTION: Readonly<Record<RepositoryAction, Role>> = {
  pull: "read",
  push: "write",
  delete: "admin",
};

/** Whose repository it is: the user or organisation of that name. Empty for `nginx`, which is the registry's own. */
export function namespaceOf(repository: string): string {
  const slash = repository.indexOf("/");
  return slash < 0 ? "" : repository.slice(0, slash);
}

export function includesRole(role: Role | undefined, wanted: Role): boolean {
  return role !== undefined && ROLES.indexOf(role) >= ROLES.indexOf(wanted);
}

/** `acme/app` itself and every prefix that a grant may name: `acme/app/*`, `acme/*`. */
function grantNames(repository: string): readonly string[] {
  const parts = repository.split("/");
  return [repository, ...parts.slice(1).map((_, at) => `${parts.slice(0, at + 1).join("/")}/*`)];
}

/** The highest role that a user has on a repository, whether it exists or not. */
export async function roleOf(
  session: SqlSession,
  user: string,
  repository: RepositoryName,
): Promise<Role | undefined> {
  const namespace = namespaceOf(repository);
  if (namespace === user) return "admin";
  const member = namespace === "" ? undefined : await findMember(session, namespace, user);
  if (member?.isOwner) return "admin";
  const granted = await rolesOf(session, user, grantNames(repository));
  const roles: readonly Role[] = member ? ["read", ...granted] : granted;
  return ROLES.findLast((role) => roles.includes(role));
}

/** Whether scopes that may end in `*` allow it. */
export function scopesAllow(
  scopes: readonly ResourceScope[],
  repository: string,
  action: string,
): boolean {
  return scopes.some(
    ({ type, name, actions }) =>
      type === "repository" &&
      (name.endsWith("*") ? repository.startsWith(name.slice(0, -1)) : name === repository) &&
      (actions.includes(action) || actions.includes("*")),
  );
}

export async function isPublic(session: SqlSession, repository: RepositoryName): Promise<boolean> {
  const found = await findRepository(session, repository);
  if (found) return found.isPublic;
  // not there yet: a cache of another registry fills as it is pulled from
  const organisation = await findOrganisation(session, namespaceOf(repository));
  return organisation?.isPublicByDefault ?? false;
}

export async function accountMay(
  session: SqlSession,
  account: Account,
  repository: RepositoryName,
  action: RepositoryAction,
): Promise<boolean> {
  const { limits } = account;
  if (action === "pull" && (await isPublic(session, repository))) return true;
  if (limits && !scopesAllow(limits, repository, action)) return false;
  if (account.isAdmin || account.isRobot) return true; // a robot's scopes are its rights
  return includesRole(await roleOf(session, account.name, repository), ROLE_OF_ACTION[action]);
}
