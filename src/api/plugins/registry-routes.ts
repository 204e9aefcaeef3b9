import { readRequiredJsonBody } from "#api/body.ts";
import { type Exchange, pathPart, sendJson } from "#api/exchange.ts";
import { progressToWire } from "#api/images/wire.ts";
import { ProgressStream } from "#api/progress-stream.ts";
import { requestCredentials } from "#api/registry-credentials.ts";
import { answer, type Route } from "#api/router.ts";
import type { ImageProgress } from "#images/images.ts";
import type { PluginPull } from "#managed-plugins/managed-plugins.ts";
import { parsePrivileges, type PluginPrivilege } from "#spec/engine-api/plugin-privileges.ts";
import type { RegistryCredentials } from "#registry-client/auth/credentials.ts";

type OnProgress = (progress: ImageProgress) => void;

/** What the plugin endpoints that ask registries need of the engine. */
export interface RemotePluginsBackend {
  privileges(
    remote: string,
    credentials: RegistryCredentials,
    signal: AbortSignal,
  ): Promise<readonly PluginPrivilege[]>;
  pull(
    request: PluginPull & { readonly name: string },
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<void>;
  upgrade(
    name: string,
    request: PluginPull,
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<void>;
  push(
    name: string,
    credentials: RegistryCredentials,
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<void>;
}

async function readPull(exchange: Exchange): Promise<PluginPull> {
  return {
    remote: exchange.query.text("remote"),
    credentials: requestCredentials(exchange),
    privileges: parsePrivileges(await readRequiredJsonBody(exchange.request)),
  };
}

async function stream(
  exchange: Exchange,
  work: (onProgress: OnProgress) => Promise<void>,
): Promise<void> {
  const progress = new ProgressStream(exchange);
  const { version } = exchange;
  await progress.run(() => work((step) => progress.write(progressToWire(step, version))));
}

/** Plugins that come from a registry, or go to one. */
export function remotePluginRoutes(plugins: RemotePluginsBackend): readonly Route[] {
  return [
    answer("GET", "/plugins/privileges", async (exchange) => {
      const remote = exchange.query.text("remote");
      const { signal } = exchange;
      sendJson(
        exchange,
        200,
        await plugins.privileges(remote, requestCredentials(exchange), signal),
      );
    }),
    answer("POST", "/plugins/pull", async (exchange) => {
      const pull = await readPull(exchange);
      const name = exchange.query.text("name") || pull.remote;
      await stream(exchange, (onProgress) =>
        plugins.pull({ ...pull, name }, onProgress, exchange.signal),
      );
    }),
    answer("POST", "/plugins/{name:.*}/upgrade", async (exchange) => {
      const pull = await readPull(exchange);
      const name = pathPart(exchange, "name");
      await stream(exchange, (onProgress) =>
        plugins.upgrade(name, pull, onProgress, exchange.signal),
      );
    }),
    answer("POST", "/plugins/{name:.*}/push", (exchange) => {
      const name = pathPart(exchange, "name");
      const credentials = requestCredentials(exchange);
      return stream(exchange, (onProgress) =>
        plugins.push(name, credentials, onProgress, exchange.signal),
      );
    }),
  ];
}
