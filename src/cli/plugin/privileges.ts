import { PermissionDeniedError } from "#base/errors.ts";
import type { EngineClient } from "#client/engine-client.ts";
import type { Cli } from "#cli/cli.ts";
import { confirm } from "#cli/output/confirm.ts";
import type { PluginPrivilege } from "#spec/engine-api/plugin-privileges.ts";

/**
 * What a plugin of a registry wants, once the user has granted it.
 *
 * @param remote As the user named it.
 * @param isGranted Asks nothing.
 * @throws {PermissionDeniedError} The user does not grant it.
 */
export async function grantedPrivileges(
  cli: Cli,
  engine: EngineClient,
  request: {
    readonly remote: string;
    readonly shown: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly isGranted: boolean;
  },
): Promise<readonly PluginPrivilege[]> {
  const { remote, shown, headers, isGranted } = request;
  const wanted = await engine.getJson<readonly PluginPrivilege[]>("/plugins/privileges", {
    query: { remote },
    headers,
  });
  if (isGranted || wanted.length === 0) return wanted;
  const lines = wanted.map(({ Name, Value }) => ` - ${Name}: [${Value.join(" ")}]\n`).join("");
  cli.output.write(
    `Plugin ${JSON.stringify(shown)} is requesting the following privileges:\n${lines}`,
  );
  if (await confirm(cli, "Do you grant the above permissions?")) return wanted;
  throw new PermissionDeniedError(`permission denied while installing plugin ${shown}`);
}
