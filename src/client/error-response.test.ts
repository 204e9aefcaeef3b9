import { expect, test } from "bun:test";
import {
  ConflictError,
  FailedPreconditionError,
  NotFoundError,
  PermissionDeniedError,
  ResourceExhaustedError,
} from "#base/errors.ts";
import { engineAnswerOf, errorFromAnswer, unreachableError } from "./error-response.ts";

test("errorFromAnswer() takes the class from our kind, else from the status", () => {
  const body = JSON.stringify({ message: "No such container: x" });
  const missing = errorFromAnswer(404, "Not Found", body, "/r");
  expect(missing).toBeInstanceOf(NotFoundError);
  expect(missing.message).toBe("Error response from daemon: No such container: x");
  expect(engineAnswerOf(missing)).toMatchObject({ status: 404, message: "No such container: x" });
  expect(errorFromAnswer(409, "", body, "/r")).toBeInstanceOf(ConflictError);
  expect(errorFromAnswer(500, "", body, "/r")).toBeInstanceOf(FailedPreconditionError);
  const full = JSON.stringify({ message: "full", kind: "resource-exhausted" });
  expect(errorFromAnswer(500, "", full, "/r")).toBeInstanceOf(ResourceExhaustedError);
  expect(errorFromAnswer(403, "", '{"message":"x","kind":"nonsense"}', "/r")).toBeInstanceOf(
    PermissionDeniedError,
  );
});

test("errorFromAnswer() explains bodies that say nothing", () => {
  const say = (body: string): string =>
    errorFromAnswer(502, "Bad Gateway", body, "/v1.51/info").message;
  expect(say("")).toBe(
    "request returned 502 Bad Gateway for API route and version /v1.51/info, check if the server supports the requested API version",
  );
  expect(say("{}")).toBe("API returned a 502 (Bad Gateway) but provided no error-message");
  expect(say("proxy is down\n")).toBe("Error response from daemon: proxy is down");
  expect(say("[1]")).toBe("Error response from daemon: [1]");
});

test("unreachableError() words the failure as docker does", () => {
  const because = (code: string): string =>
    unreachableError("unix:///x", Object.assign(new Error("why"), { code })).message;
  expect(because("ENOENT")).toBe(
    "failed to connect to the docker API at unix:///x; check if the path is correct and if the daemon is running: no such file or directory",
  );
  expect(because("ECONNREFUSED")).toBe(
    "Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?",
  );
  expect(because("EACCES")).toBe(
    "permission denied while trying to connect to the docker API at unix:///x",
  );
  expect(because("EWHAT")).toBe("error during connect: unix:///x: why");
});
