import { UnsupportedError } from "#base/errors.ts";
import type { Exchange } from "#api/exchange.ts";
import { ProgressStream } from "#api/progress-stream.ts";
import { type Route, answer } from "#api/router.ts";
import type { ClassicContext } from "#builder/doors/classic-build.ts";
import type { CredentialSource } from "#builder/sources/image-source.ts";
import { readRegistryConfigHeader, toCredentials } from "#spec/engine-api/registry-auth.ts";
import { attributesOfQuery } from "./attributes.ts";
import type { BuildBackend } from "./backend.ts";
import { readClientExtras } from "./client-extras.ts";

/** The one builder version that this door speaks. */
const CLASSIC = new Set(["", "1"]);

/** Said rather than passed over: who asks for it expects a faster build. */
const NO_CACHE_FROM = {
  stream:
    "[Warning] --cache-from is not used yet: only steps of this engine's own builds are cached\n",
};

async function build(exchange: Exchange, backend: BuildBackend): Promise<void> {
  const { query, signal } = exchange;
  const version = query.text("version");
  if (!CLASSIC.has(version)) {
    throw new UnsupportedError(
      `Cannot build with builder version ${version}: set DOCKER_BUILDKIT=0`,
    );
  }
  if (query.boolean("squash")) {
    throw new UnsupportedError("squash is only supported with experimental mode");
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
        credentials: credentialsOf(exchange),
        extras: readClientExtras(exchange),
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
  const header = request.headers["x-registry-config"];
  const auths = readRegistryConfigHeader(Array.isArray(header) ? header[0] : header);
  return {
    get: async (domain) => {
      const auth = auths.get(domain);
      return auth ? toCredentials(auth) : {};
    },
  };
}

/** The classic way to build. */
export function buildRoutes(backend: BuildBackend): readonly Route[] {
  return [answer("POST", "/build", (exchange) => build(exchange, backend))];
}
