import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import type { Exchange } from "#api/exchange.ts";
import { ProgressStream } from "#api/progress-stream.ts";
import { type Route, answer } from "#api/router.ts";
import type { ClassicContext } from "#builder/doors/classic-build.ts";
import type { CredentialSource } from "#builder/sources/image-source.ts";
import { readRegistryConfigHeader, toCredentials } from "#spec/engine-api/registry-auth.ts";
import { attributesOfQuery } from "./attributes.ts";
import type { BuildBackend } from "./backend.ts";
import { buildWithSession, type SessionBuilds } from "./session-build.ts";

/** `version` of the classic builder, and of one with a session. */
const CLASSIC = new Set(["", "1"]);
const WITH_SESSION = "2";

/** Said rather than passed over: who asks for it expects a faster build. */
const NO_CACHE_FROM = {
  stream:
    "[Warning] --cache-from is not used yet: only steps of this engine's own builds are cached\n",
};

interface BuildRouteOptions {
  readonly endpoint: SessionBuilds;
  /** Layers may be squashed. */
  readonly isExperimental: boolean;
}

async function build(
  exchange: Exchange,
  backend: BuildBackend,
  { endpoint, isExperimental }: BuildRouteOptions,
): Promise<void> {
  const { query, signal } = exchange;
  const version = query.text("version");
  const isSquashed = query.boolean("squash");
  if (isSquashed && !isExperimental) {
    throw new InvalidArgumentError("squash is only supported with experimental mode");
  }
  if (isSquashed && version === WITH_SESSION) {
    throw new UnsupportedError("Cannot squash by BuildKit: set DOCKER_BUILDKIT=0");
  }
  if (version === WITH_SESSION) return await buildWithSession(exchange, endpoint);
  if (!CLASSIC.has(version)) {
    throw new InvalidArgumentError(`invalid version ${version}`);
  }
  if (query.all("securityopt").some((option) => option !== "")) {
    throw new InvalidArgumentError("security options are not supported on linux");
  }
  const call = query.text("call") || "build";
  if (call !== "build" && call !== "check") {
    throw new UnsupportedError(`Cannot call ${JSON.stringify(call)}: there are build and check`);
  }
  const progress = new ProgressStream(exchange);
  await progress.run(async () => {
    if (query.text("cachefrom") !== "" && !query.boolean("q")) progress.write(NO_CACHE_FROM);
    await backend[call](
      {
        context: contextOf(exchange),
        attributes: attributesOfQuery(query),
        tags: query.all("t").filter((tag) => tag !== ""),
        isQuiet: query.boolean("q"),
        isSquashed,
        credentials: credentialsOf(exchange),
      },
      (line) => progress.write(line),
      signal,
    );
  });
}

function contextOf({ query, request }: Exchange): ClassicContext {
  const folder = query.text("folder");
  if (folder !== "") {
    const dockerfileFolder = query.text("dockerfilefolder") || folder;
    return { kind: "folder", path: folder, identity: query.text("folderid"), dockerfileFolder };
  }
  const remote = query.text("remote");
  if (remote !== "") return { kind: "remote", url: remote };
  return { kind: "tar", bytes: request, isUnfiltered: query.boolean("unfiltered") };
}

function credentialsOf({ request }: Exchange): CredentialSource {
  const header = request.fields.get("x-registry-config");
  const auths = readRegistryConfigHeader(header);
  return {
    get: async (domain) => {
      const auth = auths.get(domain);
      return auth ? toCredentials(auth) : {};
    },
  };
}

/** Builds as clients ask for them that have no gRPC of their own. */
export function buildRoutes(backend: BuildBackend, options: BuildRouteOptions): readonly Route[] {
  return [
    answer("POST", "/build", (exchange) => build(exchange, backend, options)),
    answer("POST", "/build/cancel", async ({ query, response }) => {
      const id = query.text("id");
      if (id === "") throw new InvalidArgumentError("build ID not provided");
      options.endpoint.cancel(id);
      response.writeHead(200);
      response.end();
    }),
  ];
}
