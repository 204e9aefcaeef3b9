import { UnavailableError, UnsupportedError } from "#base/errors.ts";
import { type Method, type Route, answer } from "./router.ts";

/** Endpoints of Docker that this engine knows by name and does not have yet. */
const NOT_YET: readonly (readonly [what: string, ...endpoints: readonly string[]])[] = [
  ["Swarm mode", "POST /swarm/init", "POST /swarm/join"],
];

/** Endpoints that only a manager of a swarm answers, which this engine is not. */
const MANAGER_ONLY: readonly string[] = [
  "GET /swarm",
  "POST /swarm/leave",
  "POST /swarm/update",
  "GET /swarm/unlockkey",
  "POST /swarm/unlock",
  "GET /services",
  "POST /services/create",
  "GET /services/{id}",
  "DELETE /services/{id}",
  "POST /services/{id}/update",
  "GET /services/{id}/logs",
  "GET /nodes",
  "GET /nodes/{id}",
  "DELETE /nodes/{id}",
  "POST /nodes/{id}/update",
  "GET /tasks",
  "GET /tasks/{id}",
  "GET /tasks/{id}/logs",
  "GET /secrets",
  "POST /secrets/create",
  "GET /secrets/{id}",
  "DELETE /secrets/{id}",
  "POST /secrets/{id}/update",
  "GET /configs",
  "POST /configs/create",
  "GET /configs/{id}",
  "DELETE /configs/{id}",
  "POST /configs/{id}/update",
];

export const NO_MANAGER: string =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect ' +
  "this node to swarm and try again.";

function isMethod(text: string): text is Method {
  return ["GET", "HEAD", "POST", "PUT", "DELETE"].includes(text);
}

function refusing(endpoint: string, refuse: () => never): readonly Route[] {
  const [method = "", path = ""] = endpoint.split(" ");
  return isMethod(method) ? [answer(method, path, refuse)] : [];
}

/** Clear answers where a client would else read "page not found". */
export function notYetRoutes(): readonly Route[] {
  const later = NOT_YET.flatMap(([what, ...endpoints]) =>
    endpoints.flatMap((endpoint) =>
      refusing(endpoint, () => {
        throw new UnsupportedError(`${what}: not in this release of Wharf (${endpoint})`);
      }),
    ),
  );
  const managers = MANAGER_ONLY.flatMap((endpoint) =>
    refusing(endpoint, () => {
      throw new UnavailableError(NO_MANAGER);
    }),
  );
  return [...later, ...managers];
}
