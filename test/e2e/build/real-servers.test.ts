// A user builds nginx and redis from a Debian root with apt-get, and uses them.
import { whyNoDebianPackages } from "../../builds/machine.ts";
import { nginx } from "../../builds/projects/nginx.ts";
import { redis } from "../../builds/projects/redis.ts";
import { tellRealBuilds } from "../../builds/story.ts";

const lacks = await whyNoDebianPackages();
tellRealBuilds([
  { project: nginx, door: "wharf", lacks },
  { project: redis, door: "classic", lacks },
]);
