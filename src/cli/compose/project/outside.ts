import { join } from "node:path";
import type { Cli } from "#cli/cli.ts";
import type { GroupFlags } from "#cli/command/command.ts";
import { openCredentialStore } from "#cli/registry-auth.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { type ApiSocket, DOCKER_SOCKET } from "#compose/outside/api-socket.ts";
import type { Outside } from "#compose/outside/outside.ts";
import type { RegistryAuth } from "#spec/engine-api/registry-auth.ts";

/** Where packages put Docker's CLI plugins. */
const PLUGIN_FOLDERS = [
  "/usr/local/lib/docker/cli-plugins",
  "/usr/local/libexec/docker/cli-plugins",
  "/usr/lib/docker/cli-plugins",
  "/usr/libexec/docker/cli-plugins",
];
const WHARF_SOCKET = "/run/wharf.sock";

/** What of this machine is used beside the engine. */
export function outsideOf(cli: Cli, engine: EngineClient, { values }: GroupFlags): Outside {
  const { configDir } = cli.globals;
  const more = cli.config.raw["cliPluginsExtraDirs"];
  const own = Array.isArray(more) ? more.filter((each) => typeof each === "string") : [];
  return {
    pluginFolders: [...own, join(configDir, "cli-plugins"), ...PLUGIN_FOLDERS],
    engineVariables: new Map([
      ["DOCKER_HOST", engine.endpoint.text],
      ["DOCKER_CONFIG", configDir],
    ]),
    onDebug: (message) => {
      if (values["verbose"] === true) cli.errors.write(`DEBUG: ${message}\n`);
    },
    apiSocket: () => openApiSocket(cli, engine),
  };
}

async function openApiSocket(cli: Cli, engine: EngineClient): Promise<ApiSocket> {
  return { path: await socketPathOf(engine), credentials: await credentialsOf(cli) };
}

/** On the engine's host; of an engine that is elsewhere, the usual one. */
async function socketPathOf(engine: EngineClient): Promise<string> {
  if (engine.endpoint.kind === "unix") return engine.endpoint.path;
  const { product } = await engine.ping();
  return product?.startsWith("Wharf/") ? WHARF_SOCKET : DOCKER_SOCKET;
}

/** What the user is known by at every registry, also where a helper keeps it, as a `config.json`. */
async function credentialsOf(cli: Cli): Promise<string> {
  const store = openCredentialStore(cli);
  const entries = store
    .addresses()
    .map(async (address) => [address, toEntry(await store.get(address))] as const);
  const auths = Object.fromEntries(await Promise.all(entries));
  return JSON.stringify({ auths }, undefined, "\t");
}

function toEntry(auth: Partial<RegistryAuth>): Readonly<Record<string, string>> {
  const { username = "", password = "", identityToken = "", registryToken = "" } = auth;
  const packed = Buffer.from(`${username}:${password}`).toString("base64");
  return {
    ...(username === "" && password === "" ? {} : { auth: packed }),
    ...(identityToken === "" ? {} : { identitytoken: identityToken }),
    ...(registryToken === "" ? {} : { registrytoken: registryToken }),
  };
}
