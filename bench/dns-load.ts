// Asks the name server at 127.0.0.11 (else $DNS_SERVER) of the network namespace that it runs in; prints JSON. Started by
// dns.ts and workloads/traffic.ts.
//   dns-load.ts latency NAME COUNT         one question after the other: median and p99, in milliseconds
//   dns-load.ts rate NAME PER_SECOND MS    as many as told, evenly: how many were answered
//   dns-load.ts back NAME                  asks until somebody answers: when that was, in milliseconds since 1970
import { argv } from "node:process";

const mode: string = argv[2] ?? "";
const name: string = argv[3] ?? "";
const first: string = argv[4] ?? "";
const second: string = argv[5] ?? "";

function question(id: number): Buffer {
  const labels = name
    .split(".")
    .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`));
  const message = Buffer.concat([Buffer.alloc(12), ...labels, Buffer.from([0, 0, 1, 0, 1])]);
  message.writeUInt16BE(id & 0xffff, 0);
  message.writeUInt16BE(0x0100, 2);
  message.writeUInt16BE(1, 4);
  return message;
}

async function open(onAnswer: () => void): Promise<Bun.udp.ConnectedSocket<"buffer">> {
  return await Bun.udpSocket({
    connect: { hostname: process.env["DNS_SERVER"] ?? "127.0.0.11", port: 53 },
    socket: { data: onAnswer, error: () => {} },
  });
}

async function latency(count: number): Promise<object> {
  let answered = Promise.withResolvers<void>();
  const socket = await open(() => answered.resolve());
  const taken: number[] = [];
  for (let index = 0; index < count; index += 1) {
    answered = Promise.withResolvers();
    const start = performance.now();
    socket.send(question(index));
    await answered.promise;
    taken.push(performance.now() - start);
  }
  socket.close();
  const sorted = taken.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))];
  return { medianMs: at(0.5), p99Ms: at(0.99) };
}

async function rate(perSecond: number, durationMs: number): Promise<object> {
  let answers = 0;
  const sockets = await Promise.all(Array.from({ length: 8 }, () => open(() => (answers += 1))));
  const start = performance.now();
  let sent = 0;
  for (let passedMs = 0; passedMs < durationMs; passedMs = performance.now() - start) {
    // a burst after a pause of this process would be its own doing
    for (const due = Math.min((passedMs / 1000) * perSecond, sent + 100); sent < due; sent += 1) {
      sockets[sent % sockets.length]?.send(question(sent));
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (performance.now() - start) / 1000;
  for (let left = 100; left > 0 && answers < sent; left -= 1) await Bun.sleep(20);
  for (const socket of sockets) socket.close();
  return { perSecond: sent / seconds, sent, lost: sent - answers };
}

async function back(): Promise<object> {
  let answeredAtMs: number | undefined;
  const socket = await open(() => {
    answeredAtMs ??= Date.now();
  });
  for (let id = 0; answeredAtMs === undefined; id += 1) {
    socket.send(question(id));
    await Bun.sleep(5);
  }
  socket.close();
  return { answeredAtMs };
}

async function figures(): Promise<object> {
  switch (mode) {
    case "rate":
      return await rate(Number(first), Number(second));
    case "back":
      return await back();
    default:
      return await latency(Number(first));
  }
}

console.log(JSON.stringify(await figures()));
