import { describe, expect, test } from "bun:test";
import {
  ALL_CAPABILITIES,
  DEFAULT_CAPABILITIES,
  effectiveCapabilities,
  parseCapability,
} from "./capabilities.ts";
import {
  booleanFilter,
  enumFilter,
  formatFilters,
  integerFilter,
  matchesContainerName,
  matchesExactly,
  matchesLabels,
  matchesName,
  matchesPrefix,
  parseFilters,
} from "./filters.ts";
import { parseMountFlag, parseTmpfsFlag, parseVolumeFlag, splitCsvLine } from "./mount-flags.ts";
import { parseBindSpec, parseVolumesFrom } from "./mount.ts";
import {
  formatContainerPort,
  parseContainerPort,
  parseExposedPorts,
  parsePortPublication,
} from "./port-spec.ts";
import { parseSignal, signalName, signalNames } from "./signals.ts";
import { formatUnixTimestamp, parseTimestamp, parseUnixTimestamp } from "./timestamps.ts";
import { compareApiVersions, isAtLeast, parseApiVersion } from "./version.ts";

describe("filters", () => {
  const KNOWN = ["name", "label", "label!", "status", "dangling", "id", "exited"];
  const parse = (value: unknown) =>
    parseFilters(typeof value === "string" ? value : JSON.stringify(value), KNOWN);

  test("are read in both shapes", () => {
    expect(parse({ name: ["a", "b", "a"] }).get("name")).toEqual(["a", "b"]);
    expect(parse({ label: { "a=b": true, c: false } }).get("label")).toEqual(["a=b", "c"]);
    expect(parse("").size + parse("null").size + parse("{}").size).toBe(0);
    const filters = parse({ label: ["a"], status: ["x", "y"] });
    expect(parse(formatFilters(filters))).toEqual(filters);
  });

  test("are refused with docker's words", () => {
    expect(() => parse({ foo: ["x"] })).toThrow("invalid filter 'foo'");
    for (const text of [
      "x",
      "[]",
      "5",
      '{"status":5}',
      '{"label":[5]}',
      '{"id":{"a":5}}',
      '{"id":null}',
      "[".repeat(1000),
    ]) {
      expect(() => parse(text)).toThrow(/^invalid filter$/);
    }
    expect(() => booleanFilter(parse({ dangling: ["x"] }), "dangling")).toThrow(
      "invalid filter 'dangling=[x]'",
    );
    expect(() => booleanFilter(parse({ dangling: ["true", "false"] }), "dangling")).toThrow(
      "invalid filter",
    );
    expect(() => integerFilter(parse({ exited: ["x"] }), "exited")).toThrow(
      "invalid filter 'exited=x': strconv.Atoi: parsing \"x\": invalid syntax",
    );
    expect(() =>
      enumFilter(parse({ status: ["foo"] }), "status", "state", ["created", "dead"]),
    ).toThrow(
      "invalid filter 'status=foo': invalid value for state (foo): must be one of created, dead",
    );
  });

  test("match names, prefixes, labels and booleans", () => {
    const names = parse({ name: ["^/web$", "db"] });
    expect(["web", "web2", "mydb", "x"].map((name) => matchesContainerName(names, name))).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(matchesName(parse({ name: ["["] }), "name", "[")).toBe(true);
    expect(matchesName(parse({ name: ["(a+)+$"] }), "name", `${"a".repeat(60)}b`)).toBe(false);
    expect(matchesPrefix(parse({ id: ["ab"] }), "id", "abc")).toBe(true);
    expect(matchesExactly(parse({}), "id", "abc")).toBe(true);
    const labels = { a: "b", c: "" };
    const cases: readonly (readonly [unknown, boolean])[] = [
      [{ label: ["a"] }, true],
      [{ label: ["a=b", "c"] }, true],
      [{ label: ["a=x"] }, false],
      [{ label: ["a", "z"] }, false],
      [{ "label!": ["a"] }, false],
      [{ "label!": ["z"] }, true],
      [{ label: ["constructor"] }, false],
      [{}, true],
    ];
    for (const [filters, expected] of cases)
      expect(matchesLabels(parse(filters), labels)).toBe(expected);
    expect(booleanFilter(parse({ dangling: ["1"] }), "dangling")).toBe(true);
    expect(booleanFilter(parse({}), "dangling")).toBeUndefined();
  });
});

test("API versions are compared by number and held to the range", () => {
  expect(compareApiVersions("1.9", "1.24")).toBeLessThan(0);
  expect(isAtLeast(parseApiVersion("1.44"), "1.44")).toBe(true);
  expect(() => parseApiVersion("1.2")).toThrow(
    "client version 1.2 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version",
  );
  expect(() => parseApiVersion("1.99")).toThrow(
    "client version 1.99 is too new. Maximum supported API version is 1.56",
  );
  expect(() => parseApiVersion("1")).toThrow("too old");
  for (const text of ["", "x", "1.2.3", "-1", "1."])
    expect(() => parseApiVersion(text)).toThrow("Cannot parse API version");
});

describe("timestamps", () => {
  const now = 1_700_000_000_000_000_000n;

  test("parseUnixTimestamp() takes what clients send", () => {
    expect(parseUnixTimestamp("1136073845")).toBe(1_136_073_845_000_000_000n);
    expect(parseUnixTimestamp("1136073845.000000001")).toBe(1_136_073_845_000_000_001n);
    expect(parseUnixTimestamp("1.5")).toBe(1_500_000_000n);
    for (const [text, culprit] of [
      ["x", "x"],
      ["10m", "10m"],
      ["2013-01-02", "2013-01-02"],
      ["1.x", "x"],
      ["", ""],
    ]) {
      expect(() => parseUnixTimestamp(text ?? "")).toThrow(
        `strconv.ParseInt: parsing ${JSON.stringify(culprit)}: invalid syntax`,
      );
    }
    expect(formatUnixTimestamp(1_136_073_845_000_000_001n)).toBe("1136073845.000000001");
  });

  test("parseTimestamp() takes what users type", () => {
    expect(parseTimestamp("10m", now)).toBe(now - 600_000_000_000n);
    expect(parseTimestamp("1136073845", now)).toBe(1_136_073_845_000_000_000n);
    expect(parseTimestamp("0", now)).toBe(0n);
    expect(parseTimestamp("2006-01-02", now)).toBe(1_136_160_000_000_000_000n);
    expect(parseTimestamp("2006-01-02", now, 60)).toBe(1_136_156_400_000_000_000n);
    expect(parseTimestamp("2006-01-02T15:04", now)).toBe(1_136_214_240_000_000_000n);
    expect(parseTimestamp("2006-01-02T15:04:05.5Z", now)).toBe(1_136_214_245_500_000_000n);
    expect(parseTimestamp("2006-01-02T15:04:05+01:00", now)).toBe(1_136_210_645_000_000_000n);
    for (const text of ["x", "2006-13-02", "2006-01-02T", ""]) {
      expect(() => parseTimestamp(text, now)).toThrow(
        `failed to parse value as time or duration: ${JSON.stringify(text)}`,
      );
    }
  });
});

test("signals go by name and number", () => {
  const cases: Readonly<Record<string, number>> = {
    SIGTERM: 15,
    term: 15,
    sigTerm: 15,
    "9": 9,
    RTMIN: 34,
    "RTMIN+3": 37,
    "sigrtmin+15": 49,
    "RTMAX-2": 62,
    SIGRTMAX: 64,
    "64": 64,
  };
  for (const [text, number] of Object.entries(cases)) expect(parseSignal(text)).toBe(number);
  for (const text of [
    "",
    "foo",
    "0",
    "-1",
    "65",
    "99",
    "RTMIN+99",
    "RTMIN-1",
    "RTMAX+1",
    "SIG",
    "15x",
  ]) {
    expect(() => parseSignal(text)).toThrow(`invalid signal: ${text}`);
  }
  for (let number = 1; number <= 64; number++) {
    if (number !== 32 && number !== 33) expect(parseSignal(signalName(number))).toBe(number);
  }
  expect(signalNames()).toContain("SIGKILL");
});

test("capabilities are added to and dropped from docker's set", () => {
  expect(ALL_CAPABILITIES).toHaveLength(41);
  expect(effectiveCapabilities([], [])).toHaveLength(DEFAULT_CAPABILITIES.length);
  expect(effectiveCapabilities(["CAP_SYS_TIME"], ["ALL"])).toEqual(["CAP_SYS_TIME"]);
  expect(effectiveCapabilities(["ALL"], [])).toEqual(ALL_CAPABILITIES);
  expect(effectiveCapabilities(["ALL"], ["CAP_SYS_ADMIN"])).not.toContain("CAP_SYS_ADMIN");
  expect(effectiveCapabilities([], ["CAP_CHOWN"])).not.toContain("CAP_CHOWN");
  expect(parseCapability("all")).toBe("ALL");
  expect(() => parseCapability("foo")).toThrow('unknown capability: "CAP_FOO"');
});

describe("ports", () => {
  const show = (text: string): readonly string[] =>
    parsePortPublication(text).map(
      ({ hostIp, hostPort, containerPort }) =>
        `${hostIp}|${hostPort}|${formatContainerPort(containerPort)}`,
    );

  test("parsePortPublication() reads every form", () => {
    const cases: Readonly<Record<string, readonly string[]>> = {
      "80": ["||80/tcp"],
      "80/udp": ["||80/udp"],
      "8080:80": ["|8080|80/tcp"],
      ":80": ["||80/tcp"],
      "127.0.0.1:8080:80/TCP": ["127.0.0.1|8080|80/tcp"],
      "127.0.0.1::80": ["127.0.0.1||80/tcp"],
      "[::1]:8080:80": ["::1|8080|80/tcp"],
      "::1:8080:80": ["::1|8080|80/tcp"],
      "8000-8001:80-81": ["|8000|80/tcp", "|8001|81/tcp"],
      "8000-8010:80": ["|8000-8010|80/tcp"],
      "80-81": ["||80/tcp", "||81/tcp"],
      "0:80": ["|0|80/tcp"],
    };
    for (const [text, expected] of Object.entries(cases)) expect(show(text)).toEqual(expected);
  });

  test("parsePortPublication() refuses in docker's words", () => {
    const cases: Readonly<Record<string, string>> = {
      "80:x": "invalid containerPort: x",
      "x:80": "invalid hostPort: x",
      "80:80/foo": "invalid proto: foo",
      "1.2.3:80:80": "invalid IP address: 1.2.3",
      "a:b:c:d": "invalid IP address: a:b",
      "99999:80": "invalid hostPort: 99999",
      "90-80:5": "invalid hostPort: 90-80",
      "80:70-71": "invalid ranges specified for container and host Ports: 70-71 and 80",
      "host:80:80": "invalid IP address: host",
      "": "no port specified: <empty>",
      "80:": "no port specified: 80:<empty>",
    };
    for (const [text, message] of Object.entries(cases))
      expect(() => parsePortPublication(text)).toThrow(message);
  });

  test("parseExposedPorts() and parseContainerPort()", () => {
    expect(parseExposedPorts("80-82/udp").map(formatContainerPort)).toEqual([
      "80/udp",
      "81/udp",
      "82/udp",
    ]);
    expect(parseExposedPorts("0-65535")).toHaveLength(65_536);
    expect(() => parseExposedPorts("x")).toThrow(
      'invalid range format for --expose: x, error: strconv.ParseUint: parsing "x": invalid syntax',
    );
    expect(() => parseExposedPorts("9-3")).toThrow(
      "invalid range format for --expose: 9-3, error: invalid range specified for port: 9-3",
    );
    expect(() => parseExposedPorts("80:80")).toThrow("invalid port format for --expose: 80:80");
    expect(parseContainerPort("80")).toEqual({ port: 80, protocol: "tcp" });
    expect(() => parseContainerPort("80-82")).toThrow('invalid port specification: "80-82"');
  });
});

describe("mounts", () => {
  test("parseBindSpec() reads every form", () => {
    expect(parseBindSpec("/a//x:/b/../c:ro,z,rslave")).toEqual({
      type: "bind",
      source: "/a/x",
      target: "/c",
      readOnly: true,
      noCopy: false,
      propagation: "rslave",
      selinux: "z",
      mode: "ro,z,rslave",
    });
    expect(parseBindSpec("vol:/b:nocopy")).toMatchObject({
      type: "volume",
      source: "vol",
      noCopy: true,
    });
    expect(parseBindSpec("/b")).toMatchObject({ type: "volume", source: "", target: "/b" });
    expect(parseVolumesFrom("web:ro,z")).toEqual({
      container: "web",
      mode: "ro,z",
      readOnly: true,
    });
    expect(parseVolumesFrom("web")).toMatchObject({ mode: "rw", readOnly: false });
    expect(() => parseVolumesFrom("")).toThrow("cannot be an empty string");
  });

  test("parseMountFlag() reads every key", () => {
    expect(
      parseMountFlag(
        "type=bind,src=/a,dst=/b,readonly,bind-propagation=rprivate,bind-recursive=readonly",
      ),
    ).toEqual({
      Type: "bind",
      Source: "/a",
      Target: "/b",
      ReadOnly: true,
      BindOptions: { Propagation: "rprivate", ReadOnlyForceRecursive: true },
    });
    expect(
      parseMountFlag(
        'source=v,target=/b,volume-opt=type=tmpfs,"volume-opt=o=size=1,uid=2",volume-label=a=b,volume-driver=local,volume-nocopy',
      ),
    ).toEqual({
      Type: "volume",
      Source: "v",
      Target: "/b",
      VolumeOptions: {
        NoCopy: true,
        Labels: { a: "b" },
        DriverConfig: { Name: "local", Options: { type: "tmpfs", o: "size=1,uid=2" } },
      },
    });
    expect(parseMountFlag("type=tmpfs,destination=/b,tmpfs-size=64m,tmpfs-mode=1777")).toEqual({
      Type: "tmpfs",
      Target: "/b",
      TmpfsOptions: { SizeBytes: 67_108_864, Mode: 0o1777 },
    });
    expect(parseMountFlag("type=image,src=q,dst=/b,image-subpath=x")).toEqual({
      Type: "image",
      Source: "q",
      Target: "/b",
      ImageOptions: { Subpath: "x" },
    });
  });

  test("parseMountFlag() refuses in docker's words", () => {
    const cases: Readonly<Record<string, string>> = {
      x: "invalid field 'x' must be a key=value pair",
      "type=bind": "target is required",
      "foo=bar": "unexpected key 'foo' in 'foo=bar'",
      "target=/a,readonly=maybe": "invalid value for readonly: maybe",
      "dst=": "target is required",
      "=x": "unexpected key '' in '=x'",
      "type=bind,source=/tmp,target=/a,volume-nocopy=true":
        "cannot mix 'volume-*' options with mount type 'bind'",
      "type=tmpfs,target=/a,tmpfs-size=x": "invalid value for tmpfs-size: x",
      "type=tmpfs,target=/a,tmpfs-mode=9": "invalid value for tmpfs-mode: 9",
      "type=bind,src=/tmp,dst=/a,bind-recursive=foo":
        'invalid value for bind-recursive: foo (must be "enabled", "disabled", "writable", or "readonly")',
      "type=bind,src=/tmp,dst=/a,bind-recursive=readonly":
        "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction",
      'a"b': 'bare " in non-quoted-field',
      '"a': 'extraneous or missing " in quoted-field',
      "type=,dst=/a": "type is required",
    };
    for (const [text, message] of Object.entries(cases))
      expect(() => parseMountFlag(text)).toThrow(message);
  });

  test("splitCsvLine() unquotes", () => {
    expect(splitCsvLine('a,"b,c","d""e",')).toEqual(["a", "b,c", 'd"e', ""]);
  });

  test("parseVolumeFlag() and parseTmpfsFlag() sort what the CLI sends", () => {
    const absolute = (path: string): string => `/cwd/${path}`;
    expect(parseVolumeFlag("/data", absolute)).toEqual({ kind: "anonymous", value: "/data" });
    expect(parseVolumeFlag("./x:/a:ro", absolute)).toEqual({
      kind: "bind",
      value: "/cwd/./x:/a:ro",
    });
    expect(parseVolumeFlag("v:/a", absolute)).toEqual({ kind: "bind", value: "v:/a" });
    expect(parseTmpfsFlag("/run:size=1m,mode=1777")).toEqual({
      target: "/run",
      options: "size=1m,mode=1777",
    });
  });
});
