import { command } from "../engines.ts";
import { type Contender, SideBySide } from "./common.ts";

/** Sends one request of the Engine API, and waits for all of the answer. */
async function call(socket: string, method: string, path: string, body?: object): Promise<string> {
  const answer = await fetch(`http://engine${path}`, {
    unix: socket,
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return text;
}

/** Networks that are made, joined by a container that runs, left and removed, through the API of both engines in turn. */
export async function measureOperations(
  contenders: readonly Contender[],
  runs: number,
): Promise<void> {
  const figures = new SideBySide();
  const row = "ms";
  try {
    for (const { client } of contenders) {
      await command([...client, "rm", "-f", "bench-joiner"], { mayFail: true });
      const words = ["--name", "bench-joiner", "bench-network", "sleep", "100000"];
      await command([...client, "run", "-d", ...words]);
    }
    for (let run = 0; run < runs * 4; run += 1) {
      for (const { name, socket } of run % 2 === 0 ? contenders : contenders.toReversed()) {
        const timed = async (what: string, path: string, body?: object): Promise<void> => {
          const start = performance.now();
          await call(socket, what === "rm" ? "DELETE" : "POST", path, body);
          figures.note(`network ${what}, ${row}`, name, performance.now() - start);
        };
        const network = `bench-${run}`;
        await timed("create", "/v1.41/networks/create", { Name: network, CheckDuplicate: true });
        const body = { Container: "bench-joiner" };
        await timed("connect", `/v1.41/networks/${network}/connect`, body);
        await timed("disconnect", `/v1.41/networks/${network}/disconnect`, body);
        await timed("rm", `/v1.41/networks/${network}`);
      }
    }
    figures.show(contenders);
  } finally {
    for (const { client } of contenders) {
      await command([...client, "rm", "-f", "bench-joiner"], { mayFail: true });
    }
  }
}
