import { UnsupportedError } from "#base/errors.ts";
import { detectSyntax } from "./directives.ts";
import { DockerfileError } from "./dockerfile-error.ts";

/** Images of the Dockerfile frontend: what they do is built in. */
const DOCKERFILE_FRONTEND = /^(?:docker\.io\/)?docker\/dockerfile(?:-upstream)?(?:[:@\s]|$)/;

/** Whether an image, with what is written behind it, is the frontend that is built in. */
export function isDockerfileFrontend(source: string): boolean {
  return DOCKERFILE_FRONTEND.test(source);
}

/**
 * Checks the frontend that a file asks for.
 *
 * @param chosen What stands in the place of the file's own line: the build argument `BUILDKIT_SYNTAX`.
 * @throws {DockerfileError} It is another than Dockerfile's, with the line.
 */
export function checkSyntax(text: string, chosen: string | undefined): void {
  const found = chosen ? { syntax: chosen, line: 1 } : detectSyntax(text);
  if (!found || isDockerfileFrontend(found.syntax)) return;
  const reason = `Cannot build by frontend ${found.syntax}: there is docker/dockerfile`;
  const range = { startLine: found.line, endLine: found.line, column: 1 };
  if (chosen) throw new UnsupportedError(reason);
  throw new DockerfileError(reason, range, { isParse: false });
}
