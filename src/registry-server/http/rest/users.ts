import {
  ConflictError,
  InvalidArgumentError,
  NotFoundError,
  PermissionDeniedError,
} from "#base/errors.ts";
import { removeRefreshTokens } from "#registry-server/metadata/tokens.ts";
import {
  findUser,
  insertUser,
  listUsers,
  removeUser,
  updateUser,
  type User,
} from "#registry-server/metadata/users.ts";
import {
  audit,
  param,
  readJson,
  requiredText,
  type RestCall,
  type RestRoute,
  timeText,
} from "./route.ts";

/** Names of users and organisations begin names of repositories, and have one part. */
const NAME_PATTERN = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const NAME_MAX_LENGTH = 64;

/** @throws {InvalidArgumentError} */
export function checkAccountName(noun: string, name: string): void {
  if (name.length <= NAME_MAX_LENGTH && NAME_PATTERN.test(name) && name !== "library") return;
  throw new InvalidArgumentError(
    `Cannot create ${noun} ${JSON.stringify(name.slice(0, 100))}: want lower-case letters, digits, ".", "_", "-", at most ${NAME_MAX_LENGTH}`,
  );
}

function toWire(user: User): object {
  return {
    name: user.name,
    admin: user.isAdmin,
    disabled: user.isDisabled,
    created: timeText(user.createdMs),
  };
}

async function requireUser(call: RestCall, name: string): Promise<User> {
  const user = await findUser(call.parts.database, name);
  if (!user) throw new NotFoundError(`No such user: ${name}`);
  return user;
}

const CREATE = {
  name: { type: "string", description: "Login name", isRequired: true },
  password: { type: "string", description: "At least 8 characters", isRequired: true },
  admin: { type: "boolean", description: "May do everything on the registry" },
} as const;

const UPDATE = {
  password: { type: "string", description: "At least 8 characters" },
  admin: { type: "boolean", description: "May do everything on the registry" },
  disabled: { type: "boolean", description: "May not log in, nor use its tokens" },
} as const;

async function update(call: RestCall): Promise<unknown> {
  const { parts, account } = call;
  const name = param(call, "name");
  const isSelf = account.name === name && account.isByPassword;
  if (!account.isAdmin && !isSelf) {
    throw new PermissionDeniedError(`Only admins may change user ${name}`);
  }
  const body = await readJson(call, UPDATE);
  if (!account.isAdmin && (body.has("admin") || body.has("disabled"))) {
    throw new PermissionDeniedError("Only admins may change what a user may do");
  }
  const password = body.string("password");
  const passwordHash = password === undefined ? undefined : await parts.passwords.hash(password);
  const before = await requireUser(call, name);
  const after: User = {
    ...before,
    passwordHash: passwordHash ?? before.passwordHash,
    isAdmin: body.boolean("admin") ?? before.isAdmin,
    isDisabled: body.boolean("disabled") ?? before.isDisabled,
  };
  await parts.database.transaction(async (session) => {
    await updateUser(session, after);
    // whoever knew the old password keeps nothing that was got by it
    if (passwordHash !== undefined) await removeRefreshTokens(session, name);
  });
  await audit(call, "user.update", name, {
    password: password !== undefined,
    admin: after.isAdmin,
    disabled: after.isDisabled,
  });
  return toWire(after);
}

export const userRoutes: readonly RestRoute[] = [
  {
    method: "GET",
    path: "/users",
    summary: "List users",
    requires: "admin",
    handle: async (call) => ({ users: (await listUsers(call.parts.database)).map(toWire) }),
  },
  {
    method: "POST",
    path: "/users",
    summary: "Create a user",
    requires: "admin",
    body: CREATE,
    handle: async (call) => {
      const { parts } = call;
      const body = await readJson(call, CREATE);
      const name = requiredText(body, "name");
      checkAccountName("user", name);
      const user: User = {
        name,
        passwordHash: await parts.passwords.hash(requiredText(body, "password")),
        isAdmin: body.boolean("admin") ?? false,
        isDisabled: false,
        createdMs: parts.nowMs(),
      };
      if (!(await insertUser(parts.database, user))) {
        throw new ConflictError(`Cannot create user ${name}: the name is taken`);
      }
      await audit(call, "user.create", name, { admin: user.isAdmin });
      return toWire(user);
    },
  },
  {
    method: "GET",
    path: "/users/{name}",
    summary: "Show a user",
    requires: "account",
    handle: async (call) => {
      const name = param(call, "name");
      if (!call.account.isAdmin && call.account.name !== name) {
        throw new PermissionDeniedError(`Only admins may see user ${name}`);
      }
      return toWire(await requireUser(call, name));
    },
  },
  {
    method: "PATCH",
    path: "/users/{name}",
    summary: "Change a user; everybody may change the own password",
    requires: "account",
    body: UPDATE,
    handle: update,
  },
  {
    method: "DELETE",
    path: "/users/{name}",
    summary: "Remove a user with its tokens, memberships and grants; its repositories stay",
    requires: "admin",
    handle: async (call) => {
      const name = param(call, "name");
      if (name === call.account.name) {
        throw new ConflictError(`Cannot remove user ${name}: it is who asks`);
      }
      const isRemoved = await call.parts.database.transaction((session) =>
        removeUser(session, name),
      );
      if (!isRemoved) throw new NotFoundError(`No such user: ${name}`);
      await audit(call, "user.remove", name);
    },
  },
];
