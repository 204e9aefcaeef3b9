import { describe, expect, test } from "bun:test";
import { parseBoundingSet } from "./processes/capabilities.ts";
import { parseInotifyEvents } from "./directory-watch.ts";
import { parseMountOptions } from "./mounts/mount-flags.ts";
import { parseMountInfo } from "./mounts/mountinfo.ts";
import { parseHolders } from "./sockets/port-holder.ts";
import { parseProcStat } from "./processes/proc-stat.ts";
import { parseCpuUsageNanos, parseGroupId, parseOsRelease } from "./system-files.ts";

describe("parseMountInfo()", () => {
  test("reads optional fields, octal escapes and commas within paths", () => {
    const text =
      "165 27 0:61 /sub\\040dir /tmp/a\\134b\\011c rw,relatime shared:7 master:1 - overlay over\\040lay rw,lowerdir=/l\\0541:/l2,upperdir=/é\n" +
      "22 27 0:21 / /proc rw,nosuid - proc proc rw\n\n";
    expect(parseMountInfo(text)).toEqual([
      {
        id: 165,
        parentId: 27,
        root: "/sub dir",
        target: "/tmp/a\\b\tc",
        fsType: "overlay",
        source: "over lay",
        options: ["rw", "relatime"],
        isShared: true,
        isSlave: true,
        superOptions: ["rw", "lowerdir=/l,1:/l2", "upperdir=/é"],
      },
      {
        id: 22,
        parentId: 27,
        root: "/",
        target: "/proc",
        fsType: "proc",
        source: "proc",
        options: ["rw", "nosuid"],
        isShared: false,
        isSlave: false,
        superOptions: ["rw"],
      },
    ]);
  });
});

describe("parseMountOptions()", () => {
  test("splits flags from data, the later word winning", () => {
    expect(parseMountOptions(["ro", "nosuid", "rw", "size=1m", "uid=0", "rslave", ""])).toEqual({
      flags: 2,
      data: "size=1m,uid=0",
      propagation: "rslave",
    });
    expect(parseMountOptions(["rbind", "ro", "constructor"])).toEqual({
      flags: 0x1000 | 0x4000 | 1,
      data: "constructor",
    });
  });
});

describe("parseProcStat()", () => {
  const stat = (state: string, threads: number): string =>
    `42 (a) b (c) ${state} 1 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 ${threads} 0 90186 2703360 289`;

  test("counts fields from the last parenthesis", () => {
    expect(parseProcStat(stat("S", 1))).toMatchObject({
      startTicks: 90186,
      hasEnded: false,
    });
  });

  test("takes a zombie for ended, unless other threads live on", () => {
    expect(parseProcStat(stat("Z", 1))?.hasEnded).toBe(true);
    expect(parseProcStat(stat("X", 1))?.hasEnded).toBe(true);
    expect(parseProcStat(stat("Z", 3))?.hasEnded).toBe(false);
    expect(parseProcStat("")).toBeUndefined();
  });
});

describe("parseHolders()", () => {
  test("gives the inodes of sockets that hold the port", () => {
    const text =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n" +
      "   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1\n" +
      "   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0\n";
    expect(parseHolders(text, "tcp", 8080)).toEqual(["4711"]);
    expect(parseHolders(text, "tcp", 80)).toEqual(["4713"]);
    expect(parseHolders(text, "udp", 80)).toEqual([]);
    expect(parseHolders("", "tcp", 80)).toEqual([]);
  });
});

describe("parseInotifyEvents()", () => {
  test("reads several events of one read, names without their filling", () => {
    const event = (mask: number, name: string, filled: number): Buffer => {
      const bytes = Buffer.alloc(16 + filled);
      bytes.writeInt32LE(1, 0);
      bytes.writeUInt32LE(mask, 4);
      bytes.writeUInt32LE(filled, 12);
      bytes.write(name, 16);
      return bytes;
    };
    const read = Buffer.concat([event(8, "file", 16), event(0x4000, "", 0), event(0x80, "é", 16)]);
    expect(parseInotifyEvents(read)).toEqual([
      { mask: 8, name: "file" },
      { mask: 0x4000, name: "" },
      { mask: 0x80, name: "é" },
    ]);
  });
});

describe("parseOsRelease()", () => {
  test("takes quotes off, and docker's word where there is no name", () => {
    const text = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n';
    expect(parseOsRelease(text)).toEqual({ name: "Debian GNU/Linux 12 (bookworm)", version: "12" });
    expect(parseOsRelease("PRETTY_NAME='Arch Linux'\n")).toEqual({
      name: "Arch Linux",
      version: "",
    });
    expect(parseOsRelease("")).toEqual({ name: "Linux", version: "" });
  });
});

describe("parseCpuUsageNanos()", () => {
  test("adds up the first seven columns", () => {
    const text = "cpu  1 2 3 4 5 6 7 100 200 300\ncpu0 1 1 1 1 1 1 1 0 0 0\n";
    expect(parseCpuUsageNanos(text)).toBe(28e7);
    expect(parseCpuUsageNanos("")).toBe(0);
  });
});

describe("parseGroupId()", () => {
  test("finds a group by its whole name", () => {
    const text = "root:x:0:\ndocker:x:998:me,you\nwharf-dock:x:7:\n";
    expect(parseGroupId(text, "docker")).toBe(998);
    expect(parseGroupId(text, "dock")).toBeUndefined();
  });
});

describe("parseBoundingSet()", () => {
  test("names the bits that are set", () => {
    expect(parseBoundingSet("CapEff:\t0\nCapBnd:\t0000000000000003\n")).toEqual([
      "CAP_CHOWN",
      "CAP_DAC_OVERRIDE",
    ]);
    expect(parseBoundingSet("CapBnd:\t000001ffffffffff\n")).toHaveLength(41);
    expect(parseBoundingSet("CapBnd:\tffffffffffffffff\n").at(-1)).toBe("CAP_CHECKPOINT_RESTORE");
    expect(parseBoundingSet("")).toEqual([]);
  });
});
