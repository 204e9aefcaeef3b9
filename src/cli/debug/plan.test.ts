import { expect, test } from "bun:test";
import type { ContainerInspectResponse } from "@docker/node-sdk";
import { type DebugPlan, planLiveToolbox, planStoppedToolbox } from "./plan.ts";

const wish = { image: "tools", command: [], hasTerminal: false };
const id = "t".repeat(64);

function live(host: ContainerInspectResponse["HostConfig"]): DebugPlan {
  return planLiveToolbox({ Id: id, State: { Pid: 77 }, HostConfig: host ?? {} }, wish);
}

test("planLiveToolbox() joins what may be joined, and takes the one capability that it needs", () => {
  const { body, rootLink } = live({ IpcMode: "private", UsernsMode: "host", Runtime: "runsc" });
  expect(rootLink).toBe("/proc/1/root");
  expect(body.HostConfig).toEqual({
    PidMode: `container:${id}`,
    NetworkMode: `container:${id}`,
    UTSMode: "",
    CapAdd: ["SYS_PTRACE"],
    AutoRemove: true,
    UsernsMode: "host",
    Runtime: "runsc",
    LogConfig: { Type: "none", Config: {} },
  });
  expect(live({ IpcMode: "shareable" }).body.HostConfig.IpcMode).toBe(`container:${id}`);
});

test("planLiveToolbox() follows a target into the namespaces of the host and of others", () => {
  const host = live({ PidMode: "host", NetworkMode: "host", IpcMode: "host", UTSMode: "host" });
  expect(host.rootLink).toBe("/proc/77/root");
  expect(host.body.HostConfig).toMatchObject({
    PidMode: "host",
    NetworkMode: "host",
    IpcMode: "host",
    UTSMode: "host",
  });
  const guest = live({ PidMode: "container:other", NetworkMode: "container:other" });
  expect(guest.rootLink).toBeUndefined();
  expect(guest.body.HostConfig).toMatchObject({ PidMode: "container:other" });
  expect(guest.body.Cmd).toEqual(["-c", expect.stringContaining(id), "sh", "sh"]);
});

test("planStoppedToolbox() mounts the copy, and the volumes below it to be read only", () => {
  const target = {
    Id: id,
    Mounts: [
      { Type: "volume" as const, Name: "v", Source: "/var/lib/v", Destination: "/data" },
      { Type: "bind" as const, Source: "/srv", Destination: "/in" },
      { Type: "tmpfs" as const, Source: "", Destination: "/run" },
    ],
  };
  const { body, rootLink } = planStoppedToolbox(target, wish, "sha256:1");
  expect(rootLink).toBeUndefined();
  expect(body.HostConfig).toMatchObject({
    NetworkMode: "none",
    Mounts: [
      { Type: "image", Source: "sha256:1", Target: "/target" },
      { Type: "volume", Source: "v", Target: "/target/data", ReadOnly: true },
      { Type: "bind", Source: "/srv", Target: "/target/in", ReadOnly: true },
    ],
  });
});
