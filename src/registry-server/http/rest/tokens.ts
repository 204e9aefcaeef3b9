import { InvalidArgumentError, NotFoundError, PermissionDeniedError } from "#base/errors.ts";
import type { JsonReader } from "#base/json-reader.ts";
import { newSecret } from "#registry-server/access/secrets.ts";
import {
  findToken,
  insertToken,
  listTokens,
  removeToken,
  type Token,
} from "#registry-server/metadata/tokens.ts";
import { type ResourceScope, tryParseScopes } from "#spec/distribution/scopes.ts";
import { requireOrganisation } from "./organisations.ts";
import {
  audit,
  param,
  readJson,
  requiredText,
  requireOwner,
  type RestCall,
  type RestRoute,
  timeText,
} from "./route.ts";

const DAY_MS = 24 * 3_600_000;
const MAX_DAYS = 3660;
const NAME_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/;

const CREATE = {
  name: { type: "string", description: "What it is for", isRequired: true },
  scopes: {
    type: "array",
    description: "What it may do at most, as repository:acme/*:pull,push",
  },
  expiresInDays: { type: "integer", description: "Days until it is over; 0 for never" },
} as const;

function toWire(token: Token): object {
  return {
    id: token.id,
    name: token.name,
    scopes: token.scopes,
    created: timeText(token.createdMs),
    expires: timeText(token.expiresMs),
    used: timeText(token.usedMs),
  };
}

function readScopes(body: JsonReader): readonly ResourceScope[] {
  const scopes = (body.strings("scopes") ?? []).flatMap((text) => {
    const parsed = tryParseScopes(text);
    const isKnown = parsed?.every(
      ({ type, actions }) => type === "repository" && actions.length > 0,
    );
    if (!parsed || !isKnown) {
      throw new InvalidArgumentError(
        `Cannot read scope ${JSON.stringify(text.slice(0, 300))}: want repository:NAME:pull,push,delete`,
      );
    }
    return parsed;
  });
  return scopes;
}

/** A new token in the words of the request; its text is shown this once. */
async function create(
  call: RestCall,
  kind: "personal" | "robot",
  owner: string,
): Promise<readonly [Token, string]> {
  const body = await readJson(call, CREATE);
  const name = requiredText(body, "name");
  if (!NAME_PATTERN.test(name)) {
    throw new InvalidArgumentError(
      `Cannot create token ${JSON.stringify(name.slice(0, 100))}: want lower-case letters, digits, ".", "_", "-"`,
    );
  }
  const days = body.integer("expiresInDays") ?? 0;
  if (days < 0 || days > MAX_DAYS) {
    throw new InvalidArgumentError(`Cannot create token ${name}: want 0 to ${MAX_DAYS} days`);
  }
  const scopes = readScopes(body);
  if (kind === "robot") checkRobotScopes(owner, scopes);
  const nowMs = call.parts.nowMs();
  const secret = newSecret();
  const token: Token = {
    id: secret.id,
    kind,
    owner,
    name,
    secretHash: secret.hash,
    scopes,
    createdMs: nowMs,
    ...(days > 0 ? { expiresMs: nowMs + days * DAY_MS } : {}),
  };
  await insertToken(call.parts.database, token);
  return [token, secret.text];
}

function checkRobotScopes(organisation: string, scopes: readonly ResourceScope[]): void {
  if (scopes.length === 0) {
    throw new InvalidArgumentError("Cannot create the robot: it needs a scope to do anything");
  }
  for (const { name } of scopes) {
    if (name.startsWith(`${organisation}/`)) continue;
    throw new InvalidArgumentError(
      `Cannot create the robot: ${name} is no repository of ${organisation}`,
    );
  }
}

/** A token with limits must not make one without. */
function requireUnlimited(call: RestCall): void {
  if (!call.account.limits && !call.account.isRobot) return;
  throw new PermissionDeniedError("A token with scopes may not make or remove tokens");
}

export const tokenRoutes: readonly RestRoute[] = [
  {
    method: "GET",
    path: "/tokens",
    summary: "List the own personal access tokens",
    requires: "account",
    handle: async (call) => ({
      tokens: (await listTokens(call.parts.database, "personal", call.account.name)).map(toWire),
    }),
  },
  {
    method: "POST",
    path: "/tokens",
    summary: "Create a personal access token, shown this once",
    requires: "account",
    body: CREATE,
    handle: async (call) => {
      requireUnlimited(call);
      const [token, text] = await create(call, "personal", call.account.name);
      await audit(call, "token.create", token.id, { name: token.name });
      return { ...toWire(token), token: text };
    },
  },
  {
    method: "DELETE",
    path: "/tokens/{id}",
    summary: "Revoke an own personal access token; admins, anybody's",
    requires: "account",
    handle: async (call) => {
      requireUnlimited(call);
      const id = param(call, "id");
      const token = await findToken(call.parts.database, id);
      const isOwn = token?.kind === "personal" && token.owner === call.account.name;
      if (!token || token.kind === "robot" || !(isOwn || call.account.isAdmin)) {
        throw new NotFoundError(`No such token: ${id}`);
      }
      await removeToken(call.parts.database, id);
      await audit(call, "token.remove", id, { name: token.name });
    },
  },
  {
    method: "GET",
    path: "/organisations/{organisation}/robots",
    summary: "List robot accounts",
    requires: "account",
    handle: async (call) => {
      const organisation = param(call, "organisation");
      await requireOwner(call, organisation);
      const robots = await listTokens(call.parts.database, "robot", organisation);
      return { robots: robots.map(toWire) };
    },
  },
  {
    method: "POST",
    path: "/organisations/{organisation}/robots",
    summary: "Create a robot account, whose token is shown this once",
    requires: "account",
    body: CREATE,
    handle: async (call) => {
      requireUnlimited(call);
      const organisation = param(call, "organisation");
      await requireOrganisation(call, organisation);
      await requireOwner(call, organisation);
      const [token, text] = await create(call, "robot", organisation);
      await audit(call, "robot.create", `${organisation}/${token.name}`, { id: token.id });
      return { ...toWire(token), login: `robot$${organisation}+${token.name}`, token: text };
    },
  },
  {
    method: "DELETE",
    path: "/organisations/{organisation}/robots/{id}",
    summary: "Remove a robot account",
    requires: "account",
    handle: async (call) => {
      requireUnlimited(call);
      const organisation = param(call, "organisation");
      await requireOwner(call, organisation);
      const id = param(call, "id");
      const token = await findToken(call.parts.database, id);
      if (token?.kind !== "robot" || token.owner !== organisation) {
        throw new NotFoundError(`No such robot: ${id}`);
      }
      await removeToken(call.parts.database, id);
      await audit(call, "robot.remove", `${organisation}/${token.name}`, { id });
    },
  },
];
