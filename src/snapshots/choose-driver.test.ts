import { describe, expect, test } from "bun:test";
import { chooseDriver, type DriverChoice, type SnapshotDriver } from "./choose-driver.ts";

function choose(
  refused: Partial<Record<SnapshotDriver, string>>,
  prior: readonly SnapshotDriver[],
  asked?: string,
): DriverChoice {
  return chooseDriver({
    dataRoot: "/data",
    prior,
    refusalOf: (driver) => refused[driver],
    ...(asked === undefined ? {} : { asked }),
  });
}

describe("chooseDriver()", () => {
  test("takes the first that works and tells why the others do not", () => {
    expect(choose({}, [])).toEqual({ driver: "overlay2", passedOver: [] });
    const refused = { overlay2: "overlayfs refuses it", "fuse-overlayfs": "no /dev/fuse" };
    expect(choose({ ...refused, btrfs: "it is ext4" }, [])).toEqual({
      driver: "vfs",
      passedOver: [
        "Cannot use storage driver overlay2 on /data: overlayfs refuses it",
        "Cannot use storage driver fuse-overlayfs on /data: no /dev/fuse",
        "Cannot use storage driver btrfs on /data: it is ext4",
      ],
    });
  });

  test("stays with the driver that was there before", () => {
    expect(choose({}, ["vfs"]).driver).toBe("vfs");
    expect(choose({}, ["vfs"], "vfs").driver).toBe("vfs");
    expect(() => choose({ btrfs: "it is ext4" }, ["btrfs"])).toThrow(
      "Cannot use storage driver btrfs on /data: it is ext4",
    );
    expect(() => choose({}, ["vfs"], "overlay2")).toThrow(
      "/data holds the layers of storage driver vfs, which overlay2 cannot read",
    );
    expect(() => choose({}, ["overlay2", "vfs"])).toThrow(
      "/data contains several valid graphdrivers: overlay2, vfs; cleanup or explicitly choose",
    );
    expect(choose({}, ["overlay2", "vfs"], "vfs").driver).toBe("vfs");
  });

  test("refuses what is asked for where it does not work, or does not exist", () => {
    expect(() => choose({ overlay2: "overlayfs refuses it" }, [], "overlay2")).toThrow(
      "overlayfs refuses it",
    );
    expect(() => choose({}, [], "zfs")).toThrow("driver not supported: zfs; this release has");
  });
});
