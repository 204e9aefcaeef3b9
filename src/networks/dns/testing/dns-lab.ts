import type { InternetSockets } from "#host/internet-sockets.ts";
import { DNS_ADDRESS, DNS_PORT } from "#networks/dns/upstreams.ts";
import { frameMessage, MessageFrames } from "#networks/dns/wire/frames.ts";
import { type ReadAnswer, readAnswer } from "./messages.ts";

/** How long a question waits for an answer that is expected: a loaded machine takes its time. */
const ANSWER_MS = 10_000;

/** What a name server says to a question; nothing when undefined. */
type Say = (question: Buffer, transport: "udp" | "tcp") => Buffer | undefined;

/** Asks the embedded server from inside a container. */
export async function askEmbedded(
  internet: InternetSockets,
  namespacePath: string,
  question: Buffer,
  transport: "udp" | "tcp" = "udp",
): Promise<ReadAnswer> {
  return readAnswer(await askRaw(internet, namespacePath, question, transport));
}

/** As `askEmbedded`: the answer's bytes. */
export async function askRaw(
  internet: InternetSockets,
  namespacePath: string,
  question: Buffer,
  transport: "udp" | "tcp" = "udp",
): Promise<Buffer> {
  const place = { namespacePath, address: DNS_ADDRESS, port: DNS_PORT };
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const timer = setTimeout(() => reject(new Error("No answer to the question")), ANSWER_MS);
  try {
    if (transport === "udp") {
      using connection = await internet.connectUdp(place, {
        onDatagram: resolve,
        onRefused: () => reject(new Error("Nobody listens at the embedded server's port")),
      });
      connection.send(question);
      return await promise;
    }
    const frames = new MessageFrames();
    const events = {
      onData: (bytes: Uint8Array) => {
        const [message] = frames.push(bytes) ?? [];
        if (message) resolve(message);
      },
      onEnd: () => reject(new Error("The embedded server closed the connection")),
    };
    using stream = await internet.connectTcp(place, events, AbortSignal.timeout(ANSWER_MS));
    await stream.write(frameMessage(question));
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** A name server of the test's own at port 53. */
export interface TestServer extends Disposable {
  /** Transports of the questions that came. */
  readonly asked: ("udp" | "tcp")[];
}

export async function serveNames(
  internet: InternetSockets,
  place: { readonly namespacePath: string; readonly address: string },
  say: Say,
): Promise<TestServer> {
  const asked: ("udp" | "tcp")[] = [];
  const at = { ...place, port: DNS_PORT };
  const udp = await internet.listenUdp(
    { ...at, receiveBufferBytes: 1 << 18 },
    (question, port, address) => {
      asked.push("udp");
      const answer = say(question, "udp");
      if (answer) udp.send(answer, port, address);
    },
  );
  const tcp = internet.listenTcp(at, (stream) => {
    const frames = new MessageFrames();
    return {
      onData: (bytes) => {
        for (const question of frames.push(bytes) ?? []) {
          asked.push("tcp");
          const answer = say(question, "tcp");
          if (answer) void stream.write(frameMessage(answer));
        }
      },
      onEnd: () => {},
    };
  });
  return {
    asked,
    [Symbol.dispose]: () => {
      udp[Symbol.dispose]();
      tcp[Symbol.dispose]();
    },
  };
}
