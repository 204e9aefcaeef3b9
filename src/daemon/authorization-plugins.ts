import type { PluginAuthorizer } from "#auth/plugin-authorizer.ts";
import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import type { EngineConfig } from "./config/engine-config.ts";

/** @throws {FailedPreconditionError} One is not there: without it more would be allowed. */
export async function useAuthorizationPlugins(
  authorizer: PluginAuthorizer,
  { authorizationPlugins }: EngineConfig,
): Promise<void> {
  try {
    await authorizer.use(authorizationPlugins);
  } catch (cause) {
    const why = messageOf(cause);
    throw new FailedPreconditionError(`failed to validate authorization plugin: ${why}`, { cause });
  }
}
