// A user builds PostgreSQL and a Node.js application from a Debian root with apt-get and npm, and uses them.
import { whyNoDebianPackages, whyNoNpmPackages } from "../../builds/machine.ts";
import { node } from "../../builds/projects/node.ts";
import { postgres } from "../../builds/projects/postgres.ts";
import { tellRealBuilds } from "../../builds/story.ts";

// hundreds of packages, which dpkg unpacks one after the other
const lacks = process.env["WHARF_TEST_LONG"]
  ? await whyNoDebianPackages()
  : "takes minutes, so only npm run test:long does it";
tellRealBuilds([
  { project: postgres, door: "wharf", lacks },
  { project: node, door: "buildx", lacks: lacks ?? (await whyNoNpmPackages()) },
]);
