import type { Project, Service } from "#compose/model/project.ts";

/** How a container gets at the engine that runs it. */
export interface ApiSocket {
  /** Of the engine's socket, on its host. */
  readonly path: string;
  /** JSON of a `config.json` with what the user is known by at registries, and nothing else. */
  readonly credentials: string;
}

/** Where Docker's socket is, in a container and, as docker compose has it, on the host. */
export const DOCKER_SOCKET = "/var/run/docker.sock";
const CONFIG_FOLDER = "/run/secrets/docker";
/** No name that a file can give. */
const CONFIG = "#apisocket";

export function usesApiSocket(project: Project): boolean {
  return [...project.services.values()].some(({ use_api_socket: uses }) => uses === true);
}

/**
 * The project with the mount, the variable and the file that `use_api_socket` stands for. The mount is from Docker's
 * socket, for the sake of docker compose's config hash; what makes the request puts the engine's own there.
 */
export function withApiSocket(project: Project, { path, credentials }: ApiSocket): Project {
  const services = [...project.services].map(([name, service]): [string, Service] => [
    name,
    service.use_api_socket === true ? withSocket(service) : service,
  ]);
  return {
    ...project,
    apiSocketPath: path,
    services: new Map(services),
    configs: new Map([...project.configs, [CONFIG, { content: credentials }]]),
  };
}

function withSocket(service: Service): Service {
  const { environment, volumes = [], configs = [] } = service;
  const mount = { type: "bind", source: DOCKER_SOCKET, target: DOCKER_SOCKET };
  const config = { source: CONFIG, target: `${CONFIG_FOLDER}/config.json` };
  return {
    ...service,
    volumes: [...volumes, mount],
    configs: [...configs, config],
    environment: new Map([["DOCKER_CONFIG", CONFIG_FOLDER], ...(environment ?? [])]),
  };
}
