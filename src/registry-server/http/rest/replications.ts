import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import {
  insertReplication,
  listReplications,
  removeReplication,
  type Replication,
} from "#registry-server/metadata/replications.ts";
import { isTagPattern } from "#registry-server/upkeep/tag-pattern.ts";
import { tryParseRepositoryName } from "#spec/distribution/names.ts";
import {
  audit,
  param,
  readJson,
  requiredText,
  type RestCall,
  type RestRoute,
  timeText,
} from "./route.ts";

const DEFAULT_MINUTES = 60;
const REGISTRY_PATTERN = /^(?:[a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;

const CREATE = {
  direction: { type: "string", description: "push or pull", isRequired: true },
  registry: { type: "string", description: "HOST[:PORT] of the other", isRequired: true },
  username: { type: "string", description: "Login name there" },
  password: { type: "string", description: "Password or token there" },
  repository: {
    type: "string",
    description: "Ours; for a push also a prefix, as acme/*",
    isRequired: true,
  },
  remoteRepository: {
    type: "string",
    description: "Theirs, of the same form; the same when absent",
  },
  tags: { type: "string", description: "Pattern of tags; all when absent" },
  everyMinutes: {
    type: "integer",
    description: "How often everything is compared; 60 when absent",
  },
} as const;

function toWire({ password, everyMs, createdMs, ranMs, ...rule }: Replication): object {
  return {
    ...rule,
    everyMinutes: everyMs / 60_000,
    created: timeText(createdMs),
    ran: ranMs === 0 ? undefined : timeText(ranMs),
    hasPassword: password !== "",
  };
}

function isPlace(text: string, mayBePrefix: boolean): boolean {
  if (!text.endsWith("*")) return tryParseRepositoryName(text) !== undefined;
  return mayBePrefix && (text === "*" || tryParseRepositoryName(text.slice(0, -2)) !== undefined);
}

async function readRule(call: RestCall): Promise<Replication> {
  const body = await readJson(call, CREATE);
  const refuse = (why: string): InvalidArgumentError =>
    new InvalidArgumentError(`Cannot create the replication: ${why}`);
  const direction = requiredText(body, "direction");
  if (direction !== "push" && direction !== "pull") throw refuse("direction is push or pull");
  const registry = requiredText(body, "registry");
  if (!REGISTRY_PATTERN.test(registry)) throw refuse("registry is no HOST[:PORT]");
  const repository = requiredText(body, "repository");
  const remoteRepository = body.string("remoteRepository") || repository;
  const mayBePrefix = direction === "push";
  const isPaired = repository.endsWith("*") === remoteRepository.endsWith("*");
  if (!isPlace(repository, mayBePrefix) || !isPlace(remoteRepository, mayBePrefix) || !isPaired) {
    throw refuse(
      "repository and remoteRepository are names, or for a push both a prefix, as acme/*",
    );
  }
  const tags = body.string("tags") || "*";
  if (!isTagPattern(tags)) throw refuse("tags is no pattern");
  const minutes = body.integer("everyMinutes") ?? DEFAULT_MINUTES;
  if (minutes < 1) throw refuse("everyMinutes is less than 1");
  return {
    id: crypto.randomUUID(),
    direction,
    registry,
    username: body.string("username") ?? "",
    password: body.string("password") ?? "",
    repository,
    remoteRepository,
    tags,
    everyMs: minutes * 60_000,
    createdMs: call.parts.nowMs(),
    ranMs: 0,
    outcome: "",
  };
}

export const replicationRoutes: readonly RestRoute[] = [
  {
    method: "GET",
    path: "/replications",
    summary: "List replication rules and what came of their last run",
    requires: "admin",
    handle: async (call) => ({
      replications: (await listReplications(call.parts.database)).map(toWire),
    }),
  },
  {
    method: "POST",
    path: "/replications",
    summary: "Create a replication rule",
    requires: "admin",
    body: CREATE,
    handle: async (call) => {
      const rule = await readRule(call);
      await insertReplication(call.parts.database, rule);
      await audit(call, "replication.create", rule.id, { registry: rule.registry });
      return toWire(rule);
    },
  },
  {
    method: "DELETE",
    path: "/replications/{id}",
    summary: "Remove a replication rule; what was copied stays",
    requires: "admin",
    handle: async (call) => {
      const id = param(call, "id");
      if (!(await removeReplication(call.parts.database, id))) {
        throw new NotFoundError(`No such replication: ${id}`);
      }
      await audit(call, "replication.remove", id);
    },
  },
  {
    method: "POST",
    path: "/replications/{id}/runs",
    summary: "Compare everything now; answers when it is done",
    requires: "admin",
    handle: async (call) => {
      const id = param(call, "id");
      const find = async (): Promise<Replication> => {
        const rules = await listReplications(call.parts.database);
        const rule = rules.find((one) => one.id === id);
        if (!rule) throw new NotFoundError(`No such replication: ${id}`);
        return rule;
      };
      await call.parts.replicator.run(await find());
      return toWire(await find());
    },
  },
];
