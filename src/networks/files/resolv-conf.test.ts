import { describe, expect, test } from "bun:test";
import { chooseHostFile, parseResolvConf, renderResolvConf } from "./resolv-conf.ts";

const HOST = `# by hand
nameserver 127.0.0.1
nameserver 10.0.0.53
nameserver fd00::53
domain old.example
search corp.example  example.org
options ndots:2 timeout:1
options edns0
sortlist 10.0.0.0/8
`;

function lines(
  hostFile: string,
  overrides: Partial<Parameters<typeof renderResolvConf>[0]> = {},
): string[] {
  return renderResolvConf({
    hostFile,
    hostPath: "/etc/resolv.conf",
    hasOwnNamespace: true,
    hasIpv6: false,
    hasEmbeddedDns: false,
    nameservers: [],
    search: [],
    options: [],
    ...overrides,
  })
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
}

describe("renderResolvConf()", () => {
  test("copies the host's, without loopback and, on IPv4 alone, IPv6 servers", () => {
    expect(lines(HOST)).toEqual([
      "nameserver 10.0.0.53",
      "search corp.example example.org",
      "options ndots:2 timeout:1 edns0",
      "sortlist 10.0.0.0/8",
    ]);
    expect(lines(HOST, { hasIpv6: true })).toContain("nameserver fd00::53");
  });

  test("falls back where no server is left", () => {
    expect(lines("nameserver 127.0.0.53\n")).toEqual(["nameserver 8.8.8.8", "nameserver 8.8.4.4"]);
    expect(lines("", { hasIpv6: true })).toHaveLength(4);
  });

  test("keeps loopback servers with the host's own network", () => {
    expect(lines("nameserver 127.0.0.53\n", { hasOwnNamespace: false })).toEqual([
      "nameserver 127.0.0.53",
    ]);
  });

  test("takes what the flags say, part by part", () => {
    const all = lines(HOST, {
      nameservers: ["127.0.0.2", "::1"],
      search: ["a.b"],
      options: ["rotate"],
    });
    expect(all.slice(0, 4)).toEqual([
      "nameserver 127.0.0.2",
      "nameserver ::1",
      "search a.b",
      "options rotate",
    ]);
    expect(lines(HOST, { search: ["."] }).some((line) => line.startsWith("search"))).toBe(false);
  });
});

describe("chooseHostFile()", () => {
  test("looks behind systemd-resolved's own server", () => {
    expect(chooseHostFile("nameserver 127.0.0.53\n", "real").path).toBe(
      "/run/systemd/resolve/resolv.conf",
    );
    expect(chooseHostFile("nameserver 127.0.0.53\n", undefined).path).toBe("/etc/resolv.conf");
    expect(chooseHostFile(HOST, "real").text).toBe(HOST);
  });
});

test("parseResolvConf() takes the last search or domain", () => {
  expect(parseResolvConf("search a b\ndomain c\n").search).toEqual(["c"]);
});
