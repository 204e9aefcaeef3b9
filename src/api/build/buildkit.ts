import { InvalidArgumentError } from "#base/errors.ts";
import { formatHead } from "#http1/answer.ts";
import type { HttpRequest } from "#http1/incoming-request.ts";
import type { HijackExchange } from "#api/hijack.ts";
import { HijackedConnection } from "#api/hijacked-connection.ts";
import { hijack, type Route } from "#api/router.ts";
import type { SeenFolder } from "#builder/doors/seen-folder.ts";
import type { BuildkitDoor } from "#buildkit/door.ts";
import { SESSION_FOLDER_HEADER } from "#spec/buildkit/session.ts";

/** Only HTTP/2 without encryption is spoken on a connection that was taken over. */
const PROTOCOL = "h2c";

function takeOver(exchange: HijackExchange): HijackedConnection {
  const wanted = exchange.request.fields.get("upgrade")?.toLowerCase() ?? "";
  if (!exchange.isUpgrade || wanted !== PROTOCOL) {
    throw new InvalidArgumentError(
      `Cannot speak gRPC here: ask for the upgrade ${PROTOCOL}, not ${JSON.stringify(wanted)}`,
    );
  }
  const { socket, input } = exchange.takeSocket();
  socket.write(formatHead("101 UPGRADED", { Connection: "Upgrade", Upgrade: PROTOCOL }));
  return new HijackedConnection(socket, input);
}

/** @throws {InvalidArgumentError} A header that is none. */
function readFolder(text: string): readonly [string, SeenFolder] {
  const [name = "", identity = "", path = ""] = text.split(" ");
  try {
    return [decodeURIComponent(name), { path: decodeURIComponent(path), identity }];
  } catch (cause) {
    throw new InvalidArgumentError(`Cannot read ${SESSION_FOLDER_HEADER}: ${text}`, { cause });
  }
}

/**
 * Folders that a client on this host lets the engine read in place. From the network they are not taken: whoever is there
 * would name folders of ours, not of its own.
 *
 * @throws {InvalidArgumentError} A header that is none.
 */
export function foldersInPlace(
  request: Pick<HttpRequest, "fields" | "socket">,
): ReadonlyMap<string, SeenFolder> {
  const isLocal = request.socket.remoteAddress === undefined;
  return new Map(isLocal ? request.fields.all(SESSION_FOLDER_HEADER).map(readFolder) : []);
}

export interface BuildkitRouteOptions {
  /** False where plugins decide about requests: they see what is bound, not what a build reads in place. */
  readonly mayReadInPlace: () => boolean;
}

/** BuildKit's API and its clients' sessions, as docker's clients reach them. */
export function buildkitRoutes(
  door: BuildkitDoor,
  { mayReadInPlace }: BuildkitRouteOptions,
): readonly Route[] {
  return [
    hijack("POST", "/grpc", async (exchange) => {
      await door.serveControl(takeOver(exchange), exchange.signal);
    }),
    hijack("POST", "/session", async (exchange) => {
      const { fields } = exchange.request;
      const first = (name: string): string =>
        fields.all(`x-docker-expose-session-${name}`)[0] ?? "";
      const head = {
        id: first("uuid"),
        sharedKey: first("sharedkey"),
        methods: fields
          .all("x-docker-expose-session-grpc-method")
          .map((method) => method.toLowerCase()),
        folders: mayReadInPlace() ? foldersInPlace(exchange.request) : new Map(),
      };
      await door.serveSession(head, takeOver(exchange), exchange.signal);
    }),
  ];
}
