import { describe, expect, test } from "bun:test";
import {
  CommandNotFoundError,
  CommandNotInvocableError,
  RuntimeRefusedError,
} from "#runtime/errors.ts";
import { lastError, toFailure } from "./failure.ts";

const created =
  "failed to create task for container: failed to create shim task: OCI runtime create failed: crun create failed: unable to start container process: ";

function failure(command: string, message: string, operation: "create" | "exec" = "create") {
  const stderr = JSON.stringify({ msg: message, level: "error", time: "2026-01-01T00:00:00Z" });
  return toFailure({ operation, runtimeName: "crun", command, stderr });
}

describe("toFailure()", () => {
  test.each([
    [
      "foo",
      "executable file `foo` not found in $PATH: No such file or directory",
      CommandNotFoundError,
      'error during container init: exec: "foo": executable file not found in $PATH',
    ],
    [
      "/foo",
      "executable file `/foo` not found in $PATH: No such file or directory",
      CommandNotFoundError,
      'error during container init: exec: "/foo": stat /foo: no such file or directory',
    ],
    [
      "/x",
      "open executable: Permission denied",
      CommandNotInvocableError,
      'error during container init: exec: "/x": permission denied',
    ],
    [
      "/d",
      "open executable: Operation not permitted",
      CommandNotInvocableError,
      'error during container init: exec: "/d": is a directory: permission denied',
    ],
    [
      "",
      "open executable: Operation not permitted",
      CommandNotFoundError,
      'error during container init: exec: "": executable file not found in $PATH',
    ],
    [
      "pwd",
      "chdir `/nosuch`: No such file or directory",
      CommandNotFoundError,
      'chdir to cwd ("/nosuch") set in config.json failed: no such file or directory',
    ],
    [
      "sh",
      "setrlimit `RLIMIT_NOFILE`: Operation not permitted",
      RuntimeRefusedError,
      "setrlimit `RLIMIT_NOFILE`: Operation not permitted",
    ],
  ])("%s: crun's %s in Docker's words", (command, message, kind, text) => {
    const error = failure(command, message);
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toBe(created + text);
  });

  test("keeps what runc says, and its words once", () => {
    const message =
      'runc create failed: unable to start container process: exec: "foo": executable file not found in $PATH';
    expect(failure("foo", message).message).toBe(
      `${created}exec: "foo": executable file not found in $PATH`,
    );
  });

  test("an exec has no container init", () => {
    const error = failure("foo", "executable file `foo` not found in $PATH: No such…", "exec");
    expect(error.message).toBe(
      'OCI runtime exec failed: exec failed: unable to start container process: exec: "foo": executable file not found in $PATH',
    );
  });

  test("a mount of a file onto a folder gets Docker's hint", () => {
    expect(failure("sh", "mount `/etc/passwd` to `bin`: Not a directory").message).toEndWith(
      "Check if the specified host path exists and is the expected type",
    );
  });
});

describe("lastError()", () => {
  test("takes the last message of a JSON log", () => {
    expect(lastError('{"msg":"a"}\n{"msg":"b"}\n')).toBe("b");
  });
  test("takes other text as it is, and says when there is none", () => {
    expect(lastError("conmon: bad\noption\n")).toBe("conmon: bad option");
    expect(lastError('{"msg":"cut o')).toBe('{"msg":"cut o');
    expect(lastError("")).toBe("it ended without saying why");
  });
});
