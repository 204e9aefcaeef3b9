import { InvalidArgumentError } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import type { Exchange } from "#api/exchange.ts";
import type { ClientExtras, SeenFolder } from "#builder/doors/client-extras.ts";

/** In base64url, JSON: ids to base64. A header, as what is in a query may stand in a log. */
const SECRETS_HEADER = "x-wharf-build-secrets";

/**
 * What our own client says beside Docker's query of `POST /build`: `folders` (ids to path and identity), `sshagents`
 * (ids to sockets), `entitlements` (a list), each JSON, and the header of secrets.
 *
 * @throws {InvalidArgumentError} What cannot be read, by name; nothing of a secret is in the message.
 */
export function readClientExtras({ query, request }: Exchange): ClientExtras {
  const header = request.fields.get(SECRETS_HEADER);
  const packed = header;
  const folders = entriesOf("folders", query.text("folders")).map(
    ([id, value]): [string, SeenFolder] => {
      const folder = JsonReader.of(value, { prefix: `folders.${id}: ` });
      return [id, { path: folder.string("path") ?? "", identity: folder.string("identity") ?? "" }];
    },
  );
  return {
    folders: new Map(folders),
    secrets: new Map(
      texts(SECRETS_HEADER, Buffer.from(packed ?? "", "base64url").toString()).map(
        ([id, value]) => [id, Buffer.from(value, "base64")],
      ),
    ),
    sshAgents: new Map(texts("sshagents", query.text("sshagents"))),
    entitlements: new Set(query.all("entitlements").filter((one) => one !== "")),
  };
}

function entriesOf(name: string, text: string): readonly (readonly [string, unknown])[] {
  if (text === "") return [];
  try {
    return JsonReader.of({ [name]: parseJson(text) }, {}).entries(name, "map[string]") ?? [];
  } catch (cause) {
    if (!(cause instanceof InvalidArgumentError)) throw cause;
    throw new InvalidArgumentError(`error reading ${name}: it is no JSON object`);
  }
}

function texts(name: string, text: string): readonly (readonly [string, string])[] {
  return entriesOf(name, text).map(([id, value]) => {
    if (typeof value === "string") return [id, value];
    throw new InvalidArgumentError(`error reading ${name}: the value of ${id} is no text`);
  });
}
