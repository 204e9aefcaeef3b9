import { describe, expect, test } from "bun:test";
import { checkExtraHosts, renderHosts, renderHostsOfHost, replaceHostsLines } from "./hosts.ts";

const LOCALHOST = `127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::	ip6-localnet
ff00::	ip6-mcastprefix
ff02::1	ip6-allnodes
ff02::2	ip6-allrouters
`;

describe("renderHosts()", () => {
  test("writes what docker writes, in its order", () => {
    const text = renderHosts({
      hostname: "c3d1921c7b4f",
      addresses: ["172.31.0.2"],
      extraHosts: ["foo:1.2.3.4", "bar=host-gateway", "six:::1", "seven:[fd00::7]"],
      hostGateways: ["172.31.0.1"],
      links: [{ address: "172.31.0.9", names: ["db", "0123456789ab", "postgres"] }],
    });
    expect(text).toBe(
      `${LOCALHOST}1.2.3.4	foo
172.31.0.1	bar
::1	six
fd00::7	seven
172.31.0.9	db 0123456789ab postgres
172.31.0.2	c3d1921c7b4f
`,
    );
  });

  test("puts the full name before the short one; nothing without an address", () => {
    const request = {
      hostname: "web",
      domainName: "example.org",
      extraHosts: [],
      hostGateways: [],
    };
    expect(renderHosts({ ...request, addresses: ["10.0.0.2"] })).toEndWith(
      "10.0.0.2\tweb.example.org web\n",
    );
    expect(renderHosts({ ...request, addresses: [] })).toBe(LOCALHOST);
  });

  test.each([
    ["foo", 'bad format for add-host: "foo"'],
    [":1.2.3.4", 'bad format for add-host: ":1.2.3.4"'],
    ["foo:1.2.3", 'invalid IP address in add-host: "1.2.3"'],
    ["foo:1.2.3.4\n6.6.6.6 evil", "bad format for add-host"],
    ["foo\n:1.2.3.4", "bad format for add-host"],
  ])("checkExtraHosts() refuses %j", (entry, message) => {
    expect(() => checkExtraHosts([entry])).toThrow(message);
  });

  test("refuses host-gateway where there is none", () => {
    const request = {
      hostname: "web",
      addresses: [],
      extraHosts: ["foo:host-gateway"],
      hostGateways: [],
    };
    expect(() => renderHosts(request)).toThrow("unable to derive the IP value for host-gateway");
  });

  test("renderHostsOfHost() adds to the host's file", () => {
    expect(renderHostsOfHost("127.0.0.1 localhost", ["a:1.1.1.1"], [])).toBe(
      "127.0.0.1 localhost\n1.1.1.1\ta\n",
    );
  });
});

test("replaceHostsLines() changes the lines of one link and nothing that the container wrote", () => {
  const file = "127.0.0.1\tlocalhost\n10.0.0.2\tdb host db1\n10.0.0.9 db\n10.0.0.3\tme\n# mine\n";
  const moved = replaceHostsLines(file, "db", [{ address: "10.0.0.7", names: ["db", "host"] }]);
  expect(moved).toBe(
    "127.0.0.1\tlocalhost\n10.0.0.7\tdb host\n10.0.0.9 db\n10.0.0.3\tme\n# mine\n",
  );
  expect(replaceHostsLines(file, "db", [])).toBe(
    "127.0.0.1\tlocalhost\n10.0.0.9 db\n10.0.0.3\tme\n# mine\n",
  );
  expect(replaceHostsLines("1.1.1.1 a b", "c", [{ address: "2.2.2.2", names: ["c", "d"] }])).toBe(
    "1.1.1.1 a b\n2.2.2.2\tc d\n",
  );
});
