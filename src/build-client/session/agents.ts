import { NotFoundError } from "#base/errors.ts";
import type { AgentSource } from "#build-client/ssh/open-agent.ts";
import { type RpcMethod, unary } from "#rpc/method.ts";
import { writeFully } from "#rpc/write-fully.ts";
import { SSH_AGENT_REQUEST, SSH_ID_KEY } from "#spec/buildkit/session.ts";
import { BYTES_MESSAGE, EMPTY } from "#spec/buildkit/shared.ts";

const DEFAULT_ID = "default";

type Agents = ReadonlyMap<string, AgentSource>;

function agentOf(agents: Agents, id: string): AgentSource {
  const wanted = id === "" ? DEFAULT_ID : id;
  const found = agents.get(wanted);
  if (!found) throw new NotFoundError(`unset ssh forward key ${wanted}`);
  return found;
}

/** `SSH.CheckAgent`: whether there is an agent of that id. */
export function checkAgents(agents: Agents): RpcMethod {
  return unary(SSH_AGENT_REQUEST, EMPTY, async ({ id }) => {
    agentOf(agents, id);
    return {};
  });
}

/** `SSH.ForwardAgent`: one connection to an agent. */
export function forwardAgents(agents: Agents): RpcMethod {
  return async function* forward(call) {
    const [id = DEFAULT_ID] = call.metadata.get(SSH_ID_KEY) ?? [];
    const agent = agentOf(agents, id);
    if (agent.kind === "keys") {
      const { serveKeys } = await import("#build-client/ssh/key-agent.ts");
      for await (const data of serveKeys(agent.keys, bytesOf(call.requests))) {
        yield BYTES_MESSAGE.encode({ data });
      }
      return;
    }
    // loaded where it is used alone: every build would pay for it
    const { connect } = await import("node:net");
    const socket = connect(agent.path);
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

async function* bytesOf(messages: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const message of messages) yield BYTES_MESSAGE.decode(message).data;
}
