/** What docker compose writes on what it makes: either tool sees and manages what the other started. */
export const LABEL = {
  project: "com.docker.compose.project",
  service: "com.docker.compose.service",
  number: "com.docker.compose.container-number",
  /** `True` for a container of `run`. */
  oneOff: "com.docker.compose.oneoff",
  slug: "com.docker.compose.slug",
  /** On a container of `pre_start`, in which it says so. */
  hook: "com.docker.compose.hook",
  /** Which of the service's hooks, from 0. */
  hookIndex: "com.docker.compose.hook.index",
  configHash: "com.docker.compose.config-hash",
  /** Id of the image that the container was made of. */
  image: "com.docker.compose.image",
  /** Name of the container that this one takes the place of, while it does. */
  replace: "com.docker.compose.replace",
  dependsOn: "com.docker.compose.depends_on",
  workingDirectory: "com.docker.compose.project.working_dir",
  configFiles: "com.docker.compose.project.config_files",
  environmentFiles: "com.docker.compose.project.environment_file",
  network: "com.docker.compose.network",
  volume: "com.docker.compose.volume",
  version: "com.docker.compose.version",
} as const;
