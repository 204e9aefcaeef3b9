import type { PortProtocol } from "#host/sockets.ts";

/** A published port with the container that serves it; both addresses of one family. */
export interface PublishedTarget {
  readonly protocol: PortProtocol;
  /** `0.0.0.0` or `::` for all addresses of the host. */
  readonly hostAddress: string;
  /** 0 where only the container's own port is opened, by its own address. */
  readonly hostPort: number;
  readonly containerAddress: string;
  readonly containerPort: number;
}
