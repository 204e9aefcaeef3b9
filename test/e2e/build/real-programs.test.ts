// A user builds a C program in two stages and a Python application from a Debian root with apt-get, and uses them.
import { whyNoDebianPackages } from "../../builds/machine.ts";
import { c } from "../../builds/projects/c.ts";
import { python } from "../../builds/projects/python.ts";
import { tellRealBuilds } from "../../builds/story.ts";

const lacks = await whyNoDebianPackages();
tellRealBuilds([
  { project: c, door: "buildx", lacks },
  { project: python, door: "classic", lacks },
]);
