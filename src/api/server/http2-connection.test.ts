import { expect, test } from "bun:test";
import { http2Begins } from "./http2-connection.ts";

test("http2Begins() tells a client of HTTP/2 from one of HTTP/1 by its first bytes", () => {
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  expect(http2Begins(preface)).toBe("yes");
  expect(http2Begins(Buffer.concat([preface, Buffer.alloc(9)]))).toBe("yes");
  expect(http2Begins(preface.subarray(0, 2))).toBe("maybe");
  expect(http2Begins(Buffer.from("PRI * HTTP/1.1\r\n"))).toBe("no");
  expect(http2Begins(Buffer.from("POST /grpc HTTP/1.1\r\n"))).toBe("no");
});
