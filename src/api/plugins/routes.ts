import { InvalidArgumentError } from "#base/errors.ts";
import { type Filters, parseFilters } from "#spec/engine-api/filters.ts";
import type { ManagedPluginRecord } from "#managed-plugins/managed-plugin.ts";
import { readRequiredJsonBody } from "#api/body.ts";
import { type Exchange, pathPart, sendEmpty, sendJson, sendStatus } from "#api/exchange.ts";
import { type Route, answer } from "#api/router.ts";
import { type RemotePluginsBackend, remotePluginRoutes } from "./registry-routes.ts";

/** What the plugin endpoints need of the engine. */
export interface PluginsBackend extends RemotePluginsBackend {
  matching(filters: Filters): readonly ManagedPluginRecord[];
  get(reference: string): ManagedPluginRecord;
  create(name: string, context: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  enable(reference: string, timeoutSeconds: number, signal: AbortSignal): Promise<void>;
  disable(reference: string, force: boolean): Promise<void>;
  set(reference: string, settings: readonly string[]): Promise<void>;
  remove(reference: string, force: boolean): Promise<ManagedPluginRecord>;
}

const FILTERS = ["capability", "enabled"] as const;

function pluginToWire(plugin: ManagedPluginRecord): object {
  const { id, name, isEnabled, config, settings, reference = name } = plugin;
  return {
    Config: config,
    Enabled: isEnabled,
    Id: id,
    Name: name,
    PluginReference: reference,
    Settings: settings,
  };
}

async function createPlugin(exchange: Exchange, plugins: PluginsBackend): Promise<void> {
  await plugins.create(exchange.query.text("name"), exchange.request, exchange.signal);
  sendStatus(exchange, 204);
}

async function enablePlugin(exchange: Exchange, plugins: PluginsBackend): Promise<void> {
  const timeoutSeconds = exchange.query.integer("timeout") ?? 0;
  await plugins.enable(pathPart(exchange, "name"), timeoutSeconds, exchange.signal);
  sendEmpty(exchange);
}

async function setPlugin(exchange: Exchange, plugins: PluginsBackend): Promise<void> {
  const body = await readRequiredJsonBody(exchange.request);
  if (!Array.isArray(body) || !body.every((text) => typeof text === "string")) {
    throw new InvalidArgumentError("invalid JSON: want a list of NAME=VALUE");
  }
  await plugins.set(pathPart(exchange, "name"), body);
  sendStatus(exchange, 204);
}

/** Everything below `/plugins`. */
export function pluginRoutes(plugins: PluginsBackend): readonly Route[] {
  return [
    ...remotePluginRoutes(plugins),
    answer("GET", "/plugins", (exchange) => {
      const filters = parseFilters(exchange.query.get("filters"), FILTERS);
      sendJson(exchange, 200, plugins.matching(filters).map(pluginToWire));
    }),
    answer("GET", "/plugins/{name:.*}/json", (exchange) => {
      sendJson(exchange, 200, pluginToWire(plugins.get(pathPart(exchange, "name"))));
    }),
    answer("POST", "/plugins/create", (exchange) => createPlugin(exchange, plugins)),
    answer("POST", "/plugins/{name:.*}/enable", (exchange) => enablePlugin(exchange, plugins)),
    answer("POST", "/plugins/{name:.*}/disable", async (exchange) => {
      await plugins.disable(pathPart(exchange, "name"), exchange.query.boolean("force"));
      sendEmpty(exchange);
    }),
    answer("POST", "/plugins/{name:.*}/set", (exchange) => setPlugin(exchange, plugins)),
    answer("DELETE", "/plugins/{name:.*}", async (exchange) => {
      const name = pathPart(exchange, "name");
      const removed = await plugins.remove(name, exchange.query.boolean("force"));
      sendJson(exchange, 200, pluginToWire(removed));
    }),
  ];
}
