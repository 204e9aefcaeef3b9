// Writes src/api/testdata/docker-28.json: what Docker 28 answers, for the tests that compare shapes.
//   DOCKER_SOCKET=/run/docker.sock bun src/api/testing/refresh-golden.ts
import { join } from "node:path";

const socket = process.env["DOCKER_SOCKET"] ?? "/var/run/docker.sock";
const image = "wharf-golden:latest";
const names = ["wharf-golden-created", "wharf-golden-running", "wharf-golden-exited"] as const;

async function docker(
  method: string,
  path: string,
  body?: string | Uint8Array<ArrayBuffer>,
  type = "application/json",
): Promise<unknown> {
  const response = await fetch(`http://docker${path}`, {
    method,
    unix: socket,
    ...(body === undefined ? {} : { body, headers: { "Content-Type": type } }),
  });
  const text = await response.text();
  if (!response.ok && response.status !== 404) throw new Error(`${method} ${path}: ${text}`);
  return /^[[{]/.test(text) && !text.includes("}\r\n{") ? JSON.parse(text) : text;
}

async function removeAll(): Promise<void> {
  for (const name of names) await docker("DELETE", `/containers/${name}?force=1`);
  await docker("DELETE", "/volumes/wharf-golden");
}

/** Lists that the docker CLI sends empty where other clients send nothing. */
const cliLists = {
  PortBindings: {},
  Dns: [],
  DnsOptions: [],
  DnsSearch: [],
  BlkioWeightDevice: [],
  BlkioDeviceReadBps: [],
  BlkioDeviceWriteBps: [],
  BlkioDeviceReadIOps: [],
  BlkioDeviceWriteIOps: [],
  Devices: [],
};

async function create(
  name: string,
  config: { readonly HostConfig?: object; readonly [key: string]: unknown },
): Promise<void> {
  const body = {
    Image: image,
    Labels: {},
    ...config,
    HostConfig: { ...cliLists, ...config.HostConfig },
  };
  await docker("POST", `/containers/create?name=${name}`, JSON.stringify(body));
}

/** Docker gives the mounts of a list in the random order of a Go map. */
function sortMounts(rows: unknown): unknown {
  for (const row of rows as { Mounts: { Destination: string }[] }[]) {
    row.Mounts.sort((left, right) => (left.Destination < right.Destination ? -1 : 1));
  }
  return rows;
}

await removeAll();
const root = Bun.spawnSync(["tar", "-C", "/", "-c", "bin/busybox"]).stdout;
const source = new URLSearchParams({ fromSrc: "-", repo: "wharf-golden", tag: "latest" });
source.append("changes", 'CMD ["/bin/busybox","true"]');
await docker("POST", `/images/create?${source}`, new Uint8Array(root), "application/x-tar");
await create(names[0], {
  Cmd: ["/bin/busybox", "sleep", "100"],
  HostConfig: {
    Binds: ["wharf-golden:/v", "/tmp:/hosttmp:ro"],
    Tmpfs: { "/t": "" },
    PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "18080" }] },
  },
});
await create(names[1], {
  Cmd: ["/bin/busybox", "sleep", "100"],
  ExposedPorts: { "70/tcp": {}, "80/tcp": {} },
  HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "18081" }] } },
});
await create(names[2], { Cmd: ["/bin/busybox", "sh", "-c", "exit 3"] });
await docker("POST", `/containers/${names[1]}/start`);
await docker("POST", `/containers/${names[2]}/start`);
await docker("POST", `/containers/${names[2]}/wait`);
const filters = encodeURIComponent(JSON.stringify({ name: ["wharf-golden"] }));
const golden = {
  created: await docker("GET", `/v1.51/containers/${names[0]}/json`),
  running: await docker("GET", `/v1.51/containers/${names[1]}/json`),
  exited: await docker("GET", `/v1.51/containers/${names[2]}/json`),
  list: sortMounts(await docker("GET", `/v1.51/containers/json?all=1&filters=${filters}`)),
  stats: await docker("GET", `/v1.51/containers/${names[1]}/stats?stream=0`),
  stoppedStats: await docker("GET", `/v1.51/containers/${names[2]}/stats?stream=0`),
  image: await docker("GET", `/v1.51/images/${image}/json`),
  image144: await docker("GET", `/v1.44/images/${image}/json`),
  image143: await docker("GET", `/v1.43/images/${image}/json`),
  network: await docker("GET", "/v1.51/networks/bridge"),
  volume: await docker("GET", "/v1.51/volumes/wharf-golden"),
  version: await docker("GET", "/v1.51/version"),
  info: { ...((await docker("GET", "/v1.51/info")) as object), Runtimes: {} },
};
await Bun.write(
  join(import.meta.dir, "../testdata/docker-28.json"),
  `${JSON.stringify(golden, null, 1)}\n`,
);
await removeAll();
await docker("DELETE", `/images/${image}`);
