import { ConflictError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { JsonReader } from "#base/json-reader.ts";
import {
  findOrganisation,
  insertOrganisation,
  listMembers,
  listOrganisations,
  type Organisation,
  putMember,
  removeMember,
  removeOrganisation,
  updateOrganisation,
} from "#registry-server/metadata/organisations.ts";
import { usedBytes } from "#registry-server/metadata/usage.ts";
import { findUser } from "#registry-server/metadata/users.ts";
import {
  audit,
  param,
  readJson,
  requiredText,
  requireMember,
  requireOwner,
  type RestCall,
  type RestRoute,
  timeText,
} from "./route.ts";
import { checkAccountName } from "./users.ts";

const SETTINGS = {
  quotaBytes: { type: "integer", description: "Sum of all blobs; 0 for no limit" },
  publicByDefault: {
    type: "boolean",
    description: "Whether repositories that a push makes are public",
  },
} as const;
const CREATE = {
  name: { type: "string", description: "First part of its repositories' names", isRequired: true },
  ...SETTINGS,
} as const;
const MEMBER = {
  owner: { type: "boolean", description: "Has the role admin on all repositories" },
} as const;

async function toWire(call: RestCall, organisation: Organisation): Promise<object> {
  return {
    name: organisation.name,
    quotaBytes: organisation.quotaBytes ?? 0,
    usedBytes: await usedBytes(call.parts.database, organisation.name),
    publicByDefault: organisation.isPublicByDefault,
    created: timeText(organisation.createdMs),
  };
}

export async function requireOrganisation(call: RestCall, name: string): Promise<Organisation> {
  const organisation = await findOrganisation(call.parts.database, name);
  if (!organisation) throw new NotFoundError(`No such organisation: ${name}`);
  return organisation;
}

function withSettings(before: Organisation, body: JsonReader): Organisation {
  const { name, createdMs } = before;
  const quotaBytes = body.integer("quotaBytes") ?? before.quotaBytes ?? 0;
  if (quotaBytes < 0) throw new InvalidArgumentError("Cannot set the quota: it is negative");
  const isPublicByDefault = body.boolean("publicByDefault") ?? before.isPublicByDefault;
  return { name, createdMs, isPublicByDefault, ...(quotaBytes > 0 ? { quotaBytes } : {}) };
}

export const organisationRoutes: readonly RestRoute[] = [
  {
    method: "GET",
    path: "/organisations",
    summary: "List organisations: all for admins, else the own",
    requires: "account",
    handle: async (call) => {
      const { database } = call.parts;
      const shown: object[] = [];
      for (const organisation of await listOrganisations(database)) {
        const members = call.account.isAdmin
          ? undefined
          : await listMembers(database, organisation.name);
        if (members && !members.some(({ user }) => user === call.account.name)) continue;
        shown.push(await toWire(call, organisation));
      }
      return { organisations: shown };
    },
  },
  {
    method: "POST",
    path: "/organisations",
    summary: "Create an organisation",
    requires: "admin",
    body: CREATE,
    handle: async (call) => {
      const body = await readJson(call, CREATE);
      const name = requiredText(body, "name");
      checkAccountName("organisation", name);
      const createdMs = call.parts.nowMs();
      const organisation = withSettings({ name, isPublicByDefault: false, createdMs }, body);
      if (!(await insertOrganisation(call.parts.database, organisation))) {
        throw new ConflictError(`Cannot create organisation ${name}: the name is taken`);
      }
      await audit(call, "organisation.create", name);
      return await toWire(call, organisation);
    },
  },
  {
    method: "GET",
    path: "/organisations/{organisation}",
    summary: "Show an organisation with its members",
    requires: "account",
    handle: async (call) => {
      const name = param(call, "organisation");
      const organisation = await requireOrganisation(call, name);
      await requireMember(call, name);
      const members = await listMembers(call.parts.database, name);
      return {
        ...(await toWire(call, organisation)),
        members: members.map(({ user, isOwner }) => ({ user, owner: isOwner })),
      };
    },
  },
  {
    method: "PATCH",
    path: "/organisations/{organisation}",
    summary: "Change an organisation's settings; the quota is for admins to set",
    requires: "account",
    body: SETTINGS,
    handle: async (call) => {
      const name = param(call, "organisation");
      const before = await requireOrganisation(call, name);
      await requireOwner(call, name);
      const body = await readJson(call, SETTINGS);
      const after = withSettings(before, body);
      if (after.quotaBytes !== before.quotaBytes && !call.account.isAdmin) {
        throw new ConflictError("Cannot set the quota: only admins of the registry may");
      }
      await updateOrganisation(call.parts.database, after);
      await audit(call, "organisation.update", name, { quotaBytes: after.quotaBytes ?? 0 });
      return await toWire(call, after);
    },
  },
  {
    method: "DELETE",
    path: "/organisations/{organisation}",
    summary: "Remove an organisation with teams and robots; its repositories stay",
    requires: "admin",
    handle: async (call) => {
      const name = param(call, "organisation");
      const { database } = call.parts;
      const isRemoved = await database.transaction((session) => removeOrganisation(session, name));
      if (!isRemoved) throw new NotFoundError(`No such organisation: ${name}`);
      await audit(call, "organisation.remove", name);
    },
  },
  {
    method: "PUT",
    path: "/organisations/{organisation}/members/{user}",
    summary: "Add a member, or change what it is",
    requires: "account",
    body: MEMBER,
    handle: async (call) => {
      const name = param(call, "organisation");
      const user = param(call, "user");
      await requireOrganisation(call, name);
      await requireOwner(call, name);
      const isOwner = (await readJson(call, MEMBER)).boolean("owner") ?? false;
      if (!(await findUser(call.parts.database, user))) {
        throw new NotFoundError(`No such user: ${user}`);
      }
      await putMember(call.parts.database, name, { user, isOwner });
      await audit(call, "member.put", `${name}/${user}`, { owner: isOwner });
      return { user, owner: isOwner };
    },
  },
  {
    method: "DELETE",
    path: "/organisations/{organisation}/members/{user}",
    summary: "Take a member out of the organisation and its teams",
    requires: "account",
    handle: async (call) => {
      const name = param(call, "organisation");
      const user = param(call, "user");
      await requireOwner(call, name);
      const { database } = call.parts;
      const isRemoved = await database.transaction((session) => removeMember(session, name, user));
      if (!isRemoved) throw new NotFoundError(`No such member: ${user}`);
      await audit(call, "member.remove", `${name}/${user}`);
    },
  },
];
