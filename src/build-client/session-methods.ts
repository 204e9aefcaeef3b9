import { type RpcMethod, type RpcMethods, unary } from "#rpc/method.ts";
import { CONTENT_INFO, CONTENT_READ, CONTENT_WRITE } from "#spec/buildkit/content.ts";
import {
  AUTH_CREDENTIALS,
  CHECK_HEALTH,
  CHECK_SSH_AGENT,
  FILE_SEND,
  FILE_SYNC,
  FORWARD_SSH_AGENT,
  GET_SECRET,
  HEALTH_RESPONSE,
  HEALTH_SERVING,
  PULL_UPLOAD,
} from "#spec/buildkit/session.ts";
import { EMPTY } from "#spec/buildkit/shared.ts";
import type { BuildRequest } from "./build-request.ts";
import { checkAgents, forwardAgents } from "./session/agents.ts";
import { type CredentialLookup, tellCredentials } from "./session/credentials.ts";
import { sendFolders } from "./session/file-sync.ts";
import { receiveOutputs } from "./session/receive-output.ts";
import { sendContent, takeContent, tellContent } from "./session/content-stores.ts";
import { tellSecrets } from "./session/secrets.ts";
import { sendUploads } from "./session/uploads.ts";

/** What of the client's a build may ask for: nothing that the request does not name. */
export function sessionMethods(request: BuildRequest, credentials: CredentialLookup): RpcMethods {
  const { agents, folders, outputs, secrets, stores, uploads } = request;
  const methods = new Map<string, RpcMethod>([
    [CHECK_HEALTH, unary(EMPTY, HEALTH_RESPONSE, async () => ({ status: HEALTH_SERVING }))],
    [AUTH_CREDENTIALS, tellCredentials(credentials)],
  ]);
  if (folders.size > 0) methods.set(FILE_SYNC, sendFolders(folders));
  if (secrets.size > 0) methods.set(GET_SECRET, tellSecrets(secrets));
  if (stores.size > 0) {
    methods.set(CONTENT_INFO, tellContent(stores));
    methods.set(CONTENT_READ, sendContent(stores));
    methods.set(CONTENT_WRITE, takeContent(stores));
  }
  if (uploads.size > 0) methods.set(PULL_UPLOAD, sendUploads(uploads));
  if (agents.size > 0) {
    methods.set(CHECK_SSH_AGENT, checkAgents(agents));
    methods.set(FORWARD_SSH_AGENT, forwardAgents(agents));
  }
  if (outputs.some(({ place }) => place.kind !== "engine")) {
    methods.set(FILE_SEND, receiveOutputs(outputs));
  }
  return methods;
}
