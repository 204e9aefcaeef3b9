// A Docker plugin as a program of its own: bun plugin-program.ts SOCKET FOLDER. It keeps volumes in FOLDER/volumes
// by bind mounts, writes a line for each call to FOLDER/calls, and does what FOLDER/mode says before each answer.
import {
  appendFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";

const [socket = "", folder = ""] = process.argv.slice(2);
const volumes = join(folder, "volumes");
mkdirSync(volumes, { recursive: true });

type Body = Readonly<Record<string, unknown>>;

/** Lines `METHOD MODE [TEXT]`; the text of `deny` is a pattern of URIs and a message, or `* MODE`; read anew each time. */
function modeOf(method: string): readonly [mode: string, text: string] {
  const file = join(folder, "mode");
  const lines = existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  for (const line of lines) {
    const [wanted = "", mode = "", ...rest] = line.split(" ");
    if (wanted === method || wanted === "*") return [mode, rest.join(" ")];
  }
  return ["ok", ""];
}

function entry(name: string): Body {
  return {
    Name: name,
    Mountpoint: join(volumes, name),
    CreatedAt: "2024-05-06T07:08:09Z",
    Status: { answer: 42, nested: { word: "yes" } },
  };
}

function answerTo(method: string, body: Body): Body {
  const name = typeof body["Name"] === "string" ? body["Name"] : "";
  const path = join(volumes, name);
  const missing = { Err: `no volume ${name} here` };
  switch (method) {
    case "Plugin.Activate":
      return { Implements: ["VolumeDriver", "authz", "LogDriver"] };
    case "VolumeDriver.Capabilities":
      return { Capabilities: { Scope: "global" } };
    case "VolumeDriver.Create":
      mkdirSync(path);
      return { Err: "" };
    case "VolumeDriver.Remove":
      if (!existsSync(path)) return missing;
      rmSync(path, { recursive: true });
      return {};
    case "VolumeDriver.Get":
      return existsSync(path) ? { Volume: entry(name) } : missing;
    case "VolumeDriver.List":
      return { Volumes: readdirSync(volumes).map(entry) };
    case "VolumeDriver.Mount":
    case "VolumeDriver.Path":
      return existsSync(path) ? { Mountpoint: path } : missing;
    case "VolumeDriver.Unmount":
      return {};
    case "LogDriver.Capabilities":
      return { Cap: { ReadLogs: true } };
    case "LogDriver.StartLogging":
      keepLog(body["File"] as string, (body["Info"] as { ContainerID: string }).ContainerID);
      return {};
    case "LogDriver.StopLogging":
      return {};
    case "AuthZPlugin.AuthZReq":
    case "AuthZPlugin.AuthZRes":
      return { Allow: true };
    default:
      return { Err: `unknown method ${method}` };
  }
}

/** Appends what comes through a fifo to `logs/CONTAINER`, as it comes. */
function keepLog(fifo: string, containerId: string): void {
  mkdirSync(join(folder, "logs"), { recursive: true });
  const file = join(folder, "logs", containerId);
  createReadStream(fifo).on("data", (chunk) => appendFileSync(file, chunk));
}

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const method = (request.url ?? "").slice(1);
  const body = (text === "" ? {} : JSON.parse(text)) as Body;
  appendFileSync(join(folder, "calls"), `${JSON.stringify({ method, body })}\n`);
  const [mode, words] = modeOf(method);
  if (method === "LogDriver.ReadLogs") {
    const { ContainerID: id } = body["Info"] as { ContainerID: string };
    response.end(readFileSync(join(folder, "logs", id)));
    return;
  }
  switch (mode) {
    case "hang":
      return;
    case "die":
      process.exit(1);
      break;
    case "garbage":
      response.end("<html>what?</html>");
      return;
    case "close":
      response.socket?.destroy();
      return;
    case "refuse":
      response.end(JSON.stringify({ Err: words }));
      return;
    case "fail":
      response.writeHead(500);
      response.end(JSON.stringify({ Err: words }));
      return;
    case "deny": {
      const [pattern = "", ...message] = words.split(" ");
      const uri = typeof body["RequestUri"] === "string" ? body["RequestUri"] : "";
      const isDenied = new RegExp(pattern).test(uri);
      response.end(JSON.stringify({ Allow: !isDenied, Msg: isDenied ? message.join(" ") : "" }));
      return;
    }
    case "say":
      response.end(words);
      return;
    default:
      response.end(JSON.stringify(answerTo(method, body)));
  }
}

rmSync(socket, { force: true });
createServer((request, response) => void serve(request, response)).listen(socket);
