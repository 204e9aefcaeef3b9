import { expect, test } from "bun:test";
import { type Endpoint, parseEndpoint } from "./endpoint.ts";
import { sshArguments } from "./connect-ssh.ts";

test("parseEndpoint() reads the addresses that docker takes", () => {
  expect(parseEndpoint("unix:///run/x.sock")).toMatchObject({ kind: "unix", path: "/run/x.sock" });
  expect(parseEndpoint("tcp://h:1")).toEqual({
    kind: "tcp",
    host: "h",
    port: 1,
    text: "tcp://h:1",
  });
  expect(parseEndpoint("tcp://h")).toMatchObject({ port: 2375 });
  expect(parseEndpoint("tcp://h", true)).toMatchObject({ port: 2376 });
  expect(parseEndpoint("https://h")).toMatchObject({ kind: "tcp", port: 2376 });
  expect(parseEndpoint("tcp://[::1]:9")).toMatchObject({ host: "::1", text: "tcp://[::1]:9" });
  expect(parseEndpoint(" 1.2.3.4:99 ")).toMatchObject({ host: "1.2.3.4", port: 99 });
  expect(parseEndpoint("tcp://:99")).toMatchObject({ host: "127.0.0.1" });
  expect(parseEndpoint("ssh://me@far:22/run/d.sock")).toMatchObject({
    user: "me",
    host: "far",
    port: 22,
    socketPath: "/run/d.sock",
  });
  expect(parseEndpoint("ssh://far")).toMatchObject({
    user: undefined,
    port: undefined,
    socketPath: undefined,
  });
});

test("parseEndpoint() says what is wrong", () => {
  const refusals: readonly (readonly [string, string])[] = [
    ["unix://", "the path of the socket is missing"],
    ["npipe:////./pipe/x", "named pipes"],
    ["fd://", "fd:// is for the daemon"],
    ["foo://x", "use unix://, tcp:// or ssh://"],
    ["tcp://h:0", "not in 1 to 65535"],
    ["tcp://h:99999", "not in 1 to 65535"],
    ["tcp://h/path", "want tcp://HOST:PORT"],
    ["ssh://u:secret@h", "plain-text password"],
    ["ssh://h?x=1", "extra text"],
    ["ssh://-oProxyCommand=x", "begins with a dash"],
    ["ssh://-oProxyCommand@h", "begins with a dash"],
  ];
  for (const [text, why] of refusals) expect(() => parseEndpoint(text)).toThrow(why);
});

test("sshArguments() keeps names from being options and quotes the far side's command", () => {
  const endpoint = parseEndpoint("ssh://me@far:2222/run/it's.sock") as Endpoint & {
    readonly kind: "ssh";
  };
  const words = sshArguments(endpoint);
  expect(words.slice(0, 9)).toEqual([
    "-o",
    "ConnectTimeout=30",
    "-T",
    "-l",
    "me",
    "-p",
    "2222",
    "--",
    "far",
  ]);
  expect(words.slice(9, 11)).toEqual(["sh", "-c"]);
  const unquoted = Bun.spawnSync(["sh", "-c", `printf %s ${words[11] ?? ""}`]).stdout.toString();
  expect(unquoted).toContain("exec wharf --host 'unix:///run/it'\\''s.sock' system dial-stdio");
});
