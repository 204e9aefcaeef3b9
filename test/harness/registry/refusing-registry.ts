import { createServer, type Server } from "node:http";

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const UNKNOWN: Refusal = { status: 404, code: "MANIFEST_UNKNOWN", message: "manifest unknown" };
const DENIED: Refusal = {
  status: 403,
  code: "DENIED",
  message: "requested access to the resource is denied",
};
const LIMITED: Refusal = {
  status: 429,
  code: "TOOMANYREQUESTS",
  message: "You have reached your pull rate limit.",
};
const STRANGER: Refusal = {
  status: 401,
  code: "UNAUTHORIZED",
  message: "incorrect username or password",
};

function refusalOf(path: string): Refusal {
  if (/^\/v2\/(?:private|denied)\//.test(path)) return DENIED;
  return path.startsWith("/v2/limited/") ? LIMITED : UNKNOWN;
}

/** What a registry has that knows an image of another platform, and is otherwise asked in vain. */
const FOREIGN_INDEX = JSON.stringify({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.index.v1+json",
  manifests: [
    {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: `sha256:${"0".repeat(64)}`,
      size: 1,
      platform: { architecture: "s390x", os: "linux" },
    },
  ],
});

/** A registry that refuses: by `private`, `denied`, `limited` and `foreign` in a name, each in its way. */
export function refusingRegistry(knowsCallers: boolean): Server {
  return createServer((request, response) => {
    const path = request.url ?? "";
    request.resume();
    const refuse = ({ status, code, message }: Refusal): void => {
      const body = JSON.stringify({ errors: [{ code, message }] });
      const challenge = status === 401 ? { "WWW-Authenticate": 'Basic realm="here"' } : {};
      response.writeHead(status, { "Content-Type": "application/json", ...challenge }).end(body);
    };
    if (!knowsCallers) return refuse(STRANGER);
    if (path === "/v2/") {
      response.writeHead(200, { "Content-Length": 2 }).end("{}");
    } else if (path.startsWith("/v2/foreign/")) {
      const type = "application/vnd.oci.image.index.v1+json";
      response.writeHead(200, { "Content-Type": type }).end(FOREIGN_INDEX);
    } else if (request.method === "HEAD") {
      response.writeHead(404).end();
    } else refuse(refusalOf(path));
  });
}
