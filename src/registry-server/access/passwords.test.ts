import { expect, test } from "bun:test";
import { rejectionOf } from "#base/testing/rejection.ts";
import { Passwords } from "./passwords.ts";

test("Passwords keeps argon2id of OWASP's least costs, salted, and knows the right one of many asked at once", async () => {
  const passwords = new Passwords(() => 0);
  const hashes = await Promise.all(
    ["a password", "a password", "another one"].map((password) => passwords.hash(password)),
  );
  expect(new Set(hashes).size).toBe(3);
  for (const hash of hashes) expect(hash).toStartWith("$argon2id$v=19$m=19456,t=2,p=1$");
  const [first = "", , third = ""] = hashes;
  const asked = ["a password", "another one", "a passwor", "", "a password", "x".repeat(2000)];
  expect(await Promise.all(asked.map((one) => passwords.verify(one, first)))).toEqual([
    ...[true, false, false, false, true, false],
  ]);
  expect(await passwords.verify("another one", third)).toBe(true);
  // what was right a moment ago is remembered for its own hash alone
  expect(await passwords.verify("another one", first)).toBe(false);
});

test("Passwords.hash() refuses what is too short or too long", async () => {
  const passwords = new Passwords(() => 0);
  expect(await rejectionOf(passwords.hash("seven77"))).toContain("want 8 to 1024 characters");
  expect(await rejectionOf(passwords.hash("x".repeat(1025)))).toContain(
    "want 8 to 1024 characters",
  );
});
