import { describe, expect, test } from "bun:test";
import { type MountWishes, planMounts } from "./mounts.ts";

const NONE: MountWishes = {
  binds: [],
  mounts: [],
  volumesFrom: [],
  volumes: [],
  tmpfs: {},
  volumeDriver: "",
};

function plan(wishes: Partial<MountWishes>): readonly string[] {
  return planMounts({ ...NONE, ...wishes }).map(
    ({ kind, name, source, destination, readOnly }) =>
      `${kind} ${name ?? source} ${destination}${readOnly ? " ro" : ""}`,
  );
}

describe("planMounts()", () => {
  test("sorts by target, so that a parent comes first", () => {
    expect(plan({ binds: ["/x:/a/b", "data:/a:ro"] })).toEqual([
      "volume data /a ro",
      "bind /x /a/b",
    ]);
  });

  test("a bind replaces a borrowed volume; a VOLUME fills only what is free", () => {
    const [borrowed] = planMounts({ ...NONE, binds: ["data:/data", "more:/more"] });
    expect(borrowed).toBeDefined();
    const volumesFrom = [
      {
        spec: { container: "c", mode: "ro", readOnly: true },
        mounts: planMounts({ ...NONE, binds: ["data:/data", "more:/more"] }),
      },
    ];
    expect(
      plan({ volumesFrom, binds: ["/own:/data"], volumes: ["/data", "/more", "/new/"] }),
    ).toEqual(["bind /own /data", "volume more /more ro", "volume  /new"]);
  });

  test("a tmpfs takes a VOLUME's place, and its options are taken apart", () => {
    const [mount, ...more] = planMounts({
      ...NONE,
      volumes: ["/run"],
      tmpfs: { "/run": "size=64m,noexec" },
    });
    expect(more).toEqual([]);
    expect(mount).toMatchObject({ kind: "tmpfs", options: { size: "64m", noexec: "" } });
  });

  test.each([
    [{ binds: ["/a:/x", "/b:/x"] }, "Duplicate mount point: /x"],
    [{ binds: ["/a:/x"], tmpfs: { "/x": "" } }, "Duplicate mount point: /x"],
    [{ binds: ["/a:/x"], mounts: [{ Type: "volume", Target: "/x" }] }, "Duplicate mount point: /x"],
  ] as const)("refuses %j", (wishes, message) => {
    expect(() => plan(wishes)).toThrow(message);
  });

  test("volumes by name show mode z, anonymous ones none; nocopy and labels are kept", () => {
    const planned = planMounts({
      ...NONE,
      binds: ["data:/a", "data:/b:nocopy"],
      mounts: [
        { Type: "volume", Target: "/c", VolumeOptions: { Labels: { k: "v" }, Subpath: "s" } },
      ],
    });
    expect(planned.map(({ mode, copyUp }) => [mode, copyUp])).toEqual([
      ["z", true],
      ["nocopy", false],
      ["", true],
    ]);
    expect(planned[2]).toMatchObject({ subpath: "s", volume: { labels: { k: "v" } } });
  });

  test("an image is read-only; owners of binds and volumes are as asked", () => {
    const planned = planMounts({
      ...NONE,
      binds: ["/a:/a:idmap", "vol:/v:ro,idmap=uids=0-5-1"],
      mounts: [
        { Type: "image", Source: "i", Target: "/i", ImageOptions: { Subpath: "etc" } },
        { Type: "bind", Source: "/b", Target: "/b", BindOptions: { IdMap: "container" } },
      ],
    });
    expect(
      planned.map(({ kind, idMap, subpath, readOnly }) => [kind, idMap, subpath, readOnly]),
    ).toEqual([
      ["bind", "", undefined, false],
      ["bind", "", undefined, false],
      ["image", undefined, "etc", true],
      ["volume", "uids=0-5-1", undefined, true],
    ]);
  });
});
