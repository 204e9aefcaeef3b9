/** Path of a plugin's endpoint: slashes of its name stay, the engine reads them. */
export function pluginPath(name: string, rest = ""): string {
  return `/plugins/${name.split("/").map(encodeURIComponent).join("/")}${rest}`;
}
