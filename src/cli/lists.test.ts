import { expect, test } from "bun:test";
import { command as containerLs } from "./container/ls.ts";
import { formatPorts } from "./container/list-format.ts";
import { command as imageHistory } from "./image/history.ts";
import { command as imageLs } from "./image/ls.ts";
import { command as imageRm } from "./image/rm.ts";
import { command as systemEvents } from "./system/events.ts";
import { command as systemInfo } from "./system/info.ts";
import { expectGolden } from "./testing/golden.ts";
import {
  type FakeRoutes,
  TestCli,
  type TestCliOptions,
  openFakeEngine,
  runCommand,
} from "./testing/test-cli.ts";
import type { Command } from "#cli/command/command.ts";
import { command as version } from "./version.ts";
import { command as volumeLs } from "./volume/ls.ts";

const now = new Date("2026-11-22T12:00:00Z");
const hourAgo = now.getTime() / 1000 - 3600;

const containers = [
  {
    Id: "0123456789abcdef".repeat(4),
    Names: ["/web", "/db/alias"],
    Image: "docker.io/library/nginx:1.27@sha256:" + "a".repeat(64),
    ImageID: "sha256:" + "b".repeat(64),
    Command: "nginx -g 'daemon off;' --verbose",
    Created: hourAgo,
    State: "running",
    Status: "Up 59 minutes (healthy)",
    Health: { Status: "healthy" },
    Ports: [
      { IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" },
      { IP: "::", PrivatePort: 443, PublicPort: 443, Type: "tcp" },
      { IP: "::", PrivatePort: 444, PublicPort: 444, Type: "tcp" },
      { PrivatePort: 53, Type: "udp" },
    ],
    Labels: { "com.example.my-tier": "front", a: "1" },
    SizeRw: 1234,
    SizeRootFs: 187654321,
    Mounts: [{ Name: "data-volume-with-a-long-name", Driver: "local" }, { Source: "/srv" }],
    NetworkSettings: { Networks: { web: {}, back: {} } },
    ImageManifestDescriptor: { platform: { os: "linux", architecture: "arm64", variant: "v8" } },
  },
  {
    Id: "f".repeat(64),
    Names: ["/old"],
    Image: "sha256:" + "c".repeat(64),
    ImageID: "sha256:" + "c".repeat(64),
    Command: "sh",
    Created: hourAgo - 86_400,
    State: "exited",
    Status: "Exited (0) 2 hours ago",
    Ports: [],
    Labels: {},
    Mounts: [],
  },
];

const images = [
  {
    Id: "sha256:" + "d".repeat(64),
    RepoTags: ["nginx:1.27", "registry.example:5000/web:v1"],
    RepoDigests: ["nginx@sha256:" + "a".repeat(64)],
    Created: hourAgo,
    Size: 187_654_321,
    SharedSize: -1,
    Containers: 1,
    Manifests: [
      {
        ID: "sha256:" + "1".repeat(64),
        Kind: "image",
        Available: true,
        Size: { Total: 187_654_321, Content: 70_000_000 },
        ImageData: { Platform: { os: "linux", architecture: "amd64" }, Containers: ["x"] },
      },
      {
        ID: "sha256:" + "2".repeat(64),
        Kind: "image",
        Available: false,
        Size: { Total: 0, Content: 0 },
        ImageData: {
          Platform: { os: "linux", architecture: "arm64", variant: "v8" },
          Containers: [],
        },
      },
      {
        ID: "sha256:" + "3".repeat(64),
        Kind: "attestation",
        Available: true,
        Size: { Total: 5, Content: 5 },
      },
    ],
  },
  {
    Id: "sha256:" + "e".repeat(64),
    RepoTags: [],
    RepoDigests: [],
    Created: 0,
    Size: 5,
    SharedSize: 2,
    Containers: -1,
  },
];

const routes: FakeRoutes = {
  "GET /containers/json": () => Response.json(containers),
  "GET /images/json": () => Response.json(images),
  "GET /images/nginx/history": () =>
    Response.json([
      {
        Id: "sha256:" + "d".repeat(64),
        Created: hourAgo,
        CreatedBy: 'CMD\t["nginx" "-g" "daemon off;"] and more that is cut',
        Size: 0,
        Comment: "buildkit",
        Tags: [],
      },
      {
        Id: "<missing>",
        Created: 0,
        CreatedBy: "ADD rootfs",
        Size: 1_234_567,
        Comment: "",
        Tags: null,
      },
    ]),
  "GET /volumes": () =>
    Response.json({
      Volumes: [
        { Name: "v10", Driver: "local", Scope: "local", Mountpoint: "/m/v10", Labels: null },
        { Name: "v9", Driver: "nfs", Scope: "global", Mountpoint: "/m/v9", Labels: { "x.y": "z" } },
      ],
      Warnings: ["a driver is slow"],
    }),
  "GET /version": () =>
    Response.json({
      Platform: { Name: "Wharf" },
      Version: "0.1.0",
      ApiVersion: "1.56",
      MinAPIVersion: "1.24",
      Components: [
        {
          Name: "Engine",
          Version: "0.1.0",
          Details: {
            ApiVersion: "1.56",
            MinAPIVersion: "1.24",
            Arch: "amd64",
            Os: "linux",
            BuildTime: "2026-11-02T03:04:05Z",
            Experimental: "false",
            GitCommit: "abc",
            GoVersion: "bun1",
          },
        },
        { Name: "crun", Version: "1.8", Details: { GitCommit: "def" } },
      ],
    }),
  "GET /info": () =>
    Response.json({
      ID: "id",
      Containers: 3,
      ContainersRunning: 1,
      Images: 2,
      ServerVersion: "0.1.0",
      Driver: "overlay2",
      DriverStatus: [["Backing Filesystem", "extfs"]],
      Plugins: { Volume: ["local"], Network: ["bridge", "host"], Log: ["json-file"] },
      Swarm: { LocalNodeState: "inactive" },
      Runtimes: { runc: {}, crun: {} },
      DefaultRuntime: "crun",
      OSType: "linux",
      InitBinary: "catatonit",
      SecurityOptions: ["name=seccomp,profile=builtin", "name=cgroupns"],
      NCPU: 2,
      MemTotal: 8_233_574_400,
      DockerRootDir: "/var/lib/wharf",
      Debug: true,
      NFd: 10,
      Labels: ["a=b"],
      RegistryConfig: {
        InsecureRegistryCIDRs: ["127.0.0.0/8"],
        IndexConfigs: { "r:5000": { Name: "r:5000", Secure: false } },
        Mirrors: ["https://m/"],
      },
      DefaultAddressPools: [{ Base: "172.30.0.0/16", Size: 24 }],
      FirewallBackend: { Driver: "nftables" },
      Warnings: ["WARNING: No swap limit support"],
    }),
  "GET /events": () =>
    new Response(
      `${JSON.stringify({ Type: "container", Action: "start", Actor: { ID: "abc", Attributes: { name: "web", image: "nginx" } }, scope: "local", time: 1 }).slice(0, -1)},"timeNano":1795314527181786005}\n`,
    ),
  "DELETE /images/a": () => Response.json([{ Untagged: "a:latest" }, { Deleted: "sha256:1" }]),
  "DELETE /images/gone": () => Response.json({ message: "No such image: gone" }, { status: 404 }),
};

async function show(
  command: Command,
  words: readonly string[],
  options: TestCliOptions = {},
): Promise<TestCli> {
  await using engine = openFakeEngine(routes);
  const cli = new TestCli({ now, ...options, engine: engine.client });
  await runCommand(command, cli, words).catch((error: Error) =>
    cli.errors.write(`${error.message}\n`),
  );
  return cli;
}

async function expectShown(name: string, command: Command, ...words: string[]): Promise<void> {
  const cli = await show(command, words);
  const text =
    cli.errors.text === "" ? cli.output.text : `${cli.output.text}--- stderr\n${cli.errors.text}`;
  expectGolden(text, new URL(`./testdata/${name}.txt`, import.meta.url));
}

test("ps prints docker's table, long and with sizes", async () => {
  await expectShown("ps", containerLs, "-a");
  await expectShown("ps-long", containerLs, "-a", "--no-trunc", "-s");
});

test("ps knows every field, labels and raw", async () => {
  const fields =
    "ID Names Image Command RunningFor Platform Ports State Status Size Labels Mounts LocalVolumes Networks HealthStatus".split(
      " ",
    );
  await expectShown(
    "ps-fields",
    containerLs,
    "--format",
    `table ${fields.map((name) => `{{.${name}}}`).join("\\t")}\\t{{.Label "com.example.my-tier"}}`,
  );
  const json = (await show(containerLs, ["--format", "json"])).output.text.split("\n")[0] ?? "";
  expect(Object.keys(JSON.parse(json) as object)).toEqual([...fields, "CreatedAt"].sort());
});

test("ps -q prints ids, and warns about --format", async () => {
  const cli = await show(containerLs, ["-q", "--format", "x"]);
  expect(cli.output.text).toBe("0123456789ab\nffffffffffff\n");
  expect(cli.errors.text).toBe(
    "WARNING: Ignoring custom format, because both --format and --quiet are set.\n",
  );
});

test("ps takes its format from the configuration", async () => {
  const cli = await show(containerLs, [], { config: { psFormat: "{{.Names}}" } });
  expect(cli.output.text).toBe("web\nold\n");
});

test("ps asks for what its flags say", async () => {
  await using engine = openFakeEngine(routes);
  const cli = new TestCli({ engine: engine.client, now });
  await runCommand(containerLs, cli, [
    "-n",
    "3",
    "--filter",
    "status=exited",
    "--format",
    "{{.Size}}",
  ]);
  await runCommand(containerLs, cli, ["-al"]);
  expect(engine.requests).toEqual([
    'GET /containers/json?limit=3&size=1&filters={"status":["exited"]}',
    "GET /containers/json?all=1&limit=1",
  ]);
});

test("formatPorts() joins ranges and puts mappings that differ last", () => {
  const port = (
    PrivatePort: number,
    PublicPort?: number,
    IP?: string,
    Type: "tcp" | "udp" = "tcp",
  ) => ({ PrivatePort, Type, ...(PublicPort ? { PublicPort } : {}), ...(IP ? { IP } : {}) });
  expect(
    formatPorts([
      port(81, 81, "0.0.0.0"),
      port(80, 80, "0.0.0.0"),
      port(9, 9000, "::"),
      port(53),
      port(54),
      port(56),
    ]),
  ).toBe("53-54/tcp, 56/tcp, 0.0.0.0:80-81->80-81/tcp, [::]:9000->9/tcp");
});

test("images prints the compact view, the tree and the table of old", async () => {
  await expectShown("images", imageLs);
  await expectShown("images-tree", imageLs, "--tree");
  await expectShown("images-table", imageLs, "--digests", "-a");
  const cli = await show(imageLs, [], {
    terminal: { rows: 24, columns: 80 },
    env: { NO_COLOR: "1" },
  });
  expect(cli.output.text).toStartWith("i Info →   U  In Use\nIMAGE ");
});

test("history, volume ls, version, info and events print docker's texts", async () => {
  await expectShown("history", imageHistory, "nginx");
  await expectShown("volume-ls", volumeLs);
  await expectShown(
    "volume-ls-table",
    volumeLs,
    "--format",
    'table {{.Name}}\\t{{.Size}}\\t{{.Label "x.y"}}',
  );
  await expectShown("info", systemInfo);
  const shown = (await show(version, [])).output.text;
  expect(shown.slice(shown.indexOf("Server:"))).toBe(
    "Server: Wharf\n Engine:\n  Version:          0.1.0\n  API version:      1.56 (minimum version 1.24)\n  Go version:       bun1\n  Git commit:       abc\n  Built:            Mon Nov  2 03:04:05 2026\n  OS/Arch:          linux/amd64\n  Experimental:     false\n crun:\n  Version:          1.8\n  GitCommit:        def\n",
  );
});

test("events keep their nanoseconds", async () => {
  expect((await show(systemEvents, [])).output.text).toMatch(
    /^2026-11-2\dT\d\d:\d\d:47\.181786005\S+ container start abc \(image=nginx, name=web\)\n$/,
  );
  expect((await show(systemEvents, ["--format", "json"])).output.text).toEndWith(
    '"time":1,"timeNano":1795314527181786005}\n',
  );
  expect(
    (await show(systemEvents, ["--format", "{{.Actor.Attributes.name}} {{.TimeNano}}"])).output
      .text,
  ).toBe("web 1795314527181786005\n");
});

test("rmi goes on after a failure, and --force forgives what is missing", async () => {
  const strict = await show(imageRm, ["gone", "a"]);
  expect(strict.output.text).toBe("Untagged: a:latest\nDeleted: sha256:1\n");
  expect(strict.errors.text).toBe("Error response from daemon: No such image: gone\n");
  await using engine = openFakeEngine(routes);
  expect(await runCommand(imageRm, new TestCli({ engine: engine.client }), ["-f", "gone"])).toBe(0);
});

test("a template that fails prints nothing before", async () => {
  const cli = await show(containerLs, ["--format", "{{.Nope}}"]);
  expect(cli.output.text).toBe("");
  expect(cli.errors.text).toBe(
    'failed to execute template: template: :1:2: executing "" at <.Nope>: can\'t evaluate field Nope in type *formatter.ContainerContext\n',
  );
});
