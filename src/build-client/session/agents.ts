import { NotFoundError } from "#base/errors.ts";
import { type RpcMethod, unary } from "#rpc/method.ts";
import { writeFully } from "#rpc/write-fully.ts";
import { SSH_AGENT_REQUEST, SSH_ID_KEY } from "#spec/buildkit/session.ts";
import { BYTES_MESSAGE, EMPTY } from "#spec/buildkit/shared.ts";

const DEFAULT_ID = "default";

function socketOf(agents: ReadonlyMap<string, string>, id: string): string {
  const wanted = id === "" ? DEFAULT_ID : id;
  const path = agents.get(wanted);
  if (path === undefined) throw new NotFoundError(`unset ssh forward key ${wanted}`);
  return path;
}

/** `SSH.CheckAgent`: whether there is an agent of that id. */
export function checkAgents(agents: ReadonlyMap<string, string>): RpcMethod {
  return unary(SSH_AGENT_REQUEST, EMPTY, async ({ id }) => {
    socketOf(agents, id);
    return {};
  });
}

/** `SSH.ForwardAgent`: one connection to an agent's socket. */
export function forwardAgents(agents: ReadonlyMap<string, string>): RpcMethod {
  return async function* forward(call) {
    const [id = DEFAULT_ID] = call.metadata.get(SSH_ID_KEY) ?? [];
    // loaded where it is used alone: every build would pay for it
    const { connect } = await import("node:net");
    const socket = connect(socketOf(agents, id));
    const onAbort = (): void => void socket.destroy();
    call.signal.addEventListener("abort", onAbort, { once: true });
    const sending = (async () => {
      for await (const message of call.requests) {
        await writeFully(socket, BYTES_MESSAGE.decode(message).data);
      }
      socket.end();
    })();
    sending.catch(() => socket.destroy());
    try {
      for await (const data of socket as AsyncIterable<Uint8Array>) {
        yield BYTES_MESSAGE.encode({ data });
      }
    } finally {
      call.signal.removeEventListener("abort", onAbort);
      socket.destroy();
    }
  };
}
