import { expect, test } from "bun:test";
import type { Socket } from "node:net";
import { HeaderFields } from "#http1/header-fields.ts";
import { SESSION_FOLDER_HEADER } from "#spec/buildkit/session.ts";
import { foldersInPlace } from "./buildkit.ts";

const request = (from: string | undefined, ...values: readonly string[]) => ({
  fields: HeaderFields.parse(
    values.map((value) => `${SESSION_FOLDER_HEADER.toUpperCase()}: ${value}`),
    0,
  ),
  socket: { remoteAddress: from } as Socket, // all that is looked at
});

test("foldersInPlace() takes folders from a client on this host alone", () => {
  const named = ["context 1:2 %2Fhome%2Fa%20b", "dockerfile 1:3 /x"];
  expect([...foldersInPlace(request(undefined, ...named))]).toEqual([
    ["context", { path: "/home/a b", identity: "1:2" }],
    ["dockerfile", { path: "/x", identity: "1:3" }],
  ]);
  for (const from of ["127.0.0.1", "::1", "10.0.0.7"]) {
    expect(foldersInPlace(request(from, ...named)).size).toBe(0);
  }
  expect(() => foldersInPlace(request(undefined, "context 1:2 %zz"))).toThrow("Cannot read");
});
