import { JsonReader } from "#base/json-reader.ts";

/** What a plugin wants of the host, which a user has to grant; in the API's shape. */
export interface PluginPrivilege {
  readonly Name: string;
  readonly Description: string;
  readonly Value: readonly string[];
}

/** @param body Of a request to pull or upgrade. @throws {InvalidArgumentError} It is no such list. */
export function parsePrivileges(body: unknown): readonly PluginPrivilege[] {
  const reader = JsonReader.of(
    { privileges: body ?? [] },
    { prefix: "failed to parse privileges: " },
  );
  return (reader.objects("privileges") ?? []).map((one) => ({
    Name: one.string("Name") ?? "",
    Description: one.string("Description") ?? "",
    Value: one.strings("Value") ?? [],
  }));
}
