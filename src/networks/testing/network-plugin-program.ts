// A network plugin as a program of its own: bun network-plugin-program.ts SOCKET FOLDER. It makes a bridge for each
// network and a veth pair for each endpoint, gives subnets and addresses, writes a line for each call to FOLDER/calls,
// and does what FOLDER/mode says before each answer: lines `METHOD MODE [TEXT]`, read anew each time.
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";

const [socket = "", folder = ""] = process.argv.slice(2);

type Body = Readonly<Record<string, unknown>>;

interface State {
  readonly pools: Record<string, string[]>;
  nextPool: number;
}

const stateFile = join(folder, "state.json");
const state: State = existsSync(stateFile)
  ? (JSON.parse(readFileSync(stateFile, "utf8")) as State)
  : { pools: {}, nextPool: 0 };

function ip(...words: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(["ip", ...words]);
  if (exitCode !== 0) throw new Error(`ip ${words.join(" ")}: ${stderr.toString().trim()}`);
}

function text(body: Body, key: string): string {
  const value = body[key];
  return typeof value === "string" ? value : "";
}

const bridgeOf = (body: Body): string => `pb${text(body, "NetworkID").slice(0, 10)}`;
const outerOf = (body: Body): string => `pv${text(body, "EndpointID").slice(0, 10)}`;
const innerOf = (body: Body): string => `pp${text(body, "EndpointID").slice(0, 10)}`;

interface PoolData {
  readonly Pool: string;
  readonly Gateway?: string;
}

function createNetwork(body: Body): void {
  const bridge = bridgeOf(body);
  ip("link", "add", bridge, "type", "bridge");
  const pools = [body["IPv4Data"], body["IPv6Data"]].flatMap((list) => (list ?? []) as PoolData[]);
  for (const { Gateway } of pools) {
    if (Gateway)
      ip("addr", "add", Gateway, "dev", bridge, ...(Gateway.includes(":") ? ["nodad"] : []));
  }
  ip("link", "set", bridge, "up");
  const gateways = pools.map(({ Gateway }) => Gateway ?? "");
  const options = body["Options"] as Readonly<Record<string, Readonly<Record<string, string>>>>;
  const mtu = options["com.docker.network.generic"]?.["com.docker.network.driver.mtu"];
  writeFileSync(join(folder, bridge), JSON.stringify({ gateways, mtu } satisfies Kept));
}

/** What is remembered of a network. */
interface Kept {
  readonly gateways: readonly string[];
  readonly mtu: string | undefined;
}

function keptOf(body: Body): Kept {
  return JSON.parse(readFileSync(join(folder, bridgeOf(body)), "utf8")) as Kept;
}

function createEndpoint(body: Body): void {
  const { mtu = "1500" } = keptOf(body);
  const [outer, inner] = [outerOf(body), innerOf(body)];
  ip("link", "add", outer, "mtu", mtu, "type", "veth", "peer", "name", inner, "mtu", mtu);
  ip("link", "set", outer, "master", bridgeOf(body), "up");
}

function answerToJoin(body: Body): Body {
  const gateways = keptOf(body).gateways.map((gateway) => gateway.replace(/\/.*/, ""));
  return {
    InterfaceName: { SrcName: innerOf(body), DstPrefix: "eth" },
    Gateway: gateways.find((gateway) => !gateway.includes(":")) ?? "",
    GatewayIPv6: gateways.find((gateway) => gateway.includes(":")) ?? "",
    StaticRoutes: [{ Destination: "203.0.113.0/24", RouteType: 1, NextHop: "" }],
  };
}

function addressIn(pool: string, wanted: string): string {
  const taken = state.pools[pool] ?? [];
  const [base = "", prefix = ""] = pool.split("/");
  let host = 0;
  let address = wanted;
  while (address === "" || (wanted === "" && taken.includes(address))) {
    host += 1;
    address = base.includes(":") ? `${base}${host.toString(16)}` : base.replace(/\d+$/, `${host}`);
  }
  state.pools[pool] = [...taken, address];
  return `${address}/${prefix}`;
}

function requestPool(body: Body): Body {
  let pool = text(body, "Pool");
  if (pool === "") {
    state.nextPool += 1;
    const number = state.nextPool + (process.pid % 200);
    pool = body["V6"] === true ? `fd00:77:${number}::/64` : `198.19.${number % 256}.0/24`;
  }
  state.pools[pool] ??= [];
  return { PoolID: pool, Pool: pool, Data: {} };
}

function answerTo(method: string, body: Body): Body {
  switch (method) {
    case "Plugin.Activate":
      return { Implements: ["NetworkDriver", "IpamDriver"] };
    case "NetworkDriver.GetCapabilities":
      return { Scope: "local", ConnectivityScope: "local" };
    case "NetworkDriver.CreateNetwork":
      createNetwork(body);
      return {};
    case "NetworkDriver.DeleteNetwork":
      ip("link", "del", bridgeOf(body));
      return {};
    case "NetworkDriver.CreateEndpoint":
      createEndpoint(body);
      return { Interface: {} };
    case "NetworkDriver.DeleteEndpoint":
      ip("link", "del", outerOf(body));
      return {};
    case "NetworkDriver.Join":
      return answerToJoin(body);
    case "NetworkDriver.EndpointOperInfo":
      return { Value: {} };
    case "NetworkDriver.Leave":
    case "NetworkDriver.ProgramExternalConnectivity":
    case "NetworkDriver.RevokeExternalConnectivity":
    case "NetworkDriver.DiscoverNew":
      return {};
    case "IpamDriver.GetCapabilities":
      return { RequiresMACAddress: true, RequiresRequestReplay: true };
    case "IpamDriver.GetDefaultAddressSpaces":
      return { LocalDefaultAddressSpace: "here", GlobalDefaultAddressSpace: "there" };
    case "IpamDriver.RequestPool":
      return requestPool(body);
    case "IpamDriver.ReleasePool":
      delete state.pools[text(body, "PoolID")];
      return {};
    case "IpamDriver.RequestAddress":
      return { Address: addressIn(text(body, "PoolID"), text(body, "Address")), Data: {} };
    case "IpamDriver.ReleaseAddress": {
      const pool = text(body, "PoolID");
      const left = (state.pools[pool] ?? []).filter((one) => one !== text(body, "Address"));
      state.pools[pool] = left;
      return {};
    }
    default:
      throw new Error(`unknown method ${method}`);
  }
}

function modeOf(method: string): readonly [mode: string, words: string] {
  const file = join(folder, "mode");
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  for (const line of lines) {
    const [wanted = "", mode = "", ...rest] = line.split(" ");
    if (wanted === method) return [mode, rest.join(" ")];
  }
  return ["ok", ""];
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const sent = Buffer.concat(chunks).toString();
  const method = (request.url ?? "").slice(1);
  const body = (sent === "" ? {} : JSON.parse(sent)) as Body;
  appendFileSync(join(folder, "calls"), `${JSON.stringify({ method, body })}\n`);
  const [mode, words] = modeOf(method);
  switch (mode) {
    case "hang":
      return;
    case "die":
      process.exit(1);
      break;
    case "close":
      response.socket?.destroy();
      return;
    case "lack":
      response.writeHead(404).end("404 page not found");
      return;
    case "refuse":
      response.end(JSON.stringify({ Err: words }));
      return;
    case "say":
      response.end(words);
      return;
    default:
      break;
  }
  let answer: Body;
  try {
    answer = answerTo(method, body);
  } catch (error) {
    answer = { Err: String(error) };
  }
  writeFileSync(stateFile, JSON.stringify(state));
  response.end(JSON.stringify(answer));
}

rmSync(socket, { force: true });
createServer((request, response) => void serve(request, response)).listen(socket);
