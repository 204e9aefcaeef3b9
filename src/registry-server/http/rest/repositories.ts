import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { JsonReader } from "#base/json-reader.ts";
import { RegistryError } from "#registry-server/errors.ts";
import {
  listGrants,
  putGrant,
  removeGrant,
  ROLES,
  type Role,
} from "#registry-server/metadata/grants.ts";
import {
  findRepository,
  insertRepository,
  removeRepository,
  type Repository,
  updateRepository,
} from "#registry-server/metadata/repositories.ts";
import { hasTeam } from "#registry-server/metadata/teams.ts";
import { findUser } from "#registry-server/metadata/users.ts";
import { isTagPattern } from "#registry-server/upkeep/tag-pattern.ts";
import { type RetentionRule, parseRetention } from "#registry-server/upkeep/retention.ts";
import {
  audit,
  listCount,
  param,
  readJson,
  repositoryParam,
  requireRepositoryAdmin,
  type RestCall,
  type RestRoute,
  timeText,
} from "./route.ts";

const LIST_MAX = 1000;
const TAGS_MAX = 10_000;
const DESCRIPTION_MAX_LENGTH = 10_000;

const SETTINGS = {
  public: { type: "boolean", description: "Everybody may pull" },
  description: { type: "string", description: "Shown by searches" },
  immutableTags: {
    type: "array",
    description: "Patterns of tags that are set once and stay, as v*",
  },
  retention: {
    type: "array",
    description:
      'Rules of what is kept: {"tags": "nightly-*", "keepLast": 5, "keepPushedDays": 30, "keepPulledDays": 7}',
  },
} as const;
const GRANT = {
  role: { type: "string", description: "read, write or admin", isRequired: true },
} as const;

export function repositoryToWire(repository: Repository): object {
  return {
    name: repository.name,
    public: repository.isPublic,
    description: repository.description,
    immutableTags: repository.immutableTags,
    retention: repository.retention,
    created: timeText(repository.createdMs),
    pulls: repository.pullCount,
  };
}

/** @throws {NotFoundError} Also where the caller may not know of it. */
async function requireReadable(call: RestCall): Promise<Repository> {
  const name = repositoryParam(call);
  const repository = await findRepository(call.parts.database, name);
  const { principal } = call.exchange;
  const mayRead = repository && (await call.parts.access.mayList(principal, name));
  if (!mayRead) throw new NotFoundError(`No such repository: ${name}`);
  return repository;
}

function withSettings(before: Repository, body: JsonReader): Repository {
  const immutableTags = body.strings("immutableTags") ?? before.immutableTags;
  for (const pattern of immutableTags) {
    if (isTagPattern(pattern)) continue;
    throw new InvalidArgumentError(`Cannot read tag pattern ${JSON.stringify(pattern)}`);
  }
  const rules = body.objects("retention");
  const retention: readonly RetentionRule[] = rules ? parseRetention(rules) : before.retention;
  const description = body.string("description") ?? before.description;
  if (description.length > DESCRIPTION_MAX_LENGTH) {
    throw new InvalidArgumentError(
      `Cannot set the description: it is over ${DESCRIPTION_MAX_LENGTH} characters`,
    );
  }
  return {
    ...before,
    isPublic: body.boolean("public") ?? before.isPublic,
    description,
    immutableTags,
    retention,
  };
}

function readRole(text: string | undefined): Role {
  const role = ROLES.find((one) => one === text);
  if (role) return role;
  throw new InvalidArgumentError(
    `Cannot grant role ${JSON.stringify(text)}: want read, write or admin`,
  );
}

/** @throws {InvalidArgumentError | NotFoundError} Of another form, or nobody. */
async function checkGrantee(call: RestCall, grantee: string): Promise<void> {
  const { database } = call.parts;
  const found = /^(?:user:([^/]+)|team:([^/]+)\/([^/]+))$/.exec(grantee);
  if (!found) {
    throw new InvalidArgumentError(
      `Cannot grant to ${JSON.stringify(grantee.slice(0, 200))}: want user:NAME or team:ORGANISATION/NAME`,
    );
  }
  const [, user, organisation = "", name = ""] = found;
  const isThere =
    user === undefined
      ? await hasTeam(database, { organisation, name })
      : (await findUser(database, user)) !== undefined;
  if (!isThere)
    throw new NotFoundError(`No such ${user === undefined ? "team" : "user"}: ${grantee}`);
}

export const repositoryRoutes: readonly RestRoute[] = [
  {
    method: "GET",
    path: "/repositories",
    summary: "List or search the repositories that the caller may pull from",
    requires: "anyone",
    query: { q: "Part of name or description", n: "At most so many", last: "Name to go on behind" },
    handle: async (call) => {
      const { query, principal } = call.exchange;
      const found = await call.parts.repositories.list(principal, query.get("last") ?? "", {
        count: listCount(call, LIST_MAX),
        text: query.get("q") ?? "",
      });
      return { repositories: found.map(repositoryToWire) };
    },
  },
  {
    method: "GET",
    path: "/repositories/{repository}",
    summary: "Show a repository",
    requires: "anyone",
    handle: async (call) => repositoryToWire(await requireReadable(call)),
  },
  {
    method: "PUT",
    path: "/repositories/{repository}",
    summary: "Create a repository before its first push",
    requires: "account",
    body: SETTINGS,
    handle: async (call) => {
      const name = repositoryParam(call);
      await requireRepositoryAdmin(call, name);
      const { database, nowMs } = call.parts;
      const body = await readJson(call, SETTINGS);
      const repository = withSettings(
        {
          name,
          isPublic: false,
          description: "",
          createdMs: nowMs(),
          pullCount: 0,
          immutableTags: [],
          retention: [],
        },
        body,
      );
      if (!(await insertRepository(database, repository))) {
        throw new RegistryError("DENIED", `repository ${name} is there already`, { status: 409 });
      }
      await audit(call, "repository.create", name, { public: repository.isPublic });
      return repositoryToWire(repository);
    },
  },
  {
    method: "PATCH",
    path: "/repositories/{repository}",
    summary: "Change a repository's settings",
    requires: "account",
    body: SETTINGS,
    handle: async (call) => {
      await requireRepositoryAdmin(call, repositoryParam(call));
      const before = await requireReadable(call);
      const after = withSettings(before, await readJson(call, SETTINGS));
      await updateRepository(call.parts.database, after);
      await audit(call, "repository.update", after.name, { public: after.isPublic });
      return repositoryToWire(after);
    },
  },
  {
    method: "DELETE",
    path: "/repositories/{repository}",
    summary: "Remove a repository with all its tags and manifests",
    requires: "account",
    handle: async (call) => {
      const name = repositoryParam(call);
      await requireRepositoryAdmin(call, name);
      const isRemoved = await call.parts.database.transaction((session) =>
        removeRepository(session, name),
      );
      if (!isRemoved) throw new NotFoundError(`No such repository: ${name}`);
      await audit(call, "repository.remove", name);
    },
  },
  {
    method: "GET",
    path: "/repositories/{repository}/tags",
    summary: "List tags with digests and times",
    requires: "anyone",
    query: { n: "At most so many", last: "Tag to go on behind" },
    handle: async (call) => {
      const { name } = await requireReadable(call);
      const last = call.exchange.query.get("last") ?? "";
      const tags = await call.parts.manifests.tags(name, last, listCount(call, TAGS_MAX));
      return {
        tags: tags.map((tag) => ({
          name: tag.name,
          digest: tag.digest,
          pushed: timeText(tag.pushedMs),
          pulled: timeText(tag.pulledMs),
        })),
      };
    },
  },
  {
    method: "GET",
    path: "/repositories/{repository}/grants",
    summary: "List who was given a role on it; the repository may be a prefix, as acme/*",
    requires: "account",
    handle: async (call) => {
      const pattern = await requireGrantable(call);
      const grants = await listGrants(call.parts.database, pattern);
      return { grants: grants.map(({ grantee, role }) => ({ grantee, role })) };
    },
  },
  {
    method: "PUT",
    path: "/repositories/{repository}/grants/{grantee}",
    summary: "Give a user or team a role; the repository may be a prefix, as acme/*",
    requires: "account",
    body: GRANT,
    handle: async (call) => {
      const repository = await requireGrantable(call);
      const grantee = param(call, "grantee");
      const role = readRole((await readJson(call, GRANT)).string("role"));
      await checkGrantee(call, grantee);
      await putGrant(call.parts.database, { repository, grantee, role });
      await audit(call, "grant.put", repository, { grantee, role });
      return { grantee, role };
    },
  },
  {
    method: "DELETE",
    path: "/repositories/{repository}/grants/{grantee}",
    summary: "Take the role back",
    requires: "account",
    handle: async (call) => {
      const repository = await requireGrantable(call);
      const grantee = param(call, "grantee");
      if (!(await removeGrant(call.parts.database, repository, grantee))) {
        throw new NotFoundError(`No such grant: ${grantee} on ${repository}`);
      }
      await audit(call, "grant.remove", repository, { grantee });
    },
  },
];

/** A repository's name, or a prefix, that the caller may give roles on. */
async function requireGrantable(call: RestCall): Promise<string> {
  const text = param(call, "repository");
  const isPrefix = text.endsWith("/*");
  const inner = { ...call, params: { repository: isPrefix ? `${text.slice(0, -2)}/any` : text } };
  await requireRepositoryAdmin(call, repositoryParam(inner));
  return text;
}
