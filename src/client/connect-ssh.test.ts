import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { connectSsh } from "./connect-ssh.ts";
import { type Endpoint, parseEndpoint } from "./endpoint.ts";
import { failureOf } from "./testing/failure.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/wharf-ssh-`);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A stand-in for ssh: runs the command as sshd does, by a shell, with `docker` as on the far side. */
function fakeSsh(docker: string): string {
  for (const [name, script] of [
    ["docker", docker],
    [
      "ssh",
      `while [ "$1" != -- ]; do shift; done; shift 2; PATH=${folder}:/usr/bin:/bin exec sh -c "$*"`,
    ],
  ] as const) {
    writeFileSync(`${folder}/${name}`, `#!/bin/sh\n${script}\n`);
    chmodSync(`${folder}/${name}`, 0o755);
  }
  return `${folder}/ssh`;
}

const far = parseEndpoint("ssh://far/run/my docker.sock") as Endpoint & { readonly kind: "ssh" };

test("connectSsh() speaks with dial-stdio of the far side, both ways and with half-close", async () => {
  const connection = connectSsh(far, fakeSsh('echo "$*"; exec cat'));
  const big = new Uint8Array(1_000_000).fill(65);
  const writing = connection.write(big).then(() => connection.closeWrite());
  let text = "";
  for (let chunk = await connection.read(); chunk; chunk = await connection.read())
    text += Buffer.from(chunk).toString();
  await writing;
  expect(text).toBe(
    `--host unix:///run/my%20docker.sock system dial-stdio\n${"A".repeat(1_000_000)}`.replace(
      "%20",
      " ",
    ),
  );
  connection.close();
});

test("connectSsh() passes on what ssh complains about", async () => {
  const connection = connectSsh(far, fakeSsh("echo 'connect to host far: refused' >&2; exit 255"));
  expect((await failureOf(connection.read())).message).toBe(
    "error during connect: ssh://far/run/my docker.sock: connect to host far: refused",
  );
});

test("connectSsh() says that ssh is missing", () => {
  expect(() => connectSsh(far, `${folder}/none`)).toThrow("is not installed");
});
